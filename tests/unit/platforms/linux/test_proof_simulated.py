"""The proof against a simulator: rules as nft prints them, run packet by packet in the plainest way there is.

Where nothing is unknown the two must agree exactly. Where something is (a connection's state, a limit), a proof must
hold whatever the unknown turns out to be.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from obet.platforms.linux.proof import prove

Expression = dict[str, Any]
NETWORKS = {4: ip_network("203.0.113.0/29"), 6: ip_network("2001:db8::/125")}
# All addresses that a rule can tell apart, and one for those that none names.
UNIVERSE: list[IPv4Address | IPv6Address] = [address for network in NETWORKS.values() for address in network]
UNIVERSE += [IPv4Address(edge) for edge in (0, int(UNIVERSE[0]) - 1, int(UNIVERSE[0]) + 8, 2**32 - 1)]
UNIVERSE += [IPv6Address(edge) for edge in ("::", "2001:db8::8", 2**128 - 1)]
PORTS = (22, 2222)


@dataclass
class Packet:
    """One packet over TCP from the network, and what its unknown properties turn out to be."""

    source: IPv4Address | IPv6Address
    port: int
    luck: Iterator[bool] = field(default_factory=lambda: iter([]))


@dataclass
class Rules:
    """Chains by name with their rules; `input` is the base chain."""

    policy: str
    chains: dict[str, list[list[Expression]]]

    def listing(self) -> str:
        items: list[dict[str, Any]] = []
        for name, rules in self.chains.items():
            place = {"family": "inet", "table": "t"}
            base = {"type": "filter", "hook": "input", "prio": 0, "policy": self.policy} if name == "input" else {}
            items.append({"chain": {**place, "name": name, **base}})
            items += [{"rule": {**place, "chain": name, "expr": rule}} for rule in rules]
        return json.dumps({"nftables": items})

    def drops(self, packet: Packet) -> bool:
        verdict = self._run("input", packet)
        return (self.policy if verdict == "return" else verdict) == "drop"

    def _run(self, chain: str, packet: Packet) -> str:
        for rule in self.chains[chain]:
            verdict = self._rule(rule, packet)
            if verdict != "continue":
                return verdict
        return "return"

    def _rule(self, rule: list[Expression], packet: Packet) -> str:
        for expression in rule:
            ((kind, body),) = expression.items()
            if kind in {"accept", "drop", "return"}:
                return str(kind)
            if kind == "jump":
                verdict = self._run(body["target"], packet)
                return "continue" if verdict == "return" else verdict
            if kind == "goto":
                return self._run(body["target"], packet)
            if not matches(kind, body, packet):
                return "continue"
        return "continue"


def matches(kind: str, body: Any, packet: Packet) -> bool:
    if kind == "counter":
        return True
    if kind != "match" or "ct" in body["left"]:
        return next(packet.luck, False)
    found: Any
    if "meta" in body["left"]:
        version = packet.source.version
        found = {"iifname": "eth0", "l4proto": "tcp", "nfproto": f"ipv{version}"}[body["left"]["meta"]["key"]]
    elif body["left"]["payload"]["field"] == "dport":
        if body["left"]["payload"]["protocol"] == "udp":
            return False
        found = packet.port
    else:
        if {"ip": 4, "ip6": 6}[body["left"]["payload"]["protocol"]] != packet.source.version:
            return False
        found = packet.source
    elements = body["right"]["set"] if isinstance(body["right"], dict) and "set" in body["right"] else [body["right"]]
    return any(holds(element, found) for element in elements) is (body["op"] == "==")


@cache
def network(address: str, length: int) -> IPv4Network | IPv6Network:
    return ip_network(f"{address}/{length}")


def holds(element: Any, value: Any) -> bool:
    if isinstance(value, IPv4Address | IPv6Address):
        if isinstance(element, str):
            return ip_address(element) == value
        if "prefix" in element:
            return value in network(element["prefix"]["addr"], element["prefix"]["len"])
        low, high = map(ip_address, element["range"])
        return int(low) <= int(value) <= int(high)
    if isinstance(element, dict):
        return bool(element["range"][0] <= value <= element["range"][1])
    return bool(element == value)


def one_or_set(element: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return element | st.lists(element, min_size=1, max_size=3).map(lambda items: {"set": items})


def comparison(left: dict[str, Any], right: st.SearchStrategy[Any]) -> st.SearchStrategy[Expression]:
    operator = st.sampled_from(["==", "!="])
    return st.builds(lambda op, value: {"match": {"op": op, "left": left, "right": value}}, operator, right)


def sources(version: int) -> st.SearchStrategy[Expression]:
    hosts = [str(address) for address in NETWORKS[version]]
    first, bits = hosts[0], NETWORKS[version].max_prefixlen
    networks = st.integers(1, 3).map(lambda n: {"prefix": {"addr": first, "len": bits - n}})
    ranges = st.tuples(st.integers(0, 7), st.integers(0, 7)).map(lambda e: {"range": [hosts[min(e)], hosts[max(e)]]})
    protocol = {4: "ip", 6: "ip6"}[version]
    left = {"payload": {"protocol": protocol, "field": "saddr"}}
    return comparison(left, one_or_set(st.sampled_from(hosts) | networks | ranges))


def meta(key: str, *values: str) -> st.SearchStrategy[Expression]:
    return comparison({"meta": {"key": key}}, st.sampled_from(values))


PORT = st.sampled_from([22, 2222, 80, {"range": [20, 30]}, {"range": [1, 65535]}])
KNOWN = st.one_of(
    sources(4),
    sources(6),
    comparison({"payload": {"protocol": "tcp", "field": "dport"}}, one_or_set(PORT)),
    comparison({"payload": {"protocol": "udp", "field": "dport"}}, PORT),
    meta("iifname", "lo"),
    meta("nfproto", "ipv4", "ipv6"),
    meta("l4proto", "tcp", "udp"),
    st.just({"counter": {"packets": 0, "bytes": 0}}),
)
UNKNOWN: st.SearchStrategy[Expression] = st.sampled_from(
    [{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "new"}}, {"limit": {"rate": 9, "per": "second"}}]
)
VERDICT = st.sampled_from([{"accept": None}, {"drop": None}, {"return": None}])


@st.composite
def claims(draw: st.DrawFn, matching: st.SearchStrategy[Expression]) -> tuple[Rules, list[Any]]:
    """A base chain and two others, each of which may call those after it; and the sources that it is said to take.

    Mostly the base chain ends as it should, so that whether the claim is true hangs on the rules before.
    """
    names = ["input", "first", "second"]
    chains = {}
    for number, name in enumerate(names):
        calls = [{kind: {"target": after}} for after in names[number + 1 :] for kind in ("jump", "goto")]
        verdict = VERDICT | st.sampled_from(calls) if calls else VERDICT
        rule = st.builds(lambda found, end: [*found, end], st.lists(matching, max_size=2), verdict)
        chains[name] = draw(st.lists(rule, max_size=4))
    allowed = draw(ALLOWED)
    if draw(st.integers(0, 3)):
        chains["input"] += right(allowed).chains["input"]
    return Rules(draw(st.sampled_from(["accept", "drop"])), chains), allowed


ALLOWED = st.lists(st.sampled_from([a for network in NETWORKS.values() for a in network]), unique=True, max_size=4)


def contradicted(rules: Rules, allowed: list[Any], luck: list[bool]) -> bool:
    """Whether one packet shows that the rules do not do what is claimed."""
    return any(
        rules.drops(Packet(source, port, iter(luck))) == (source in allowed) for source in UNIVERSE for port in PORTS
    )


@settings(max_examples=200)
@given(claim=claims(KNOWN))
def test_where_all_is_known_the_proof_says_just_what_packets_show(claim: tuple[Rules, list[Any]]) -> None:
    rules, allowed = claim
    assert bool(prove(rules.listing(), allowed, PORTS)) == contradicted(rules, allowed, [])


@settings(max_examples=200)
@given(claim=claims(KNOWN | UNKNOWN), luck=st.lists(st.booleans(), min_size=4, max_size=12))
def test_a_proof_holds_whatever_the_unknown_turns_out_to_be(claim: tuple[Rules, list[Any]], luck: list[bool]) -> None:
    rules, allowed = claim
    if contradicted(rules, allowed, luck):
        assert prove(rules.listing(), allowed, PORTS)


SPOILT = st.sampled_from(["drop", "more", "state", "limit", "port", "family"])


@given(allowed=ALLOWED, stranger=st.sampled_from(UNIVERSE), spoil=SPOILT)
def test_rules_that_are_right_are_proven_and_once_spoilt_are_not(allowed: list[Any], stranger: Any, spoil: str) -> None:
    rules = right(allowed)
    assert prove(rules.listing(), allowed, PORTS) == []
    chain = rules.chains["input"]
    state = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "established"}}
    if spoil == "drop":
        chain.pop()
    elif spoil == "more":
        allowed = [a for a in allowed if a != stranger]
        chain.insert(0, [by_source(stranger.version, [stranger]), {"accept": None}])
    elif spoil == "state":
        chain.insert(0, [state, {"accept": None}])
    elif spoil == "limit":
        chain[-1].insert(1, {"limit": {"rate": 9, "per": "second"}})
    elif spoil == "port":
        chain[-1][0]["match"]["right"] = 22
    else:
        chain[-1].insert(0, {"match": {"op": "==", "left": {"meta": {"key": "nfproto"}}, "right": "ipv4"}})
    assert prove(rules.listing(), allowed, PORTS)


def by_source(version: int, found: list[Any]) -> Expression:
    left = {"payload": {"protocol": {4: "ip", 6: "ip6"}[version], "field": "saddr"}}
    return {"match": {"op": "==", "left": left, "right": {"set": [str(a) for a in found]}}}


def right(allowed: list[Any]) -> Rules:
    ports = {
        "match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": {"set": [*PORTS]}}
    }
    accepts = [
        [by_source(version, found), ports, {"accept": None}]
        for version in (4, 6)
        if (found := [a for a in allowed if a.version == version])
    ]
    end = [json.loads(json.dumps(ports)), {"drop": None}]
    return Rules("accept", {"input": [*accepts, end]})
