"""What a run puts on record: who it is, what it was granted, read and did; and what a killed one left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import CUSTOMER, DEVICE, OTHER_CUSTOMER, OTHER_DEVICE, SECOND_DEVICE
from obet.errors import ObetError
from obet.evidence.account import Account, Doer
from obet.evidence.chain import Event, Line, damage
from obet.evidence.ledger import Ledger
from obet.run_directory import RunDirectory
from obet.vault.session import Token

RUN, KILLED = "11111111-aaaa", "22222222-bbbb"
LOGIN = Token("hvs.login-value", "accessor-0", "entity-1")
TOKEN = Token("hvs.child-value", "accessor-1", "entity-1")


def path(device: str = DEVICE, customer: str = CUSTOMER) -> str:
    return f"kv/data/access/{customer}/{device}"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[dict[str, str]]:
    folder = Path(f"/dev/shm/obet-test-{os.getpid()}-{tmp_path.name}")  # noqa: S108 - there is no other tmpfs for sure
    folder.mkdir(mode=0o700)
    yield {"XDG_RUNTIME_DIR": str(folder)}
    shutil.rmtree(folder)


@pytest.fixture
def directory(memory: dict[str, str]) -> RunDirectory:
    return RunDirectory.make(memory, RUN)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.jsonl")


@pytest.fixture
def account(ledger: Ledger, directory: RunDirectory) -> Account:
    return Account(ledger, directory, Doer(run=RUN, node="node1", by="obet-node-node1"))


def sealed(device: str, text: str) -> str:
    return f"sealed for {device}: {len(text)}"


def told(ledger: Ledger) -> list[tuple[Any, ...]]:
    assert damage(ledger.lines()) == []
    return [(line.event, line.customer, line.device, line.purpose, dict(line.facts)) for line in ledger.lines()]


def test_who_it_is_stands_first_by_what_opens_nothing(account: Account, ledger: Ledger) -> None:
    account.began(LOGIN)
    (line,) = ledger.lines()
    assert (line.event, line.run, line.node, line.by) == (Event.RUN_BEGAN, RUN, "node1", "obet-node-node1")
    assert line.facts == {"accessor": "accessor-0", "entity": "entity-1"}
    assert b"hvs." not in ledger.path.read_bytes()


def test_what_a_kill_left_half_written_is_told_by_the_next_run_and_nothing_where_nothing_was(
    account: Account, ledger: Ledger
) -> None:
    account.began(LOGIN, torn=17)
    account.began(LOGIN, torn=0)
    assert [line.facts.get("torn") for line in ledger.lines()] == [17, None]


def test_each_device_that_is_granted_stands_with_the_fact_that_allows_it(account: Account, ledger: Ledger) -> None:
    account.granted("technical", CUSTOMER, TOKEN, {DEVICE: "a warranty", SECOND_DEVICE: "a service"})
    facts = {"accessor": "accessor-1", "entity": "entity-1"}
    assert told(ledger) == [
        (Event.ACCESS_GRANTED, CUSTOMER, DEVICE, "technical", facts | {"because": "a warranty"}),
        (Event.ACCESS_GRANTED, CUSTOMER, SECOND_DEVICE, "technical", facts | {"because": "a service"}),
    ]
    assert b"hvs." not in ledger.path.read_bytes()


def test_reads_are_told_when_the_play_ends_once_and_by_token_and_path(account: Account, ledger: Ledger) -> None:
    account.noted("accessor-1", path(), "request-1")
    account.noted("accessor-2", path(OTHER_DEVICE, OTHER_CUSTOMER), "request-2")
    account.noted("accessor-1", path(), "request-3")
    assert told(ledger) == []
    account.play_ended("technical", {}, sealed)
    first = {"accessor": "accessor-1", "path": path(), "requests": ["request-1", "request-3"]}
    second = {"accessor": "accessor-2", "path": path(OTHER_DEVICE, OTHER_CUSTOMER), "requests": ["request-2"]}
    assert told(ledger) == [
        (Event.SECRETS_READ, CUSTOMER, DEVICE, None, first),
        (Event.SECRETS_READ, OTHER_CUSTOMER, OTHER_DEVICE, None, second),
    ]
    account.ended()
    assert [event for event, *_ in told(ledger)[2:]] == [Event.RUN_ENDED]


def test_what_is_read_after_the_last_play_is_told_before_the_end(account: Account, ledger: Ledger) -> None:
    account.noted("accessor-1", path(), "request-1")
    account.ended()
    assert [event for event, *_ in told(ledger)] == [Event.SECRETS_READ, Event.RUN_ENDED]


def test_what_was_done_is_counted_and_its_names_are_sealed(account: Account, ledger: Ledger) -> None:
    for task, outcome in [("A secret task", "ok"), ("Another", "changed"), ("A third", "ok")]:
        account.saw(DEVICE, task, outcome)
    account.saw(OTHER_DEVICE, "Elsewhere", "failed")
    account.play_ended("technical", {DEVICE: CUSTOMER, OTHER_DEVICE: OTHER_CUSTOMER}, sealed)
    assert told(ledger) == [
        (Event.DEVICE_DONE, CUSTOMER, DEVICE, "technical", {"ok": 2, "changed": 1}),
        (Event.DEVICE_DONE, OTHER_CUSTOMER, OTHER_DEVICE, "technical", {"failed": 1}),
    ]
    text = "ok: A secret task\nchanged: Another\nok: A third"
    assert ledger.lines()[0].sealed == f"sealed for {DEVICE}: {len(text)}"
    assert b"secret task" not in ledger.path.read_bytes()


def test_what_cannot_be_sealed_is_counted_and_not_named(account: Account, ledger: Ledger) -> None:
    account.saw(DEVICE, "A secret task", "ok")
    account.play_ended("technical", {DEVICE: CUSTOMER}, lambda *_: None)
    (line,) = ledger.lines()
    assert (line.sealed, line.facts) == (None, {"ok": 1})
    assert b"secret task" not in ledger.path.read_bytes()


def test_a_play_tells_nothing_of_the_play_before_it(account: Account, ledger: Ledger) -> None:
    account.saw(DEVICE, "First", "ok")
    account.play_ended("technical", {DEVICE: CUSTOMER}, sealed)
    account.play_ended("ending", {DEVICE: CUSTOMER}, sealed)
    assert len(ledger.lines()) == 1


def test_a_host_that_is_no_device_of_the_play_is_not_told(account: Account, ledger: Ledger) -> None:
    account.saw("localhost", "Something", "ok")
    account.play_ended("technical", {DEVICE: CUSTOMER}, sealed)
    assert told(ledger) == []


def test_a_step_stands_with_its_detail(account: Account, ledger: Ledger) -> None:
    account.step(CUSTOMER, DEVICE, "access removed", {"seen": "removed"})
    facts = {"step": "access removed", "detail": {"seen": "removed"}}
    assert told(ledger) == [(Event.STEP, CUSTOMER, DEVICE, None, facts)]


def test_a_killed_run_is_told_as_cut_off_with_what_it_had_read(
    account: Account, ledger: Ledger, memory: dict[str, str]
) -> None:
    killed = RunDirectory.make(memory, KILLED)
    Account(ledger, killed, Doer(run=KILLED, node="node1", by="op")).noted("accessor-9", path(), "request-9")
    account.tell_of(killed)
    reads, cut_off = ledger.lines()
    assert (reads.run, reads.event, reads.facts["requests"]) == (KILLED, Event.SECRETS_READ, ["request-9"])
    assert (cut_off.run, cut_off.event, cut_off.by) == (KILLED, Event.RUN_CUT_OFF, "unknown")


def test_a_run_is_over_when_it_has_ended_or_was_found_killed_and_not_before(
    account: Account, ledger: Ledger, memory: dict[str, str]
) -> None:
    assert not account.is_over(RUN), "nothing is known of it"
    account.began(LOGIN)
    killed = RunDirectory.make(memory, KILLED)
    Account(ledger, killed, Doer(run=KILLED, node="node1", by="op")).began(LOGIN)
    assert [account.is_over(run) for run in (RUN, KILLED)] == [False, False]
    account.tell_of(killed)
    assert [account.is_over(run) for run in (RUN, KILLED)] == [False, True]
    account.ended()
    assert account.is_over(RUN)


def test_reads_that_cannot_be_told_are_kept_until_they_can(
    account: Account, ledger: Ledger, directory: RunDirectory
) -> None:
    account.noted("accessor-1", path(), "request-1")
    ledger.path.mkdir()
    for tell in (lambda: account.play_ended("technical", {}, sealed), account.ended):
        with pytest.raises(ObetError, match="cannot be written: Is a directory: nothing is done off the record"):
            tell()
    assert [read.request for read in directory.reads()] == ["request-1"]
    ledger.path.rmdir()
    account.ended()
    assert [event for event, *_ in told(ledger)] == [Event.SECRETS_READ, Event.RUN_ENDED]


def test_every_line_names_run_node_and_who(account: Account, ledger: Ledger) -> None:
    account.began(LOGIN)
    account.granted("technical", CUSTOMER, TOKEN, {DEVICE: "a warranty"})
    account.noted("accessor-1", path(), "request-1")
    account.step(CUSTOMER, DEVICE, "onboarded", {})
    account.saw(DEVICE, "A task", "ok")
    account.play_ended("technical", {DEVICE: CUSTOMER}, sealed)
    account.ended()
    lines: list[Line] = ledger.lines()
    assert {line.event for line in lines} == set(Event) - {Event.RUN_CUT_OFF}
    assert {(line.run, line.node, line.by) for line in lines} == {(RUN, "node1", "obet-node-node1")}
