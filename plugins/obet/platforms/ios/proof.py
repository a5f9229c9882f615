"""Proof of an IOS device's running configuration: exactly the allowed sources reach its management ports.

It shares no code with what renders the rules. Whatever it does not understand counts against the claim. Filters of
interfaces and of the control plane can only take access away: whether an allowed source gets through those, the probes
show.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

import msgspec

from obet.access.doors import Door, opened, shut
from obet.access.finding import Finding
from obet.access.first_match import Admitted, everybody, weakest
from obet.access.intervals import union
from obet.errors import ProofError, printable
from obet.platforms.ios.access_lists import Lists, Service, access_lists, admitted
from obet.platforms.ios.configuration import Command, Configuration, read
from obet.platforms.ios.side_doors import side_doors

_SSH = 22


def prove(running: str, allowed: Iterable[IPv4Address | IPv6Address], ports: Iterable[int]) -> list[Finding]:
    """What contradicts "these ports take these sources and no other, and nothing else is a way in"; empty is the proof.

    ProofError when `running` is not what `show running-config` prints, or not all of it.
    """
    sources, wanted_ports = list(allowed), list(ports)
    if not wanted_ports:
        raise ProofError("no port to prove anything about: nothing is proven")
    configuration = read(running)
    lists = access_lists(configuration)
    doors = [*_lines(configuration, lists), *_servers(configuration, lists)]
    findings = [*configuration.unread, *side_doors(configuration)]
    for version in (4, 6):
        wanted = union((int(a), int(a)) for a in sources if a.version == version)
        for door in doors:
            findings += opened(door, version, wanted)
            if door.port in wanted_ports:
                findings += shut(door, version, wanted)
    findings += [
        f"port {port}: nothing takes SSH there, so it takes none of the allowed sources"
        for port in wanted_ports
        if port not in {door.port for door in doors}
    ]
    return [Finding(printable(what)) for what in dict.fromkeys(findings)]


def counter(answer: str, name: str) -> int | None:
    """Connections that an access list's last entry has refused, from `show access-lists`; None without such a list.

    `answer` may hold the lists of both IP versions. Where the device prints no number, none was refused.
    """
    refused = None
    inside = False
    for line in answer.split("\n"):
        if heading := re.match(r"(?:Extended IP|Standard IP|IPv6) access list (\S+)", line.strip()):
            inside = heading[1] == name
            refused = 0 if inside else refused
        elif inside and re.match(r"\s+(?:\d+ )?deny\b", line):
            matches = re.search(r"\(([0-9]{1,20}) match(?:es)?\)", line)
            refused = int(matches[1]) if matches else 0
    return refused


def _lines(configuration: Configuration, lists: Lists) -> Iterator[Door]:
    """SSH on each range of lines; the same range twice is two doors, and which line is free decides who gets in."""
    virtual = any(command.text.startswith(("vrf definition ", "ip vrf ")) for command in configuration.commands)
    ports = [(_SSH, None), *_rotary_ports(configuration)]
    for command in configuration.commands:
        if not command.text.startswith("line vty ") or not _takes_ssh(command):
            continue
        groups = {
            int(found[1]) for line in command.beneath if (found := re.fullmatch(r"rotary ([0-9]{1,5})\b.*", line))
        }
        for port, rotaries in ports:
            if rotaries is None or groups & rotaries:
                takes = {
                    4: _access_class(command, "access-class", 4, lists, port, virtual),
                    6: _access_class(command, "ipv6 access-class", 6, lists, port, False),
                }
                yield Door(command.text, port, takes)


def _rotary_ports(configuration: Configuration) -> list[tuple[int, set[int] | None]]:
    found: list[tuple[int, set[int] | None]] = []
    for _, match in configuration.matching(r"ip ssh port ([0-9]{1,5}) rotary ([0-9]{1,5})(?: ([0-9]{1,5}))?"):
        first, last = int(match[2]), int(match[3] or match[2])
        found += [(int(match[1]) + group - first, {group}) for group in range(first, min(last, first + 127) + 1)]
    return found


def _takes_ssh(command: Command) -> bool:
    transports = [line.split()[2:] for line in command.beneath if line.startswith("transport input")]
    if not transports:
        return True
    return any(protocol not in {"none", "telnet"} for protocols in transports for protocol in protocols)


def _access_class(command: Command, word: str, version: int, lists: Lists, port: int, virtual: bool) -> Admitted:
    """Whom an `access-class … in` of these lines lets in; without one everybody."""
    bound = [line for line in command.beneath if re.match(rf"{word} \S+ in\b", line)]
    strange = [line for line in command.beneath if line.startswith(f"{word} ") and not _is_plain(line, word)]
    if strange:
        return msgspec.structs.replace(everybody(version, f"`{strange[0]}` is not understood"), surely=())
    if not bound:
        return everybody(version, f"no `{word}`, which lets everybody in")
    found = [admitted(lists, line.removeprefix(word).split()[0], version, Service(port)) for line in bound]
    if virtual and not all("vrf-also" in line.split() for line in bound):
        why = f"`{bound[0]}` has no `vrf-also`: whom it takes through a VRF is not known"
        found.append(msgspec.structs.replace(everybody(version, why), surely=()))
    return weakest(found)


def _is_plain(line: str, word: str) -> bool:
    return bool(re.fullmatch(rf"{word} \S+ (?:out|in(?: vrf-also)?)", line))


# What listens beside the lines: its switch, its port (and what changes that), what binds a list to it in each version.
_SERVERS = (
    (
        "HTTPS",
        r"ip http secure-server",
        443,
        r"ip http secure-port ([0-9]{1,5})",
        {4: r"ip http access-class (?:ipv4 )?(?!ipv6)(\S+)", 6: r"ip http access-class ipv6 (\S+)"},
    ),
    (
        "RESTCONF",
        r"restconf",
        443,
        r"ip http secure-port ([0-9]{1,5})",
        {4: r"restconf ipv4 access-list name (\S+)", 6: r"restconf ipv6 access-list name (\S+)"},
    ),
    (
        "NETCONF-YANG",
        r"netconf-yang",
        830,
        r"netconf-yang ssh port ([0-9]{1,5})",
        {4: r"netconf-yang ssh ipv4 access-list name (\S+)", 6: r"netconf-yang ssh ipv6 access-list name (\S+)"},
    ),
    (
        "NETCONF over SSH",
        r"netconf ssh.*",
        22,
        r"(?!)",
        {4: r"netconf ssh acl (\S+)", 6: r"(?!)"},
    ),
    (
        "gNMI",
        r"(?:gnmi-yang|gnxi) secure-server",
        9339,
        r"(?:gnmi-yang|gnxi) secure-port ([0-9]{1,5})",
        {4: "(?!)", 6: "(?!)"},
    ),
)


def _servers(configuration: Configuration, lists: Lists) -> Iterator[Door]:
    for name, switch, port, other_port, bindings in _SERVERS:
        if not configuration.has(switch):
            continue
        ports = {int(match[1]) for _, match in configuration.matching(other_port)} or {port}
        for one in sorted(ports):
            takes = {}
            for version, binding in bindings.items():
                names = [match[1] for _, match in configuration.matching(binding)]
                found = [admitted(lists, bound, version, Service(one)) for bound in names]
                takes[version] = weakest(found or [everybody(version, "no access list of its own is bound")])
            yield Door(name, one, takes)
