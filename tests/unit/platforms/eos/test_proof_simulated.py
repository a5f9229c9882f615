"""The proof against a simulator: access lists as EOS shows them, run packet by packet in the plainest way there is.

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
from obet.platforms.eos.proof import prove
from obet.platforms.eos.rules import commands

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
_WORD = {4: "ip", 6: "ipv6"}
_NAMES = {"ssh": 22, "telnet": 23, "www": 80, "https": 443}


@dataclass(frozen=True)
class Packet:
    source: Address
    port: int


@dataclass(frozen=True)
class Entry:
    """An entry of a list; `option` makes what it matches unknown."""

    verdict: str
    protocol: str
    source: tuple[str, int, int]  # any; host, number; network or wildcard, number, set bits
    ports: tuple[str, ...] = ()
    option: str = ""

    def text(self, version: int, standard: bool) -> str:
        words = [self.verdict, self._source(version)]
        if not standard:
            words = [self.verdict, self.protocol, self._source(version), "any", *self.ports]
        return " ".join(word for word in [*words, self.option] if word)

    def _source(self, version: int) -> str:
        kind, number, bits = self.source
        if kind == "any":
            return "any"
        host = HOSTS[version][number]
        if kind == "host":
            return f"host {host}"
        if kind == "wildcard" and version == 4:
            return f"{host} {IPv4Address(bits)}"
        return f"{host}/{host.max_prefixlen - bits.bit_length()}"

    def matches(self, packet: Packet, luck: Iterator[bool], standard: bool) -> bool:
        if not self._from(packet.source):
            return False
        if not standard and (self.protocol not in {"tcp", "ip", "ipv6", "6"} or not self._to(packet.port)):
            return False
        return self.option in {"", "log"} or next(luck, False)

    def _from(self, source: Address) -> bool:
        kind, number, bits = self.source
        if kind == "any":
            return True
        host = HOSTS[source.version][number]
        if kind == "host":
            return source == host
        if source.version == 6:
            return source in IPv6Network((int(host), 128 - bits.bit_length()), strict=False)
        free = bits if kind == "wildcard" else 2 ** bits.bit_length() - 1
        return all((int(source) ^ int(host)) >> bit & 1 == 0 for bit in range(32) if not free >> bit & 1)

    def _to(self, port: int) -> bool:
        if not self.ports:
            return True
        operator, *words = self.ports
        numbers = [_NAMES.get(word) or int(word) for word in words]
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
    standard: bool
    entries: tuple[Entry, ...]

    def text(self) -> str:
        kind = "standard " if self.standard else ""
        entries = [entry.text(self.version, self.standard) for entry in self.entries]
        numbered = [f"   {10 * n + 20} {entry}" for n, entry in enumerate(entries)]
        head = f"{_WORD[self.version]} access-list {kind}{self.name}"
        return "\n".join([head, "   counters per-entry", "   10 remark a word of ours", *numbered, "!", ""])

    def lets_in(self, packet: Packet, luck: Iterator[bool]) -> bool:
        for entry in self.entries:
            if entry.matches(packet, luck, self.standard):
                return entry.verdict == "permit"
        return False


@dataclass(frozen=True)
class Place:
    """A service in a VRF: its lists by IP version, and what it says of itself: on, off or nothing."""

    names: dict[int, str]
    says: str


@dataclass(frozen=True)
class Configuration:
    """SSH and eAPI, each with its own say, and where it is bound in the default VRF and another."""

    lists: tuple[AccessList, ...]
    ssh: tuple[Place, Place]
    ssh_off: bool
    web: tuple[Place, Place]
    web_on: bool

    def text(self) -> str:
        head = "! Command: show running-config\n! device: leaf1 (vEOS-lab, EOS-4.31.2F)\n!\nvrf instance RED\n!\n"
        return "".join([head, *(one.text() for one in self.lists), *self._ssh(), *self._web(), "end\n"])

    def _ssh(self) -> Iterator[str]:
        yield "management ssh\n   cipher aes256-ctr\n   mac hmac-sha2-256\n   key-exchange ecdh-sha2-nistp256\n"
        yield "   shutdown\n" if self.ssh_off else ""
        for place, ending in zip(self.ssh, ("", " vrf RED"), strict=True):
            for version, name in place.names.items():
                yield f"   {_WORD[version]} access-group {name}{ending} in\n"
        for place, vrf in zip(self.ssh, ("default", "RED"), strict=True):
            yield f"   !\n   vrf {vrf}\n      {place.says}\n" if place.says else ""

    def _web(self) -> Iterator[str]:
        yield "management api http-commands\n"
        yield "   no shutdown\n" if self.web_on else ""
        for place, vrf in zip(self.web, ("default", "RED"), strict=True):
            yield f"   !\n   vrf {vrf}\n" + (f"      {place.says}\n" if place.says else "")
            for version, name in place.names.items():
                yield f"      {_WORD[version]} access-group {name}\n"

    def answers(self, packet: Packet, luck: Iterator[bool]) -> list[bool]:
        """Of each VRF in which the service of that port is on whether it lets the packet in."""
        places, on = (self.ssh, not self.ssh_off) if packet.port == 22 else (self.web, self.web_on)
        return [self._answer(place, packet, luck) for place in places if self._is_on(place, on, packet.port)]

    @staticmethod
    def _is_on(place: Place, on: bool, port: int) -> bool:
        if place.says:
            return place.says == "no shutdown" and (on or port == 22)
        return on

    def _answer(self, place: Place, packet: Packet, luck: Iterator[bool]) -> bool:
        version = packet.source.version
        if version not in place.names:
            return True
        named = [one for one in self.lists if (one.version, one.name) == (version, place.names[version])]
        return named[0].lets_in(packet, luck)


def entries_of(version: int, standard: bool, options: list[str]) -> st.SearchStrategy[Entry]:
    # Many holes are taken as larger than they are, so what such a wildcard matches counts as unknown.
    holes = [2, 4, 5, 6, 0x7F05, *([0xFF05, 0xFFFFFFFA] if any(options) else [])]
    number = st.integers(0, 7)
    source = st.one_of(
        st.just(("any", 0, 0)),
        st.tuples(st.just("host"), number, st.just(0)),
        st.tuples(st.just("network"), number, st.sampled_from([1, 3, 7, 255, 2**32 - 1])),
        st.tuples(st.just("wildcard"), number, st.sampled_from(holes if version == 4 else [1, 7])),
    )
    ports = st.sampled_from(
        [
            (),
            *(
                ("eq", "ssh"),
                ("eq", "telnet"),
                ("eq", "22", "https", "www"),
                ("neq", "ssh"),
                ("gt", "22"),
                ("lt", "443"),
            ),
            *(("range", "22", "23"), ("range", "1", "65535"), ("eq", "https")),
        ]
    )
    verdict, option = st.sampled_from(["permit", "deny"]), st.sampled_from(options)
    tcp = st.builds(Entry, verdict, st.just("tcp"), source, ports, option)
    others = [_WORD[version], "udp", "icmp", "6", "17"]
    other = st.builds(Entry, verdict, st.sampled_from(others), source)
    return other if standard else tcp | other


SHAPES = [("A", 4, False), ("S", 4, True), ("X", 6, False), ("Y", 6, True)]


def lists_of(options: list[str]) -> st.SearchStrategy[tuple[AccessList, ...]]:
    return st.tuples(
        *(
            st.builds(
                AccessList,
                st.just(name),
                st.just(version),
                st.just(standard),
                st.lists(entries_of(version, standard, options), min_size=1, max_size=4).map(tuple),
            )
            for name, version, standard in SHAPES
        )
    )


names = st.fixed_dictionaries({}, optional={4: st.sampled_from("AAS"), 6: st.sampled_from("XXY")})
places = st.builds(Place, names, st.sampled_from(["", "no shutdown", "shutdown"]))
# eAPI in a VRF that says nothing may be on or off: see below.
sure_places = st.builds(Place, names, st.sampled_from(["no shutdown", "shutdown"]))
sources_of = st.lists(st.sampled_from([*HOSTS[4][:4], *HOSTS[6][:4]]), max_size=4, unique=True)


def configurations(options: list[str]) -> st.SearchStrategy[Configuration]:
    ssh = st.tuples(places, places)
    return st.builds(
        Configuration, lists_of(options), ssh, st.booleans(), st.tuples(sure_places, sure_places), st.booleans()
    )


def said(configuration: str, allowed: list[Address], port: int, word: str) -> list[str]:
    found = [finding.what for finding in prove(configuration, allowed, [22, 443])]
    return [what for what in found if what.startswith(f"port {port}: {word}")]


def version_of(what: str) -> int:
    address = re.match(r"port \d+: also takes ([0-9a-f.:]+)", what)
    assert address
    return 6 if ":" in address[1].removesuffix(":") or address[1].startswith("::") else 4


@settings(max_examples=120, deadline=None)
@given(configurations([""]), sources_of, st.sampled_from([22, 443]))
def test_where_nothing_is_unknown_the_proof_says_what_packets_meet(
    configuration: Configuration, allowed: list[Address], port: int
) -> None:
    met = {source: configuration.answers(Packet(source, port), iter(())) for source in UNIVERSE}
    opened = {source for source, answers in met.items() if any(answers) and source not in allowed}
    text = configuration.text()
    assert {version_of(what) for what in said(text, allowed, port, "also takes")} == {s.version for s in opened}
    refused = {source for source in allowed if not all(met[source])}
    assert bool(said(text, allowed, port, "may refuse")) == bool(refused)
    assert bool(said(text, allowed, port, "nothing listens")) is not any(met.values())


@settings(max_examples=120, deadline=None)
@given(
    configurations(["", "log", "established", "tracked", "ttl eq 255", "dscp ef"]),
    sources_of,
    st.sampled_from([22, 443]),
    st.lists(st.booleans(), min_size=40, max_size=40),
)
def test_what_is_proven_holds_whatever_the_unknown_turns_out_to_be(
    configuration: Configuration, allowed: list[Address], port: int, luck: list[bool]
) -> None:
    text = configuration.text()
    open_to = {version_of(what) for what in said(text, allowed, port, "also takes")}
    refused = said(text, allowed, port, "may refuse")
    for source in UNIVERSE:
        answers = configuration.answers(Packet(source, port), iter(luck))
        if any(answers) and source not in allowed:
            assert source.version in open_to
        if source in allowed and not all(answers):
            assert refused


@settings(max_examples=60, deadline=None)
@given(lists_of([""]), st.tuples(places, places), sources_of, st.booleans())
def test_eapi_in_a_vrf_that_says_nothing_is_proven_for_both_that_it_is_on_and_off(
    lists: tuple[AccessList, ...], web: tuple[Place, Place], allowed: list[Address], on: bool
) -> None:
    quiet = (Place({}, "shutdown"), Place({}, "shutdown"))
    open_to = {
        version_of(what)
        for what in said(Configuration(lists, quiet, True, web, True).text(), allowed, 443, "also takes")
    }
    turned = tuple(Place(place.names, place.says or ("no shutdown" if on else "shutdown")) for place in web)
    configuration = Configuration(lists, quiet, True, turned, True)  # type: ignore[arg-type]
    for source in UNIVERSE:
        if any(configuration.answers(Packet(source, 443), iter(()))) and source not in allowed:
            assert source.version in open_to


FOREIGN = st.lists(
    st.sampled_from(
        [
            ("permit tcp any any eq ssh", True),
            ("permit ip host 203.0.113.66 any", True),
            ("permit tcp 203.0.113.0/24 any range 20 30 log", True),
            ("permit tcp any any established", True),
            ("permit ip any any tracked", True),
            ("permit tcp any any eq gnmi", True),
            ("permit vlan 7 0xfff ip any any", True),
            ("permit udp any any", False),
            ("permit tcp any any eq www", False),
            ("permit tcp host 198.51.100.1 any eq ssh", False),
            ("deny tcp host 203.0.113.67 any eq telnet", False),
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
    ours: list[Address] = [IPv4Address(f"198.51.100.{n}") for n in range(1, 4)]
    policy = ManagementPolicy(device="d-0000000001", ours=tuple(ours), co_managers=(), ports=(22,))
    base = "! Command: show running-config\nhostname leaf1\nend\n"
    lines = [line for line in commands(policy, base).splitlines() if line.strip() != "exit"]
    head, entries, rest = lines[:2], lines[2:6], lines[6:]

    def at(where: int) -> str:
        added = [f"   {10 * where + n} {entry}" for n, (entry, _) in enumerate(foreign, start=1)]
        text = "\n".join([*head, *entries[:where], *added, *entries[where:], *rest])
        return f"! Command: show running-config\n{text}\nend\n"

    assert said(at(4), ours, 22, "also takes") == []
    found = said(at(place), ours, 22, "also takes")
    opens = [entry for entry, whether in foreign if whether]
    assert bool(found) == bool(opens)
    assert all(any(f" {entry}`" in what for entry in opens) for what in found)
    assert not opens or f" {opens[0]}`" in found[0]
