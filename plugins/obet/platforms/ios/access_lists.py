"""Access lists of IOS by interval arithmetic: who a list lets in, surely and possibly, to one port of TCP or UDP.

An entry that is not understood may match anyone where it permits, and no one where it denies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import msgspec

from obet.access.first_match import Admitted, Rule, everybody, first_match
from obet.access.intervals import EVERYONE, Intervals, both, union, wildcard
from obet.platforms.ios.configuration import Configuration

_NUMBERED = re.compile(r"access-list ([0-9]{1,4}) (.+)")
_NAMED = re.compile(r"(ip|ipv6) access-list (?:(standard|extended) )?(\S+)")
_PREFIX = re.compile(r"(?:sequence )?([0-9]{1,10}) (?=\S)")
_DIGITS = re.compile(r"[0-9]{1,5}")
_NUMBER = {"tcp": 6, "udp": 17}
# Protocols that are neither. Headers that may stand before them in IPv6 are not among these.
_OTHER = {"ahp", "icmp", "igmp", "gre", "esp", "eigrp", "ospf", "pim", "ipinip", "nos", "pcp", "sctp"}
_BEFORE = {0, 43, 44, 50, 51, 60, 135, 139, 140}
_PORTS = {
    "echo": 7,
    "discard": 9,
    "daytime": 13,
    "chargen": 19,
    "ftp-data": 20,
    "ftp": 21,
    "ssh": 22,
    "telnet": 23,
    "smtp": 25,
    "time": 37,
    "nicname": 43,
    "whois": 43,
    "tacacs": 49,
    "domain": 53,
    "gopher": 70,
    "finger": 79,
    "www": 80,
    "hostname": 101,
    "pop2": 109,
    "pop3": 110,
    "sunrpc": 111,
    "ident": 113,
    "nntp": 119,
    "bgp": 179,
    "irc": 194,
    "https": 443,
    "pim-auto-rp": 496,
    "exec": 512,
    "login": 513,
    "cmd": 514,
    "lpd": 515,
    "talk": 517,
    "uucp": 540,
    "klogin": 543,
    "kshell": 544,
}
_OPERATORS = {"eq", "neq", "gt", "lt", "range"}
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
    """`kind` is standard, extended or ipv6; `twice` if the configuration shows two of this name."""

    name: str
    kind: str
    entries: tuple[Entry, ...]
    twice: bool = False

    @property
    def version(self) -> int:
        return 6 if self.kind == "ipv6" else 4


Lists = Mapping[tuple[int, str], AccessList]


def access_lists(configuration: Configuration) -> Lists:
    """All access lists, by IP version and name."""
    found: dict[tuple[int, str], AccessList] = {}
    numbered: dict[str, list[str]] = {}
    for command in configuration.commands:
        if (entry := _NUMBERED.fullmatch(command.text)) and (kind := _kind(entry[1])):
            numbered.setdefault(entry[1], []).append(entry[2])
        elif named := _NAMED.fullmatch(command.text):
            family, kind, name = named.groups()
            if (family == "ipv6") == bool(kind):
                continue
            _add(found, name, kind or "ipv6", command.beneath)
    for name, lines in numbered.items():
        _add(found, name, _kind(name), lines)
    return found


def _add(found: dict[tuple[int, str], AccessList], name: str, kind: str, lines: Iterable[str]) -> None:
    entries = tuple(entry for line in lines if (entry := _entry(line)))
    made = AccessList(name, kind, entries)
    key = made.version, name
    found[key] = msgspec.structs.replace(made, twice=True) if key in found else made


def _kind(number: str) -> str:
    value = int(number)
    if 1 <= value <= 99 or 1300 <= value <= 1999:
        return "standard"
    return "extended" if 100 <= value <= 199 or 2000 <= value <= 2699 else ""


def _entry(line: str) -> Entry | None:
    """None for what decides nothing."""
    prefix = _PREFIX.match(line)
    rest = line[prefix.end() :] if prefix else line
    verdict, *words = rest.split(" ")
    if verdict in {"remark", "exit"}:
        return None
    number = int(prefix[1]) if prefix else None
    return Entry(line, verdict if verdict in {"permit", "deny"} else "unknown", tuple(words), number)


def admitted(lists: Lists, name: str, version: int, service: Service) -> Admitted:
    """Whom the list lets in to the service. A list that is missing or empty lets everybody in."""
    found = lists.get((version, name))
    if found is None:
        return everybody(version, f"access list {name} does not exist, which lets everybody in")
    if not found.entries:
        return everybody(version, f"access list {name} is empty, which lets everybody in")
    if found.twice:
        unsure = everybody(version, f"access list {name} is shown twice: what it lets in is not known")
        return msgspec.structs.replace(unsure, surely=_NOBODY)
    numbers = [entry.number for entry in found.entries if entry.number is not None]
    judged = _judge(found, found.entries, service)
    if numbers == sorted(set(numbers)):
        return judged
    # Standard lists print hosts first, whatever their numbers are: what holds in both orders holds.
    other = _judge(found, tuple(sorted(found.entries, key=lambda entry: entry.number or 0)), service)
    return Admitted(
        both(judged.surely, other.surely), union([*judged.possibly, *other.possibly]), (*judged.by, *other.by)
    )


def _judge(found: AccessList, entries: tuple[Entry, ...], service: Service) -> Admitted:
    rules = []
    for entry in entries:
        sure, possible = _matches(found, entry, service)
        rules.append(Rule(f"access list {found.name}, `{entry.text}`", entry.verdict, sure, possible))
    return first_match(found.version, rules)


def _matches(found: AccessList, entry: Entry, service: Service) -> tuple[Intervals, Intervals]:
    """Sources that surely match, and that possibly do."""
    everyone = EVERYONE[found.version]
    if entry.verdict == "unknown":
        return _NOBODY, everyone
    words = list(entry.words)
    if found.kind == "standard":
        sure, possible = _standard(words)
        return (sure if _options_say_nothing(words) else _NOBODY), possible
    protocol = _is_protocol(words, found.version, service.protocol)
    if protocol is False:
        return _NOBODY, _NOBODY
    sure, possible = _source(words, found.version)
    of_any_port = not (words and words[0] in _OPERATORS) or _skip_ports(words)
    to_anywhere = words[:1] == ["any"]
    if not to_anywhere:
        return _NOBODY, possible
    words.pop(0)
    to_port = _to_port(words, service.port)
    if to_port is False:
        return _NOBODY, _NOBODY
    certain = protocol and of_any_port and to_port and _options_say_nothing(words)
    return (sure if certain else _NOBODY), possible


def _options_say_nothing(words: list[str]) -> bool:
    """Whether what is left of an entry only writes to the log, which may carry a cookie."""
    return not words or (words[0] in {"log", "log-input"} and len(words) <= 2)


def _is_protocol(words: list[str], version: int, protocol: str) -> bool | None:
    """Takes the protocol off the words; None when it is not known."""
    if not words:
        return None
    word = words.pop(0)
    if word in {"object-group", "portgroup"} and words:
        words.pop(0)
        return None
    if word in {"ip", "ipv6", protocol}:
        return True
    if _DIGITS.fullmatch(word):
        number = int(word)
        unsure = number == 0 or (version == 6 and number in _BEFORE)
        return None if unsure else number == _NUMBER[protocol]
    if version == 6 and word in {"ahp", "esp"}:
        return None
    return False if word in _OTHER or word in _NUMBER else None


def _source(words: list[str], version: int) -> tuple[Intervals, Intervals]:
    """Takes the source off the words."""
    word = words.pop(0) if words else ""
    if word == "any":
        return EVERYONE[version], EVERYONE[version]
    try:
        if word == "host":
            address = int((IPv4Address if version == 4 else IPv6Address)(words.pop(0)))
            found: Intervals = ((address, address),)
        elif version == 4:
            return wildcard(int(IPv4Address(word)), int(IPv4Address(words.pop(0))))
        else:
            network = IPv6Network(word, strict=False)
            found = ((int(network.network_address), int(network.broadcast_address)),)
    except (ValueError, IndexError):
        return _NOBODY, EVERYONE[version]  # a group of objects, or what is not known here
    return found, found


def _standard(words: list[str]) -> tuple[Intervals, Intervals]:
    """A host stands there alone, or with the wildcard of a network."""
    if not words or words[0] in {"any", "host", "object-group"}:
        return _source(words, 4)
    try:
        IPv4Address("".join(words[1:2]))
    except ValueError:
        words.insert(1, "0.0.0.0")  # noqa: S104 (a wildcard without a bit: this host)
    return _source(words, 4)


def _port_number(word: str) -> int | None:
    return int(word) if _DIGITS.fullmatch(word) and int(word) < 65536 else _PORTS.get(word)


def _take_ports(words: list[str]) -> tuple[str, list[int]]:
    operator, numbers = words.pop(0), []
    while words and (number := _port_number(words[0])) is not None:
        numbers.append(number)
        words.pop(0)
    return operator, numbers


def _skip_ports(words: list[str]) -> bool:
    """Takes the source ports off the words; False, since which ports a source uses is not known."""
    _take_ports(words)
    return False


def _to_port(words: list[str], port: int) -> bool | None:
    """Whether the destination's ports hold this one; None when that is not known."""
    if not words or words[0] not in _OPERATORS:
        return True
    operator, numbers = _take_ports(words)
    if not numbers or (operator in {"gt", "lt"} and len(numbers) != 1) or (operator == "range" and len(numbers) != 2):
        return None
    if operator == "range":
        return numbers[0] <= port <= numbers[1] if numbers[0] <= numbers[1] else None
    if operator in {"eq", "neq"}:
        # What stands behind may be a port whose name is not known here.
        if words and not _is_option(words[0]):
            return None
        return (port in numbers) == (operator == "eq")
    return port > numbers[0] if operator == "gt" else port < numbers[0]


def _is_option(word: str) -> bool:
    return word in {"log", "log-input", "established", "time-range", "fragments", "dscp", "precedence", "tos", "ttl"}
