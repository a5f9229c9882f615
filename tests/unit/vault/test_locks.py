"""One run at a time on a device: who holds it, until when, and that a crashed holder's lock ends."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

import pytest
from builders import CUSTOMER, DEVICE, OTHER_DEVICE
from held_kv import HeldKv
from obet.errors import RunError, VaultError
from obet.vault import locks
from obet.vault.locks import LOCK_LIFE, Lock
from obet.vault.session import Session

NOW = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC
PATH = f"kv/data/locks/{CUSTOMER}/{DEVICE}"


@pytest.fixture
def kv() -> HeldKv:
    return HeldKv()


def wanted(holder: str, now: float = NOW, device: str = DEVICE) -> Lock:
    return Lock(customer=CUSTOMER, device=device, holder=holder, by=f"op-{holder}", until=now + LOCK_LIFE, number=0)


def acquire(kv: HeldKv, holder: str, now: float = NOW, device: str = DEVICE, over: Collection[str] = ()) -> Lock:
    return locks.acquire(cast(Session, kv), wanted(holder, now, device), now, over.__contains__)


def release(kv: HeldKv, lock: Lock) -> None:
    locks.release(cast(Session, kv), lock)


def test_the_first_gets_it_and_the_second_is_told_who_has_it_and_until_when(kv: HeldKv) -> None:
    acquire(kv, "run-1-of-somebody")
    with pytest.raises(RunError) as caught:
        acquire(kv, "run-2")
    assert str(caught.value) == (
        f"{DEVICE}: op-run-1-of-somebody works on it, run run-1-of: wait for its end, or until 08:15:00Z if it was "
        "cut off"
    )
    assert kv.held[PATH][-1]["holder"] == "run-1-of-somebody"
    assert len(kv.held[PATH]) == 1, "who is refused writes nothing"


def test_another_device_is_another_lock(kv: HeldKv) -> None:
    acquire(kv, "run-1")
    assert acquire(kv, "run-2", device=OTHER_DEVICE).holder == "run-2"


def test_after_its_release_the_next_gets_it_and_the_number_has_grown(kv: HeldKv) -> None:
    first = acquire(kv, "run-1")
    release(kv, first)
    second = acquire(kv, "run-2")
    assert second.number > first.number > 0


@pytest.mark.parametrize(("seconds", "free"), [(0, False), (LOCK_LIFE - 1, False), (LOCK_LIFE, True)])
def test_the_lock_of_a_crashed_holder_ends_when_it_said_and_not_before(kv: HeldKv, seconds: int, free: bool) -> None:
    crashed = acquire(kv, "run-1")
    if not free:
        with pytest.raises(RunError, match="run-1 works on it"):
            acquire(kv, "run-2", NOW + seconds)
        return
    assert acquire(kv, "run-2", NOW + seconds).number > crashed.number


def test_the_lock_of_a_holder_that_is_known_to_be_over_is_taken_at_once_and_no_others(kv: HeldKv) -> None:
    crashed = acquire(kv, "run-1")
    with pytest.raises(RunError, match="run-1 works on it"):
        acquire(kv, "run-3", over={"run-2"})
    assert acquire(kv, "run-3", over={"run-1"}).number > crashed.number


def test_who_renews_keeps_others_out_for_longer(kv: HeldKv) -> None:
    held = acquire(kv, "run-1")
    renewed = locks.renew(cast(Session, kv), held, NOW + 2 * LOCK_LIFE)
    assert renewed.number > held.number
    with pytest.raises(RunError, match="works on it"):
        acquire(kv, "run-2", NOW + LOCK_LIFE + 1)
    release(kv, renewed)
    assert acquire(kv, "run-2", NOW + LOCK_LIFE + 1).holder == "run-2"


def test_what_a_fork_of_the_run_has_renewed_is_still_the_runs_to_renew_and_release(kv: HeldKv) -> None:
    held = acquire(kv, "run-1")
    by_fork = locks.renew(cast(Session, kv), held, NOW + 2 * LOCK_LIFE)
    again = locks.renew(cast(Session, kv), held, NOW + 3 * LOCK_LIFE)
    assert again.number > by_fork.number > held.number
    release(kv, by_fork)
    assert acquire(kv, "run-2").holder == "run-2"


@pytest.mark.parametrize("ended", [False, True])
def test_a_holder_that_slept_past_its_expiry_finds_that_the_lock_is_no_longer_its_own(kv: HeldKv, ended: bool) -> None:
    slept = acquire(kv, "run-1")
    other = acquire(kv, "run-2", NOW + LOCK_LIFE)
    if ended:
        release(kv, other)
    before = kv.held[PATH][:]
    with pytest.raises(RunError, match="another run has just taken it"):
        locks.renew(cast(Session, kv), slept, NOW + 3 * LOCK_LIFE)
    with pytest.raises(RunError, match="another run has just taken it"):
        release(kv, slept)
    assert kv.held[PATH] == before


def test_of_two_that_find_it_free_at_once_one_gets_it(kv: HeldKv) -> None:
    kv.before_write = lambda: cast(None, acquire(kv, "run-1"))
    with pytest.raises(RunError, match="another run has just taken it"):
        acquire(kv, "run-2")
    assert kv.held[PATH][-1]["holder"] == "run-1"


def test_a_run_that_has_it_already_may_take_it_again(kv: HeldKv) -> None:
    first = acquire(kv, "run-1")
    assert acquire(kv, "run-1").number > first.number


def test_a_lock_that_an_administrator_deleted_is_free_and_its_number_grows_on(kv: HeldKv) -> None:
    held = acquire(kv, "run-1")
    kv.held[PATH][-1] = None  # as a KV's delete leaves it: the version, without its data
    assert acquire(kv, "run-2").number > held.number


def test_a_vault_that_does_not_answer_is_its_own_error_and_no_lock(kv: HeldKv) -> None:
    kv.before_write = lambda: setattr(kv, "sealed", True)
    with pytest.raises(VaultError, match="sealed"):
        acquire(kv, "run-1")
    assert PATH not in kv.held


DAMAGED = [
    {},
    {"holder": "x"},
    {"holder": "x", "by": "y"},
    {"holder": "x", "by": "y", "until": "soon"},
    {"holder": "x", "by": "y", "until": 1e300},
    {"holder": 1, "by": "y", "until": NOW + 9},
    {"holder": None, "by": None, "until": None},
]


@pytest.mark.parametrize("data", DAMAGED)
def test_an_entry_that_is_none_of_ours_is_said_to_be_so(kv: HeldKv, data: dict[str, object]) -> None:
    kv.held[PATH] = [data]
    with pytest.raises(VaultError, match=f"{DEVICE}: its lock in Vault is damaged"):
        acquire(kv, "run-1")
