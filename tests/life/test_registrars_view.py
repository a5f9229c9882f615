"""The registrar opens nothing unless he sees the nodes' record: else endings that are done are opened again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from lab import estate
from lab.estate import PAID_CUSTOMER, PAID_DEVICE, WARRANTY_CUSTOMER
from lab.provision import Obet, provision
from life_support import administrator, fails_clearly, new_lab


@pytest.fixture(scope="module")
def own() -> Iterator[Obet]:
    """A server that is in service, whose work is paid since: its ending is due and not opened yet."""
    with new_lab() as lab:
        made = provision(lab, [PAID_DEVICE])
        made.play("onboard", "--limit", PAID_DEVICE)
        estate.set_paid(made.estate, datetime.now(UTC) - timedelta(seconds=5))
        yield made


@pytest.fixture
def record(own: Obet, tmp_path: Path) -> Path:
    """A copy of the nodes' ledger and journal, which a test may spoil."""
    return Path(shutil.copytree(own.lab.node1.home / ".local/state/obet", tmp_path / "obet"))


def registrar(own: Obet, record: Path, command: str = "apply") -> CompletedProcess[str]:
    places = {"OBET_CREDENTIALS_DIRECTORY": str(own.registrar), "STATE_DIRECTORY": str(record)}
    return own.lab.node1.run(["obet", "vault", command], check=False, env=own.environment | places)


def has(own: Obet, purpose: str, customer: str) -> bool:
    """Whether Vault holds that purpose's policy for the customer."""
    path = f"sys/policies/acl/obet-{purpose}-{customer}"
    return own.lab.vault.answer("GET", path, token=administrator(own.lab))[0] == 200


def test_a_registrar_elsewhere_opens_no_ending_says_why_and_still_closes(own: Obet, tmp_path: Path) -> None:
    assert has(own, "technical", PAID_CUSTOMER)
    for command in ("plan", "apply"):
        answer = registrar(own, tmp_path / "elsewhere", command)
        fails_clearly(answer, 9, "ledger.jsonl: is not the ledger that the nodes keep", "STATE_DIRECTORY")
    assert not has(own, "technical", PAID_CUSTOMER)
    assert not has(own, "ending", PAID_CUSTOMER)
    assert has(own, "technical", WARRANTY_CUSTOMER), "what others' contracts call for stays"


def test_neither_does_one_whose_ledger_is_behind_the_nodes(own: Obet, record: Path) -> None:
    lines = (record / "ledger.jsonl").read_text().splitlines(keepends=True)
    (record / "ledger.jsonl").write_text("".join(lines[:2]))
    fails_clearly(registrar(own, record), 9, "ledger.jsonl: is not the ledger that the nodes keep")
    assert not has(own, "ending", PAID_CUSTOMER)


def test_neither_does_one_whose_journal_lacks_what_the_ledger_tells_of(own: Obet, record: Path) -> None:
    (record / "journal.jsonl").unlink()
    fails_clearly(registrar(own, record), 9, "journal.jsonl: lacks a step", PAID_DEVICE, "onboarded")
    assert not has(own, "ending", PAID_CUSTOMER)


def test_one_who_sees_the_nodes_record_opens_it(own: Obet, record: Path) -> None:
    assert registrar(own, record).returncode == 0
    assert has(own, "ending", PAID_CUSTOMER)


def test_for_an_estate_for_which_nothing_was_done_there_is_no_record_to_see(tmp_path: Path) -> None:
    with new_lab() as lab:
        made = provision(lab, [])
        assert registrar(made, tmp_path / "nothing").returncode == 0
