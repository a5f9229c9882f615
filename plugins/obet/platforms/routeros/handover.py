"""What a router is left with where the customer's contract names managers of his own: their hosts alone get in.

It is our chain and our services' addresses again, with a name that is nobody's and without us. The router imports it by
itself, as whoever does it is let in no more; any number of times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from obet.platforms.routeros.export import parse
from obet.platforms.routeros.undo import RULES_REMOVAL, SERVICES

if TYPE_CHECKING:
    from obet.model import Address

_NAME = "management"
_FILTERS = {4: "ip firewall filter", 6: "ipv6 firewall filter"}


def narrowing(running: str, managers: Sequence[Address], ports: Sequence[int], account: str) -> str:
    """The file for `/import`, which removes `account` first, if any; ProofError when `running` is no whole export.

    Nothing shuts us out before the account has gone, and our rules go last: while we are let in, it is not done.
    """
    name = _free(running)
    lines = [line for version, path in _FILTERS.items() for line in _chain(name, path, version, managers, ports)]
    addresses = ",".join(f"{host}/{host.max_prefixlen}" for host in managers)
    lines += [_try(f"/ip service set {service} address={addresses}") for service in SERVICES]
    gone = [f'/user remove [find where name="{account}"]\n'] if account else []
    return "".join((*gone, *lines, *map(_try, RULES_REMOVAL)))


def _try(line: str, otherwise: str = "") -> str:
    return f":do {{ {line} }} on-error={{ {otherwise} }}\n"


def _chain(name: str, path: str, version: int, managers: Sequence[Address], ports: Sequence[int]) -> Iterator[str]:
    yield _try(f"/{path} remove [find where jump-target={name}]")
    yield _try(f"/{path} remove [find where chain={name}]")
    for host in managers:
        if host.version == version:
            source = str(host) if version == 4 else f"{host}/128"
            yield _try(f'/{path} add chain={name} action=accept src-address={source} comment="{_NAME}"')
    yield _try(f'/{path} add chain={name} action=drop comment="{_NAME}"')
    jump = f"chain=input action=jump jump-target={name} protocol=tcp dst-port={','.join(map(str, ports))}"
    rule = f'/{path} add {jump} comment="{_NAME}"'
    yield _try(f"{rule} place-before=[:pick [/{path} find where chain=input && dynamic=no] 0]", rule)


def _free(running: str) -> str:
    """A chain that the router has not."""
    export = parse(running)
    taken = {
        entry.get(word) for p in _FILTERS.values() for entry in export.entries(p) for word in ("chain", "jump-target")
    }
    names = (_NAME, *(f"{_NAME}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
