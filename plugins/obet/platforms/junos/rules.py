"""A management policy as `set` and `delete` commands of Junos, for one `load set` into a candidate.

Commands, not a hierarchy with `replace:` marks: NAPALM loads both without overwriting, but each command says all that
it touches, in the words that `display set` shows it in again. Aerleon writes a hierarchy only, and for IPv6 a match on
the next header, which misses TCP behind an extension header; so its terms are not used here.

A candidate takes effect as one, so a filter of ours is deleted and written anew where it differs. Ours judges TCP to
management ports alone. Where a loopback unit has no other filter, ours accepts all else by its last term; where it has,
a filter without that term comes before them in their list, so that they go on judging all else as they did.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_interface

import msgspec

from obet.access.policy import ManagementPolicy
from obet.errors import PolicyError
from obet.model import Address
from obet.platforms.junos.shown import Path, Shown, check_free, line

NAME = "OBET-MANAGEMENT-V{}"
CUSTOMERS_NAME = "MANAGEMENT-V{}"
BEFORE_OTHERS = "-FIRST"
COUNTER = "obet-management-v{}-denied"
_OURS = re.compile(r"OBET-MANAGEMENT-V[46](?:-FIRST)?")
_FAMILY = {4: "inet", 6: "inet6"}
_SSH_PORTS = (22, 830)  # SSH's own, and that of NETCONF over SSH, which takes the same logins
# Packets to one host whose TCP may stand behind another header of IPv6.
_HIDDEN: tuple[Path, ...] = (
    *(("from", "destination-address", "::/0"), ("from", "destination-address", "ff00::/8", "except")),
    *(("from", "next-header", number) for number in ("0", "43", "44", "60", "135", "139", "140")),
)

# Services in clear, beneath `system services`.
_DOORS: tuple[Path, ...] = (
    *(("telnet",), ("ftp",), ("finger",), ("rlogin",), ("rsh",), ("tftp-server",), ("xnm-clear-text",)),
    *(("web-management", "http"), ("rest", "http")),
    ("extension-service", "request-response", "grpc", "clear-text"),
    *(("extension-service", "notification"), ("ssh", "allow-tcp-forwarding"), ("ssh", "tcp-forwarding")),
)
# Services that encrypt and stay as they are, for the policy's sources alone: their switch and their port.
_ENCRYPTED: tuple[tuple[Path, int], ...] = (
    *((("ssh",), 22), (("netconf", "ssh"), 830), (("netconf", "tls"), 6513), (("xnm-ssl",), 3220)),
    *((("web-management", "https"), 443), (("rest", "https"), 3443)),
    (("extension-service", "request-response", "grpc", "ssl"), 32767),
)
# Settings of SSH, of today; a device that does not know one refuses the whole text.
_ALGORITHMS = {
    "ciphers": ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr"),
    "macs": ("hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512", "hmac-sha2-256"),
    "key-exchange": ("curve25519-sha256", "ecdh-sha2-nistp521", "ecdh-sha2-nistp384", "ecdh-sha2-nistp256"),
}
_LISTS = {*_ALGORITHMS, "protocol-version"}
_FORWARDED_UNTIL = (22, 2)  # the release from which SSH forwards no connections unless told so


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """The device as it is: `show configuration | display set`, without `display inheritance`.

    `payload_protocol`: whether its filters know that match. Without it packets of IPv6 with extension headers that are
    sent to one of its unicast addresses are discarded, fragments among them: what they carry cannot be seen.
    """

    running: str
    payload_protocol: bool = True


def render(policy: ManagementPolicy) -> str:
    """What is wanted of any device, as text. PolicyError for a policy that lets nobody in."""
    _check(policy)
    wanted: list[Path] = []
    for version in (4, 6):
        name = NAME.format(version)
        wanted += _filter(name, policy.sources, _ports(policy.ports, None), version, Present(running=""), last=True)
        wanted.append((*_binding("0", version), "input", name))
    wanted += _ssh(None)
    shut = [line("delete", ("system", "services", *door)) for door in _DOORS]
    return _joined([*(line("set", path) for path in wanted), *shut])


def commands(policy: ManagementPolicy, present: Present) -> str:
    """The text to load into this device's candidate; empty when the device shows all of it already.

    PolicyError for a policy that lets nobody in, and where groups, inactive or protected statements are in the way.
    """
    _check(policy)
    shown = Shown.read(present.running)
    change = _Change(shown)
    _restrict(change, policy.sources, _ports(policy.ports, shown), present, NAME)
    change.set_to(_ssh(shown))
    for door in _DOORS:
        change.delete("system", "services", *door)
    return change.text()


def remove(present: Present, customers: Sequence[Address] = (), ports: Sequence[int] = (22,)) -> str:
    """The text that takes our filters away; other filters of a unit stay in their order.

    A filter of the customer's own sources takes their place, without our name. If he has none the units are left with
    what was not ours: the caller decides. SSH's settings and side doors stay as they are.
    """
    shown = Shown.read(present.running)
    change = _Change(shown)
    if customers:
        listened = _ports(ports, shown)
        _restrict(change, customers, listened, present, _customers_name(customers, listened, present, shown))
    else:
        for version in (4, 6):
            for unit in _units(shown):
                _bind(change, unit, version, "")
            _delete_others(change, version, set())
    return change.text()


class _Change:
    """Commands in the making: what is there already is not set, what is not there is not deleted."""

    def __init__(self, shown: Shown) -> None:
        self.shown = shown
        self._deleted: list[Path] = []
        self._set: list[Path] = []

    def delete(self, *path: str) -> None:
        if self.shown.is_in_force(*path):
            self._deleted.append(path)

    def set_to(self, wanted: Sequence[Path]) -> None:
        """These statements must be there; of a list of several values no other may be."""
        self._set += [one for one in wanted if not self.shown.is_in_force(*one)]
        for path in dict.fromkeys(one[:-1] for one in wanted if one[-2] in _LISTS):
            self._deleted += [(*path, value) for value in self.shown.next(*path) if (*path, value) not in wanted]

    def rewrite(self, path: Path, wanted: Sequence[Path]) -> None:
        """What is beneath the path becomes just that, in that order."""
        if _shows(self.shown, path, wanted) and not self.shown.is_partly_inactive(*path):
            return
        if self.shown.has(*path):
            self._deleted.append(path)
        self._set += wanted

    def text(self) -> str:
        check_free(self.shown, self._set, self._deleted)
        return _joined([*(line("delete", path) for path in self._deleted), *(line("set", path) for path in self._set)])


def _check(policy: ManagementPolicy) -> None:
    if not policy.ours or not policy.ports:
        raise PolicyError(f"{policy.device}: the policy lets nobody in: nothing was sent")


def _ports(wanted: Iterable[int], shown: Shown | None) -> list[int]:
    """The policy's, SSH's, and those that the device's encrypted services listen on."""
    ports = {*wanted, *_SSH_PORTS}
    for path, usual in _ENCRYPTED if shown else ():
        if shown and shown.has("system", "services", *path):
            said = shown.next("system", "services", *path, "port")
            ports |= {int(port) for port in said if re.fullmatch(r"[0-9]{1,5}", port)} or {usual}
    return sorted(ports)


def _restrict(change: _Change, sources: Sequence[Address], ports: Sequence[int], present: Present, base: str) -> None:
    """Filters of that name on every loopback unit in both IP versions, and no other of ours."""
    for version in (4, 6):
        name = base.format(version)
        for one in (name, name + BEFORE_OTHERS):
            if group := change.shown.inherited("firewall", "family", _FAMILY[version], "filter", one):
                raise PolicyError(f"group {group} adds to all filters: name those that it is for")
        bound = {_bind(change, unit, version, name) for unit in _units(change.shown)}
        for one in sorted(bound):
            wanted = _filter(one, sources, ports, version, present, last=one == name)
            change.rewrite(("firewall", "family", _FAMILY[version], "filter", one), wanted)
        _delete_others(change, version, bound)


def _units(shown: Shown) -> list[str]:
    """All loopback units: one of an instance without a filter of its own lets everybody in."""
    found = {"0", *shown.next("interfaces", "lo0", "unit")}
    for rest in shown.beneath("routing-instances"):
        if rest[1:2] == ("interface",) and rest[2:3] and rest[2].startswith("lo0."):
            found.add(rest[2].removeprefix("lo0."))
    return sorted(found, key=lambda unit: (len(unit), unit))


def _binding(unit: str, version: int) -> Path:
    return ("interfaces", "lo0", "unit", unit, "family", _FAMILY[version], "filter")


def _bind(change: _Change, unit: str, version: int, name: str) -> str:
    """Binds the filter, or the one that comes before others, first; gives which. With no name others are left alone."""
    path, shown = _binding(unit, version), change.shown
    for word in ("input", "input-list"):
        if group := shown.inherited(*path, word):
            raise PolicyError(f"group {group} binds a filter to lo0.{unit}: bind it there itself, outside of the group")
        if shown.is_partly_inactive(*path, word):
            raise PolicyError(
                f"`{' '.join(path)}` is inactive on the device, or part of it: activate or delete it by hand"
            )
    there = [rest[1] for rest in shown.beneath(*path) if rest[:1] in {("input",), ("input-list",)} and len(rest) > 1]
    others = [one for one in there if not _OURS.fullmatch(one) and one not in {name, name + BEFORE_OTHERS}]
    first = name + BEFORE_OTHERS if others and name else name
    wanted = [first, *others] if name else others
    if not wanted and all(rest[:1] in {("input",), ("input-list",)} for rest in shown.beneath(*path)):
        change.rewrite(path, [])
        return ""
    word, other = ("input", "input-list") if len(wanted) == 1 else ("input-list", "input")
    change.rewrite((*path, other), [])
    change.rewrite((*path, word), [(*path, word, one) for one in wanted])
    return first


def _delete_others(change: _Change, version: int, kept: set[str]) -> None:
    path = ("firewall", "family", _FAMILY[version], "filter")
    for name in change.shown.next(*path):
        if _OURS.fullmatch(name) and name not in kept:
            change.rewrite((*path, name), [])


def _filter(
    name: str, sources: Sequence[Address], ports: Sequence[int], version: int, present: Present, *, last: bool
) -> list[Path]:
    payload = version == 4 or present.payload_protocol
    field = "protocol" if version == 4 else "payload-protocol" if payload else "next-header"
    tcp: list[Path] = [("from", field, "tcp"), *(("from", "destination-port", str(port)) for port in ports)]
    hosts = [("from", "source-address", f"{a}/{a.max_prefixlen}") for a in sources if a.version == version]
    ours = _OURS.fullmatch(name) is not None
    discard: list[Path] = [*([("then", "count", COUNTER.format(version))] if ours else []), ("then", "discard")]
    terms: list[tuple[str, list[Path]]] = []
    if hosts:  # a term without a source would be for any source
        terms.append(("allowed", [*hosts, *tcp, ("then", "accept")]))
    terms.append(("denied", [*tcp, *discard]))
    if not payload:
        terms.append(("hidden", [*_HIDDEN, *discard]))
    if last:
        terms.append(("others", [("then", "accept")]))
    path = ("firewall", "family", _FAMILY[version], "filter", name, "term")
    return [(*path, f"obet-{term}" if ours else term, *said) for term, lines in terms for said in lines]


def _ssh(shown: Shown | None) -> list[Path]:
    ssh = ("system", "services", "ssh")
    if shown and not shown.has(*ssh):
        return []  # settings would switch it on
    wanted: list[Path] = [(*ssh, "root-login", "deny"), (*ssh, "protocol-version", "v2")]
    if shown and _version(shown) < _FORWARDED_UNTIL:
        wanted.append((*ssh, "no-tcp-forwarding"))
    return [*wanted, *((*ssh, kind, name) for kind, names in _ALGORITHMS.items() for name in names)]


def _version(shown: Shown) -> tuple[int, int]:
    found = re.match(r"([0-9]{1,9})\.([0-9]{1,3})", next(iter(shown.next("version")), ""))
    return (int(found[1]), int(found[2])) if found else _FORWARDED_UNTIL


def _customers_name(sources: Sequence[Address], ports: Sequence[int], present: Present, shown: Shown) -> str:
    """A name that nobody has given, or that stands for just this already."""
    base, number = CUSTOMERS_NAME, 2
    while any(
        shown.has(*path) and not _shows(shown, path, wanted)
        for version in (4, 6)
        for name, last in ((base.format(version), True), (base.format(version) + BEFORE_OTHERS, False))
        for path in (("firewall", "family", _FAMILY[version], "filter", name),)
        for wanted in (_filter(name, sources, ports, version, present, last=last),)
    ):
        base, number = f"{CUSTOMERS_NAME}-{number}", number + 1
    return base


def _shows(shown: Shown, path: Path, wanted: Sequence[Path]) -> bool:
    """Whether just these stand beneath the path: terms and names in this order, and in a term whatever order."""
    there = [tuple(map(_address, rest)) for rest in shown.beneath(*path)]
    other = [tuple(map(_address, one[len(path) :])) for one in wanted]
    order, its = list(dict.fromkeys(one[:2] for one in there)), list(dict.fromkeys(one[:2] for one in other))
    return order == its and sorted(there) == sorted(other)


def _address(word: str) -> str:
    if "." not in word and ":" not in word:
        return word
    try:
        return str(ip_interface(word))
    except ValueError:
        return word


def _joined(text: Sequence[str]) -> str:
    if bad := [one for one in text if not one.isprintable()]:
        raise PolicyError(
            f"the device shows what cannot be sent back to it: {ascii(bad[0])[:60]}; take it away by hand"
        )
    return "".join(f"{one}\n" for one in text)
