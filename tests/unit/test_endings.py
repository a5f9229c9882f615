"""Endings that are open: which there are, and what each waits for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from builders import DEVICE, addresses, customer, device, estate, instant, managed, one_off, record
from obet.endings import OpenEnding, open_endings, waits_for
from obet.erasure.steps import Entry, Step
from obet.model import Service
from obet.obligations import obligations
from obet.plan import customer_key

DURING, AFTER, OVER = "2026-05-01 00:00", "2026-07-15 00:00", "2027-01-01 00:00"
HANDED_OVER = (Step.ONBOARDED, Step.CUSTOMER_ACCESS_PLACED, Step.CUSTOMER_ACCESS_CONFIRMED)


def entries(done: Sequence[Step], key: str | None = None) -> dict[Step, Entry]:
    detail = {"key": customer_key(device()) if key is None else key}
    return {step: Entry(at=instant(DURING), run="r", device=DEVICE, step=step, detail=detail) for step in done}


def found(done: Sequence[Step] = (), at: str = AFTER, work: Service | None = None) -> tuple[OpenEnding, ...]:
    whole = estate(customer([work or one_off()], [record()]))
    return open_endings(whole, obligations(whole, instant(at)), {DEVICE: entries(done)} if done else {})


@pytest.mark.parametrize(
    ("done", "says"),
    [
        ([Step.ONBOARDED], "is to be placed"),
        (HANDED_OVER[:2], f"`obet handover confirm {DEVICE}`"),
        (HANDED_OVER, "has confirmed his own access, ours is to be removed"),
        ([*HANDED_OVER, Step.REMOVAL_STARTED], "was begun and is not on record"),
        ([*HANDED_OVER, Step.REMOVAL_STARTED, Step.ACCESS_REMOVED], "not yet shown to be refused"),
        ([*HANDED_OVER, Step.ACCESS_REMOVED, Step.CREDENTIALS_REFUSED], "are to be destroyed"),
        ([*HANDED_OVER, Step.CREDENTIALS_REFUSED, Step.SECRETS_DESTROYED], None),
    ],
    ids=["begun", "placed", "confirmed", "removal begun", "removed", "refused", "destroyed"],
)
def test_each_stage_says_what_is_next_and_what_is_done_waits_for_nothing(done: list[Step], says: str | None) -> None:
    rows = found(done)
    assert [row.device for row in rows] == ([DEVICE] if says else [])
    assert all(str(says) in row.waits_for and row.hard_stop == instant("2026-07-30 21:00") for row in rows)
    assert (waits_for(device(), entries(done)) == "") == (says is None)


def test_a_confirmation_of_another_key_than_the_contracts_confirms_nothing() -> None:
    assert "obet handover confirm" in waits_for(device(), entries(HANDED_OVER, "another"))


def test_before_it_is_due_nothing_is_open() -> None:
    assert found([Step.ONBOARDED], DURING) == ()
    assert found([Step.ONBOARDED], AFTER, managed()) == ()


def test_after_the_hard_stop_what_the_journal_knows_stays_open_and_says_why() -> None:
    (row,) = found([Step.ONBOARDED], OVER)
    assert str(row).startswith(f"{DEVICE}: the hard stop has passed, nobody may reach the device any more, its case")
    assert found((*HANDED_OVER, Step.SECRETS_DESTROYED), OVER) == ()
    assert found([], OVER) == (), "a device that we never had access to has no case"


def test_a_device_that_is_not_served_says_so() -> None:
    own = device(reach="jump", seen_as=(addresses("198.51.100.30"),))
    assert waits_for(own, {}) == "is not served yet: nothing was done on it"
