"""A policy as RouterOS's commands: replaceable as a whole, safe at each line, only what is ours; and its undo."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy

import pytest
from builders import ips
from hypothesis import given
from hypothesis import strategies as st
from little_router import HEADER, Address, Router
from obet.access.policy import ManagementPolicy
from obet.errors import PolicyError, ProofError
from obet.platforms.routeros.rules import render
from obet.platforms.routeros.undo import undo

OURS = ("198.51.100.11", "198.51.100.12", "2001:db8:51::11")
STRANGERS = ips("203.0.113.66", "2001:db8:cb::66")
PORTS = (22, 8729)
FILTERS = ("ip firewall filter", "ipv6 firewall filter")


def policy(
    sources: Iterable[str] = OURS, ports: tuple[int, ...] = PORTS, others: Iterable[str] = ()
) -> ManagementPolicy:
    return ManagementPolicy(
        device="d-0000000001", ours=tuple(ips(*sources)), co_managers=tuple(ips(*others)), ports=ports
    )


def loaded(router: Router, text: str) -> Router:
    for _ in router.load(text):
        pass
    return router


def admitted(router: Router, sources: Iterable[Address], port: int = 22) -> set[Address]:
    return {source for source in sources if router.reaches(source, port, port, iter([]))}


def comments(router: Router, path: str) -> list[str]:
    return [rule.get("comment", '""').strip('"') for rule in router.lists[path]]


def test_the_sources_of_each_family_get_in_and_all_others_are_counted_and_dropped() -> None:
    router = loaded(Router(), render(policy(others=["203.0.113.21"])))
    friends = ips(*OURS, "203.0.113.21")
    for port in PORTS:
        assert admitted(router, [*friends, *STRANGERS], port) == set(friends)
    assert comments(router, FILTERS[0]) == [
        "obet: management",
        *["obet: ours"] * 2,
        "obet: co-manager",
        "obet: denied",
    ]
    assert comments(router, FILTERS[1]) == ["obet: management", "obet: ours", "obet: denied"]


def test_a_family_without_a_source_is_closed() -> None:
    router = loaded(Router(), render(policy(["198.51.100.11"])))
    assert admitted(router, ips(*OURS)) == set(ips("198.51.100.11"))


def test_other_ports_and_other_traffic_are_left_as_they_were() -> None:
    router = loaded(Router(), render(policy()))
    assert admitted(router, STRANGERS, 443) == set(STRANGERS)


def test_no_state_of_a_connection_and_no_list_is_asked() -> None:
    assert "connection-" not in render(policy())
    assert "address-list" not in render(policy())


@given(order=st.permutations(OURS))
def test_the_same_policy_is_the_same_text_in_whatever_order_it_names_its_sources(order: list[str]) -> None:
    assert render(policy(order)) == render(policy())


@pytest.mark.parametrize("bad", [policy([]), policy(ports=())], ids=["source", "port"])
def test_a_policy_without_a_source_or_a_port_is_refused(bad: ManagementPolicy) -> None:
    with pytest.raises(PolicyError, match="nobody or everybody"):
        render(bad)


@pytest.mark.parametrize(("port", "name"), [(23, "telnet"), (21, "ftp"), (80, "www"), (8728, "api")])
def test_a_port_of_a_service_in_clear_is_refused(port: int, name: str) -> None:
    with pytest.raises(PolicyError, match=name):
        render(policy(ports=(22, port)))


def test_more_ports_than_a_rule_can_name_are_refused() -> None:
    assert render(policy(ports=tuple(range(2000, 2015))))
    with pytest.raises(PolicyError, match="15 ports"):
        render(policy(ports=tuple(range(2000, 2016))))


@pytest.mark.parametrize(
    ("ports", "on"),
    [
        ((22,), ["ssh"]),
        ((22, 8729), ["api-ssl", "ssh"]),
        ((8729,), ["api-ssl"]),
        ((2222,), ["ssh"]),
        ((22, 8291, 443), ["ssh", "winbox", "www-ssl"]),
    ],
    ids=str,
)
def test_services_that_the_policy_names_are_on_for_its_sources_and_all_others_are_off(
    ports: tuple[int, ...], on: list[str]
) -> None:
    router = loaded(Router(), render(policy(ports=ports)))
    services = {
        place.partition("/")[2]: own for place, own in router.settings.items() if place.startswith("ip service")
    }
    assert sorted(name for name, own in services.items() if own["disabled"] == "no") == on
    assert {own["address"] for own in services.values()} == {"198.51.100.11/32,198.51.100.12/32,2001:db8:51::11/128"}
    assert {own.get("tls-version", "only-1.2") for own in services.values()} == {"only-1.2"}


def test_side_doors_are_shut_and_ssh_takes_only_strong_algorithms() -> None:
    router = loaded(Router(), render(policy()))
    assert {
        place: own for place, own in router.settings.items() if place.startswith(("tool", "ip ssh", "ip neigh"))
    } == {
        "ip ssh": {"strong-crypto": "yes", "forwarding-enabled": "no"},
        "tool mac-server": {"allowed-interface-list": "none"},
        "tool mac-server mac-winbox": {"allowed-interface-list": "none"},
        "tool mac-server ping": {"enabled": "no"},
        "tool bandwidth-server": {"enabled": "no"},
        "tool romon": {"enabled": "no"},
        "ip neighbor discovery-settings": {"discover-interface-list": "none"},
    }


# Rules of others: what a router has of its own, before, after and around ours.
PLACES = st.sampled_from(["input", "forward", "obet-management"])
FOREIGN = st.lists(
    st.builds(
        lambda chain, rest: {"chain": chain} | rest,
        PLACES,
        st.sampled_from(
            [
                {"action": "accept", "connection-state": "established,related,untracked"},
                {"action": "drop", "in-interface": "ether1", "comment": '"drop all"'},
                {"action": "log"},
                {"action": "accept", "protocol": "icmp", "comment": "obetted"},
                {"action": "passthrough", "disabled": "yes"},
            ]
        ),
    ),
    max_size=5,
)
SOURCES = st.lists(st.sampled_from(["198.51.100.11", "198.51.100.12", "2001:db8:51::11"]), min_size=1, unique=True)
POLICIES = st.builds(policy, SOURCES, st.sampled_from([(22,), (22, 8729)]))
EVERYBODY = [*ips(*OURS), *STRANGERS]


def router_with(foreign: Sequence[dict[str, str]]) -> Router:
    router = Router()
    for path in FILTERS:
        router.lists[path] = deepcopy(list(foreign))
    return router


def foreign_of(router: Router) -> list[list[dict[str, str]]]:
    return [
        [rule for rule in router.lists[path] if not rule.get("comment", "").startswith('"obet: ')] for path in FILTERS
    ]


@given(foreign=FOREIGN, first=POLICIES, second=POLICIES)
def test_a_policy_replaces_the_one_before_it_whole_and_leaves_what_is_not_ours(
    foreign: list[dict[str, str]], first: ManagementPolicy, second: ManagementPolicy
) -> None:
    once, twice = router_with(foreign), router_with(foreign)
    loaded(once, render(second))
    for text in (render(first), render(second), render(second)):
        loaded(twice, text)
    assert sorted(once.export().splitlines()) == sorted(twice.export().splitlines())
    for path in FILTERS:
        for chain in ("input", "forward", "obet-management"):
            assert chain_of(once, path, chain) == chain_of(twice, path, chain)
    assert foreign_of(twice) == foreign_of(router_with(foreign))
    assert [chain_of(twice, path, "input")[0]["comment"] for path in FILTERS] == ['"obet: management"'] * 2


def chain_of(router: Router, path: str, chain: str) -> list[dict[str, str]]:
    return [rule for rule in router.lists[path] if rule["chain"] == chain]


HARMLESS = FOREIGN.map(lambda rules: [r for r in rules if r["action"] == "log" or r["chain"] == "forward"])


@given(foreign=HARMLESS, first=POLICIES, second=POLICIES)
def test_at_no_line_is_anybody_out_whom_both_policies_allow_nor_anybody_in_whom_neither_does(
    foreign: list[dict[str, str]], first: ManagementPolicy, second: ManagementPolicy
) -> None:
    router = loaded(router_with(foreign), render(first))
    both, either = {*first.sources} & {*second.sources}, {*first.sources} | {*second.sources}
    for line in router.load(render(second)):
        now = admitted(router, EVERYBODY)
        assert both <= now <= either, line
    assert now == {*second.sources}


@given(foreign=HARMLESS, first=POLICIES)
def test_at_no_line_of_the_first_import_is_anybody_out_whom_the_policy_allows(
    foreign: list[dict[str, str]], first: ManagementPolicy
) -> None:
    router = router_with(foreign)
    for line in router.load(render(first)):
        assert {*first.sources} <= admitted(router, EVERYBODY), line


@given(foreign=FOREIGN, first=POLICIES, second=POLICIES, stop=st.integers(0, 60), verbose=st.booleans(), data=st.data())
def test_the_undo_brings_back_exactly_what_was_wherever_the_import_was_cut_off(
    foreign: list[dict[str, str]],
    first: ManagementPolicy,
    second: ManagementPolicy,
    stop: int,
    verbose: bool,
    data: st.DataObject,
) -> None:
    router = router_with(foreign)
    if data.draw(st.booleans()):
        loaded(router, render(first))
        for path in FILTERS:  # somebody moved our jump
            items = router.lists[path]
            items.insert(data.draw(st.integers(0, len(items) - 1)), items.pop(0))
    before = deepcopy(router)
    text = undo(router.export(verbose=verbose))
    for number, _ in enumerate(router.load(render(second))):
        if number == stop:
            break
    for _ in range(data.draw(st.integers(1, 2))):
        loaded(router, text)
    assert router.settings == before.settings
    for path in FILTERS:
        for chain in ("input", "forward", "obet-management"):
            assert chain_of(router, path, chain) == chain_of(before, path, chain)


@given(foreign=HARMLESS, first=POLICIES, second=POLICIES)
def test_at_no_line_of_the_undo_is_anybody_out_whom_both_policies_allow(
    foreign: list[dict[str, str]], first: ManagementPolicy, second: ManagementPolicy
) -> None:
    router = loaded(router_with(foreign), render(first))
    text = undo(router.export())
    loaded(router, render(second))
    both, either = {*first.sources} & {*second.sources}, {*first.sources} | {*second.sources}
    for line in router.load(text):
        assert both <= admitted(router, EVERYBODY) <= either, line


def test_the_undo_goes_on_after_a_command_that_the_router_refuses() -> None:
    router = loaded(Router(), render(policy()))
    before = deepcopy(router)
    text = undo(before.export())
    loaded(router, render(policy(["198.51.100.12"])))
    del router.settings["tool romon"]
    loaded(router, text)
    assert chain_of(router, FILTERS[0], "obet-management") == chain_of(before, FILTERS[0], "obet-management")
    assert router.settings["ip ssh"] == before.settings["ip ssh"]


def test_when_a_colleague_has_taken_rules_away_meanwhile_ours_come_back_all_the_same() -> None:
    router = loaded(router_with([{"chain": "input", "action": "log"}]), render(policy()))
    router.lists[FILTERS[0]].append(router.lists[FILTERS[0]].pop(0))  # our jump after the other's rule
    router.lists[FILTERS[0]].append({"chain": "input", "action": "log"})
    text = undo(router.export())
    for path in FILTERS:
        router.lists[path] = []
    assert admitted(loaded(router, text), EVERYBODY) == set(ips(*OURS))


@pytest.mark.parametrize("text", ["", "garbage", HEADER.replace("RouterOS 7", "RouterOS 6")])
def test_nothing_is_undone_from_what_is_no_export(text: str) -> None:
    with pytest.raises(ProofError, match="not an export"):
        undo(text)
