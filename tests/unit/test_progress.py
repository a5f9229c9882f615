"""Progress: nothing of what is quick, a word now and then of what is not."""

from __future__ import annotations

import io

import pytest
from obet.progress import Progress


class Clock:
    """What passes is what a test says."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


def told(clock: Clock, out: io.StringIO, seconds: float, steps: int) -> str:
    with Progress("reading Vault", steps, out, clock) as shown:
        for _ in range(steps):
            clock.now += seconds
            shown.step()
    return out.getvalue()


def test_of_what_takes_less_than_two_seconds_nothing_is_said(clock: Clock) -> None:
    assert told(clock, io.StringIO(), 0.19, 10) == ""


def test_a_log_gets_a_line_after_two_seconds_and_then_every_ten(clock: Clock) -> None:
    lines = told(clock, io.StringIO(), 1.0, 25).splitlines()
    assert lines == [f"obet: reading Vault: {done} of 25" for done in (2, 12, 22)]


def test_where_nobody_knows_the_total_only_what_is_done_is_said(clock: Clock) -> None:
    out = io.StringIO()
    with Progress("reading", out=out, clock=clock) as shown:
        for _ in range(3):
            clock.now += 1.0
            shown.step()
    assert out.getvalue() == "obet: reading: 2\n"


def test_a_terminal_gets_one_line_that_is_written_over_and_ended(clock: Clock) -> None:
    text = told(clock, Terminal(), 1.0, 4)
    assert text == "".join(f"\robet: reading Vault: {done} of 4" for done in (2, 3, 4)) + "\n"
