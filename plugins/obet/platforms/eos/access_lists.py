"""Access lists of EOS by interval arithmetic: who a list lets in, surely and possibly, to one port of TCP or UDP.

An entry that is not understood may match anyone where it permits, and no one where it denies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import msgspec

from obet.access.first_match import Admitted, Rule, everybody, first_match
from obet.access.intervals import EVERYONE, Intervals, wildcard
from obet.platforms.eos.configuration import Command, Configuration

_NAMED = r"(ip|ipv6) access-list (?:(standard) )?(\S+)"
_ENTRY = re.compile(r"(?:([0-9]{1,10}) )?(\S+)(?: (.+))?")
_SAYS_NOTHING = re.compile(r"(?:[0-9]{1,10} )?remark\b.*|(?:counters|statistics) per-entry")
_DIGITS = re.compile(r"[0-9]{1,5}")
_NUMBER = {"tcp": 6, "udp": 17}
# Protocols that are neither. Headers that may stand before them in IPv6 are not among these.
_OTHER = {"icmp", "icmpv6", "igmp", "ospf", "pim", "vrrp", "rsvp", "gre", "sctp", "eigrp"}
_OTHER_OF_IPV4 = {"ahp", "esp"}
_BEFORE = {0, 43, 44, 50, 51, 60, 135, 139, 140}
# Names that EOS prints in place of numbers. What is not here is not known, and counts against the claim.
_PORTS = {
    "ftp-data": 20,
    "ftp": 21,
    "ssh": 22,
    "telnet": 23,
    "smtp": 25,
    "tacacs": 49,
    "domain": 53,
    "bootps": 67,
    "bootpc": 68,
    "tftp": 69,
    "www": 80,
    "kerberos": 88,
    "pop3": 110,
    "sunrpc": 111,
    "ntp": 123,
    "snmp": 161,
    "snmptrap": 162,
    "bgp": 179,
    "ldap": 389,
    "https": 443,
    "syslog": 514,
    "rip": 520,
    "ldaps": 636,
    "msdp": 639,
    "ldp": 646,
    "netconf-ssh": 830,
    "radius": 1812,
    "radius-acct": 1813,
}
_OPERATORS = {"eq", "neq", "gt", "lt", "range"}
_OPTIONS = {"log", "established", "fragments", "tracked", "ttl", "hop-limit", "dscp", "syn", "ack", "fin", "rst", "psh"}
_NOBODY: Intervals = ()


class Service(msgspec.Struct, frozen=True):
    """What is listened on: a port of `tcp` or `udp`."""

    port: int
    protocol: str = "tcp"


class Entry(msgspec.Struct, frozen=True):
    """`verdict` is permit, deny, or unknown (may be either); `words` are what stands behind it."""

    text: str
    verdict: str
    words: tuple[str, ...]
    number: int | None


class AccessList(msgspec.Struct, frozen=True):
    """`twice` if the configuration shows two of this name and IP version, standard or not."""

    name: str
    version: int
    standard: bool
    entries: tuple[Entry, ...]
    twice: bool = False


Lists = Mapping[tuple[int, str], AccessList]


def access_lists(configuration: Configuration) -> Lists:
    """All access lists, by IP version and name."""
    found: dict[tuple[int, str], AccessList] = {}
    for command, match in configuration.matching(_NAMED):
        version = 6 if match[1] == "ipv6" else 4
        entries = tuple(entry for one in command.beneath if (entry := _entry(one)))
        key = version, match[3]
        found[key] = AccessList(match[3], version, bool(match[2]), entries, key in found)
    return found


def _entry(command: Command) -> Entry | None:
    """None for what decides nothing."""
    match = _ENTRY.fullmatch(command.text)
    if _SAYS_NOTHING.fullmatch(command.text) and not command.beneath:
        return None
    verdict = match[2] if match and not command.beneath else ""
    number = int(match[1]) if match and match[1] else None
    words = tuple(match[3].split(" ")) if match and match[3] else ()
    return Entry(command.text, verdict if verdict in {"permit", "deny"} else "unknown", words, number)


def admitted(lists: Lists, name: str, version: int, service: Service) -> Admitted:
    """Whom the list lets in to the service, as far as that is known; nobody surely where it is not."""
    found = lists.get((version, name))
    if found is None:
        return unsure(version, f"access list {name} does not exist: whom it lets in is not known")
    if not found.entries:
        return unsure(version, f"access list {name} is empty: whom it lets in is not known")
    if found.twice:
        return unsure(version, f"access list {name} is shown twice: what it lets in is not known")
    numbers = [entry.number for entry in found.entries if entry.number is not None]
    if numbers != sorted(set(numbers)):
        return unsure(version, f"access list {name} is not in the order of its numbers: what it lets in is not known")
    rules = []
    for entry in found.entries:
        sure, possible = _matches(found, entry, service)
        rules.append(Rule(f"access list {name}, `{entry.text}`", entry.verdict, sure, possible))
    return first_match(version, rules)


def unsure(version: int, why: str) -> Admitted:
    """Perhaps everybody, perhaps nobody."""
    return msgspec.structs.replace(everybody(version, why), surely=_NOBODY)


def _matches(found: AccessList, entry: Entry, service: Service) -> tuple[Intervals, Intervals]:
    """Sources that surely match, and that possibly do."""
    if entry.verdict == "unknown":
        return _NOBODY, EVERYONE[found.version]
    words = list(entry.words)
    if found.standard:
        sure, possible = _source(words, found.version)
        return (sure if words in ([], ["log"]) else _NOBODY), possible
    protocol = _is_protocol(words, found.version, service.protocol)
    if protocol is False:
        return _NOBODY, _NOBODY
    sure, possible = _source(words, found.version)
    of_any_port = not (words and words[0] in _OPERATORS)
    if not of_any_port:
        _take_ports(words)  # which ports a source uses is not known
    if words[:1] != ["any"]:
        return _NOBODY, possible
    words.pop(0)
    to_port = _to_port(words, service.port)
    if to_port is False:
        return _NOBODY, _NOBODY
    certain = protocol and of_any_port and to_port and words in ([], ["log"])
    return (sure if certain else _NOBODY), possible


def _is_protocol(words: list[str], version: int, protocol: str) -> bool | None:
    """Takes the protocol off the words; None when it is not known."""
    word = words.pop(0) if words else ""
    if word in {"ip" if version == 4 else "ipv6", protocol}:
        return True
    if _DIGITS.fullmatch(word):
        number = int(word)
        return None if number == 0 or (version == 6 and number in _BEFORE) else number == _NUMBER[protocol]
    other = word in _OTHER or word in _NUMBER or (version == 4 and word in _OTHER_OF_IPV4)
    return False if other else None


def _source(words: list[str], version: int) -> tuple[Intervals, Intervals]:
    """Takes the source off the words: any, a host, a network by its length, of IPv4 also by its wildcard."""
    word = words.pop(0) if words else ""
    if word == "any":
        return EVERYONE[version], EVERYONE[version]
    kind, network = (IPv4Address, IPv4Network) if version == 4 else (IPv6Address, IPv6Network)
    try:
        if word == "host":
            word = words.pop(0)
        elif version == 4 and "/" not in word and words and words[0].count(".") == 3:
            return wildcard(int(IPv4Address(word)), int(IPv4Address(words.pop(0))))
        if "/" in word:
            if not _DIGITS.fullmatch(word.partition("/")[2]):  # a mask, of which Python would take some as inverted
                return _NOBODY, EVERYONE[version]
            whole = network(word, strict=False)
            found: Intervals = ((int(whole.network_address), int(whole.broadcast_address)),)
        else:
            found = ((int(kind(word)), int(kind(word))),)
    except (ValueError, IndexError):
        return _NOBODY, EVERYONE[version]
    return found, found


def _port_number(word: str) -> int | None:
    return int(word) if _DIGITS.fullmatch(word) and int(word) < 65536 else _PORTS.get(word)


def _take_ports(words: list[str]) -> tuple[str, list[int]]:
    operator, numbers = words.pop(0), []
    while words and (number := _port_number(words[0])) is not None:
        numbers.append(number)
        words.pop(0)
    return operator, numbers


def _to_port(words: list[str], port: int) -> bool | None:
    """Whether the destination's ports hold this one; None when that is not known."""
    if not words or words[0] not in _OPERATORS:
        return True
    operator, numbers = _take_ports(words)
    if words and words[0] not in _OPTIONS:
        return None  # what stands behind may be a port whose name is not known here
    if operator == "range":
        return numbers[0] <= port <= numbers[1] if len(numbers) == 2 and numbers[0] <= numbers[1] else None
    if operator in {"eq", "neq"}:
        return (port in numbers) == (operator == "eq") if numbers else None
    if len(numbers) != 1:
        return None
    return port > numbers[0] if operator == "gt" else port < numbers[0]
