"""What a router is left with for the customer's own managers: they alone get in, at no line anybody else does."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from builders import ips
from little_router import SERVICES, Address, Router
from obet.access.policy import ManagementPolicy
from obet.errors import ProofError
from obet.platforms.routeros.handover import narrowing
from obet.platforms.routeros.proof import prove
from obet.platforms.routeros.rules import render

OURS = ips("198.51.100.11", "2001:db8:51::11")
MANAGERS = ips("203.0.113.21", "2001:db8:cb::21")
STRANGERS = ips("203.0.113.66", "2001:db8:cb::66")
PORTS = (22, 8729)


def restricted(router: Router) -> Router:
    own = ManagementPolicy(device="d-0000000001", ours=tuple(OURS), co_managers=tuple(MANAGERS), ports=PORTS)
    list(router.load(render(own)))
    return router


def admitted(router: Router) -> set[Address]:
    everybody = [*OURS, *MANAGERS, *STRANGERS]
    return {source for source in everybody for port in PORTS if router.reaches(source, port, port, iter([]))}


def narrowed(router: Router, managers: Iterable[Address] = MANAGERS) -> str:
    text = narrowing(router.export(), tuple(managers), PORTS, "")
    list(router.load(text))
    return text


def test_the_customers_managers_alone_get_in_and_nothing_names_us() -> None:
    router = restricted(Router())
    assert admitted(router) == {*OURS, *MANAGERS}
    narrowed(router)
    assert admitted(router) == set(MANAGERS)
    assert "obet" not in router.export()
    assert not [source for source in OURS if f"{source}/" in router.export()]
    assert prove(router.export(), MANAGERS, PORTS) == []
    wanted = "203.0.113.21/32,2001:db8:cb::21/128"
    assert {router.settings[f"ip service/{name}"]["address"] for name in SERVICES} == {wanted}


def test_at_no_line_does_a_stranger_get_in_or_a_manager_not() -> None:
    router = restricted(Router())
    for line in router.load(narrowing(router.export(), MANAGERS, PORTS, "")):
        assert admitted(router) - set(OURS) == set(MANAGERS), line


def test_a_family_of_which_no_manager_is_named_is_closed() -> None:
    router = restricted(Router())
    narrowed(router, MANAGERS[:1])
    assert admitted(router) == {MANAGERS[0]}


def test_imported_again_after_whatever_part_of_it_was_done_it_comes_to_the_same() -> None:
    text = narrowing(restricted(Router()).export(), MANAGERS, PORTS, "")
    whole = restricted(Router())
    list(whole.load(text))
    for lines in range(len(text.splitlines())):
        router = restricted(Router())
        list(router.load("\n".join(text.splitlines()[:lines])))
        list(router.load(text))
        # The order of two chains among each other says nothing.
        assert sorted(router.export().splitlines()) == sorted(whole.export().splitlines()), lines
        assert admitted(router) == set(MANAGERS), lines


def test_a_chain_of_the_customers_with_that_name_is_left_to_him() -> None:
    router = Router()
    router.run('/ip firewall filter add chain=management action=accept comment="his own"')
    narrowed(restricted(router))
    assert admitted(router) == set(MANAGERS)
    assert {"chain": "management", "action": "accept", "comment": '"his own"'} in router.lists["ip firewall filter"]


def test_our_account_goes_before_anything_shuts_us_out_and_its_failure_leaves_all_as_it_was() -> None:
    lines = narrowing(restricted(Router()).export(), MANAGERS, PORTS, "obet").splitlines()
    assert lines[0] == '/user remove [find where name="obet"]', "an error there ends the import"
    assert not [line for line in lines[1:] if line.startswith("/user ")]


def test_that_we_are_let_in_no_more_is_seen_only_behind_that() -> None:
    router = restricted(Router())
    first, *others = narrowing(router.export(), MANAGERS, PORTS, "obet").splitlines()
    assert admitted(router) >= set(OURS), first
    list(router.load("\n".join(others)))
    assert admitted(router) == set(MANAGERS)


@pytest.mark.parametrize("text", ["", "hostname switch1\n"])
def test_nothing_is_made_of_what_is_no_export(text: str) -> None:
    with pytest.raises(ProofError):
        narrowing(text, MANAGERS, PORTS, "obet")
