"""The proof against a little router that judges packets one by one: rules and packets of all kinds.

Where nothing is unknown the two must agree exactly. Where something is (a connection's state, an interface, who is in
an address list by now), a proof must hold whatever the unknown turns out to be.
"""

from __future__ import annotations

import re
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_network
from itertools import chain, product, repeat
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from little_router import Address, Item, Router
from obet.access.policy import ManagementPolicy
from obet.platforms.routeros.proof import prove
from obet.platforms.routeros.rules import render

NETWORKS = {4: ip_network("203.0.113.0/29"), 6: ip_network("2001:db8::/125")}
# All addresses that a rule can tell apart, and one for those that none names.
UNIVERSE: list[Address] = [address for network in NETWORKS.values() for address in network]
UNIVERSE += [IPv4Address(edge) for edge in (0, int(UNIVERSE[0]) - 1, int(UNIVERSE[0]) + 8, 2**32 - 1)]
UNIVERSE += [IPv6Address(edge) for edge in ("::", "2001:db8::8", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]
PORTS = (22, 8729)
DIALLED = (22, 8729, 2222)
OUR_CHAIN = "obet-management"
# Jumps only go forward, so that no ring arises.
TARGETS = {"input": (OUR_CHAIN, "one", "two"), OUR_CHAIN: ("two",), "one": ("two",), "two": ()}


@cache
def sources(version: int) -> st.SearchStrategy[str]:
    hosts = [str(address) for address in NETWORKS[version]]
    networks = st.integers(1, 3).map(lambda bits: f"{hosts[0]}/{NETWORKS[version].max_prefixlen - bits}")
    ranges = st.tuples(st.integers(0, 7), st.integers(0, 7)).map(lambda e: f"{hosts[min(e)]}-{hosts[max(e)]}")
    return st.sampled_from(hosts) | networks | ranges


def negatable(value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda sign, text: sign + text, st.sampled_from(["", "", "!"]), value)


PORT_LISTS = st.sampled_from(["22", "8729", "22,8729", "1-1023", "23,8000-9000", "443", "2222"])
NAMES = st.sampled_from(["staff", "others", "nobody"])


@cache
def matches(version: int, unknown: bool) -> st.SearchStrategy[Item]:
    """Up to three properties; a port only with a protocol, as the router wants it."""
    known: dict[str, Any] = {
        "src-address": negatable(sources(version)),
        "tcp": st.sampled_from([{"protocol": "tcp"}, {"protocol": "udp"}, {"protocol": "!tcp"}, {"protocol": "!udp"}]),
        "ports": negatable(PORT_LISTS).map(lambda ports: {"protocol": "tcp", "dst-port": ports}),
        "udp": negatable(PORT_LISTS).map(lambda ports: {"protocol": "udp", "dst-port": ports}),
        "comment": st.just({"comment": '"a = b, \\"c\\" [ d"'}),
        "off": st.just({"disabled": "yes"}),
    }
    doubtful: dict[str, Any] = {
        "connection-state": st.sampled_from(["established,related", "new", "!invalid"]),
        "in-interface": st.sampled_from(["ether1", "!ether2"]),
        "src-port": st.just("1024-65535"),
        "something-new": st.just("yes"),
        "src-address-list": negatable(NAMES),
    }
    options = known | (doubtful if unknown else {})
    one = st.sampled_from(sorted(options)).flatmap(
        lambda name: options[name].map(lambda value: value if isinstance(value, dict) else {name: value})
    )
    return st.lists(one, max_size=2).map(lambda parts: {k: v for part in parts for k, v in part.items()}).filter(whole)


def whole(rule: Item) -> bool:
    """What the router takes: a port needs a protocol that has one."""
    return "dst-port" not in rule or rule.get("protocol") in {"tcp", "udp"}


@cache
def filter_rules(version: int, unknown: bool) -> st.SearchStrategy[Item]:
    actions = [{"action": name} for name in ("accept", "accept", "drop", "reject", "return", "log", "passthrough")]
    places = [
        {"chain": chain} | action
        for chain, targets in TARGETS.items()
        for action in [*actions, *({"action": "jump", "jump-target": target} for target in targets)]
    ]
    return st.builds(lambda place, found: place | found, st.sampled_from(places), matches(version, unknown))


@cache
def raw_rules(version: int, unknown: bool) -> st.SearchStrategy[Item]:
    actions = st.sampled_from(["accept", "drop", "notrack"])
    return st.builds(lambda a, m: {"chain": "prerouting", "action": a} | m, actions, matches(version, unknown))


@cache
def nat_rules(version: int, unknown: bool) -> st.SearchStrategy[Item]:
    rewriting = [{"action": "dst-nat", "to-addresses": "192.0.2.1"}, {"action": "redirect", "to-ports": "22"}]
    actions = st.sampled_from([{"action": "accept"}, *rewriting])
    return st.builds(lambda a, m: {"chain": "dstnat"} | a | m, actions, matches(version, unknown))


@cache
def entries(version: int) -> st.SearchStrategy[list[Item]]:
    one = st.builds(lambda name, address: {"list": name, "address": address}, NAMES, sources(version))
    return st.lists(one, max_size=3)


@cache
def placed(strategy: Any, version: int, unknown: bool, most: int) -> st.SearchStrategy[list[tuple[Item, int]]]:
    """Rules, and where each is put among those that are there."""
    fewest = 3 if most > 3 else 0
    return st.lists(st.tuples(strategy(version, unknown), st.integers(0, 8)), min_size=fewest, max_size=most)


ALLOWED = st.lists(st.sampled_from([a for network in NETWORKS.values() for a in network]), unique=True, max_size=4)


TABLES = (("filter", filter_rules, 6), ("raw", raw_rules, 1), ("nat", nat_rules, 1))


@st.composite
def claims(draw: st.DrawFn, unknown: bool, filter_only: bool = False) -> tuple[Router, list[Address]]:
    """A router and whom it is said to take: our rules with others' before, after and around them, or others' alone."""
    router, allowed = Router(), draw(ALLOWED)
    whole_policy = render(policy(allowed or UNIVERSE)).splitlines()
    ours = bool(allowed) and draw(st.booleans())
    for line in whole_policy:
        if ours or line.startswith("/ip service"):
            router.run(line)
    for version, family in ((4, "ip"), (6, "ipv6")):
        for name, strategy, most in TABLES[: 1 if filter_only else 3]:
            items = router.lists[f"{family} firewall {name}"]
            for rule, place in draw(placed(strategy, version, unknown, most)):
                items.insert(min(place, len(items)), rule)
        if unknown:
            router.lists[f"{family} firewall address-list"] = draw(entries(version))
    return router, allowed


def policy(allowed: list[Address]) -> ManagementPolicy:
    return ManagementPolicy(device="d-0000000001", ours=tuple(allowed), co_managers=(), ports=PORTS)


def contradicted(router: Router, allowed: list[Address], luck: list[bool]) -> set[tuple[str, str, str]]:
    """What single connections show to be otherwise than claimed: the port, which way, and on which family."""

    def reaches(source: Address, port: int, service: int, friend: bool) -> bool:
        return router.reaches(source, port, service, chain(luck, repeat(False)), friend)

    found = set()
    for source, service in product(UNIVERSE, PORTS):
        family = "ip" if source.version == 4 else "ipv6"
        if source in allowed:
            if not reaches(source, service, service, friend=True):
                found.add((str(service), "may refuse", family))
        elif any(reaches(source, dialled, service, friend=False) for dialled in DIALLED):
            found.add((str(service), "also takes", family))
    return found


_SAID = re.compile(r"port (\d+): (also takes|may refuse) .*?/(ip|ipv6) firewall ")


def said(router: Router, allowed: list[Address]) -> set[tuple[str, str, str]]:
    """What the proof finds, in the same words."""
    return {_SAID.match(text).groups() for text in proven(router, allowed)}  # type: ignore[union-attr,misc]


def proven(router: Router, allowed: list[Address]) -> list[str]:
    return [finding.what for finding in prove(router.export(), allowed, PORTS)]


@settings(max_examples=200)
@given(claim=claims(unknown=False, filter_only=True))
def test_where_all_is_known_the_proof_says_just_what_packets_show(claim: tuple[Router, list[Address]]) -> None:
    router, allowed = claim
    assert said(router, allowed) == contradicted(router, allowed, [])


@settings(max_examples=300)
@given(claim=claims(unknown=True), luck=st.lists(st.booleans(), min_size=4, max_size=12))
def test_a_proof_holds_whatever_the_unknown_turns_out_to_be(
    claim: tuple[Router, list[Address]], luck: list[bool]
) -> None:
    router, allowed = claim
    assert contradicted(router, allowed, luck) <= said(router, allowed)


@given(allowed=ALLOWED.filter(bool), stranger=st.sampled_from(UNIVERSE), place=st.integers(0, 3))
def test_a_foreign_rule_that_opens_the_door_is_found_and_named_and_one_behind_ours_is_none(
    allowed: list[Address], stranger: Address, place: int
) -> None:
    router = Router()
    for line in render(policy(allowed)).splitlines():
        router.run(line)
    assert proven(router, allowed) == []
    path = f"{'ip' if stranger.version == 4 else 'ipv6'} firewall filter"
    rule = {"chain": "input", "action": "accept", "src-address": str(stranger), "comment": '"let me in"'}
    items = router.lists[path]
    items.insert(min(place, len(items)), rule)
    found = proven(router, allowed)
    if place == 0 and stranger not in allowed:
        assert len(found) == len(PORTS)
        assert all(
            f"also takes {stranger}: /{path} rule 0 (" in text and 'comment="let me in"' in text for text in found
        )
    else:
        assert found == []


@given(allowed=ALLOWED.filter(bool), data=st.data())
def test_each_rule_of_ours_that_is_missing_is_found(allowed: list[Address], data: st.DataObject) -> None:
    router = Router()
    for line in render(policy(allowed)).splitlines():
        router.run(line)
    path = data.draw(st.sampled_from(["ip firewall filter", "ipv6 firewall filter"]))
    items = router.lists[path]
    gone = items.pop(data.draw(st.integers(0, len(items) - 1)))
    assert ("may refuse" if gone["action"] == "accept" else "no rule of") in " ".join(proven(router, allowed))
