"""The proof against a simulator: access lists as IOS shows them, run packet by packet in the plainest way there is.

Where nothing is unknown the two must agree exactly. Where something is, a proof must hold whatever it turns out to be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from hypothesis import given, settings
from hypothesis import strategies as st
from obet.access.policy import ManagementPolicy
from obet.platforms.ios.proof import prove
from obet.platforms.ios.rules import Present, commands

Address = IPv4Address | IPv6Address
HOSTS: dict[int, list[Address]] = {
    4: [IPv4Address(f"203.0.113.{n}") for n in range(8)],
    6: [IPv6Address(f"2001:db8::{n}") for n in range(8)],
}
# All addresses that an entry can tell apart, and some of those that none names.
_BLOCKS = ("203.0.113.8", "203.0.113.248", "203.0.112.0", "10.0.0.0", "255.255.255.248")
UNIVERSE: list[Address] = [
    *HOSTS[4],
    *(IPv4Address(block) + n for block in _BLOCKS for n in range(8)),
    *HOSTS[6],
    *map(IPv6Address, ("2001:db8::8", "2001:db7::", 1, 2**128 - 1)),
]


@dataclass(frozen=True)
class Packet:
    source: Address
    port: int
    from_port: int = 40000


@dataclass(frozen=True)
class Entry:
    """An entry of a list; `option` makes what it matches unknown."""

    verdict: str
    protocol: str
    source: tuple[str, int, int]  # any; host, number; wildcard or prefix, number, bits
    ports: tuple[str, ...] = ()
    option: str = ""

    def text(self, version: int, standard: bool) -> str:
        ends = self._source(version, standard)
        if standard:
            return f"{self.verdict} {ends}"
        words = [self.verdict, self.protocol, ends, "any", *self.ports, self.option]
        return " ".join(word for word in words if word)

    def _source(self, version: int, standard: bool) -> str:
        kind, number, bits = self.source
        if kind == "any":
            return "any"
        host = HOSTS[version][number]
        if kind == "host":
            return str(host) if standard else f"host {str(host).upper()}"
        return f"{host} {IPv4Address(bits)}" if version == 4 else f"{host}/{128 - bits.bit_length()}"

    def matches(self, packet: Packet, luck: Iterator[bool], standard: bool) -> bool:
        if not self._from(packet.source):
            return False
        if standard:
            return True
        if self.protocol not in {"tcp", "ip", "ipv6", "6"} or not self._to(packet.port):
            return False
        return not self.option or self.option == "log" or next(luck, False)

    def _from(self, source: Address) -> bool:
        kind, number, bits = self.source
        if kind == "any":
            return True
        host = HOSTS[source.version][number]
        if kind == "host":
            return source == host
        if source.version == 6:
            return source in IPv6Network((int(host), 128 - bits.bit_length()), strict=False)
        return all((int(source) ^ int(host)) >> bit & 1 == 0 for bit in range(32) if not bits >> bit & 1)

    def _to(self, port: int) -> bool:
        if not self.ports:
            return True
        operator, *words = self.ports
        numbers = [{"telnet": 23, "www": 80}.get(word) or int(word) for word in words]
        return {
            "eq": lambda: port in numbers,
            "neq": lambda: port not in numbers,
            "gt": lambda: port > numbers[0],
            "lt": lambda: port < numbers[0],
            "range": lambda: numbers[0] <= port <= numbers[-1],
        }[operator]()


@dataclass(frozen=True)
class AccessList:
    name: str
    version: int
    kind: str
    entries: tuple[Entry, ...]
    numbers: bool

    def text(self) -> str:
        standard = self.kind == "standard"
        entries = [entry.text(self.version, standard) for entry in self.entries]
        if self.name.isdigit() and not self.numbers:
            return "".join(f"access-list {self.name} {entry}\n" for entry in entries)
        head = f"ipv6 access-list {self.name}" if self.version == 6 else f"ip access-list {self.kind} {self.name}"
        word = "sequence " if self.version == 6 else ""
        numbered = [f" {word}{10 * n + 10} {e}" if self.numbers else f" {e}" for n, e in enumerate(entries)]
        return "\n".join([head, " remark a word of ours", *numbered, ""])

    def lets_in(self, packet: Packet, luck: Iterator[bool]) -> bool:
        for entry in self.entries:
            if entry.matches(packet, luck, self.kind == "standard"):
                return entry.verdict == "permit"
        return not self.entries


@dataclass(frozen=True)
class Lines:
    """A range of virtual lines: its lists by name, and what it takes."""

    names: dict[int, str]
    takes: str

    def text(self, first: int) -> str:
        bound = [f" access-class {self.names[4]} in"] if 4 in self.names else []
        bound += [f" ipv6 access-class {self.names[6]} in"] if 6 in self.names else []
        return "\n".join([f"line vty {first} {first + 4}", *bound, f" transport input {self.takes}", ""])


@dataclass(frozen=True)
class Configuration:
    lists: tuple[AccessList, ...]
    lines: tuple[Lines, ...]

    def text(self) -> str:
        lists = [one.text() for one in self.lists]
        lines = [one.text(5 * n) for n, one in enumerate(self.lines)]
        return "".join(["version 17.9\nip ssh version 2\n", *lists, *lines, "end\n"])

    def answers(self, packet: Packet, luck: Iterator[bool]) -> list[bool]:
        """Of each range of lines that takes SSH whether it lets the packet in."""
        return [self._answer(one, packet, luck) for one in self.lines if "ssh" in one.takes]

    def _answer(self, lines: Lines, packet: Packet, luck: Iterator[bool]) -> bool:
        version = packet.source.version
        named = [one for one in self.lists if (one.version, one.name) == (version, lines.names.get(version))]
        return named[0].lets_in(packet, luck) if named else True


def holes(options: list[str]) -> list[int]:
    """Wildcards with holes; one of many is taken as larger than it is, so what it matches counts as unknown."""
    return [2, 4, 5, 6, 0x7F05, *([0xFF05, 0xFFFFFFFA] if any(options) else [])]


def entries_of(version: int, kind: str, options: list[str]) -> st.SearchStrategy[Entry]:
    masks = st.sampled_from([1, 3, 7, 255, 2**32 - 1] + (holes(options) if version == 4 else []))
    number = st.integers(0, 7)
    source = st.one_of(
        st.just(("any", 0, 0)),
        st.tuples(st.just("host"), number, st.just(0)),
        st.tuples(st.just("mask"), number, masks),
    )
    ports = st.sampled_from(
        [
            (),
            *(("eq", "22"), ("eq", "telnet"), ("eq", "22", "2222", "www"), ("neq", "22"), ("gt", "22"), ("lt", "2222")),
            *(("range", "22", "23"), ("range", "1", "65535"), ("eq", "2222")),
        ]
    )
    tcp = st.builds(Entry, st.sampled_from(["permit", "deny"]), st.just("tcp"), source, ports, st.sampled_from(options))
    others = ["ip" if version == 4 else "ipv6", "udp", "icmp", "6", "17"]
    other = st.builds(Entry, st.sampled_from(["permit", "deny"]), st.sampled_from(others), source)
    return other if kind == "standard" else tcp | other


def lists_of(options: list[str]) -> st.SearchStrategy[tuple[AccessList, ...]]:
    shapes = [
        ("A", 4, "extended"),
        ("10", 4, "standard"),
        ("101", 4, "extended"),
        ("S", 4, "standard"),
        ("X", 6, "ipv6"),
    ]
    return st.tuples(
        *(
            st.builds(
                AccessList,
                st.just(name),
                st.just(version),
                st.just(kind),
                st.lists(entries_of(version, kind, options), max_size=4).map(tuple),
                st.booleans() if not name.isdigit() else st.just(False),
            )
            for name, version, kind in shapes
        )
    )


bindings = st.fixed_dictionaries(
    {},
    optional={4: st.sampled_from(["A", "10", "101", "S", "MISSING"]), 6: st.sampled_from(["X", "X", "X", "MISSING"])},
)
lines_of = st.lists(
    st.builds(Lines, bindings, st.sampled_from(["ssh", "ssh", "ssh", "none", "telnet"])), min_size=1, max_size=3
)
sources_of = st.lists(st.sampled_from([*HOSTS[4][:4], *HOSTS[6][:4]]), max_size=4, unique=True)


def configurations(options: list[str]) -> st.SearchStrategy[Configuration]:
    return st.builds(Configuration, lists_of(options), lines_of.map(tuple))


def said(configuration: str, allowed: list[Address], word: str) -> list[str]:
    found = [finding.what for finding in prove(configuration, allowed, [22])]
    return [what for what in found if what.startswith(f"port 22: {word}")]


@settings(max_examples=120, deadline=None)
@given(configurations([""]), sources_of)
def test_where_nothing_is_unknown_the_proof_says_what_packets_meet(
    configuration: Configuration, allowed: list[Address]
) -> None:
    met = {source: configuration.answers(Packet(source, 22), iter(())) for source in UNIVERSE}
    opened = {source for source, answers in met.items() if any(answers) and source not in allowed}
    found = said(configuration.text(), allowed, "also takes")
    assert {version_of(what) for what in found} == {source.version for source in opened}
    refused = {source for source in allowed if not all(met[source])}
    assert bool(said(configuration.text(), allowed, "may refuse")) == bool(refused)


def version_of(what: str) -> int:
    address = re.match(r"port 22: also takes ([0-9a-f.:]+)", what)
    assert address
    return 6 if ":" in address[1].removesuffix(":") or address[1].startswith("::") else 4


@settings(max_examples=120, deadline=None)
@given(
    configurations(["", "log", "established", "time-range NIGHT", "dscp ef"]),
    sources_of,
    st.lists(st.booleans(), min_size=40, max_size=40),
)
def test_what_is_proven_holds_whatever_the_unknown_turns_out_to_be(
    configuration: Configuration, allowed: list[Address], luck: list[bool]
) -> None:
    text = configuration.text()
    open_to = {version_of(what) for what in said(text, allowed, "also takes")}
    refused = said(text, allowed, "may refuse")
    nothing_listens = any("nothing takes SSH" in finding.what for finding in prove(text, allowed, [22]))
    for source in UNIVERSE:
        answers = configuration.answers(Packet(source, 22), iter(luck))
        if any(answers) and source not in allowed:
            assert source.version in open_to
        if source in allowed and not all(answers):
            assert refused
        assert bool(answers) is not nothing_listens


FOREIGN = st.lists(
    st.sampled_from(
        [
            ("permit tcp any any eq 22", True),
            ("permit ip host 203.0.113.66 any", True),
            ("permit tcp 203.0.113.0 0.0.0.255 any range 20 30 log", True),
            ("permit tcp any any established", True),
            ("permit object-group ADMIN any any", True),
            ("permit tcp object-group ADMIN any eq 22", True),
            ("evaluate REFLECTED", True),
            ("permit udp any any", False),
            ("permit tcp any any eq www", False),
            ("permit tcp host 198.51.100.1 any eq 22", False),
            ("deny tcp host 203.0.113.67 any eq 23", False),
            ("remark permit ip any any", False),
        ]
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(FOREIGN, st.integers(0, 3))
def test_a_foreign_entry_before_among_or_after_ours_is_named_when_it_opens(
    foreign: list[tuple[str, bool]], place: int
) -> None:
    """Ours has four entries; behind its last one, which refuses all, nothing opens any more."""
    ours = [IPv4Address(f"198.51.100.{n}") for n in range(1, 4)]
    policy = ManagementPolicy(device="d-0000000001", ours=tuple(ours), co_managers=(), ports=(22,))
    base = "version 17.9\nip ssh version 2\nline vty 0 4\n login local\n transport input ssh\nend\n"
    text = commands(policy, Present(running=base, lines=((0, 4),))).replace("exit\n", "")
    block = text.splitlines()
    at = 1 + place
    spoilt = "\n".join([*block[:at], *(f" {entry}" for entry, _ in foreign), *block[at:], "end"])
    behind = "\n".join([*block[:5], *(f" {entry}" for entry, _ in foreign), *block[5:], "end"])
    assert said(behind, [*ours], "also takes") == []
    found = said(spoilt, [*ours], "also takes")
    opens = [entry for entry, whether in foreign if whether]
    assert bool(found) == bool(opens)
    assert all(any(f"`{entry}`" in what for entry in opens) for what in found)
    assert not opens or f"`{opens[0]}`" in found[0]
