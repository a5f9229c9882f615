"""Ledger and audit log as checks: what passes, what fails, and what cannot be said."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from builders import CUSTOMER, DEVICE, SECOND_DEVICE, customer, device, estate, managed
from held_kv import HeldKv
from obet.evidence.chain import Event, Happening
from obet.evidence.ledger import Ledger
from obet.evidence.trail import trail
from obet.model import VaultSettings
from obet.run import Run

OWN, RUN = "this-very-run", "run-1"
CHECKPOINT = "kv/data/evidence/ledger"


class Scene:
    """A ledger of one run that read once, Vault's checkpoint of it, and two audit logs that tell the same."""

    def __init__(self, folder: Path) -> None:
        self.logs = [folder / "audit-1.log", folder / "audit-2.log"]
        self.kv = HeldKv()
        self.ledger = Ledger(folder / "ledger.jsonl")
        began, ended = self.happening(Event.RUN_BEGAN), self.happening(Event.RUN_ENDED)
        self.ledger.append([began, self.granted(), self.noted(), ended])
        self.vouch()
        self.write(self.login(RUN, hours=3), self.read(), self.login(OWN, hours=0))

    def happening(self, event: Event, run: str = RUN, **fields: Any) -> Happening:
        return Happening(run=run, event=event, node="node1", by="x", **fields)

    def granted(self, run: str = RUN) -> Happening:
        facts = {"accessor": "accessor-1", "entity": "entity-1", "because": "a service"}
        to = {"customer": CUSTOMER, "device": DEVICE, "purpose": "technical", "facts": facts}
        return self.happening(Event.ACCESS_GRANTED, run, **to)

    def noted(self) -> Happening:
        facts = {"accessor": "accessor-1", "path": f"kv/data/access/{CUSTOMER}/{DEVICE}", "requests": ["request-1"]}
        return self.happening(Event.SECRETS_READ, customer=CUSTOMER, device=DEVICE, facts=facts)

    def vouch(self) -> None:
        number, hash_ = self.ledger.head()
        self.kv.held[CHECKPOINT] = [{"number": number, "hash": hash_}]

    def write(self, *lines: str, log: int | None = None) -> None:
        for number, path in enumerate(self.logs):
            if log in {None, number}:
                path.write_text("".join(lines))

    def login(self, run: str, hours: int) -> str:
        at = datetime.now(UTC) - timedelta(hours=hours)
        headers = {"x-correlation-id": [run]}
        return json.dumps({"type": "request", "time": at.isoformat(), "request": {"headers": headers}}) + "\n"

    def read(self, run: str = RUN, request: str = "request-1", name: str = DEVICE) -> str:
        entry = {
            "type": "response",
            "time": datetime.now(UTC).isoformat(),
            "auth": {
                "policies": [f"obet-technical-{CUSTOMER}"],
                "accessor": "accessor-1",
                "entity_id": "entity-1",
            },
            "request": {
                "id": request,
                "operation": "read",
                "mount_type": "kv",
                "path": f"kv/data/access/{CUSTOMER}/{name}",
                "remote_address": "198.51.100.11",
                "headers": {"x-correlation-id": [run]},
            },
            "response": {"data": {"data": {"login": "hmac"}}},
        }
        return json.dumps(entry) + "\n"

    def checks(self, audit_log: Path | None = None) -> dict[str, tuple[bool | None, str]]:
        vault = VaultSettings(address="https://v", ca_file="/x", audit_files=tuple(map(str, self.logs)))
        known = customer([managed(devices=[DEVICE, SECOND_DEVICE])], (), [device(), device(SECOND_DEVICE)])
        of = estate(known, vault=vault)
        run = SimpleNamespace(id=OWN, ledger=self.ledger, session=self.kv, estate=of, now=datetime.now(UTC))
        found = trail(cast(Run, run), [DEVICE, SECOND_DEVICE], audit_log)
        return {check.where: (check.passed, check.seen) for check in found}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_whole_ledger_and_reads_that_belong_pass(scene: Scene) -> None:
    assert scene.checks() == {
        "ledger": (True, "4 lines"),
        DEVICE: (True, "1 reads by 1 runs"),
        SECOND_DEVICE: (True, "0 reads by 0 runs"),
    }


def test_what_other_runs_do_meanwhile_is_no_damage_and_no_stray(scene: Scene) -> None:
    """Between any two looks another run reads, puts it on record and has it vouched for."""
    ask = scene.kv.get

    def meanwhile(path: str) -> Any:
        scene.ledger.append(scene.happening(event, run="run-2") for event in (Event.RUN_BEGAN, Event.RUN_ENDED))
        scene.vouch()
        return ask(path)

    scene.kv.get = meanwhile  # type: ignore[method-assign]
    assert {passed for passed, _ in scene.checks().values()} == {True}


def test_a_stray_read_fails_its_device_and_no_other(scene: Scene) -> None:
    scene.write(scene.login(RUN, 3), scene.read(), scene.read(request="request-9"), scene.login(OWN, 0))
    found = scene.checks()
    assert found[DEVICE][0] is False
    assert "1 of 2 reads" in found[DEVICE][1]
    assert found[SECOND_DEVICE][0] is True


def test_a_stray_read_in_one_of_two_logs_is_enough(scene: Scene) -> None:
    scene.write(scene.login(RUN, 3), scene.read(), scene.read(request="request-9"), scene.login(OWN, 0), log=1)
    assert scene.checks()[DEVICE][0] is False


def test_a_stray_read_of_no_device_of_ours_is_told_apart(scene: Scene) -> None:
    scene.write(scene.login(RUN, 3), scene.read(), scene.read(name="d-9999999999"), scene.login(OWN, 0))
    found = scene.checks()
    assert found["no device of this estate"][0] is False
    assert found[DEVICE][0] is True


def test_a_log_that_knows_nothing_of_this_run_shows_nothing(scene: Scene) -> None:
    for lines in ([], [scene.login(RUN, 3), scene.read()]):
        scene.write(*lines)
        found = scene.checks()[DEVICE]
        assert found == (None, "Vault's audit log that was read does not reach to now: it knows nothing of this run")


def test_but_a_stray_read_in_such_a_log_is_one(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "copy.log").write_text(scene.read(request="request-9"))
    assert scene.checks(tmp_path / "copy.log")[DEVICE][0] is False


def test_where_no_log_can_be_read_nothing_is_said(scene: Scene, tmp_path: Path) -> None:
    for log in scene.logs:
        log.unlink()
    assert scene.checks()[DEVICE] == (None, "Vault's audit log cannot be read here: give it with --audit FILE")
    nowhere = tmp_path / "nowhere.log"
    assert scene.checks(nowhere)[DEVICE] == (None, f"{nowhere}: cannot be read: No such file or directory")


def test_a_read_that_the_ledger_tells_of_and_no_log_does_fails(scene: Scene) -> None:
    scene.write(scene.login(RUN, 3), scene.login(OWN, 0))
    passed, seen = scene.checks()[DEVICE]
    assert passed is False
    assert "1 reads in the ledger are not in Vault's audit log" in seen
    scene.write(scene.login(OWN, -1))
    assert scene.checks()[DEVICE][0] is True, "a log that began after that run need not know of it"


def test_reads_of_a_run_that_is_under_way_leave_it_open(scene: Scene) -> None:
    scene.ledger.append([scene.happening(Event.RUN_BEGAN, run="run-2"), scene.granted("run-2")])
    scene.write(scene.login(RUN, 3), scene.read(), scene.read("run-2", "request-2"), scene.login(OWN, 0))
    assert scene.checks()[DEVICE] == (None, "1 of 2 reads are of runs still under way")


def test_a_damaged_ledger_fails_and_a_cut_one_as_well(scene: Scene) -> None:
    whole = scene.ledger.path.read_bytes()
    scene.ledger.path.write_bytes(whole.replace(b"request-1", b"request-2"))
    assert scene.checks()["ledger"] == (False, "line 3 was edited")
    scene.ledger.path.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    assert scene.checks()["ledger"] == (False, "1 lines are cut off at its end")
    scene.ledger.path.write_bytes(whole + b"x\n")
    assert scene.checks()["ledger"][0] is False
    scene.ledger.path.unlink()
    assert scene.checks()["ledger"] == (False, "4 lines are cut off at its end")


def test_a_pipe_in_a_logs_place_is_not_waited_for(scene: Scene, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.log"
    os.mkfifo(pipe)
    assert scene.checks(pipe)[DEVICE] == (None, f"{pipe}: is no plain file")
    scene.logs[0].unlink()
    os.mkfifo(scene.logs[0])
    assert scene.checks()[DEVICE] == (True, "1 reads by 1 runs")
