"""A policy as nftables text: a table of our own that can be loaded any number of times and only takes away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from builders import ips
from hypothesis import given
from hypothesis import strategies as st
from obet.access.policy import ManagementPolicy
from obet.platforms.linux.rules import TABLE, render

OURS = ("198.51.100.11", "198.51.100.12", "2001:db8:51::11")
FOREIGN = """\
table inet filter {
    chain input { type filter hook input priority filter; policy drop; tcp dport 443 accept; }
}
"""


def policy(
    sources: Iterable[str] = OURS, ports: tuple[int, ...] = (22, 2222), others: Iterable[str] = ()
) -> ManagementPolicy:
    return ManagementPolicy(
        device="d-0000000001", ours=tuple(ips(*sources)), co_managers=tuple(ips(*others)), ports=ports
    )


def rules(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().endswith(("accept", "drop"))]


def without_handles(ruleset: str) -> list[Any]:
    """What nft lists, without the numbers that it gives out anew."""
    items = [dict(item) for item in json.loads(ruleset)["nftables"]]
    return [{kind: {k: v for k, v in body.items() if k != "handle"} for kind, body in i.items()} for i in items]


def test_only_the_sources_are_accepted_and_the_rest_of_both_families_is_counted_and_dropped() -> None:
    assert rules(render(policy(others=["203.0.113.21"]))) == [
        'iifname "lo" accept',
        "ip saddr { 198.51.100.11, 198.51.100.12, 203.0.113.21 } tcp dport { 22, 2222 } accept",
        "ip6 saddr { 2001:db8:51::11 } tcp dport { 22, 2222 } accept",
        "tcp dport { 22, 2222 } counter name denied drop",
    ]


def test_a_family_without_a_source_has_no_accept_and_is_dropped_all_the_same() -> None:
    assert rules(render(policy(["198.51.100.11"], (22,)))) == [
        'iifname "lo" accept',
        "ip saddr { 198.51.100.11 } tcp dport { 22 } accept",
        "tcp dport { 22 } counter name denied drop",
    ]


def test_without_any_source_nothing_but_the_loopback_is_accepted() -> None:
    assert rules(render(policy([], (22,)))) == ['iifname "lo" accept', "tcp dport { 22 } counter name denied drop"]


def test_no_state_of_a_connection_is_asked() -> None:
    assert " ct " not in render(policy())


@given(order=st.permutations(OURS))
def test_the_same_policy_is_the_same_text_in_whatever_order_it_names_its_sources(order: list[str]) -> None:
    assert render(policy(order)) == render(policy())


def test_the_kernel_takes_it_and_twice_is_once(loaded: Callable[..., str]) -> None:
    text = render(policy())
    once = loaded(text)
    assert without_handles(loaded(text, text)) == without_handles(once)
    assert [i["table"]["name"] for i in without_handles(once) if "table" in i] == [TABLE]


def test_a_policy_replaces_the_one_before_it_whole(loaded: Callable[..., str]) -> None:
    after = loaded(render(policy()), render(policy(["198.51.100.99"], (22,))))
    assert without_handles(after) == without_handles(loaded(render(policy(["198.51.100.99"], (22,)))))


def test_the_devices_own_rules_stay_as_they_were(loaded: Callable[..., str]) -> None:
    def foreign(ruleset: str) -> list[Any]:
        return [i for i in without_handles(ruleset) if "filter" in (i.get("table", {}).get("name"), *tables(i))]

    def tables(item: dict[str, Any]) -> list[Any]:
        return [body.get("table") for body in item.values()]

    before, after = loaded(FOREIGN), loaded(FOREIGN, render(policy()))
    assert foreign(after) == foreign(before)
    assert len(foreign(before)) == 3


def test_its_chain_runs_before_the_devices_own_and_lets_the_rest_pass(loaded: Callable[..., str]) -> None:
    (chain,) = [i["chain"] for i in without_handles(loaded(render(policy()))) if "chain" in i]
    assert (chain["type"], chain["hook"], chain["policy"]) == ("filter", "input", "accept")
    assert chain["prio"] == -10
