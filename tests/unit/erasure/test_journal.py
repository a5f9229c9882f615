"""The journal of an ending: what was appended is there for good, what was torn never was, what is damaged is said."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from builders import DEVICE, OTHER_DEVICE
from hypothesis import given, settings
from hypothesis import strategies as st
from obet.erasure.journal import Journal
from obet.erasure.steps import Step
from obet.errors import ObetError

PROCESSES, LINES = 4, 25


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state" / "journal.jsonl")


def steps(journal: Journal) -> list[tuple[str, str]]:
    return [(entry.run, entry.step.value) for entry in journal.entries()]


def test_what_was_appended_is_read_back_in_order(journal: Journal) -> None:
    journal.append("run-1", DEVICE, Step.REMOVAL_STARTED)
    journal.append("run-2", OTHER_DEVICE, Step.CREDENTIALS_REFUSED, {"tried": 2})
    first, second = journal.entries()
    assert (first.run, first.device, first.step, first.detail) == ("run-1", DEVICE, Step.REMOVAL_STARTED, {})
    assert (second.run, second.device, second.detail) == ("run-2", OTHER_DEVICE, {"tried": 2})
    assert first.at <= second.at
    assert abs(second.at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_journal_that_was_never_written_is_empty(journal: Journal) -> None:
    assert journal.entries() == []
    assert journal.steps(DEVICE) == journal.ended() == frozenset()
    assert not journal.path.exists()


def test_the_steps_of_a_device_are_its_own(journal: Journal) -> None:
    journal.append("run", DEVICE, Step.REMOVAL_STARTED)
    journal.append("run", OTHER_DEVICE, Step.ACCESS_REMOVED)
    assert journal.steps(DEVICE) == {Step.REMOVAL_STARTED}
    assert [entry.device for entry in journal.entries(OTHER_DEVICE)] == [OTHER_DEVICE]
    assert len(journal.entries()) == 2


@pytest.mark.parametrize("step", Step)
def test_a_device_is_ended_by_its_last_step_and_by_no_other(journal: Journal, step: Step) -> None:
    journal.append("run", DEVICE, step)
    assert (DEVICE in journal.ended()) == (step is Step.SECRETS_DESTROYED)


TORN = [
    b'{"at":"2026-05-01T10:00:00Z","run":"x","dev',
    b"\0" * 40,
    b"x",
    b'{"run": "whole but without its end of line"}',
]


@pytest.mark.parametrize("torn", TORN)
def test_a_torn_last_line_is_no_entry_and_the_next_append_drops_it(journal: Journal, torn: bytes) -> None:
    journal.append("run-1", DEVICE, Step.REMOVAL_STARTED)
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + torn)
    assert steps(journal) == [("run-1", "removal started")]
    journal.append("run-2", DEVICE, Step.ACCESS_REMOVED)
    assert steps(journal) == [("run-1", "removal started"), ("run-2", "access removed")]
    assert journal.path.read_bytes().startswith(whole + b"{")


def test_a_file_that_is_nothing_but_a_torn_line_is_empty(journal: Journal) -> None:
    journal.append("run-1", DEVICE, Step.REMOVAL_STARTED)
    journal.path.write_bytes(journal.path.read_bytes()[:-1])
    assert journal.entries() == []
    journal.append("run-2", DEVICE, Step.ACCESS_REMOVED)
    assert steps(journal) == [("run-2", "access removed")]


@given(cut=st.integers(0, 600))
@settings(max_examples=40)
def test_cut_anywhere_it_holds_the_lines_that_were_whole(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal") / "journal.jsonl")
    for number in range(4):
        journal.append(f"run-{number}", DEVICE, Step.REMOVAL_STARTED, {"number": number})
    raw = journal.path.read_bytes()[:cut]
    journal.path.write_bytes(raw)
    assert [entry.run for entry in journal.entries()] == [f"run-{n}" for n in range(raw.count(b"\n"))]


DAMAGED = [
    b"x\n",
    b"{}\n",
    b"null\n",
    b"\xff\xfe\n",
    b"\0\0\0\n",
    b'{"at":"2026-05-01T10:00:00Z","run":"x","device":"d","step":"unheard of"}\n',
    b'{"at":"yesterday","run":"x","device":"d","step":"access removed"}\n',
    b'{"at":"2026-05-01T10:00:00Z","run":"x","device":"d"}\n',
]


@pytest.mark.parametrize("damaged", DAMAGED)
def test_a_damaged_line_in_the_middle_is_an_error_that_names_it(journal: Journal, damaged: bytes) -> None:
    for run in ("run-1", "run-2"):
        journal.append(run, DEVICE, Step.REMOVAL_STARTED)
    first, second, _ = journal.path.read_bytes().split(b"\n")
    journal.path.write_bytes(first + b"\n" + damaged + second + b"\n")
    for look in (journal.entries, journal.ended, lambda: journal.steps(DEVICE)):
        with pytest.raises(ObetError, match=r"journal\.jsonl:2: is damaged") as caught:
            look()
        assert "\n" not in str(caught.value)


def test_only_this_user_may_read_its_folder(journal: Journal) -> None:
    journal.append("run", DEVICE, Step.REMOVAL_STARTED)
    assert journal.path.parent.stat().st_mode & 0o777 == 0o700


def append_many(path: Path, writer: int) -> None:
    for number in range(LINES):
        Journal(path).append(f"run-{writer}", DEVICE, Step.ACCESS_REMOVED, {"number": number})


def test_several_processes_at_once_lose_nothing_and_a_reader_meanwhile_sees_no_damage(journal: Journal) -> None:
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=append_many, args=(journal.path, writer)) for writer in range(PROCESSES)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert len(journal.entries()) <= PROCESSES * LINES
    for writer in writers:
        writer.join()
    found = {(entry.run, entry.detail["number"]) for entry in journal.entries()}
    assert [writer.exitcode for writer in writers] == [0] * PROCESSES
    assert found == {(f"run-{writer}", number) for writer in range(PROCESSES) for number in range(LINES)}
    assert len(journal.entries()) == PROCESSES * LINES


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"STATE_DIRECTORY": "/var/lib/obet", "XDG_STATE_HOME": "/x"}, Path("/var/lib/obet/journal.jsonl")),
        ({"XDG_STATE_HOME": "/home/x/state"}, Path("/home/x/state/obet/journal.jsonl")),
        ({}, Path.home() / ".local" / "state" / "obet" / "journal.jsonl"),
    ],
)
def test_it_stands_where_systemd_says_else_in_the_users_state(environment: dict[str, str], path: Path) -> None:
    assert Journal.of_this_node(environment).path == path
