"""Each read in Vault's audit log against the ledger: what belongs to a run, and each way in which a read does not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from builders import CUSTOMER, DEVICE, OTHER_CUSTOMER, OTHER_DEVICE, SECOND_DEVICE, instant
from obet.evidence.chain import Checkpoint, Event, Line
from obet.evidence.reconciliation import reconcile, shortened, unlogged
from obet.vault.audit import SecretRead

NOW = instant("2026-05-01 12:00")
OPEN_SINCE = NOW - timedelta(hours=8)
ADDRESSES = {"node1": ["198.51.100.11", "2001:db8:51::11"], "node2": ["198.51.100.12"]}
PATH = f"kv/data/access/{CUSTOMER}/{DEVICE}"
RUN, TOKEN, ENTITY = "run-1", "accessor-1", "entity-1"
GRANTED = {"accessor": TOKEN, "entity": ENTITY, "because": "s-0000000001: warranty until 2026-06-30"}


def line(event: Event, run: str = RUN, at: str = "2026-05-01T11:00:00+00:00", **fields: Any) -> Line:
    return Line(**{"run": run, "event": event, "node": "node1", "by": "x", "at": at} | CHAIN | fields)


CHAIN: dict[str, Any] = {"number": 1, "previous": "", "hash": ""}


def granted(**fields: Any) -> Line:
    standard = {"customer": CUSTOMER, "device": DEVICE, "purpose": "technical", "facts": GRANTED}
    return line(Event.ACCESS_GRANTED, **(standard | fields))


def noted(*requests: str, accessor: str = TOKEN, run: str = RUN) -> Line:
    facts = {"accessor": accessor, "path": PATH, "requests": list(requests)}
    return line(Event.SECRETS_READ, run=run, customer=CUSTOMER, device=DEVICE, facts=facts)


BEGAN, ENDED = line(Event.RUN_BEGAN), line(Event.RUN_ENDED)
WHOLE = [BEGAN, granted(), noted("request-1"), ENDED]


def read(**changes: Any) -> SecretRead:
    fields: dict[str, Any] = {
        "at": "2026-05-01T11:00:01Z",
        "run": RUN,
        "path": PATH,
        "purpose": "technical",
        "address": "198.51.100.11",
        "refused": False,
        "request": "request-1",
        "accessor": TOKEN,
        "entity": ENTITY,
    }
    return SecretRead(**(fields | changes))


def judged(lines: list[Line], one: SecretRead) -> tuple[bool | None, str]:
    (found,) = reconcile(lines, [one], ADDRESSES, OPEN_SINCE)
    assert found.read is one
    assert (found.why == "") == (found.accounted is True)
    return found.accounted, found.why


def test_a_read_that_its_run_was_granted_and_noted_is_accounted_for() -> None:
    assert judged(WHOLE, read()) == (True, "")
    assert judged(WHOLE, read(address="2001:db8:51::11")) == (True, "")


def test_a_read_of_a_run_that_was_cut_off_is_accounted_for_by_what_it_left() -> None:
    cut_off = [BEGAN, granted(), noted("request-1"), line(Event.RUN_CUT_OFF, by="unknown")]
    assert judged(cut_off, read()) == (True, "")
    assert judged(cut_off, read(request="request-2"))[0] is False


def test_reads_of_several_lines_and_tokens_of_a_run_are_all_its_own() -> None:
    renewed = granted(facts=GRANTED | {"accessor": "accessor-2"})
    lines = [BEGAN, granted(), noted("request-1"), renewed, noted("request-2", accessor="accessor-2"), ENDED]
    assert judged(lines, read())[0] is True
    assert judged(lines, read(request="request-2", accessor="accessor-2"))[0] is True
    crossed = read(request="request-2")
    assert judged(lines, crossed)[0] is False, "the request was another token's"


STRAYS: dict[str, tuple[dict[str, Any], str]] = {
    "no run at all": ({"run": "none"}, "belongs to no run of ours"),
    "a run that nobody opened": ({"run": "run-9"}, "belongs to no run of ours"),
    "an empty run": ({"run": ""}, "belongs to no run of ours"),
    "a copied run id": ({"accessor": "accessor-9", "request": "request-9"}, "its token was not given to that run"),
    "a copied run id and request": ({"accessor": "accessor-9"}, "its token was not given to that run"),
    "no accessor": ({"accessor": ""}, "its token was not given to that run"),
    "a stolen token": ({"request": "request-9"}, "that run did not make it: its token was used by another"),
    "no request": ({"request": ""}, "that run did not make it"),
    "another entity": ({"entity": "entity-9"}, "no obligation let that run read it"),
    "the other purpose": ({"purpose": "ending"}, "no obligation let that run read it for the purpose ending"),
    "no purpose": ({"purpose": "none"}, "no obligation let that run read it for the purpose none"),
    "another device": (
        {"path": f"kv/data/access/{CUSTOMER}/{SECOND_DEVICE}"},
        "no obligation let that run read it",
    ),
    "another customer's": (
        {"path": f"kv/data/access/{OTHER_CUSTOMER}/{OTHER_DEVICE}"},
        "no obligation let that run read it",
    ),
    "an outsider": ({"address": "203.0.113.66"}, "it came from 203.0.113.66, which is not an address of node1"),
    "another node": ({"address": "198.51.100.12"}, "it came from 198.51.100.12, which is not an address of node1"),
    "no address": ({"address": ""}, "it came from , which is not an address of node1"),
}


@pytest.mark.parametrize("under_way", [False, True])
@pytest.mark.parametrize(("changes", "why"), STRAYS.values(), ids=STRAYS)
def test_a_read_that_is_not_wholly_a_runs_own_is_told_and_why(
    changes: dict[str, Any], why: str, under_way: bool
) -> None:
    lines = WHOLE[:-1] if under_way else WHOLE
    accounted, told = judged(lines, read(**changes))
    if under_way and "request" in changes and "accessor" not in changes:
        assert (accounted, told) == (None, "its run is still under way"), "what it read is noted when it ends"
    else:
        assert accounted is False
        assert why in told


def test_a_run_without_a_beginning_accounts_for_nothing() -> None:
    assert judged(WHOLE[1:], read()) == (False, "it belongs to no run of ours")


def test_a_grant_without_an_obligation_accounts_for_nothing() -> None:
    lines = [BEGAN, granted(facts=GRANTED | {"because": ""}), noted("request-1"), ENDED]
    assert judged(lines, read())[0] is False


def test_what_one_run_was_granted_or_noted_is_no_other_runs() -> None:
    other = [line(Event.RUN_BEGAN, run="run-2"), line(Event.RUN_ENDED, run="run-2")]
    assert judged([*WHOLE, *other], read(run="run-2"))[0] is False
    assert judged([BEGAN, granted(), noted("request-1", run="run-2"), ENDED, *other], read())[0] is False


@pytest.mark.parametrize(
    ("began", "accounted"),
    [
        (OPEN_SINCE - timedelta(seconds=1), False),
        (OPEN_SINCE, None),
        (OPEN_SINCE + timedelta(seconds=1), None),
        (NOW + timedelta(seconds=20), None),
    ],
)
def test_a_run_that_nobody_ended_is_under_way_as_long_as_a_login_can_live(began: Any, accounted: bool | None) -> None:
    lines = [line(Event.RUN_BEGAN, at=began.isoformat()), granted()]
    assert judged(lines, read())[0] is accounted


@pytest.mark.parametrize("end", [Event.RUN_ENDED, Event.RUN_CUT_OFF])
def test_a_run_that_is_over_has_noted_all_that_it_read(end: Event) -> None:
    assert judged([BEGAN, granted(), line(end)], read())[0] is False
    assert judged([BEGAN, granted()], read())[0] is None


def test_a_read_that_was_refused_gave_nothing_and_is_not_judged() -> None:
    assert reconcile([], [read(refused=True)], ADDRESSES, OPEN_SINCE) == []
    assert len(reconcile([], [read(refused=True), read()], ADDRESSES, OPEN_SINCE)) == 1


def test_each_read_is_judged_for_itself_and_in_its_order() -> None:
    reads = [read(), read(request="request-9"), read(), read(run="none")]
    found = reconcile(WHOLE, reads, ADDRESSES, OPEN_SINCE)
    assert [one.accounted for one in found] == [True, False, True, False]


# The log against the ledger


def test_a_read_that_the_ledger_tells_of_and_the_log_does_not_shows_that_the_log_is_cut() -> None:
    lines = [BEGAN, granted(), noted("request-1", "request-2"), ENDED]
    since = instant("2026-05-01 10:59")
    assert unlogged(lines, [read(), read(request="request-2")], since) == []
    assert unlogged(lines, [read()], since) == [PATH]
    assert unlogged(lines, [], since) == [PATH, PATH]
    assert unlogged(lines, [read(), read(request="request-2", accessor="accessor-9")], since) == [PATH]


def test_a_log_that_began_after_the_run_need_not_know_of_it() -> None:
    for since in (instant("2026-05-01 11:00"), instant("2026-05-01 11:30")):
        assert unlogged(WHOLE, [], since) == []


def test_what_a_run_of_unknown_beginning_read_is_not_asked_of_the_log() -> None:
    assert unlogged(WHOLE[1:], [], instant("2026-05-01 10:00")) == []


# The end of the ledger


def numbered(count: int) -> list[Line]:
    return [msgspec.structs.replace(BEGAN, number=n, hash=f"hash-{n}") for n in range(1, count + 1)]


TAILS: dict[str, tuple[int, Checkpoint | None, str]] = {
    "as vouched for": (3, Checkpoint(3, "hash-3"), ""),
    "grown since": (5, Checkpoint(3, "hash-3"), ""),
    "neither": (0, None, ""),
    "nobody vouches": (1, None, "Vault vouches for no line of it"),
    "one cut": (2, Checkpoint(3, "hash-3"), "1 lines are cut off at its end"),
    "all cut": (0, Checkpoint(3, "hash-3"), "3 lines are cut off at its end"),
    "cut and grown again": (5, Checkpoint(3, "hash-x"), "line 3 is not the one that Vault vouches for"),
    "another of the same length": (3, Checkpoint(3, "hash-x"), "line 3 is not the one that Vault vouches for"),
}


@pytest.mark.parametrize(("count", "vouched", "wrong"), TAILS.values(), ids=TAILS)
def test_what_the_chain_cannot_show_of_its_end_the_checkpoint_does(
    count: int, vouched: Checkpoint | None, wrong: str
) -> None:
    assert shortened(numbered(count), vouched) == wrong
