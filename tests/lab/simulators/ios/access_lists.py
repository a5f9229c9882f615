"""Access lists: entries as they are typed and printed, and as nft rules for the packets that reach the device."""

from __future__ import annotations

import ipaddress
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lab.simulators.enforcement import DROP, RESET

NAMED_PORTS = {
    7: "echo", 9: "discard", 13: "daytime", 19: "chargen", 20: "ftp-data", 21: "ftp", 23: "telnet", 25: "smtp",
    43: "whois", 49: "tacacs", 53: "domain", 67: "bootps", 68: "bootpc", 69: "tftp", 79: "finger", 80: "www",
    110: "pop3", 111: "sunrpc", 123: "ntp", 161: "snmp", 162: "snmptrap", 179: "bgp", 500: "isakmp", 514: "syslog",
}  # fmt: skip
PORTS = {name: number for number, name in NAMED_PORTS.items()} | {"cmd": 514}
PROTOCOLS = ("ip", "ipv6", "tcp", "udp", "icmp", "esp", "ahp", "gre", "ospf", "eigrp", "igmp", "pim", "sctp")
NFT_PROTOCOLS = {"ahp": "ah", "eigrp": "88", "ospf": "89", "igmp": "igmp", "pim": "103"}
OPERATORS = ("eq", "gt", "lt", "neq", "range")
LOG = ("log", "log-input")
TAIL = re.compile(r"[a-z0-9_-]+")
EVERYWHERE = "any"
STEP = 10


class EntryError(Exception):
    """No entry of an access list."""


@dataclass(frozen=True)
class Match:
    """One side of an entry: an address as it is printed, and ports (`eq 22`, or nothing)."""

    address: str
    ports: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.address, *self.ports))


@dataclass(frozen=True)
class AccessEntry:
    """One line of an access list; `sequence` 0 is not numbered yet."""

    sequence: int
    action: str  # permit, deny, remark
    protocol: str = ""
    source: Match = Match(EVERYWHERE)
    destination: Match | None = None
    tail: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The entry without its number."""
        parts = [self.action, self.protocol, str(self.source) if self.action != "remark" else ""]
        parts += [str(self.destination) if self.destination else "", *self.tail]
        return " ".join(part for part in parts if part)


class _Words:
    """Words that are taken from the front."""

    def __init__(self, text: str) -> None:
        self.left = text.split()

    def peek(self) -> str:
        return self.left[0] if self.left else ""

    def take(self) -> str:
        if not self.left:
            raise EntryError("% Incomplete command.")
        return self.left.pop(0)


def parse(mode: str, line: str) -> AccessEntry:
    """An entry as it is typed in the mode standard, extended or ipv6; an EntryError says what IOS says."""
    words = _Words(line)
    sequence = 0
    if words.peek().isdigit():
        sequence = int(words.take())
    elif mode == "ipv6" and words.peek() == "sequence":
        words.take()
        sequence = _number(words.take())
    action = _spelt(words.take(), ("permit", "deny", "remark", "evaluate"))
    if action == "remark":
        return AccessEntry(sequence, action, tail=(line.partition("remark")[2].strip(),))
    if mode == "standard":
        entry = AccessEntry(sequence, action, source=_standard(words), tail=tuple(words.left))
        if any(word not in LOG for word in words.left):
            raise EntryError("% Invalid input detected")
        return entry
    protocol = words.take()
    if protocol not in PROTOCOLS and not (protocol.isdigit() and int(protocol) < 256):
        raise EntryError("% Invalid input detected")
    ported = protocol in ("tcp", "udp", "sctp")
    source = _side(words, mode, ported=ported)
    destination = _side(words, mode, ported=ported)
    if mode == "ipv6" and "sequence" in words.left:
        place = words.left.index("sequence")
        sequence = _number("".join(words.left[place + 1 : place + 2]))
        del words.left[place : place + 2]
    if not all(TAIL.fullmatch(word) for word in words.left):
        raise EntryError("% Invalid input detected")
    return AccessEntry(sequence, action, protocol, source, destination, tuple(words.left))


def _number(word: str) -> int:
    if not word.isdigit():
        raise EntryError("% Invalid input detected")
    return int(word)


def _spelt(word: str, known: Iterable[str]) -> str:
    for full in known:
        if word and full.startswith(word):
            return full
    raise EntryError("% Invalid input detected")


def _standard(words: _Words) -> Match:
    first = words.take()
    if first == EVERYWHERE:
        return Match(EVERYWHERE)
    if first == "host":
        return Match(_ipv4(words.take()))
    wildcard = _ipv4(words.take()) if words.peek() and words.peek() not in LOG else "0.0.0.0"  # noqa: S104 - a wildcard
    return Match(_with_wildcard(first, wildcard, host=""))


def _with_wildcard(address: str, wildcard: str, host: str) -> str:
    bits = int(ipaddress.IPv4Address(wildcard))
    if bits == 0xFFFFFFFF:
        return EVERYWHERE
    base = ipaddress.IPv4Address(int(ipaddress.IPv4Address(_ipv4(address))) & ~bits & 0xFFFFFFFF)
    return f"{base} {wildcard}" if bits else f"{host}{base}"


def _ipv4(word: str) -> str:
    try:
        return str(ipaddress.IPv4Address(word))
    except ValueError:
        raise EntryError("% Invalid input detected") from None


def _side(words: _Words, mode: str, *, ported: bool) -> Match:
    first = words.take()
    try:
        if first == EVERYWHERE:
            address = EVERYWHERE
        elif first == "host" and mode == "ipv6":
            address = f"host {str(ipaddress.IPv6Address(words.take())).upper()}"
        elif first == "host":
            address = f"host {_ipv4(words.take())}"
        elif mode == "ipv6":
            network = ipaddress.IPv6Network(first, strict=False)
            whole = str(network).upper()
            address = EVERYWHERE if not network.prefixlen else whole
        else:
            address = _with_wildcard(first, _ipv4(words.take()), host="host ")
    except ValueError:
        raise EntryError("% Invalid input detected") from None
    return Match(address, _ports(words) if ported else ())


def _ports(words: _Words) -> tuple[str, ...]:
    if words.peek() not in OPERATORS:
        return ()
    operator = words.take()
    ports = [_port(words.take())]
    if operator == "range":
        ports.append(_port(words.take()))
    while operator in ("eq", "neq") and (words.peek().isdigit() or words.peek() in PORTS):
        ports.append(_port(words.take()))
    return (operator, *ports)


def _port(word: str) -> str:
    number = PORTS.get(word, int(word) if word.isdigit() else -1)
    if not 0 <= number < 65536:
        raise EntryError("% Invalid input detected")
    return NAMED_PORTS.get(number, str(number))


class AccessList:
    """The entries of one list, in the order of their numbers."""

    def __init__(self, mode: str) -> None:
        """An empty one of the mode standard, extended or ipv6."""
        self.mode = mode
        self.entries: dict[int, AccessEntry] = {}
        self._texts: set[str] = set()

    def add(self, entry: AccessEntry) -> None:
        """Take an entry in; one that is there already is passed over, as IOS does."""
        text = entry.text
        if entry.action != "remark" and text in self._texts:
            return
        last = next(reversed(self.entries), 0)
        number = entry.sequence or last + STEP
        if number in self.entries:
            raise EntryError("% Duplicate sequence number")
        self.entries[number] = entry
        self._texts.add(text)
        if number < last:
            self.entries = dict(sorted(self.entries.items()))

    def remove(self, line: str) -> None:
        """Take an entry out, by number or as it was typed."""
        if line.removeprefix("sequence ").isdigit():
            gone = self.entries.pop(int(line.removeprefix("sequence ")), None)
            self._texts.discard(gone.text if gone else "")
            return
        text = parse(self.mode, line).text
        self.entries = {number: entry for number, entry in self.entries.items() if entry.text != text}
        self._texts.discard(text)

    def resequence(self, start: int, step: int) -> None:
        """Number the entries anew."""
        self.entries = {start + step * place: entry for place, entry in enumerate(self.entries.values())}

    def lines(self) -> list[str]:
        """As they are printed."""
        word = "sequence " if self.mode == "ipv6" else ""
        return [f"{word}{number} {entry.text}" for number, entry in self.entries.items()]

    def permits(self, source: str) -> bool:
        """Whether a packet from this address, to anywhere, would be let in; as for `nft`, empty lets all in."""
        for entry in self.entries.values():
            if entry.action != "remark" and _covers(entry.source.address, source):
                return entry.action == "permit"
        return not self.entries

    def nft(self, counters: Mapping[int, str] | None = None) -> list[str]:
        """As rules: what is permitted returns to the calling chain, the rest is refused. An empty list permits all.

        `counters` are names by the numbers of entries, for those that refuse.
        """
        named = counters or {}
        rules = [rule for n, entry in self.entries.items() if (rule := _nft(entry, self.mode, named.get(n, "")))]
        return [*rules, RESET] if rules else []


def _covers(address: str, source: str) -> bool:
    if address == EVERYWHERE:
        return True
    if ":" in source:
        return ipaddress.IPv6Address(source) in ipaddress.IPv6Network(address.removeprefix("host "))
    base, _, wildcard = address.removeprefix("host ").partition(" ")
    try:
        bits = int(ipaddress.IPv4Address(wildcard or 0))
        return int(ipaddress.IPv4Address(base)) | bits == int(ipaddress.IPv4Address(source)) | bits
    except ValueError:
        return False


def _nft(entry: AccessEntry, mode: str, counter: str = "") -> str:
    if entry.action == "remark" or "fragments" in entry.tail:
        return ""
    word = "ip6" if mode == "ipv6" else "ip"
    parts = []
    if entry.protocol not in ("", "ip", "ipv6"):
        protocol = "icmpv6" if (entry.protocol, mode) == ("icmp", "ipv6") else entry.protocol
        parts.append(f"meta l4proto {NFT_PROTOCOLS.get(protocol, protocol)}")
    for field, side in (("saddr", entry.source), ("daddr", entry.destination)):
        if side and side.address != EVERYWHERE:
            parts.append(_nft_address(word, field, side.address))
    for field, side in (("sport", entry.source), ("dport", entry.destination)):
        if side and side.ports:
            parts.append(_nft_ports(entry.protocol, field, side.ports))
    if "established" in entry.tail:
        parts.append("tcp flags & (ack | rst) != 0")
    if entry.action == "permit":
        return " ".join([*parts, "return"])
    refusal = RESET if entry.protocol in ("", "tcp", "ip", "ipv6") else DROP
    return " ".join([*parts, *([f"counter name {counter}"] if counter else []), refusal])


def counters(family: str, name: str, access_list: AccessList) -> dict[int, str]:
    """The names of the counters of a list's entries that refuse, by their numbers."""
    stem = f"{family}-{zlib.crc32(name.encode()):08x}"
    return {n: f"{stem}-{n}" for n, entry in access_list.entries.items() if entry.action == "deny"}


def counted(text: str, packets: int) -> str:
    """An entry as it is shown with what it has matched."""
    return f"{text} ({packets} match{'es' if packets > 1 else ''})" if packets else text


def _nft_address(word: str, field: str, address: str) -> str:
    first, _, second = address.partition(" ")
    if first == "host":
        return f"{word} {field} {second.lower()}"
    if not second:
        return f"{word} {field} {first.lower()}"
    mask = ipaddress.IPv4Address(~int(ipaddress.IPv4Address(second)) & 0xFFFFFFFF)
    return f"{word} {field} & {mask} == {first}"


def _nft_ports(protocol: str, field: str, ports: tuple[str, ...]) -> str:
    operator, *names = ports
    numbers = [PORTS.get(name, name) for name in names]
    listed = ", ".join(map(str, numbers))
    condition = {
        "eq": f"{{ {listed} }}",
        "neq": f"!= {{ {listed} }}",
        "gt": f"> {numbers[0]}",
        "lt": f"< {numbers[0]}",
        "range": "-".join(map(str, numbers)),
    }[operator]
    return f"{protocol} {field} {condition}"
