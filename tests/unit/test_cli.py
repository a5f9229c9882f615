"""The command line: help without Vault's client or SSH, one line for an error, its own exit code."""

from __future__ import annotations

import argparse
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import EXAMPLE, edit, line_of, obet, python
from obet import cli
from obet.errors import ObetError

WARRANTY_DEVICE, HELD_DEVICE, UNAGREED_DEVICE = "d-593ccz0tsv", "d-291m8gq0b9", "d-jscb00nk6m"
# With a router and a switch of the same work.
WARRANTY_DEVICES = (WARRANTY_DEVICE, "d-p1vd6gxw0m", "d-e9k4t2s7rb")
MANAGED_DEVICE, SHARED_DEVICE = "d-nh4bbpheqk", "d-4jmtzhs00w"
PAID_DEVICES = {"d-skqf5xe0yz", "d-a8gfp81xga"}
DEVICES = {*WARRANTY_DEVICES, HELD_DEVICE, UNAGREED_DEVICE, MANAGED_DEVICE, SHARED_DEVICE} | PAID_DEVICES
DURING, AFTER, LONG_AFTER = "2027-06-01", "2028-02-01", "2029-01-01"


def commands(parser: argparse.ArgumentParser, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Each command of the command line, as its words."""
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    for group in groups:
        for name, inner in group.choices.items():
            yield from commands(inner, (*before, name))
    if not groups:
        yield before


COMMANDS = sorted(commands(cli._parser()))
GROUPS = sorted({command[:length] for command in COMMANDS for length in range(len(command))})
SHOW_HELP = """
import contextlib, io, json, sys
from obet.cli import main
shown = {}
for command in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit):
        main([*command, "--help"])
    shown[" ".join(command)] = text.getvalue()
loaded = [name for name in ("hvac", "asyncssh", "ansible", "requests", "yaml") if name in sys.modules]
print(json.dumps([shown, loaded]))
"""


@pytest.fixture(scope="module")
def shown() -> tuple[dict[str, str], list[str]]:
    """Each command's help, and which libraries showing all of them has loaded."""
    answer = python(SHOW_HELP, json.dumps([*COMMANDS, *GROUPS]))
    assert answer.returncode == 0, answer.stderr
    texts, loaded = json.loads(answer.stdout)
    return texts, loaded


def run(capsys: pytest.CaptureFixture[str], *arguments: str, estate: Path = EXAMPLE) -> tuple[int, str, str]:
    code = cli.main(["--estate", str(estate), *arguments])
    return code, *capsys.readouterr()


def due(capsys: pytest.CaptureFixture[str], at: str) -> set[tuple[str, str]]:
    """Device and purpose of what is granted at a time."""
    code, out, _ = run(capsys, "due", "--at", at, "--json")
    assert code == 0
    rows = json.loads(out)["obligations"]
    return {(o["device"], o["purpose"]) for o in rows if o["state"] == "in force" and o["purpose"]}


def test_help_needs_neither_vaults_client_nor_ssh(shown: tuple[dict[str, str], list[str]]) -> None:
    assert shown[1] == []


@pytest.mark.parametrize("command", [*COMMANDS, *GROUPS], ids=" ".join)
def test_each_help_shows_examples_that_the_command_line_takes_and_the_exit_codes(
    shown: tuple[dict[str, str], list[str]], command: tuple[str, ...]
) -> None:
    text = shown[0][" ".join(command)]
    assert "exit codes:" in text
    called = [cli._parser().parse_args(words).command for words in examples(text)]
    assert called
    assert all(function.replace("_", " ").startswith(" ".join(command)) for function in called)


def examples(text: str) -> Iterator[list[str]]:
    """What each example of a help gives to `obet`: without what stands beside it, before or after it in the shell."""
    for line in text.partition("examples:\n")[2].partition("\n\n")[0].splitlines():
        words = shlex.split(re.split(r"\s{2,}|\s>\s", line.strip())[0].rpartition("| ")[2])
        assert words[0] == "obet", line
        yield words[1:]


@pytest.mark.parametrize("group", GROUPS, ids=" ".join)
def test_the_help_of_a_group_names_its_commands(
    shown: tuple[dict[str, str], list[str]], group: tuple[str, ...]
) -> None:
    below = {command[len(group)] for command in COMMANDS if command[: len(group)] == group}
    assert below == set(re.findall(r"^    (\w+)", shown[0][" ".join(group)], re.MULTILINE))


def test_the_exit_codes_in_the_help_are_those_of_the_errors(shown: tuple[dict[str, str], list[str]]) -> None:
    found = {error.exit_code for error in every_error(ObetError)}
    assert found == {1, *range(3, 11)}
    assert all(f" {code} " in shown[0][""] for code in {0, 2, *found})


def every_error(of: type[ObetError]) -> Iterator[type[ObetError]]:
    yield of
    for inner in of.__subclasses__():
        if inner.exit_code != of.exit_code:
            yield from every_error(inner)


def test_due_shows_technical_before_the_end_of_the_warranty_ending_after_and_nothing_at_last(
    capsys: pytest.CaptureFixture[str],
) -> None:
    managed = {(device, "technical") for device in (MANAGED_DEVICE, SHARED_DEVICE)}
    assert due(capsys, DURING) == {(device, "technical") for device in WARRANTY_DEVICES} | managed
    assert due(capsys, AFTER) == {(device, "ending") for device in WARRANTY_DEVICES} | managed
    assert due(capsys, LONG_AFTER) == managed


def test_due_of_the_example_shows_each_of_its_endings(capsys: pytest.CaptureFixture[str]) -> None:
    begun = {(device, "technical") for device in (*WARRANTY_DEVICES, HELD_DEVICE, SHARED_DEVICE)}
    assert due(capsys, "2026-02-01") == begun
    assert {(device, "technical") for device in PAID_DEVICES} < due(capsys, "2026-06-10")
    assert {(device, "ending") for device in PAID_DEVICES} < due(capsys, "2026-06-11")
    assert (SHARED_DEVICE, "technical") in due(capsys, "2026-06-11"), "paid long ago, and under a service that runs"
    assert (HELD_DEVICE, "ending") in due(capsys, "2026-09-20"), "unpaid, and a legal hold keeps no access"
    assert not {(HELD_DEVICE, purpose) for purpose in ("technical", "ending")} & due(capsys, "2026-10-01")


def test_due_of_the_example_says_that_only_the_paid_customers_data_must_be_gone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, out, _ = run(capsys, "due", "--at", LONG_AFTER, "--json")
    gone = [o for o in json.loads(out)["obligations"] if o["requirement"] == "data absent"]
    assert [(o["customer"], o["device"], o["state"]) for o in gone] == [("c-mbr7ba2cby", None, "in force")]


def test_due_warns_of_what_ends_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "due", "--at", "2028-01-30", "--json")
    warned = json.loads(out)["warnings"]
    assert {warning["device"] for warning in warned} == set(WARRANTY_DEVICES)
    assert {(w["purpose"], w["days"], w["at"]) for w in warned} == {("technical", 7, "2028-01-31T22:00:00Z")}
    _, table, _ = run(capsys, "due", "--at", "2028-01-30")
    ends = table.splitlines()[table.splitlines().index("ENDS BY ITSELF") + 1 :]
    assert len(ends) == len(WARRANTY_DEVICES)
    assert any(line.startswith(f"warning: {WARRANTY_DEVICE}: our access is due to end within 7 days") for line in ends)
    _, table, _ = run(capsys, "due", "--at", DURING)
    assert "ENDS BY ITSELF" not in table


def test_due_does_not_warn_of_an_ending_that_is_done(tmp_path: Path) -> None:
    stop = "2028-02-29"
    entry = {"at": "2028-02-10T00:00:00Z", "run": "r", "step": "secrets destroyed"}
    entries = [json.dumps(entry | {"device": device}) + "\n" for device in WARRANTY_DEVICES]
    environment = {"OBET_ESTATE": str(EXAMPLE), "STATE_DIRECTORY": str(tmp_path)}
    assert "hard stop of an open ending" in obet("due", "--at", stop, environment=environment).stdout
    (tmp_path / "journal.jsonl").write_text("".join(entries))
    assert "hard stop of an open ending" not in obet("due", "--at", stop, environment=environment).stdout


def test_at_takes_an_instant_to_the_second(capsys: pytest.CaptureFixture[str]) -> None:
    assert (WARRANTY_DEVICE, "technical") in due(capsys, "2028-01-31T23:59:59+02:00")
    assert (WARRANTY_DEVICE, "ending") in due(capsys, "2028-02-01T00:00:00+02:00")


@pytest.mark.parametrize("at", ["2028-02-30", "2028-02-01T10:00:00", "tomorrow", "0001-01-01T00:00:00+02:00", ""])
def test_at_takes_nothing_that_is_no_time(capsys: pytest.CaptureFixture[str], at: str) -> None:
    with pytest.raises(SystemExit) as caught:
        run(capsys, "due", "--at", at)
    assert caught.value.code == 2
    assert "is no day and no instant" in capsys.readouterr().err


def test_due_for_people_has_a_line_for_each_obligation_under_a_head(capsys: pytest.CaptureFixture[str]) -> None:
    _, table, _ = run(capsys, "due", "--at", DURING)
    _, plain, _ = run(capsys, "due", "--at", DURING, "--json")
    head, *lines = table.splitlines()
    assert head.split()[:2] == ["SUBJECT", "STATE"]
    rows = json.loads(plain)["obligations"]
    assert [line.split()[0] for line in lines] == [o["device"] or o["customer"] for o in rows]
    (forbidden,) = [line for line in lines if line.startswith(UNAGREED_DEVICE)]
    assert "access forbidden" in forbidden


def test_plan_shows_one_device_or_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    _, one, _ = run(capsys, "plan", WARRANTY_DEVICE, "--json")
    _, every, _ = run(capsys, "plan", "--json")
    assert [plan["device"] for plan in json.loads(one)] == [WARRANTY_DEVICE]
    assert {plan["device"] for plan in json.loads(every)} == DEVICES
    _, text, _ = run(capsys, "plan", WARRANTY_DEVICE)
    assert json.loads(one)[0]["management"]["text"] in text


def test_a_device_of_a_platform_that_is_not_served_is_exit_4_and_one_line(
    capsys: pytest.CaptureFixture[str], example: Path
) -> None:
    path = example / "customers/c-aqj5van3ze/devices/d-jscb00nk6m.yml"
    edit(path, "platform: linux", "platform: eos")
    path.write_text(path.read_text().partition("service_secrets:")[0])
    for asked in (["plan"], ["plan", UNAGREED_DEVICE]):
        code, out, error = run(capsys, *asked, estate=example)
        assert (code, out) == (4, "")
        assert error.startswith(f"obet: {UNAGREED_DEVICE}: platform eos: is not served yet")
        assert len(error.splitlines()) == 1
    assert run(capsys, "plan", WARRANTY_DEVICE, estate=example)[0] == 0


def test_a_device_that_the_estate_does_not_have_is_exit_9(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, error = run(capsys, "plan", "d-0000000000")
    assert (code, out) == (9, "")
    assert error == "obet: d-0000000000: is no device of this estate\n"


def test_no_estate_is_wrong_usage() -> None:
    answer = obet("due")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.splitlines()[-1].endswith(
        "say which estate: --estate FOLDER, or OBET_ESTATE in the environment"
    )


def test_the_estate_comes_from_the_environment_and_the_option_wins(tmp_path: Path) -> None:
    named = obet("due", "--json", environment={"OBET_ESTATE": str(EXAMPLE)})
    assert (named.returncode, named.stderr) == (0, "")
    assert json.loads(named.stdout)
    other = obet("--estate", str(tmp_path), "due", environment={"OBET_ESTATE": str(EXAMPLE)})
    assert other.returncode == 3


@pytest.mark.parametrize("command", [["due"], ["plan"], ["verify"], ["vault", "plan"]])
def test_a_broken_estate_is_exit_3_and_one_line(
    capsys: pytest.CaptureFixture[str], example: Path, command: list[str]
) -> None:
    path = example / "customers" / "c-qgx2np9y3d" / "contract.yml"
    assert line_of(path, "warranty_until: 2028-01-31") == 17
    edit(path, "warranty_until: 2028-01-31", "warranty_until: 2028-01-32")
    code, out, error = run(capsys, *command, estate=example)
    assert (code, out) == (3, "")
    assert error == f"obet: {path}:17: services[0].warranty_until: day is out of range for month\n"


def test_the_registrar_says_what_is_broken_and_that_without_a_vault_it_closed_nothing(
    capsys: pytest.CaptureFixture[str], example: Path
) -> None:
    path = example / "customers" / "c-qgx2np9y3d" / "contract.yml"
    edit(path, "warranty_until: 2028-01-31", "warranty_until: 2028-01-32")
    code, out, error = run(capsys, "vault", "apply", estate=example)
    assert (code, out) == (3, "")
    closed, broken = error.splitlines()
    assert closed.startswith("obet: not all was closed that could be: ")
    assert broken == f"obet: {path}:17: services[0].warranty_until: day is out of range for month"


def test_an_estate_that_is_not_there_is_exit_3_and_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, error = run(capsys, "due", estate=tmp_path / "nowhere")
    assert (code, out) == (3, "")
    assert error == f"obet: {tmp_path}/nowhere/estate.yml: cannot be read: No such file or directory\n"


@pytest.mark.parametrize(
    "arguments", [[], ["unheard-of"], ["due", "--unheard-of"], ["vault"], ["secret", "login", "d-1"]]
)
def test_wrong_usage_is_exit_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(capsys, *arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: obet")


AUDIT: list[dict[str, Any]] = [
    {
        "type": "response",
        "time": "2026-05-01T10:00:00.123Z",
        "auth": {"policies": ["obet-technical-c-qgx2np9y3d"]},
        "request": {
            "operation": "read",
            "mount_type": "kv",
            "path": "kv/data/access/c-qgx2np9y3d/d-593ccz0tsv",
            "remote_address": "198.51.100.11",
            "headers": {"x-correlation-id": [run_id]},
        },
        "response": {"data": {"data": {"login": {"password": "hmac-sha256:0"}}}},
    }
    for run_id in ("run-1", "run-2")
]


def test_audit_shows_the_reads_of_all_runs_or_of_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_text("".join(json.dumps(entry) + "\n" for entry in AUDIT))
    _, every, _ = run(capsys, "audit", str(log), "--json")
    _, one, _ = run(capsys, "audit", str(log), "--json", "--run", "run-2")
    assert [read["run"] for read in json.loads(every)] == ["run-1", "run-2"]
    assert [read["run"] for read in json.loads(one)] == ["run-2"]
    _, table, _ = run(capsys, "audit", str(log))
    assert len(table.splitlines()) == 3


def test_audit_asks_for_no_estate_which_it_does_not_use(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_text(json.dumps(AUDIT[0]) + "\n")
    answer = obet("audit", str(log), "--json")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert [read["run"] for read in json.loads(answer.stdout)] == ["run-1"]


def test_an_audit_log_that_cannot_be_read_is_exit_1_and_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, error = run(capsys, "audit", str(tmp_path / "nowhere.log"))
    assert (code, out) == (1, "")
    assert error == f"obet: {tmp_path}/nowhere.log: cannot be read: No such file or directory\n"


def test_what_is_no_text_is_no_audit_log_and_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(b"\x7fELF\xd0\xff\n")
    assert run(capsys, "audit", str(log)) == (1, "", f"obet: {log}: is no audit log: not UTF-8\n")


def test_an_interrupted_command_is_exit_130_and_no_traceback(tmp_path: Path) -> None:
    pipe = tmp_path / "audit.log"
    os.mkfifo(pipe)
    # Whoever runs these tests in the background may have made the signal ignored.
    heeded = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{heeded}; import sys; from obet.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "--estate", str(EXAMPLE), "audit", str(pipe)]
    # The pipe is open when its other end is: the command reads.
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process, pipe.open("w"):
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "")


@pytest.mark.parametrize(
    ("words", "prompt"),
    [
        (("secret", "login", WARRANTY_DEVICE, "--user", "setup"), f"Password of setup on {WARRANTY_DEVICE}: "),
        (("vault", "bootstrap"), "Administrator's token: "),
    ],
    ids=["password", "token"],
)
def test_a_secret_that_a_person_types_is_asked_for_and_not_shown(
    tmp_path: Path, words: tuple[str, ...], prompt: str
) -> None:
    terminal, inner = pty.openpty()
    environment = os.environ | {"OBET_CREDENTIALS_DIRECTORY": str(tmp_path)}
    command = [sys.executable, "-m", "obet.cli", "--estate", str(EXAMPLE), *words]
    with subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, start_new_session=True, env=environment):
        os.close(inner)
        shown = read_until(terminal, prompt)
        os.write(terminal, b"a-typed-secret\n")
        shown += read_until(terminal, "obet: ")
    os.close(terminal)
    assert prompt in shown
    assert "typed" not in shown


def read_until(terminal: int, words: str) -> str:
    """What a program shows on its terminal, up to these words or to its end."""
    shown = ""
    while words not in shown:
        try:
            shown += os.read(terminal, 4096).decode()
        except OSError:  # the program has ended
            break
    return shown


def test_logging_out_without_a_vault_does_not_say_that_one_is_logged_out(example: Path) -> None:
    edit(example / "estate.yml", "https://198.51.100.10:8200", "https://127.0.0.1:1")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        environment = {"OBET_ESTATE": str(example), "XDG_RUNTIME_DIR": memory}
        (Path(memory) / "obet").mkdir(mode=0o700)
        (Path(memory) / "obet" / "operator").touch(mode=0o600)
        (Path(memory) / "obet" / "operator").write_text("a-token")
        first, second = obet("logout", environment=environment), obet("logout", environment=environment)
    assert (first.returncode, first.stdout) == (5, "")
    assert "could not be revoked (Vault cannot be reached" in first.stderr
    assert (second.returncode, second.stdout) == (0, "logged out\n"), "nobody is logged in any more"


def test_a_device_that_is_none_is_said_before_a_password_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    answer = run(capsys, "secret", "login", "d-0000000000", "--user", "setup")
    assert answer == (9, "", "obet: d-0000000000: is no device of this estate\n")


def test_a_reader_who_goes_away_is_no_traceback() -> None:
    program = (
        "import os, sys; r, w = os.pipe(); os.close(r); os.dup2(w, 1); from obet.cli import main; sys.exit(main())"
    )
    answer = python(program, "--estate", str(EXAMPLE), "due")
    assert (answer.returncode, answer.stderr) == (1, "")
