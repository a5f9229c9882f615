"""How long a session waits for a Vault that gives no answer."""

from __future__ import annotations

import pytest
from obet.vault.session import Silence

LONG, SHORT = 10, 1


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def silence(clock: Clock) -> Silence:
    return Silence(clock)


def times_out(silence: Silence, clock: Clock) -> None:
    waits = silence.patience()
    clock.now += waits
    silence.timed_out(waits)


def test_a_vault_that_answers_nobody_is_waited_for_once_and_then_a_moment(silence: Silence, clock: Clock) -> None:
    assert silence.patience() == LONG
    times_out(silence, clock)
    assert silence.patience() == SHORT
    times_out(silence, clock)
    assert silence.patience() == SHORT


def test_a_vault_that_answers_again_is_waited_for_as_before(silence: Silence, clock: Clock) -> None:
    times_out(silence, clock)
    silence.answered()
    assert silence.patience() == LONG


def test_one_request_without_an_answer_shortens_nobodys_patience_while_others_are_answered(
    silence: Silence, clock: Clock
) -> None:
    waits = silence.patience()
    clock.now += waits - 1
    silence.answered()  # another's, meanwhile
    clock.now += 1
    silence.timed_out(waits)
    assert silence.patience() == LONG


def test_of_two_vaults_only_that_which_is_silent_is_known_as_such(clock: Clock) -> None:
    one, other = Silence(clock), Silence(clock)
    times_out(one, clock)
    assert (one.patience(), other.patience()) == (SHORT, LONG)
