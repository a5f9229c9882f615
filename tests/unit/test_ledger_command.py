"""`obet ledger` without Vault: lines that people can read, chosen by run and device, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import CUSTOMER, DEVICE, SECOND_DEVICE, obet
from obet import cli
from obet.evidence.chain import Event, Happening
from obet.evidence.ledger import Ledger

FIRST, SECOND = "11111111-aaaa", "22222222-bbbb"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger of two runs on two devices, as this node's own."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    for run, device in ((FIRST, DEVICE), (SECOND, SECOND_DEVICE)):
        common = {"run": run, "node": "node1", "by": "op1"}
        where = {"customer": CUSTOMER, "device": device, "purpose": "technical"}
        granted = {"accessor": "an-accessor", "entity": "an-entity", "because": "a service \u202e\x1b[31m"}
        Ledger(tmp_path / "ledger.jsonl").append(
            [
                Happening(**common, event=Event.RUN_BEGAN),
                Happening(**common, **where, event=Event.ACCESS_GRANTED, facts=granted),
                Happening(**common, **where, event=Event.DEVICE_DONE, facts={"ok": 3}, sealed="vault:v1:abc"),
            ]
        )
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(["ledger", *arguments])
    return code, *capsys.readouterr()


def test_each_line_is_told_by_ids_counts_and_reasons_and_does_nothing_to_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, error = run(capsys)
    head, *rows = out.splitlines()
    assert (code, error, len(rows)) == (0, "", 6)
    assert head.split() == ["TIME", "RUN", "WHAT", "WHERE", "PURPOSE", "BY"]
    assert rows[2].split("  ")[1:3] == [FIRST[:8], "device done"]
    assert rows[2].endswith("3 ok")
    assert rows[1].endswith(r"a service \u202e\x1b[31m")
    assert "accessor" not in out
    assert "vault:v1" not in out


@pytest.mark.parametrize(
    ("chosen", "numbers"),
    [
        ((), [1, 2, 3, 4, 5, 6]),
        (("--run", FIRST), [1, 2, 3]),
        (("--run", SECOND[:4]), [4, 5, 6]),
        (("--device", SECOND_DEVICE), [5, 6]),
        (("--run", FIRST, "--device", SECOND_DEVICE), []),
    ],
    ids=str,
)
def test_lines_are_chosen_by_run_and_device(
    capsys: pytest.CaptureFixture[str], chosen: tuple[str, ...], numbers: list[int]
) -> None:
    lines = json.loads(run(capsys, *chosen, "--json")[1])
    assert [line["number"] for line in lines] == numbers
    assert all(line["details"] is None for line in lines)


def test_an_edited_line_and_one_half_written_are_said_besides(capsys: pytest.CaptureFixture[str], state: Path) -> None:
    path = state / "ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"ok":3', b'"ok":4', 1) + b'{"at"')
    code, out, error = run(capsys)
    assert (code, len(out.splitlines())) == (0, 7)
    assert error.splitlines() == [
        f"obet: {path}: line 3 was edited",
        f"obet: {path}: 5 bytes at its end were half written, and never on record",
    ]


def test_a_damaged_line_is_one_line_and_exit_1(capsys: pytest.CaptureFixture[str], state: Path) -> None:
    path = state / "ledger.jsonl"
    path.write_bytes(path.read_bytes() + b"{}\n")
    code, out, error = run(capsys, "--file", str(path))
    assert (code, out) == (1, "")
    assert error.startswith(f"obet: {path}:7: is damaged")


def test_a_named_ledger_must_be_there_and_ones_own_need_not(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "empty"))
    assert run(capsys, "--json") == (0, "[]\n", "")
    assert run(capsys, "--file", str(tmp_path / "no"))[0] == 1


def test_details_need_an_estate_whose_vault_opens_them(state: Path) -> None:
    answer = obet("ledger", "--details", environment={"STATE_DIRECTORY": str(state)})
    assert (answer.returncode, answer.stdout) == (9, "")
    assert "--estate FOLDER, or OBET_ESTATE" in answer.stderr
