"""What stands on a router beside what the rules would set; and what takes it all away."""

from __future__ import annotations

import pytest
from builders import ips
from hypothesis import given
from hypothesis import strategies as st
from little_router import Router
from obet.access.policy import ManagementPolicy
from obet.errors import ProofError
from obet.platforms.routeros.rules import render
from obet.platforms.routeros.standing import difference, residue, stands
from obet.platforms.routeros.undo import REMOVAL

OURS = ("198.51.100.11", "198.51.100.12", "2001:db8:51::11")
STRANGER = ips("203.0.113.66")[0]


def rules(*sources: str) -> str:
    own = ManagementPolicy(device="d-0000000001", ours=tuple(ips(*(sources or OURS))), co_managers=(), ports=(22, 8729))
    return render(own)


def loaded(*texts: str) -> Router:
    router = Router()
    for text in texts:
        for _ in router.load(text):
            pass
    return router


def test_rules_that_were_loaded_stand_and_differ_in_nothing() -> None:
    export = loaded(rules()).export()
    assert stands(rules(), export)
    assert difference(rules(), export) == ""


def test_on_a_router_without_them_they_do_not_stand_and_all_lines_of_theirs_are_the_difference() -> None:
    export = loaded().export()
    assert not stands(rules(), export)
    shown = difference(rules(), export)
    assert "+/ip firewall filter add action=drop chain=obet-management comment=obet: denied" in shown
    assert "-/ip service set telnet disabled=no\n" in shown
    assert "+/ip service set telnet disabled=yes\n" in shown
    assert "before" not in shown


def test_another_policy_does_not_stand_and_the_difference_is_its_own() -> None:
    shown = difference(rules(*OURS[:1], OURS[2]), loaded(rules()).export())
    changed = [line for line in shown.splitlines() if line[0] in "+-" and line[:3] not in {"+++", "---"}]
    assert changed
    assert all("198.51.100.1" in line for line in changed)


@given(data=st.data())
def test_each_rule_that_is_missing_or_another_is_noticed(data: st.DataObject) -> None:
    router = loaded(rules())
    items = router.lists[data.draw(st.sampled_from(["ip firewall filter", "ipv6 firewall filter"]))]
    place = data.draw(st.integers(0, len(items) - 1))
    match data.draw(st.sampled_from(["gone", "off", "another", "twice", "behind"])):
        case "gone":
            items.pop(place)
        case "off":
            items[place]["disabled"] = "yes"
        case "another":
            items[place]["action"] = "log"
        case "twice":
            items.append(dict(items[place]))
        case _:
            items.insert(0, {"chain": "input", "action": "accept"})
    assert not stands(rules(), router.export())


def test_rules_of_others_behind_ours_and_in_other_chains_change_nothing() -> None:
    router = loaded(rules())
    for chain in ("input", "forward"):
        router.run(f"/ip firewall filter add chain={chain} action=drop")
    assert stands(rules(), router.export())


@given(data=st.data())
def test_each_setting_that_is_another_is_noticed(data: st.DataObject) -> None:
    router = loaded(rules())
    place = data.draw(st.sampled_from(sorted(router.settings)))
    name = data.draw(st.sampled_from(sorted(router.settings[place])))
    set_by_us = f" {name}=" in "".join(
        line for line in rules().splitlines() if line.startswith(f"/{place.replace('/', ' set ')} ")
    )
    router.settings[place][name] = "something-else"
    assert stands(rules(), router.export()) == (not set_by_us)


def test_however_a_router_writes_and_orders_addresses_they_are_the_same() -> None:
    export = loaded(rules()).export()
    otherwise = export.replace("src-address=198.51.100.11", "src-address=198.51.100.11/32").replace(
        "198.51.100.11/32,198.51.100.12/32", "198.51.100.12,198.51.100.11"
    )
    assert otherwise != export
    assert stands(rules(), otherwise)


def test_what_is_no_export_is_neither_as_wanted_nor_otherwise() -> None:
    with pytest.raises(ProofError):
        stands(rules(), "")


def test_the_removal_leaves_nothing_of_ours_and_everything_of_others() -> None:
    router = Router()
    router.run('/ip firewall filter add chain=input action=accept comment="his own"')
    for text in (rules(), REMOVAL):
        for _ in router.load(text):
            pass
    export = router.export()
    assert residue(export) == []
    assert "obet" not in export
    assert "198.51.100.1" not in export
    assert 'comment="his own"' in export
    assert router.reaches(STRANGER, 22, 22, iter([]))


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ('chain=input action=accept comment="obet: undone"', True),
        ("chain=obet-management action=accept", True),
        ("chain=input action=jump jump-target=obet-management", True),
        ('chain=input action=accept comment="his own"', False),
    ],
)
def test_rules_that_name_us_are_the_residue(rule: str, named: bool) -> None:
    router = Router()
    router.run(f"/ipv6 firewall filter add {rule}")
    assert bool(residue(router.export())) == named
