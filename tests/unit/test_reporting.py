"""`obet report`: a page from what `obet verify --json` printed, and one line when that cannot be."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import EXAMPLE
from obet import cli, progress
from obet.evidence.chain import Event, Happening
from obet.evidence.ledger import Ledger
from obet.evidence.promises import PROOFS, as_json
from reports import check

DEVICE, CUSTOMER = "d-593ccz0tsv", "c-qgx2np9y3d"
DEVICES = (DEVICE, "d-p1vd6gxw0m", "d-e9k4t2s7rb")  # all of his that are administered
READ = Happening(
    run="0b5ee1f0-0000",
    event=Event.SECRETS_READ,
    node="node1",
    by="obet-node-node1",
    customer=CUSTOMER,
    device=DEVICE,
    purpose="technical",
    facts={"accessor": "the-tokens-name", "requests": ["one", "two", "three"]},
)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No journal and no ledger of this machine's own."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "obet"


def verified(folder: Path, **changes: Any) -> Path:
    told = {"run": "0b5ee1f0-1111", "at": "2026-11-23T11:00:00+00:00"}
    told |= as_json([check("fixed-ip", proof, device) for proof in PROOFS["fixed-ip"] for device in DEVICES]) | changes
    place = folder / "verify.json"
    place.write_text(json.dumps(told))
    return place


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = cli.main(["--estate", str(EXAMPLE), "report", *map(str, arguments)])
    return code, *capsys.readouterr()


def test_the_page_goes_to_standard_output_or_whole_into_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    look, place = verified(tmp_path), tmp_path / "report.html"
    code, page, _ = run(capsys, DEVICE, "--from", look, "--at", "2026-12-01")
    assert code == 0
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("badge holds") == 1
    assert hashlib.sha256(look.read_bytes()).hexdigest() in page
    place.write_text("an older page")
    assert run(capsys, DEVICE, "--from", look, "--at", "2026-12-01", "--output", place)[:2] == (0, "")
    assert place.read_text() == page
    assert place.stat().st_mode & 0o077 == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "verify.json"]


def test_for_machines_it_says_the_same_as_the_page(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    look = verified(tmp_path)
    _, text, _ = run(capsys, "--from", look, "--at", "2026-12-01", "--json")
    _, page, _ = run(capsys, "--from", look, "--at", "2026-12-01")
    told = json.loads(text)
    (shown,) = [customer for customer in told["customers"] if customer["id"] == CUSTOMER]
    assert [promise["name"] for promise in shown["promises"] if promise["holds"]] == ["fixed-ip"]
    assert page.count('class="badge holds"') == told["counts"]["holds"]
    assert all(one["id"] in page for one in told["customers"])
    assert hashlib.sha256(look.read_bytes()).hexdigest() in told["looks"][0]["digest"]
    place = tmp_path / "report.json"
    assert run(capsys, "--from", look, "--at", "2026-12-01", "--json", "--output", place)[:2] == (0, "")
    assert json.loads(place.read_text()) == told


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["page", "json"])
def test_of_what_takes_long_it_says_how_far_it_is_and_of_the_rest_nothing(
    capsys: pytest.CaptureFixture[str],
    state: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: tuple[str, ...],
) -> None:
    Ledger(state / "ledger.jsonl").append([READ] * 12)
    log = tmp_path / "audit.log"
    log.write_text("{}\n" * 3)
    monkeypatch.setattr(progress, "_PATIENCE", 600.0)  # so that it is quick on any machine
    _, quickly, nothing = run(capsys, "--at", "2026-12-01", "--audit", log, *form)
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    monkeypatch.setitem(progress._PAUSE, False, 0.0)
    _, slowly, told = run(capsys, "--at", "2026-12-01", "--audit", log, *form)
    said = {"reading the ledger, lines: 12", f"reading {log}, lines: 3", "putting the report together: 4 of 4"}
    assert {f"obet: {one}" for one in said} <= set(told.splitlines())
    assert ("obet: writing the page: 4 of " in told) == (not form)
    assert nothing == ""
    assert slowly == quickly


def test_verify_can_be_piped_in(tmp_path: Path) -> None:
    program = "import sys; from obet.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "--estate", str(EXAMPLE), "report", DEVICE, "--from", "-"]
    with verified(tmp_path).open() as look:
        piped = subprocess.run(command, stdin=look, capture_output=True, text=True, check=False, timeout=60)
    assert (piped.returncode, piped.stderr) == (0, "")
    assert piped.stdout.count("badge holds") == 1


def test_without_a_look_nothing_is_said_to_be_seen(capsys: pytest.CaptureFixture[str]) -> None:
    code, page, _ = run(capsys)
    assert code == 0
    assert "Nothing was looked at" in page
    assert "badge holds" not in page


def test_what_verify_concluded_is_concluded_afresh(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    holds = [{"name": name, "holds": True, "checks": 9, "failures": [], "missing": []} for name in PROOFS]
    _, page, _ = run(capsys, DEVICE, "--from", verified(tmp_path, promises=holds, seen=[]))
    assert "badge holds" not in page


def test_bulgarian_is_spoken_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert '<html lang="bg">' in run(capsys, "--language", "bg")[1]
    assert '<html lang="en">' in run(capsys)[1]
    with pytest.raises(SystemExit):
        run(capsys, "--language", "de")


def test_the_ledger_of_this_node_is_told_where_it_is_there(capsys: pytest.CaptureFixture[str], state: Path) -> None:
    _, without, _ = run(capsys)
    assert "secrets read" not in without
    Ledger(state / "ledger.jsonl").append([READ])
    _, page, _ = run(capsys)
    assert "secrets read" in page
    assert "3 times" in page
    assert "the-tokens-name" not in page


def test_a_ledger_that_was_named_must_be_there_and_whole(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    place = tmp_path / "ledger.jsonl"
    assert run(capsys, "--ledger", place) == (1, "", f"obet: {place}: cannot be read: there is no such file\n")
    Ledger(place).append([READ, READ])
    whole = place.read_bytes()
    place.write_bytes(whole.replace(b"node1", b"", 1).replace(b"{", b"", 1))
    code, out, error = run(capsys, "--ledger", place)
    assert (code, out) == (1, "")
    assert error.startswith(f"obet: {place}:1: is damaged")


def test_reads_are_told_from_the_audit_logs_that_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    request = {
        "operation": "read",
        "mount_type": "kv",
        "path": f"kv/data/access/{CUSTOMER}/{DEVICE}",
        "remote_address": "203.0.113.9",
    }
    given = {"data": {"data": {"login": {"password": "hmac-sha256:0"}}}}
    entry = {"type": "response", "time": "2026-11-23T11:00:00Z", "request": request, "response": given}
    log.write_text(json.dumps(entry) + "\n")
    _, page, _ = run(capsys, "--audit", log)
    assert f"{CUSTOMER}/{DEVICE}" in page
    assert "elsewhere: no node of ours" in page
    assert "203.0.113.9" not in page
    assert run(capsys, "--audit", tmp_path)[0] == 1
    log.write_bytes(b"\xff\xfe")
    assert run(capsys, "--audit", log)[2] == f"obet: {log}: is no audit log: not UTF-8\n"


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"run": "r", "seen": []}', '{"run": "r", "at": "2026-11-23T11:00:00", "seen": []}',
     '{"run": "r", "at": "2026-11-23T11:00:00Z", "seen": [{"promise": "consent"}]}', b"\xff"],
)  # fmt: skip
def test_what_verify_did_not_print_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str | bytes
) -> None:
    place = tmp_path / "verify.json"
    place.write_bytes(content if isinstance(content, bytes) else content.encode())
    code, page, error = run(capsys, "--from", place)
    assert (code, page) == (1, "")
    assert error.startswith(f"obet: {place}: is not what `obet verify --json` prints: ")
    assert error.count("\n") == 1


def test_a_proof_of_no_table_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    stray = {"promise": "fixed-ip", "proof": "looks fine", "where": DEVICE, "passed": True, "seen": ""}
    place = verified(tmp_path, seen=[stray])
    assert run(capsys, "--from", place) == (1, "", f"obet: {place}: fixed-ip: looks fine: is no proof of the table\n")


def test_a_place_that_cannot_be_written_and_a_device_that_is_none_are_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place = tmp_path / "none" / "report.html"
    assert run(capsys, "--output", place) == (1, "", f"obet: {place}: cannot be written: No such file or directory\n")
    assert run(capsys, "d-0000000000") == (9, "", "obet: d-0000000000: is no device of this estate\n")


def test_a_page_that_cannot_be_written_leaves_nothing_behind(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place = tmp_path / "report.html"
    place.mkdir()
    assert run(capsys, "--output", place) == (1, "", f"obet: {place}: cannot be written: Is a directory\n")
    assert list(tmp_path.iterdir()) == [place]
