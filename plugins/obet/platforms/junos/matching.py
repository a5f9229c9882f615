"""Which sources a term of a Junos filter matches, for packets from the network to one port of the device itself.

Values of one condition are alternatives, conditions must all match. Of addresses the longest prefix decides, and what
is in none of them does not match. A condition that is not known here may match any packet, or none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

import msgspec

from obet.access.intervals import EVERYONE, Intervals, both, minus, union
from obet.platforms.junos.configuration import ANY, Configuration

_NOBODY: Intervals = ()
_PROTOCOLS = {"icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "egp": 8, "udp": 17, "ipv6": 41, "rsvp": 46, "gre": 47}
_PROTOCOLS |= {"esp": 50, "ah": 51, "icmp6": 58, "icmpv6": 58, "no-next-header": 59, "ospf": 89, "pim": 103}
_PROTOCOLS |= {"vrrp": 112, "sctp": 132, "hop-by-hop": 0, "routing": 43, "fragment": 44, "dstopts": 60, "dstops": 60}
_PROTOCOLS |= {"mobility": 135}
# Headers that may stand between IPv6's own and TCP's or UDP's, in clear.
_EXTENSIONS = {0, 43, 44, 60, 135, 139, 140}
_PORTS = {"ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "time": 37, "tacacs": 49, "domain": 53}
_PORTS |= {"dhcp": 67, "bootps": 67, "bootpc": 68, "tftp": 69, "finger": 79, "http": 80, "pop3": 110, "sunrpc": 111}
_PORTS |= {"ident": 113, "nntp": 119, "ntp": 123, "imap": 143, "snmp": 161, "snmptrap": 162, "bgp": 179, "ldap": 389}
_PORTS |= {"https": 443, "exec": 512, "login": 513, "cmd": 514, "syslog": 514, "printer": 515, "rip": 520, "msdp": 639}
_PORTS |= {"ldp": 646, "radius": 1812, "radacct": 1813, "nfsd": 2049}
_MULTICAST: dict[int, Intervals] = {4: ((0xE0000000, 0xEFFFFFFF),), 6: ((0xFF << 120, 2**128 - 1),)}

_NUMBER = re.compile(r"[0-9]{1,5}")
_PREFIX = re.compile(r"[0-9A-Fa-f.:]+(?:/[0-9]{1,3})?")

Network = IPv4Network | IPv6Network
Prefixes = Mapping[str, Sequence[str] | None]
"""Prefix lists by name; None for one that is not known."""


class Case(msgspec.Struct, frozen=True):
    """What is listened on, and whether the packet hides it behind extension headers of IPv6."""

    version: int
    port: int
    protocol: str = "tcp"
    hidden: bool = False

    @property
    def number(self) -> int:
        return _PROTOCOLS[self.protocol]


def prefix_lists(configuration: Configuration) -> Prefixes:
    """An empty list, one that is made while the device runs, and one that a group may add to are not known."""
    found: dict[str, list[str] | None] = {}
    for statement, rest in configuration.beneath("policy-options", "prefix-list", ANY):
        name = statement.words[2]
        known = found.setdefault(name, [])
        if statement.group or len(rest) > 1:
            found[name] = None
        elif rest and known is not None:
            known.append(rest[0])
    return {name: known or None for name, known in found.items()}


def matches(
    conditions: Mapping[str, Sequence[tuple[str, ...]]], case: Case, prefixes: Prefixes
) -> tuple[Intervals, Intervals]:
    """Sources that surely match, and that possibly do."""
    everyone = EVERYONE[case.version]
    sure, possible = everyone, everyone
    truths: list[bool | None] = []
    for name, said in conditions.items():
        if name in {"source-address", "source-prefix-list"}:
            whom = _addresses(name, said, case.version, prefixes)
            sure, possible = both(sure, whom or _NOBODY), both(possible, everyone if whom is None else whom)
        else:
            truths.append(_truth(name, said, case, prefixes, any_protocol="payload-protocol" not in conditions))
    if {"source-address", "source-prefix-list"} <= conditions.keys():
        # Whether either is enough is not known.
        wholes = [_addresses(name, conditions[name], case.version, prefixes) for name in _SOURCES]
        possible = everyone if None in wholes else union(part for whole in wholes for part in whole or ())
    if False in truths:
        return _NOBODY, _NOBODY
    return (_NOBODY if None in truths else sure), possible


_SOURCES = ("source-address", "source-prefix-list")


def _truth(
    name: str, said: Sequence[tuple[str, ...]], case: Case, prefixes: Prefixes, *, any_protocol: bool
) -> bool | None:
    """Whether any such packet matches the condition; None where some may and some may not, or nobody knows."""
    if name in {"destination-address", "destination-prefix-list"}:
        return _to_us(_addresses(name, said, case.version, prefixes), case.version)
    values = [one[0] for one in said if len(one) == 1]
    if len(values) != len(said):
        return None
    field = name.removesuffix("-except")
    if field in {"protocol", "next-header", "payload-protocol"}:
        found = _protocol(field, values, case)
    elif field in {"destination-port", "port", "source-port"}:
        found = _port(field, values, case.port)
        if case.hidden and any_protocol:
            found = None  # what stands where a port would is not known
    else:
        return None
    if field == name or found is None:
        return found
    return not found if field != "port" else None


def _to_us(addresses: Intervals | None, version: int) -> bool | None:
    """Which addresses the device has is not asked, but they are no multicast."""
    if addresses is None:
        return None
    unicast = minus(EVERYONE[version], _MULTICAST[version])
    if not both(addresses, unicast):
        return False
    return True if not minus(unicast, addresses) else None


def _protocol(field: str, values: Sequence[str], case: Case) -> bool | None:
    if (field == "protocol") != (case.version == 4):
        return None
    numbers = _numbers(values, _PROTOCOLS, 255)
    if numbers is None:
        return None
    listed = {number for low, high in numbers for number in range(low, high + 1)}
    if not case.hidden:
        return case.number in listed
    if field == "payload-protocol":
        # Some platforms mean the next header by it where an extension header is named.
        return None if listed & _EXTENSIONS and case.number not in listed else case.number in listed
    return True if listed >= _EXTENSIONS else None if listed & _EXTENSIONS else False


def _port(field: str, values: Sequence[str], port: int) -> bool | None:
    numbers = _numbers(values, _PORTS, 65535)
    if numbers is None:
        return None
    if field == "destination-port":
        return any(low <= port <= high for low, high in numbers)
    if union(numbers) == ((0, 65535),):
        return True
    # The sender's own port may be any.
    return True if field == "port" and any(low <= port <= high for low, high in numbers) else None


def _numbers(values: Iterable[str], names: Mapping[str, int], most: int) -> list[tuple[int, int]] | None:
    """`22`, `ssh` or `20-23`; None where one is written in another way."""
    found = []
    for value in values:
        ends = [int(end) if _NUMBER.fullmatch(end) else names.get(end, -1) for end in _ends(value, names)]
        if len(ends) > 2 or not 0 <= ends[0] <= ends[-1] <= most:
            return None
        found.append((ends[0], ends[-1]))
    return found


def _ends(value: str, names: Mapping[str, int]) -> list[str]:
    return [value] if value in names else value.split("-")


def _addresses(name: str, said: Sequence[tuple[str, ...]], version: int, prefixes: Prefixes) -> Intervals | None:
    """The addresses that a condition of addresses or of prefix lists matches; None where that is not known."""
    entries: list[tuple[Network, bool]] = []
    for words in said:
        if not words or words[1:] not in {(), ("except",)}:
            return None
        texts = prefixes.get(words[0]) if name.endswith("-prefix-list") else [words[0]]
        if texts is None:
            return None
        for text in texts:
            network = _network(text)
            if network is None:
                return None
            if network.version == version:
                entries.append((network, bool(words[1:])))
            elif not name.endswith("-prefix-list"):
                return None
    return _longest(entries)


def _network(text: str) -> Network | None:
    """None for a mask that is written out: bits anywhere may be set in it, and Python would take some as inverted."""
    if not _PREFIX.fullmatch(text):
        return None
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _longest(entries: Sequence[tuple[Network, bool]]) -> Intervals | None:
    """What the prefixes hold where the longest decides; None where one is in and out."""
    if {network for network, out in entries if out} & {network for network, out in entries if not out}:
        return None
    found: Intervals = ()
    for length in sorted({network.prefixlen for network, _ in entries}):
        of_it = [(network, out) for network, out in entries if network.prefixlen == length]
        found = union([*found, *(_ends_of(network) for network, out in of_it if not out)])
        found = minus(found, union(_ends_of(network) for network, out in of_it if out))
    return found


def _ends_of(network: Network) -> tuple[int, int]:
    return int(network.network_address), int(network.broadcast_address)
