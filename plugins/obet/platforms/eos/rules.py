"""A management policy as configuration text of EOS, to be loaded into one configuration session and committed whole.

Each service that is managed by has access lists of its own, in each VRF: those are bound, and not the control plane's,
whose default list lets routing protocols work and is not ours to rewrite. A list of ours keeps its name: a session is
committed at once, and the device's own way back is the whole configuration from before. Even typed outside of one, a
list changes when it is left. So it never is missing or empty while it is bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from obet.access.entries import entries
from obet.access.policy import ManagementPolicy
from obet.errors import PolicyError
from obet.model import Address
from obet.platforms.eos.present import Shown, access_list, block, joined, shown

NAME = "OBET-MANAGEMENT-V{}"
CUSTOMERS_NAME = "MANAGEMENT-V{}"
_FAMILY = {4: "ip", 6: "ipv6"}
_OURS = re.compile(r"OBET-MANAGEMENT-V[46]")
_SSH, _EAPI = "management ssh", "management api http-commands"
_DEFAULT = "default"

# Settings of SSH, of today, best first, all of which EOS has had since long before the oldest version that is managed.
_ALGORITHMS = {
    "cipher": "aes256-gcm@openssh.com aes128-gcm@openssh.com chacha20-poly1305@openssh.com "
    "aes256-ctr aes192-ctr aes128-ctr",
    "key-exchange": "curve25519-sha256@libssh.org ecdh-sha2-nistp521 ecdh-sha2-nistp384 ecdh-sha2-nistp256",
    "mac": "hmac-sha2-512-etm@openssh.com hmac-sha2-256-etm@openssh.com hmac-sha2-512 hmac-sha2-256",
}
_IDLE = "idle-timeout 15"
_TLS = {"1.2", "1.3"}
# Blocks that are shut where they are shown open, there or beneath a VRF.
_SHUT = ("management telnet", "management xmpp", "management cim-provider")
# APIs whose transports are shut where they are shown open: they bind no list of IPv6 hosts.
_APIS = ("netconf", "restconf", "gnmi", "gribi", "eos-sdk-rpc")


class Lists(msgspec.Struct, frozen=True):
    """The names of the lists that are to be bound, by IP version; none where services are to be bound to nothing."""

    names: dict[int, str]

    def bindings(self, ending: str = "") -> Iterator[str]:
        for version, name in self.names.items():
            yield f"{_FAMILY[version]} access-group {name}{ending}"


_WANTED = Lists({version: NAME.format(version) for version in _FAMILY})


def render(policy: ManagementPolicy) -> str:
    """What is wanted of any device, as text: its lists, what each service is bound to, the doors that are shut.

    Each further VRF is bound like the default one. PolicyError for a policy that lets nobody in.
    """
    _check(policy)
    text = _lists(policy, Shown(""))
    algorithms = [f"{kind} {wanted}" for kind, wanted in _ALGORITHMS.items()]
    text += block(_SSH, [*_WANTED.bindings(" in"), _IDLE, *algorithms])
    text += block(_EAPI, ["no protocol http", *block(f"vrf {_DEFAULT}", list(_WANTED.bindings()))])
    for head in _SHUT:
        text += block(head, ["shutdown"])
    return joined(text)


def commands(policy: ManagementPolicy, running: str) -> str:
    """The text to load into this device's session; empty when it shows all of it already.

    `running` is its `show running-config`. PolicyError for a policy that lets nobody in, or names a port that nothing
    can restrict.
    """
    _check(policy)
    there = shown(running)
    restricted = {_ssh_port(there), _eapi_port(there)}
    if others := sorted(set(policy.ports) - restricted):
        raise PolicyError(
            f"{policy.device}: port {others[0]}: neither SSH nor eAPI listens there, and EOS restricts nothing else in "
            "both IP versions: nothing was sent"
        )
    text = _lists(policy, there)
    text += block(_SSH, [*_ssh_bindings(there, _WANTED), *_ssh_settings(there)])
    text += _eapi(there, _eapi_port(there) in policy.ports)
    text += _doors(there)
    return joined(text)


def remove(running: str, customers: Sequence[Address] = (), ports: Sequence[int] = (22,)) -> str:
    """The text that takes our lists away, and binds nothing to them any more.

    Services are bound to lists of the customer's own sources instead, without our name. If he has none they are bound
    to nothing, as on a device that nobody restricted: the caller decides. Settings and side doors stay as they are.
    """
    there = shown(running)
    text: list[str] = []
    names = {}
    for version in _FAMILY if customers else ():
        wanted = _entries(customers, ports, version)
        names[version] = _free(version, wanted, there)
        text += access_list(_head(version, names[version]), wanted, there)
    lists = Lists(names)
    text += block(_SSH, [*_unbound(there.block(_SSH), lists), *_ssh_bindings(there, lists)])
    blocks: list[str] = []
    for vrf in _eapi_vrfs(there) if _EAPI in there.lines() else ():
        said = there.block(_EAPI).block(f"vrf {vrf}")
        blocks += block(f"vrf {vrf}", [*_unbound(said, lists), *_new(list(lists.bindings()), said)])
    return joined([*text, *block(_EAPI, blocks), *_without_ours(there)])


def _check(policy: ManagementPolicy) -> None:
    if not policy.ours or not policy.ports:
        raise PolicyError(f"{policy.device}: the policy lets nobody in: nothing was sent")


def _lists(policy: ManagementPolicy, there: Shown) -> list[str]:
    text: list[str] = []
    for version in _FAMILY:
        head = _head(version, NAME.format(version))
        text += access_list(head, _entries(policy.sources, policy.ports, version), there)
    return text


def _entries(sources: Sequence[Address], ports: Sequence[int], version: int) -> list[str]:
    return [f"{10 * number} {entry}" for number, entry in enumerate(entries(sources, ports, version), start=1)]


def _head(version: int, name: str) -> str:
    return f"{_FAMILY[version]} access-list {name}"


def _free(version: int, wanted: list[str], there: Shown) -> str:
    """The name of a list with these entries, or the first that nothing on the device has or speaks of."""
    spoken_of = {word for line in there.everything() for word in line.text.split()}
    name, number = CUSTOMERS_NAME.format(version), 2
    free = name
    while free in spoken_of and access_list(_head(version, free), wanted, there):
        free, number = f"{name}-{number}", number + 1
    return free


def _vrfs(there: Shown) -> list[str]:
    """All VRFs that anything speaks of as one that there is, the default one last, as EOS shows them."""
    found = {name for word in ("vrf instance", "vrf definition") for name, _ in there.named(word)}
    for line in there.beneath:
        for inner in line.everything():
            if match := re.fullmatch(r"vrf (?:forwarding )?(\S+)", inner.text):
                found.add(match[1])
    return [*sorted(found - {_DEFAULT}), _DEFAULT]


def _new(wanted: Sequence[str], said: Shown) -> list[str]:
    return [line for line in wanted if line not in said.lines()]


def _ssh_bindings(there: Shown, lists: Lists) -> list[str]:
    text: list[str] = []
    for vrf in _vrfs(there):
        text += lists.bindings(" in" if vrf == _DEFAULT else f" vrf {vrf} in")
    return _new(text, there.block(_SSH))


def _unbound(said: Shown, lists: Lists) -> list[str]:
    """What is bound to ours is bound no more. A list that takes its place is bound over it."""
    if lists.names:
        return []
    return [f"no {line}" for line in said.lines() if "access-group" in line.split()[:2] and _names_ours(line)]


def _names_ours(line: str) -> bool:
    return any(_OURS.fullmatch(word) for word in line.split())


def _without_ours(there: Shown) -> list[str]:
    """Lists of ours that nothing names but services, which name them no more then."""
    services = [there.block(_SSH), *(there.block(_EAPI).block(f"vrf {vrf}") for vrf in _eapi_vrfs(there))]
    ours = {id(line) for service in services for line in service.beneath}
    named = [word for line in there.everything() if id(line) not in ours for word in line.text.split()]
    text: list[str] = []
    for line in there.lines():
        if (match := re.fullmatch(r"ip(?:v6)? access-list (?:standard )?(\S+)", line)) and _OURS.fullmatch(match[1]):
            text += [f"no {line}"] if named.count(match[1]) == 1 else []
    return text


def _ssh_port(there: Shown) -> int:
    return next((int(port) for port, _ in there.block(_SSH).named("server-port") if port.isdecimal()), 22)


def _ssh_settings(there: Shown) -> list[str]:
    """What a device was told that is stricter stays."""
    said = there.block(_SSH)
    idle = [int(minutes) for minutes, _ in said.named("idle-timeout") if minutes.isdecimal()]
    text = [] if idle and 0 < idle[0] <= int(_IDLE.split()[1]) else [_IDLE]
    for kind, wanted in _ALGORITHMS.items():
        own = [word for line in said.lines() if line.startswith(f"{kind} ") for word in line.split()[1:]]
        if "fips restrictions" not in said.lines() and not (own and set(own) <= set(wanted.split())):
            text.append(f"{kind} {wanted}")
    empty = "authentication empty-passwords permit"
    return text + ([empty.replace("permit", "deny")] if empty in said.lines() else [])


def _eapi_port(there: Shown) -> int:
    ports = [port for port, _ in there.block(_EAPI).named("protocol https port") if port.isdecimal()]
    return int(ports[0]) if ports else 443


def _eapi_vrfs(there: Shown) -> list[str]:
    return list(dict.fromkeys([_DEFAULT, *(name for name, _ in there.block(_EAPI).named("vrf"))]))


def _eapi(there: Shown, wanted: bool) -> list[str]:
    """Bound in each VRF that it names, over TLS alone; shut where it is on and nobody is to manage by it."""
    said = there.block(_EAPI)
    if not wanted:
        return block(_EAPI, ["shutdown"]) if "no shutdown" in said.lines() else []
    text = [f"no {line}" for line in said.lines() if re.fullmatch(r"protocol http(?: port [0-9]+)?", line)]
    text += ["protocol https"] if "no protocol https" in said.lines() else []
    # The default VRF is on while none is named. Its block says so, since it may be off once it is named.
    on = [] if list(said.named("vrf")) else ["no shutdown"]
    for vrf in _eapi_vrfs(there):
        text += block(f"vrf {vrf}", _new([*on, *_WANTED.bindings()], said.block(f"vrf {vrf}")))
    text += [] if "no shutdown" in said.lines() else ["no shutdown"]
    return [*block(_EAPI, text), *_tls(there, said)]


def _tls(there: Shown, said: Shown) -> list[str]:
    """The profile that eAPI has takes versions of today. Without one it gets none, as its certificate would change."""
    text: list[str] = []
    for name, _ in said.named("protocol https ssl profile"):
        lines = there.block("management security").block(f"ssl profile {name}").lines()
        taken = [set(line.split()[2:]) for line in lines if line.startswith("tls versions ")]
        if not taken or not taken[0] <= _TLS:
            text += block("management security", block(f"ssl profile {name}", ["tls versions 1.2"]))
    return text


def _doors(there: Shown) -> list[str]:
    text: list[str] = []
    for head in _SHUT:
        said = there.block(head)
        beneath = ["shutdown"] if "no shutdown" in said.lines() else []
        for one in said.beneath:
            beneath += block(one.text, ["shutdown"]) if "no shutdown" in one.lines() else []
        text += block(head, beneath)
    for api in _APIS:
        head = f"management api {api}"
        on = [one for one in there.block(head).beneath if one.text.startswith("transport ")]
        beneath = [line for one in on if "shutdown" not in one.lines() for line in block(one.text, ["shutdown"])]
        text += block(head, beneath)
    return text
