"""The proof of a device's own rules: what was rendered is proven, each way to spoil it is found.

Rules go through the kernel and come back as `nft -j list ruleset` prints them; what this nft cannot print is written by
hand. Soundness against a simulator is in test_proof_simulated.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from builders import ips
from obet.access.policy import ManagementPolicy
from obet.errors import ProofError
from obet.platforms.linux.proof import counter, prove
from obet.platforms.linux.rules import render

SOURCES = ips("198.51.100.11", "198.51.100.12", "203.0.113.21", "2001:db8:51::11")
PORTS = (22, 2222)
TEXT = render(ManagementPolicy(device="d-0000000001", ours=tuple(SOURCES), co_managers=(), ports=PORTS))
FIRST = 'iifname "lo" accept'
DROP = "tcp dport { 22, 2222 } counter name denied drop"
ACCEPTS = "{ 198.51.100.11, 198.51.100.12, 203.0.113.21 }"


def findings(ruleset: str) -> list[str]:
    return [finding.what for finding in prove(ruleset, SOURCES, PORTS)]


def first(*rules: str, declared: str = "") -> str:
    """The rendered text with rules before all others, and with what they need declared."""
    text = TEXT.replace(FIRST, "\n        ".join([*rules, FIRST]))
    return text.replace("    counter denied {", f"    {declared}\n    counter denied {{")


def instead(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new)


def beside(chain: str, rules: str) -> str:
    """The rendered text, and a table that is not ours."""
    return f"{TEXT}\ntable inet other {{\n chain foreign {{ {chain} {rules} }}\n}}\n"


def declared_set(kind: str, elements: str, flags: str = "") -> str:
    return f"set named {{ {kind}; {flags} elements = {{ {elements} }}; }}"


V4, V6 = "also takes 0.0.0.0-198.51.100.10", "also takes ::-2001:db8:51::10"
STRANGER = "port 22: also takes 203.0.113.66"
HOOK = "type filter hook input priority filter - 10"
LOOSER = {
    "one source more": (instead("203.0.113.21 }", "203.0.113.21, 203.0.113.66 }"), STRANGER),
    "a range for a host": (instead("198.51.100.12,", "198.51.100.12-198.51.100.13,"), "takes 198.51.100.13"),
    "a network for a host": (instead("198.51.100.12,", "198.51.100.12/31,"), "takes 198.51.100.13"),
    "everybody": (first("accept"), f"port 22: {V4}"),
    "everybody but one": (first("ip saddr != 203.0.113.66 accept"), f"port 22: {V4}"),
    "another source of IPv6": (first("ip6 saddr 2001:db8::66 accept"), "also takes 2001:db8::66"),
    "a set with one element more": (
        first("ip saddr @named accept", declared=declared_set("type ipv4_addr", "198.51.100.11, 203.0.113.66")),
        STRANGER,
    ),
    "a set with a network": (
        first("ip saddr @named accept", declared=declared_set("type ipv4_addr", "10.0.0.0/8", "flags interval;")),
        "also takes 10.0.0.0-10.255.255.255",
    ),
    "a set of protocols": (
        first("meta l4proto @named accept", declared=declared_set("type inet_proto", "tcp")),
        f"port 22: {V4}",
    ),
    "a range of protocols": (first("meta l4proto 0-50 accept"), f"port 22: {V4}"),
    "a set of ranges of protocols": (first("meta l4proto { 1-20, 80 } accept"), f"port 22: {V4}"),
    "a set of families": (
        first("meta nfproto @named accept", declared=declared_set("typeof meta nfproto", "ipv4")),
        f"port 22: {V4}",
    ),
    "TCP by its number": (first("meta l4proto 6 accept"), f"port 22: {V4}"),
    "a set of ports": (
        first("tcp dport @named accept", declared=declared_set("type inet_service", "20-30", "flags interval;")),
        f"port 22: {V4}",
    ),
    "a set that packets fill": (
        first(
            "tcp dport 7777 add @named { ip saddr }",
            "ip saddr @named accept",
            declared="set named { type ipv4_addr; flags dynamic; }",
        ),
        "also takes",
    ),
    "sources and ports in one": (
        first(
            "ip saddr . tcp dport @named accept",
            declared=declared_set("type ipv4_addr . inet_service", "203.0.113.66 . 22"),
        ),
        f"port 22: {V4}",
    ),
    "no drop of IPv6": (instead(DROP, f"meta nfproto ipv4 {DROP}"), f"port 22: {V6}"),
    "no drop of IPv4": (instead(DROP, f"meta nfproto ipv6 {DROP}"), f"port 22: {V4}"),
    "a refusal of IPv4 alone": (instead(DROP, "meta nfproto ipv4 tcp dport { 22, 2222 } reject"), f"port 22: {V6}"),
    "a refusal of IPv6 alone": (instead(DROP, "meta nfproto ipv6 tcp dport { 22, 2222 } reject"), f"port 22: {V4}"),
    "a reset of IPv4 alone": (
        instead(DROP, "meta nfproto ipv4 tcp dport { 22, 2222 } reject with tcp reset"),
        f"port 22: {V6}",
    ),
    "a reset, of which nft hides the family": (
        instead(DROP, "tcp dport { 22, 2222 } reject with tcp reset"),
        f"port 22: {V4}",
    ),
    "a table of IPv4 alone": (
        TEXT.replace("table inet", "table ip").replace(
            "ip6 saddr { 2001:db8:51::11 } tcp dport { 22, 2222 } accept", ""
        ),
        f"port 22: {V6}",
    ),
    "no drop": (instead(DROP, "counter name denied"), f"port 22: {V4}"),
    "a drop that counts only": (instead(DROP, DROP.removesuffix(" drop")), f"port 22: {V4}"),
    "a port missing": (instead(DROP, DROP.replace("22, ", "")), f"port 22: {V4}"),
    "every port but one": (instead(DROP, DROP.replace("{ 22, 2222 }", "!= 22")), f"port 22: {V4}"),
    "ports below": (instead(DROP, DROP.replace("{ 22, 2222 }", "< 2222")), f"port 2222: {V4}"),
    "UDP for TCP": (instead(DROP, DROP.replace("tcp", "udp")), f"port 22: {V4}"),
    "a limit on the drop": (instead(DROP, DROP.replace("counter", "limit rate 9/second counter")), f"port 22: {V4}"),
    "a quota on the drop": (instead(DROP, DROP.replace("counter", "quota over 9 mbytes counter")), f"port 22: {V4}"),
    "a drop on one interface": (instead(DROP, f'iifname "eth0" {DROP}'), f"port 22: {V4}"),
    "a drop of new connections": (instead(DROP, f"ct state new {DROP}"), f"port 22: {V4}"),
    "a drop of one's timeout": (
        first(declared="set named { type inet_service; flags timeout; elements = { 22 timeout 1h, 2222 }; }").replace(
            DROP, "tcp dport @named drop"
        ),
        f"port 22: {V4}",
    ),
    "established connections": (first("ct state established,related accept"), f"port 22: {V4}"),
    "a real interface": (first('iifname "eth0" accept'), f"port 22: {V4}"),
    "the loopback and a real one": (first('iifname { "lo", "eth0" } accept'), f"port 22: {V4}"),
    "interfaces that begin with lo": (first('iifname "lo*" accept'), f"port 22: {V4}"),
    "all but the loopback": (first('iifname != "lo" accept'), f"port 22: {V4}"),
    "a source port": (first("tcp sport 22 accept"), f"port 22: {V4}"),
    "a flag of TCP": (first("tcp flags syn accept"), f"port 22: {V4}"),
    "bytes of the header": (first("@th,16,16 22 accept"), f"port 22: {V4}"),
    "some bits of a source": (first("ip saddr & 0.0.0.255 == 66 accept"), f"port 22: {V4}"),
    "a destination": (first("ip daddr 198.51.100.101 accept"), f"port 22: {V4}"),
    "an hour of the day": (first('meta hour "08:00"-"10:00" accept'), f"port 22: {V4}"),
    "a hardware address": (first("ether saddr 00:11:22:33:44:55 accept"), f"port 22: {V4}"),
    "a map of verdicts": (first("ip saddr vmap { 203.0.113.66 : accept }"), f"port 22: {V4}"),
    "a map of ports": (first("tcp dport vmap { 22 : accept }"), f"port 22: {V4}"),
    "a way out of the chain": (first("return"), f"port 22: {V4}"),
    "a jump to a chain that accepts": (
        first("jump door", declared="chain door { ip saddr 203.0.113.66 accept; }"),
        STRANGER,
    ),
    "a goto that does not come back": (first("goto door", declared="chain door { ct state new; }"), f"port 22: {V4}"),
    "a chain of another hook": (instead("hook input", "hook output"), f"port 22: {V4}"),
    "a chain of no hook": (instead(f"{HOOK}; policy accept;", ""), f"port 22: {V4}"),
    "a chain that sees only new flows": (instead(HOOK, "type nat hook input priority 100"), f"port 22: {V4}"),
    "a sleeping table": (first(declared="flags dormant;"), f"port 22: {V4}"),
    # Who is let in then is not known: any finding will do.
    "sources rewritten before": (first("ip saddr 203.0.113.66 ip saddr set 198.51.100.11"), ""),
    "ports rewritten after": (
        beside("type filter hook input priority 0;", "tcp dport 9 tcp dport set 22;"),
        "",
    ),
}
STRICTER = {
    "a source missing": (instead("198.51.100.12, ", ""), "port 22: may refuse 198.51.100.12"),
    "all of IPv6 missing": (instead("ip6 saddr", "ip6 daddr"), "port 22: may refuse 2001:db8:51::11"),
    "a port missing for a source": (
        instead(f"{ACCEPTS} tcp dport {{ 22,", f"{ACCEPTS} tcp dport {{"),
        "port 22: may refuse",
    ),
    "a drop before": (first("tcp dport 2222 drop"), "port 2222: may refuse 198.51.100.11-198.51.100.12"),
    "a refusal before": (first("tcp dport 2222 reject"), "port 2222: may refuse 2001:db8:51::11"),
    "a drop that is perhaps": (first("ct state new drop"), "port 22: may refuse 203.0.113.21"),
    "a drop now and then": (first("limit rate over 9/second drop"), "port 22: may refuse 203.0.113.21"),
    "a map that drops": (first("tcp dport vmap { 22 : drop }"), "port 22: may refuse 203.0.113.21"),
    "an accept that is perhaps": (instead(f"ip saddr {ACCEPTS}", f"ct state new ip saddr {ACCEPTS}"), "may refuse"),
    "another table's drop": (
        beside("type filter hook input priority 0;", "ip saddr 198.51.100.11 tcp dport 22 drop;"),
        "port 22: may refuse 198.51.100.11",
    ),
    "another table's policy": (
        beside("type filter hook input priority 0; policy drop;", "ct state established accept;"),
        "port 22: may refuse 198.51.100.11-198.51.100.12",
    ),
    "a chain's drop": (
        first("jump door", declared="chain door { ip saddr 203.0.113.21 drop; }"),
        "port 22: may refuse 203.0.113.21",
    ),
}
HARMLESS = {
    "as rendered": TEXT,
    "one source twice": instead("198.51.100.12,", "198.51.100.12, 198.51.100.11,"),
    "rules of other ports": first(
        "tcp dport { 80, 443 } accept", "udp dport 22 accept", "tcp dport != { 22, 2222 } accept"
    ),
    "rules of other protocols": first(
        "meta l4proto udp accept", "meta l4proto != tcp accept", "meta l4proto 17 accept"
    ),
    "the loopback by a set": instead(FIRST, 'iifname { "lo" } accept'),
    "a mark, a comment, a count": first("meta mark set 1", 'counter comment "seen"', "ct state established counter"),
    "a source that is one anyway": first("ip saddr 198.51.100.11 accept", "ip saddr 203.0.113.21 tcp dport 22 accept"),
    "a set of sources": first("ip saddr @named accept", declared=declared_set("type ipv4_addr", "198.51.100.11")),
    "a jump to a chain that does nothing": first("jump aside", declared="chain aside { tcp dport 80 drop; }"),
    "a jump to a chain that comes back": first("jump aside", declared="chain aside { tcp dport 22 return; }"),
    "a chain that drops for it": instead(DROP, "jump aside").replace(
        "chain input", f"chain aside {{ {DROP}; }}\n chain input"
    ),
    "a goto that drops for it": instead(DROP, "goto aside").replace(
        "chain input", f"chain aside {{ {DROP}; }}\n chain input"
    ),
    "a refusal for a drop": instead(
        DROP, "tcp dport { 22, 2222 } counter name denied reject with icmpx host-unreachable"
    ),
    "a refusal of each family": instead(
        DROP, "meta nfproto ipv4 tcp dport { 22, 2222 } reject\n        meta nfproto ipv6 tcp dport { 22, 2222 } reject"
    ),
    "a reset in tables of one family": TEXT.replace(DROP, "")
    + "".join(
        f"table {family} other {{ chain foreign {{ {HOOK}; {family} saddr {{ {own} }} accept;"
        " tcp dport { 22, 2222 } reject with tcp reset; }; }\n"
        for family, own in (("ip", ACCEPTS.strip("{ }")), ("ip6", "2001:db8:51::11"))
    ),
    "a drop of a range": instead(DROP, "tcp dport 1-65535 drop"),
    "a drop of all else": instead(DROP, 'iifname != "lo" drop'),
    "a policy for a drop": instead(f"{HOOK}; policy accept;", f"{HOOK}; policy drop;").replace(DROP, ""),
    "another table's accept": beside("type filter hook input priority -50;", "accept;"),
    "another table's drop of others": beside("type filter hook input priority 0;", "ip saddr 203.0.113.66 drop;"),
    "another table's policy with the ports open": beside(
        "type filter hook input priority 0; policy drop;", "tcp dport { 22, 2222 } accept;"
    ),
    "another table that sleeps": beside("type filter hook output priority 0;", "drop;"),
}


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS)
def test_rules_that_take_the_sources_and_no_other_are_proven(loaded: Callable[..., str], text: str) -> None:
    assert findings(loaded(text)) == []


@pytest.mark.parametrize(("text", "says"), LOOSER.values(), ids=LOOSER)
def test_rules_that_may_take_another_are_found(loaded: Callable[..., str], text: str, says: str) -> None:
    found = findings(loaded(text))
    assert any(says in what for what in found), found


@pytest.mark.parametrize(("text", "says"), STRICTER.values(), ids=STRICTER)
def test_rules_that_may_refuse_a_source_are_found(loaded: Callable[..., str], text: str, says: str) -> None:
    found = findings(loaded(text))
    assert any(says in what for what in found), found


def test_a_device_without_rules_takes_everybody(loaded: Callable[..., str]) -> None:
    assert findings(loaded("")) == [f"port {p}: also takes {r}" for p, r in OPEN]


OPEN = [
    (port, outside)
    for version in (
        ("0.0.0.0-198.51.100.10", "198.51.100.13-203.0.113.20", "203.0.113.22-255.255.255.255"),
        ("::-2001:db8:51::10", "2001:db8:51::12-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    )
    for port in PORTS
    for outside in version
]


def test_a_source_that_the_rules_do_not_name_is_found_when_it_is_wanted(loaded: Callable[..., str]) -> None:
    wanted = [*SOURCES, *ips("198.51.100.13", "2001:db8:51::12")]
    assert {f.what for f in prove(loaded(TEXT), wanted, [22])} == {
        "port 22: may refuse 198.51.100.13",
        "port 22: may refuse 2001:db8:51::12",
    }


def test_the_counter_of_the_denied_is_read_by_table_and_name(loaded: Callable[..., str]) -> None:
    assert counter(loaded(TEXT), "obet_management", "denied") == 0
    assert counter(loaded(TEXT), "obet_management", "other") is None
    assert counter(loaded(TEXT), "other", "denied") is None
    seen = {"counter": {"family": "inet", "name": "denied", "table": "obet_management", "packets": 7, "bytes": 9}}
    assert counter(json.dumps({"nftables": [seen]}), "obet_management", "denied") == 7


# By hand: what this nft does not print


def rule(*expressions: Any, chain: str = "input") -> dict[str, Any]:
    return {"rule": {"family": "inet", "table": "t", "chain": chain, "expr": list(expressions)}}


def head(name: str = "input", **base: Any) -> dict[str, Any]:
    return {"chain": {"family": "inet", "table": "t", "name": name} | base}


def match(left: dict[str, Any], right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


BASE = head(type="filter", hook="input", prio=-10, policy="accept")
SADDR4 = {"payload": {"protocol": "ip", "field": "saddr"}}
SADDR6 = {"payload": {"protocol": "ip6", "field": "saddr"}}
DPORT = match({"payload": {"protocol": "tcp", "field": "dport"}}, {"set": [22, 2222]})
ACCEPT, DROPPED, RETURN = {"accept": None}, {"drop": None}, {"return": None}
GOOD = [
    BASE,
    rule(match(SADDR4, {"set": [str(a) for a in SOURCES if a.version == 4]}), DPORT, ACCEPT),
    rule(match(SADDR6, "2001:db8:51::11"), DPORT, ACCEPT),
]
END = rule(DPORT, {"counter": {"packets": 0, "bytes": 0}}, DROPPED)
TABLE = {"family": "inet", "name": "t"}


def ruleset(*items: Any) -> str:
    return json.dumps({"nftables": [{"metainfo": {"version": "1.1.0"}}, *items]})


@pytest.mark.parametrize(
    "items",
    [
        [*GOOD, END],
        [{"table": TABLE}, *GOOD, END],
        [*GOOD, rule(DPORT, {"log": {"prefix": "x"}}, {"counter": None}, {"reject": {"type": "icmpx"}})],
        [*GOOD, rule(match({"payload": {"protocol": "th", "field": "dport"}}, {"range": [1, 65535]}), DROPPED)],
        [*GOOD, rule({"jump": {"target": "c"}}), head("c"), rule(DPORT, DROPPED, chain="c")],
        [*GOOD, rule(match({"meta": {"key": "nfproto"}}, {"set": ["ipv4", "ipv6"]}), DROPPED)],
        [*GOOD, rule(match({"meta": {"key": "l4proto"}}, {"set": ["udp", 6]}), DROPPED)],
    ],
)
def test_what_another_nft_would_print_of_good_rules_is_proven(items: list[Any]) -> None:
    assert findings(ruleset(*items)) == []


@pytest.mark.parametrize(
    "items",
    [
        [*GOOD],
        [{"table": TABLE | {"flags": ["dormant"]}}, *GOOD, END],
        [{"table": TABLE | {"flags": "dormant"}}, *GOOD, END],
        [BASE, rule({"xt": None}), *GOOD[1:], END],
        [BASE, rule({"xt": {"type": "match", "name": "tcp"}}, ACCEPT), *GOOD[1:], END],
        [BASE, rule({"queue": {"num": 0, "flags": "bypass"}}), *GOOD[1:], END],
        [BASE, rule({"unheard-of": {}}, ACCEPT), *GOOD[1:], END],
        [*GOOD, rule({"unheard-of": {}}, DPORT, DROPPED)],
        [*GOOD, rule(DPORT, {"reject": None})],
        [*GOOD, rule(match({"unheard-of": 1}, 1), DROPPED)],
        [*GOOD, rule(match({"meta": {"key": "unheard-of"}}, 1), DPORT, DROPPED)],
        [*GOOD, rule(match(DPORT["match"]["left"], 22, "unheard-of"), DROPPED)],
        [*GOOD, rule(match(DPORT["match"]["left"], "ssh"), DROPPED)],
        [*GOOD, rule(match(DPORT["match"]["left"], "@gone"), DROPPED)],
        [*GOOD, rule({"jump": {"target": "c"}}), head("c"), rule(RETURN, chain="c"), rule(DPORT, DROPPED, chain="c")],
        [*GOOD, rule({"goto": {"target": "c"}}), head("c"), END],
        [BASE | {"chain": BASE["chain"] | {"hook": "forward"}}, *GOOD[1:], END],
        [BASE | {"chain": BASE["chain"] | {"family": "bridge"}}, *GOOD[1:], END],
        [],
    ],
)
def test_what_another_nft_would_print_of_bad_or_unknown_rules_is_found(items: list[Any]) -> None:
    assert any(V4 in what for what in findings(ruleset(*items)))


BROKEN = {
    "nothing": "",
    "text": "table inet t { }",
    "a list": "[]",
    "null": "null",
    "no ruleset": "{}",
    "a ruleset of no list": '{"nftables": 1}',
    "a list of no items": '{"nftables": [1]}',
    "nesting without end": "[" * 100_000,
    "a rule of no chain": ruleset({"rule": {"expr": []}}),
    "a chain of no table": ruleset({"chain": {"family": "inet"}}),
    "a table of no name": ruleset({"table": {"flags": ["dormant"]}}),
    "a set of no table": ruleset({"set": {"name": "x"}}),
    "a table that is a number": ruleset({"table": 1}),
    "an expression that is a number": ruleset(BASE, rule(1)),
    "an empty expression": ruleset(BASE, rule({})),
    "two expressions in one": ruleset(BASE, rule({"accept": None, "drop": None})),
    "a match of nothing": ruleset(BASE, rule({"match": None}, ACCEPT)),
    "a match that is a list": ruleset(BASE, rule({"match": []}, ACCEPT)),
    "a jump to nowhere": ruleset(BASE, rule({"jump": None})),
    "a set that is a number": ruleset(BASE, rule(match(SADDR4, {"set": 1}), ACCEPT)),
    "a range of one end": ruleset(BASE, rule(match(DPORT["match"]["left"], {"range": [1]}), ACCEPT)),
    "a chain that is not there": ruleset(BASE, rule({"jump": {"target": "gone"}})),
    "a chain that calls itself": ruleset(BASE, rule({"jump": {"target": "input"}})),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_what_is_not_what_nft_prints_is_never_proven_and_ends_in_no_other_error(text: str) -> None:
    try:
        found = findings(text)
    except ProofError as error:
        assert error.exit_code == 10
        assert "\n" not in str(error)
    else:
        assert found


@pytest.mark.timeout(2)
def test_a_device_with_many_nested_chains_does_not_keep_the_verifier_busy() -> None:
    names = ["input", *(f"c{n}" for n in range(1, 14))]
    jumps = [rule({"jump": {"target": c}}, chain=b) for b, c in pairwise(names) for _ in range(2)]
    assert findings(ruleset(BASE, *map(head, names[1:]), *jumps, *GOOD[1:], END)) == []


def test_about_no_port_nothing_is_proven() -> None:
    with pytest.raises(ProofError, match="nothing is proven"):
        prove('{"nftables": []}', SOURCES, [])
