"""A management policy as commands of RouterOS 7, for one `/import`: a chain of our own before all of `input`.

Ours is what has a comment that starts with `obet: `; no other rule is touched. It may be imported any number of times:
what was ours is marked, what is to be is added, then what was marked goes. In between the chain holds old accepts, old
drop, new accepts, new drop; the jump into it comes when it is whole, and the old drop goes before the old accepts. So
at every line whoever both policies allow gets in, and nobody whom neither allows. The chain accepts or drops what was
sent to a management port over TCP and knows no state of a connection; its drop counts.

Each line says its whole path. Beside `add`, `set` and `remove` there is only `[find where …]` and
`[:pick [… find where …] 0]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from obet.errors import PolicyError

if TYPE_CHECKING:
    from obet.access.policy import ManagementPolicy

CHAIN = "obet-management"
# Services that encrypt, and the ports that RouterOS gives them; any other management port is taken for SSH's.
_ENCRYPTED = {"ssh": 22, "www-ssl": 443, "winbox": 8291, "api-ssl": 8729}
_CLEARTEXT = {"ftp": 21, "telnet": 23, "www": 80, "api": 8728}
_TLS = {"www-ssl", "api-ssl"}
_SIDE_DOORS = (
    "/tool mac-server set allowed-interface-list=none",
    "/tool mac-server mac-winbox set allowed-interface-list=none",
    "/tool mac-server ping set enabled=no",
    "/tool bandwidth-server set enabled=no",
    "/tool romon set enabled=no",
    "/ip neighbor discovery-settings set discover-interface-list=none",
)
_MOST_PORTS = 15  # that one rule can name


def render(policy: ManagementPolicy) -> str:
    """The file for `/import`.

    PolicyError for a policy without a source or port, or with the port of a service that does not encrypt.
    """
    if not policy.sources or not policy.ports:
        raise PolicyError(f"{policy.device}: a policy without a source or a port would let in nobody or everybody")
    if in_clear := [f"{port} ({name})" for name, port in _CLEARTEXT.items() if port in policy.ports]:
        raise PolicyError(f"{policy.device}: management ports in clear: {', '.join(in_clear)}: name encrypted ones")
    if len(policy.ports) > _MOST_PORTS:
        raise PolicyError(f"{policy.device}: RouterOS takes {_MOST_PORTS} ports in a rule, and the policy has more")
    lines = [
        f"# Management access of {policy.device}. Written by Obet; changes by hand are undone by the next run.",
        *_filter(policy, "/ip firewall filter", 4),
        *_filter(policy, "/ipv6 firewall filter", 6),
        *_services(policy),
        "/ip ssh set strong-crypto=yes forwarding-enabled=no",
        *_SIDE_DOORS,
    ]
    return "\n".join(lines) + "\n"


def _filter(policy: ManagementPolicy, path: str, version: int) -> Iterator[str]:
    ports = ",".join(map(str, policy.ports))
    yield f'{path} set [find where comment~"^obet: "] comment="obet: before"'
    # So that there is a rule to place ours before.
    yield f'{path} add chain=input action=passthrough comment="obet: before"'
    for source in policy.sources:
        if source.version == version:
            whose = "ours" if source in policy.ours else "co-manager"
            host = str(source) if version == 4 else f"{source}/128"
            yield f'{path} add chain={CHAIN} action=accept src-address={host} comment="obet: {whose}"'
    yield f'{path} add chain={CHAIN} action=drop comment="obet: denied"'
    yield (
        f"{path} add chain=input action=jump jump-target={CHAIN} protocol=tcp dst-port={ports} "
        f'comment="obet: management" place-before=[:pick [{path} find where chain=input && dynamic=no] 0]'
    )
    yield f'{path} remove [find where chain=input && comment="obet: before"]'
    yield f'{path} remove [find where action=drop && comment="obet: before"]'
    yield f'{path} remove [find where comment="obet: before"]'


def _services(policy: ManagementPolicy) -> Iterator[str]:
    """What is on first. Each has the policy's addresses, also when it is off: who switches it on lets in nobody else,
    and the addresses of a policy from before are nowhere left. The list is never empty, which would mean everybody.
    """
    addresses = ",".join(f"{source}/{source.max_prefixlen}" for source in policy.sources)
    others = set(policy.ports) - set(_ENCRYPTED.values())
    managed = {name for name, port in _ENCRYPTED.items() if port in policy.ports or (name == "ssh" and others)}
    for name in [*sorted(managed), *sorted({*_ENCRYPTED, *_CLEARTEXT} - managed)]:
        off = "no" if name in managed else "yes"
        tls = " tls-version=only-1.2" if name in _TLS else ""
        yield f"/ip service set {name} disabled={off} address={addresses}{tls}"
