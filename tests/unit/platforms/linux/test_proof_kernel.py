"""The proof against the kernel: rules of all kinds and real packets, in a network of the test's own.

What the kernel lets in the proof must say it takes, and what the kernel drops that it may refuse. Where nothing is
unknown to the proof the two must agree exactly.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from builders import CHECKOUT, ips
from hypothesis import given, settings
from hypothesis import strategies as st
from obet.access.policy import ManagementPolicy
from obet.platforms.linux.proof import prove
from obet.platforms.linux.rules import render

Address = IPv4Address | IPv6Address
Packets = list[tuple[Address, int]]
Asked = Callable[[str, Packets], tuple[str, list[bool]]]
NETWORKS = {4: ip_network("203.0.113.0/29"), 6: ip_network("2001:db8::/125")}
PORTS = (22, 2222)
_FINDING = re.compile(r"port (\d+): (also takes|may refuse) ([^- ]+)(?:-(\S+))?")


@pytest.fixture(scope="module")
def kernel() -> Iterator[Asked]:
    """Asks the kernel what it makes of rules and packets: its own listing of the rules, and which packets passed."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a network namespace of its own")
    if not Path("/dev/net/tun").exists() or not all(map(shutil.which, ("nft", "ip", "unshare"))):
        pytest.skip("needs /dev/net/tun, and nft, ip and unshare on PATH")
    program = ["unshare", "--net", sys.executable, str(CHECKOUT / "tests" / "kernel_packets.py")]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(rules: str, packets: Packets) -> tuple[str, list[bool]]:
            question = {"rules": rules, "packets": [(str(source), port) for source, port in packets]}
            stdin.write(json.dumps(question) + "\n")
            stdin.flush()
            answer: dict[str, Any] = json.loads(stdout.readline())
            return answer["listing"], answer["admitted"]

        yield ask
        stdin.close()
        assert process.wait(10) == 0


def sources(version: int) -> st.SearchStrategy[str]:
    hosts = [str(address) for address in NETWORKS[version]]
    networks = st.integers(1, 3).map(lambda bits: f"{hosts[0]}/{NETWORKS[version].max_prefixlen - bits}")
    ranges = st.tuples(st.integers(0, 3), st.integers(4, 7)).map(lambda ends: f"{hosts[ends[0]]}-{hosts[ends[1]]}")
    several = st.lists(st.sampled_from(hosts), min_size=1, max_size=3, unique=True)
    sets = several.map(lambda found: f"{{ {', '.join(found)} }}")
    return st.sampled_from(hosts) | networks | ranges | sets


DPORTS = st.sampled_from(["22", "2222", "{ 22, 2222 }", "1-1023", "{ 80, 2000-3000 }", "443"])
SIGNS = st.sampled_from(["", "", "!= "])
NOTHING = st.just("")
# At most one of each: nft takes no rule that contradicts itself.
SOURCE = st.one_of(
    NOTHING,
    st.builds("ip saddr {}{}".format, SIGNS, sources(4)),
    st.builds("ip6 saddr {}{}".format, SIGNS, sources(6)),
    st.sampled_from(["ip saddr @named", "ip6 saddr != @named6", "meta nfproto ipv4", "meta nfproto != ipv4"]),
)
PORT = st.one_of(
    NOTHING,
    NOTHING,
    st.builds("tcp dport {}{}".format, SIGNS, DPORTS),
    st.builds("th dport {}".format, DPORTS),
    st.sampled_from(["tcp dport @ports", "meta l4proto tcp", "meta l4proto != tcp", "udp dport 22", "udp dport != 22"]),
)
OTHER = st.sampled_from(["", "", "", 'iifname != "lo"', 'iifname "lo"'])
UNKNOWN = st.sampled_from(
    ["ct state new", "ct state established", "limit rate 1/hour burst 9 packets", 'iifname "tun0"', "meta mark 0"]
)
POLICIES = st.sampled_from(["accept", "accept", "drop"])
TARGETS = {"input": ("one", "two"), "late": ("two",), "one": ("two",), "two": ()}
NAMED = """
    set named { type ipv4_addr; flags interval; elements = { 203.0.113.2, 203.0.113.4/31 }; }
    set named6 { type ipv6_addr; elements = { 2001:db8::1, 2001:db8::5 }; }
    set ports { type inet_service; elements = { 22, 8022 }; }"""


@cache
def rules(chain: str, unknown: bool) -> st.SearchStrategy[list[str]]:
    matches = st.tuples(SOURCE, PORT, UNKNOWN | NOTHING if unknown else OTHER)
    verdicts = ["accept", "drop", "reject", "return", "counter"]
    verdicts += [f"{way} {target}" for way in ("jump", "goto") for target in TARGETS[chain]]
    rule = st.builds(lambda m, v: " ".join(filter(None, [*m, v])), matches, st.sampled_from(verdicts))
    # What nft prints of this does not tell of which family it is.
    reset = st.builds("{} tcp dport 22 reject with tcp reset".format, SOURCE)
    return st.lists(rule | reset if unknown else rule, min_size=3, max_size=5)


@st.composite
def rulesets(draw: st.DrawFn, unknown: bool) -> str:
    """One table with two base chains and two others, or our own text before such a table."""
    chains = []
    for name in ("two", "one", "input", "late"):
        head = ""
        if name in {"input", "late"}:
            priority = {"input": -5, "late": 7}[name]
            head = f"type filter hook input priority {priority}; policy {draw(POLICIES)};"
        body = "\n        ".join([head, *draw(rules(name, unknown))])
        chains.append(f"    chain {name} {{\n        {body}\n    }}")
    table = "\n".join(["table inet other {", NAMED, *chains, "}"])
    if draw(st.integers(0, 3)):
        return table
    ours = draw(st.lists(st.sampled_from(UNIVERSE), min_size=1, max_size=4, unique=True))
    return render(ManagementPolicy(device="d-0000000001", ours=tuple(ours), co_managers=(), ports=PORTS)) + table


UNIVERSE: list[Address] = [address for network in NETWORKS.values() for address in network]
# Any host that may send: nothing that the kernel takes for impossible, nor its own network.
ANYBODY = st.one_of(
    st.sampled_from(UNIVERSE),
    st.integers(int(ip_address("1.0.0.0")), int(ip_address("126.255.255.255"))).map(IPv4Address),
    st.integers(int(ip_address("203.0.112.250")), int(ip_address("203.0.113.20"))).map(IPv4Address),
    st.integers(int(ip_address("2001:db7::")), int(ip_address("2001:db8::20"))).map(IPv6Address),
)
STRANGERS = st.lists(ANYBODY, max_size=10)


def said(listing: str, allowed: list[Address]) -> dict[tuple[str, int, int], list[tuple[int, int]]]:
    """What the proof finds, as intervals by kind, port and version of IP."""
    found: dict[tuple[str, int, int], list[tuple[int, int]]] = {}
    for finding in prove(listing, allowed, PORTS):
        port, kind, low, high = _FINDING.fullmatch(finding.what).groups()  # type: ignore[union-attr]
        first, last = ip_address(low), ip_address(high or low)
        found.setdefault((kind, int(port), first.version), []).append((int(first), int(last)))
    return found


def within(intervals: list[tuple[int, int]], address: Address) -> bool:
    return any(low <= int(address) <= high for low, high in intervals)


@settings(max_examples=60)
@given(ruleset=rulesets(unknown=False), strangers=STRANGERS)
def test_where_all_is_known_the_proof_says_of_each_packet_what_the_kernel_does(
    kernel: Asked, ruleset: str, strangers: list[Address]
) -> None:
    packets = [(source, port) for source in [*UNIVERSE, *strangers] for port in PORTS]
    listing, admitted = kernel(ruleset, packets)
    takes, refuses = said(listing, []), said(listing, [source for source, _ in packets])
    for (source, port), passed in zip(packets, admitted, strict=True):
        assert within(takes.get(("also takes", port, source.version), []), source) is passed, (source, port)
        assert within(refuses.get(("may refuse", port, source.version), []), source) is not passed, (source, port)


@settings(max_examples=60)
@given(ruleset=rulesets(unknown=True), strangers=STRANGERS)
def test_whatever_the_kernel_does_with_a_packet_the_proof_has_said_may_be(
    kernel: Asked, ruleset: str, strangers: list[Address]
) -> None:
    packets = [(source, port) for source in [*UNIVERSE, *strangers] for port in PORTS]
    listing, admitted = kernel(ruleset, packets)
    takes, refuses = said(listing, []), said(listing, [source for source, _ in packets])
    for (source, port), passed in zip(packets, admitted, strict=True):
        kind, found = ("also takes", takes) if passed else ("may refuse", refuses)
        assert within(found.get((kind, port, source.version), []), source), (source, port)


def test_our_own_rules_let_in_whom_they_name_and_the_kernel_and_the_proof_agree(kernel: Asked) -> None:
    ours = ips("203.0.113.1", "2001:db8::1")
    text = render(ManagementPolicy(device="d-0000000001", ours=tuple(ours), co_managers=(), ports=PORTS))
    packets = [(source, port) for source in UNIVERSE for port in (*PORTS, 443)]
    listing, admitted = kernel(text, packets)
    assert admitted == [source in ours or port == 443 for source, port in packets]
    assert prove(listing, ours, PORTS) == []
    listing, admitted = kernel("", packets)
    assert all(admitted)
    assert prove(listing, ours, PORTS)
