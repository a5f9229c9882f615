"""The proof against a simulator: filters as Junos shows them, run packet by packet in the plainest way there is.

Where nothing is unknown the two must agree exactly. Where something is, a proof must hold whatever it turns out to be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st
from obet.access.intervals import Intervals
from obet.access.policy import ManagementPolicy
from obet.platforms.junos.configuration import read
from obet.platforms.junos.filters import Filters
from obet.platforms.junos.proof import prove
from obet.platforms.junos.rules import Present, commands

Address = IPv4Address | IPv6Address
HOSTS: dict[int, list[Address]] = {
    4: [IPv4Address(f"203.0.113.{n}") for n in range(8)],
    6: [IPv6Address(f"2001:db8::{n}") for n in range(8)],
}
# All addresses that a term can tell apart, and some of those that none names.
UNIVERSE: list[Address] = [
    *HOSTS[4],
    *map(IPv4Address, ("203.0.113.8", "203.0.112.255", "10.0.0.1", "0.0.0.0", "255.255.255.255")),  # noqa: S104
    *HOSTS[6],
    *map(IPv6Address, ("2001:db8::8", "2001:db7::", 1, 2**128 - 1)),
]
FAMILY = {4: "inet", 6: "inet6"}
NUMBERS = {"tcp": 6, "udp": 17, "hop-by-hop": 0, "fragment": 44}
NAMES = {"ssh": 22, "http": 80, "telnet": 23}


def ends_of(value: str, names: dict[str, int]) -> tuple[int, int]:
    if value in names:
        return names[value], names[value]
    low, _, high = value.partition("-")
    return int(low), int(high or low)


@dataclass(frozen=True)
class Packet:
    """`extension` is the header of IPv6 that stands before TCP's; a filter sees TCP's by `payload-protocol` alone."""

    source: Address
    port: int
    from_port: int = 40000
    extension: int | None = None


@dataclass(frozen=True)
class Prefix:
    number: int
    bits: int
    out: bool = False

    def text(self, version: int) -> str:
        wide = 32 if version == 4 else 128
        return f"{HOSTS[version][self.number]}/{wide - self.bits}"

    def holds(self, source: Address) -> bool:
        return source in ip_network(self.text(source.version), strict=False)


@dataclass(frozen=True)
class Term:
    """`option` makes what it matches unknown; `listed`: its sources stand in a prefix list."""

    sources: tuple[Prefix, ...]
    listed: bool
    protocol: tuple[str, ...]  # the condition and its values
    ports: tuple[str, ...]
    option: str
    verdict: str  # accept, discard, reject, next, nothing
    beside: str = ""

    def lines(self, path: str, name: str, version: int) -> Iterator[str]:
        start = f"{path} term {name}"
        if self.listed and self.sources:
            yield f"{start} from source-prefix-list {name}-list"
            for prefix in self.sources:
                yield f"set policy-options prefix-list {name}-list {prefix.text(version)}"
        else:
            for prefix in self.sources:
                yield f"{start} from source-address {prefix.text(version)}{' except' if prefix.out else ''}"
        for condition in (self.protocol, self.ports):
            for value in condition[1:]:
                yield f"{start} from {condition[0]} {value}"
        if self.option:
            yield f"{start} from {self.option}"
        if self.beside:
            yield f"{start} then {self.beside}"
        if self.verdict != "nothing":
            yield f"{start} then {'next term' if self.verdict == 'next' else self.verdict}"
        yield start

    def matches(self, packet: Packet, luck: Iterator[bool]) -> bool:
        whom = self._from(packet.source)
        return whom and self._is_protocol(packet) and self._to(packet, luck) and (not self.option or next(luck, False))

    def _from(self, source: Address) -> bool:
        if not self.sources:
            return True
        holding = [prefix for prefix in self.sources if prefix.holds(source)]
        if not holding:
            return False
        longest = min(holding, key=lambda prefix: prefix.bits)
        return self.listed or not longest.out

    def _is_protocol(self, packet: Packet) -> bool:
        if not self.protocol:
            return True
        condition, *values = self.protocol
        seen = packet.extension if packet.extension is not None and "payload" not in condition else 6
        found = any(low <= seen <= high for low, high in (ends_of(value, NUMBERS) for value in values))
        return not found if condition.endswith("-except") else found

    def _to(self, packet: Packet, luck: Iterator[bool]) -> bool:
        if not self.ports:
            return True
        condition, *values = self.ports
        if packet.extension is not None and self.protocol[:1] != ("payload-protocol",):
            return next(luck, False)  # whatever stands there
        ranges = [ends_of(value, NAMES) for value in values]
        ports = {"destination-port": [packet.port], "destination-port-except": [packet.port]}.get(
            condition, [packet.port, packet.from_port]
        )
        found = any(low <= port <= high for low, high in ranges for port in ports)
        return not found if condition.endswith("-except") else found


@dataclass(frozen=True)
class Filter:
    name: str
    version: int
    terms: tuple[Term, ...]
    bare: bool = False  # outside of any family, as filters of IPv4 may be

    def text(self) -> list[str]:
        path = (
            f"set firewall filter {self.name}" if self.bare else f"set firewall family {FAMILY[self.version]} filter "
        )
        path = path if self.bare else path + self.name
        lines = [
            line for n, term in enumerate(self.terms) for line in term.lines(path, f"{self.name}-{n}", self.version)
        ]
        return [*lines, f"{path} interface-specific"]


@dataclass(frozen=True)
class Unit:
    """Filters by IP version, in their order; `listed`: bound by a list though it is one."""

    number: int
    filters: dict[int, tuple[str, ...]]
    listed: bool

    def text(self) -> list[str]:
        lines = [f"set interfaces lo0 unit {self.number} family inet address 192.0.2.{self.number + 1}/32"]
        for version, names in self.filters.items():
            path = f"set interfaces lo0 unit {self.number} family {FAMILY[version]} filter"
            word = "input-list" if self.listed or len(names) > 1 else "input"
            lines += [f"{path} {word} {name}" for name in names]
        if self.number:
            lines += [f"set routing-instances VR{self.number} interface lo0.{self.number}"]
        return lines


@dataclass(frozen=True)
class Configuration:
    filters: tuple[Filter, ...]
    units: tuple[Unit, ...]
    more: tuple[str, ...] = field(default=())

    def text(self) -> str:
        lines = ["set version 22.4R3", "set system services ssh root-login deny", *self.more]
        lines += [line for unit in self.units for line in unit.text()]
        lines += [line for one in self.filters for line in one.text()]
        return "\n".join([*lines, ""])

    def answers(self, packet: Packet, luck: Iterator[bool]) -> list[bool]:
        """Of each loopback unit whether it lets the packet in."""
        return [self._answer(unit, packet, luck) for unit in self.units]

    def _answer(self, unit: Unit, packet: Packet, luck: Iterator[bool]) -> bool:
        version = packet.source.version
        names = unit.filters.get(version, ())
        known = {one.name: one for one in self.filters if one.version == version}
        for name in names:
            for term in known[name].terms:
                if term.verdict != "next" and term.matches(packet, luck):
                    return term.verdict in {"accept", "nothing"}
        return not names


def terms_of(version: int, options: list[str]) -> st.SearchStrategy[Term]:
    prefixes = st.builds(Prefix, st.integers(0, 7), st.sampled_from([0, 1, 2, 3, 8, 32]), st.booleans())
    sources = st.lists(prefixes, max_size=3, unique_by=lambda p: (p.bits, p.number >> p.bits if p.bits < 8 else 0))
    fields = {4: ["protocol"], 6: ["next-header", "payload-protocol"]}[version]
    values = st.sampled_from([("tcp",), ("udp",), ("6",), ("tcp", "udp"), ("17",), ("0-5",)])
    said = st.tuples(st.sampled_from(fields), values).map(lambda both: (both[0], *both[1]))
    ports = [
        (),
        *(("destination-port", "22"), ("destination-port", "ssh", "830"), ("destination-port", "20-22")),
        *(("destination-port", "telnet"), ("destination-port-except", "22"), ("destination-port", "0-65535")),
    ]
    return st.builds(
        Term,
        sources.map(tuple),
        st.booleans(),
        st.just(()) | said | said,
        st.sampled_from(ports),
        st.sampled_from(options),
        st.sampled_from(["accept", "accept", "discard", "discard", "reject", "reject tcp-reset", "next", "nothing"]),
        st.sampled_from(["", "count seen", "log", "syslog"]),
    )


def filters_of(options: list[str]) -> st.SearchStrategy[tuple[Filter, ...]]:
    shapes = [("A", 4, False), ("B", 4, True), ("X", 6, False), ("Y", 6, False)]
    return st.tuples(
        *(
            st.builds(
                Filter,
                st.just(name),
                st.just(version),
                st.lists(terms_of(version, options), min_size=1, max_size=4).map(tuple),
                st.just(bare),
            )
            for name, version, bare in shapes
        )
    )


bound = st.fixed_dictionaries(
    {},
    optional={
        4: st.sampled_from([("A",), ("B",), ("A", "B"), ("B", "A")]),
        6: st.sampled_from([("X",), ("X", "Y"), ("Y",)]),
    },
)
units_of = st.tuples(
    st.builds(Unit, st.just(0), bound, st.booleans()), st.none() | st.builds(Unit, st.just(7), bound, st.booleans())
).map(lambda both: tuple(unit for unit in both if unit))
sources_of = st.lists(st.sampled_from([*HOSTS[4][:4], *HOSTS[6][:4]]), max_size=4, unique=True)


def configurations(options: list[str]) -> st.SearchStrategy[Configuration]:
    return st.builds(Configuration, filters_of(options), units_of)


def said(configuration: str, allowed: list[Address], word: str) -> list[str]:
    found = [finding.what for finding in prove(configuration, allowed, [22])]
    return [what for what in found if what.startswith(f"port 22: {word}")]


def holds(intervals: Intervals, source: Address) -> bool:
    return any(low <= int(source) <= high for low, high in intervals)


def version_of(what: str) -> int:
    address = re.match(r"port 22: also takes ([0-9a-f.:]+)", what)
    assert address
    return 6 if ":" in address[1].removesuffix(":") or address[1].startswith("::") else 4


@settings(max_examples=100, deadline=None)
@given(configurations([""]), sources_of)
def test_where_nothing_is_unknown_the_proof_says_what_packets_meet(
    configuration: Configuration, allowed: list[Address]
) -> None:
    met = {source: configuration.answers(Packet(source, 22), iter(())) for source in UNIVERSE}
    opened = {source for source, answers in met.items() if any(answers) and source not in allowed}
    # Behind an extension header ports are where no filter looks, unless it asks for the payload.
    found = [what for what in said(configuration.text(), allowed, "also takes") if "extension header" not in what]
    assert {version_of(what) for what in found} == {source.version for source in opened}
    refused = {source for source in allowed if not all(met[source])}
    assert bool(said(configuration.text(), allowed, "may refuse")) == bool(refused)


@settings(max_examples=100, deadline=None)
@given(configurations([""]))
def test_where_nothing_is_unknown_each_unit_admits_just_whose_packets_it_lets_in(configuration: Configuration) -> None:
    filters = Filters(read(configuration.text()))
    for source in UNIVERSE:
        answers = configuration.answers(Packet(source, 22), iter(()))
        for unit, answer in zip(configuration.units, answers, strict=True):
            admitted = filters.admitted(str(unit.number), source.version, 22)
            assert holds(admitted.surely, source) == answer
            # Behind an extension header of IPv6 more may get in.
            assert holds(admitted.possibly, source) == answer or (source.version == 6 and not answer)


@settings(max_examples=100, deadline=None)
@given(
    configurations(["", "tcp-established", "ttl 255", "source-port 1024-65535", "interface ge-0/0/0.0"]),
    sources_of,
    st.lists(st.booleans(), min_size=40, max_size=40),
    st.sampled_from([None, None, 0, 43, 44, 60, 135]),
)
def test_what_is_proven_holds_whatever_the_unknown_turns_out_to_be(
    configuration: Configuration, allowed: list[Address], luck: list[bool], extension: int | None
) -> None:
    text = configuration.text()
    open_to = {version_of(what) for what in said(text, allowed, "also takes")}
    refused = said(text, allowed, "may refuse")
    for source in UNIVERSE:
        hidden = extension if source.version == 6 else None
        answers = configuration.answers(Packet(source, 22, extension=hidden), iter(luck))
        if any(answers) and source not in allowed:
            assert source.version in open_to
        if source in allowed and hidden is None and not all(answers):
            assert refused


FOREIGN = st.lists(
    st.sampled_from(
        [
            ("from protocol tcp", True),
            ("from destination-port ssh", True),
            ("from source-address 203.0.113.66/32", True),
            ("from tcp-established", True),
            ("from prefix-list ADMIN", True),
            ("from interface fxp0.0", True),
            ("from destination-address 0.0.0.0/0", True),
            ("from protocol udp", False),
            ("from protocol ospf", False),
            ("from destination-port bgp", False),
            ("from source-address 198.51.100.1/32", False),
            ("from destination-address 224.0.0.0/4", False),
        ]
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(FOREIGN, st.integers(0, 2), st.booleans())
def test_a_foreign_term_before_among_or_after_ours_is_named_when_it_opens(
    foreign: list[tuple[str, bool]], place: int, beside: bool
) -> None:
    """Ours has three terms; behind the one that discards, nothing opens any more, in whichever filter it stands."""
    ours = [IPv4Address(f"198.51.100.{n}") for n in range(1, 4)]
    policy = ManagementPolicy(device="d-0000000001", ours=tuple(ours), co_managers=(), ports=(22,))
    base = "set version 22.4R3\nset system services ssh root-login deny\n"
    name = "OBET-MANAGEMENT-V4"
    lines = commands(policy, Present(running=base)).splitlines()
    terms = ["obet-allowed", "obet-denied", "obet-others"]
    added = [
        f"set firewall family inet filter {'F' if beside else name} term f{n} {w}" for n, (w, _) in enumerate(foreign)
    ]
    added = [line for one in added for line in (one, f"{one.partition(' from ')[0]} then accept")]
    if beside:
        first = place == 0
        bound_line = f"set interfaces lo0 unit 0 family inet filter input {name}"
        both = ["F", name] if first else [name, "F"]
        at = lines.index(bound_line)
        lines[at : at + 1] = [bound_line.replace(f"input {name}", f"input-list {one}") for one in both]
        lines += added
    else:
        at = next(n for n, line in enumerate(lines) if f"filter {name} term {terms[place]} " in line)
        lines[at:at] = added
    reached = place == 0 or (place == 1 and not beside)
    opens = [f"f{n}" for n, (_, whether) in enumerate(foreign) if whether] if reached else []
    found = said("\n".join([base, *lines, ""]), [*ours], "also takes")
    found = [what for what in found if version_of(what) == 4]
    assert bool(found) == bool(opens)
    assert all(any(f"term {term}" in what for term in opens) for what in found)
    assert not opens or f"term {opens[0]}" in found[0]
