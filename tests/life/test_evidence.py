"""The ledger and Vault's audit log together: what a run read is accounted for, and whatever is not is found.

The tests stand in their order: those that leave a stray read or a cut ledger behind come last, in a lab of their own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any

import pytest
from lab.estate import MANAGED_CUSTOMER, MANAGED_DEVICE, UNAGREED_DEVICE, WARRANTY_CUSTOMER, WARRANTY_DEVICE
from lab.provision import Obet, provision
from life_support import (
    ADMINISTERED,
    Script,
    administrator,
    checks,
    fails_clearly,
    new_lab,
    secret_path,
    verdict,
    wait_until,
)

BELONGS = "each read of access information belongs to a run"
WHOLE = "the ledger of runs is whole"


@pytest.fixture(scope="module")
def working() -> Iterator[Obet]:
    """As `served`, and stained by what is tried here."""
    with new_lab() as lab:
        own = provision(lab)
        for playbook in ("onboard", "configure", "restrict_access"):
            own.play(playbook, "--limit", ADMINISTERED)
        yield own


def ledger_file(own: Obet) -> Path:
    return own.lab.node1.home / ".local/state/obet/ledger.jsonl"


def lines(own: Obet) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ledger_file(own).read_text().splitlines()]


TRAIL = """
import json, os, sys
from pathlib import Path
import msgspec
from obet.evidence.trail import trail
from obet.evidence.verification import open_verifier
run = open_verifier(Path(os.environ["OBET_ESTATE"]))
try:
    print(json.dumps({"seen": msgspec.to_builtins(trail(run, sys.argv[1:], None))}))
finally:
    run.close()
"""


def seen(own: Obet, proof: str = BELONGS, device: str = MANAGED_DEVICE) -> tuple[bool | None, str]:
    """What `obet verify` says of that proof, without its probes of the devices: its verdict and why."""
    answer = own.lab.node1.run([*_python(TRAIL), MANAGED_DEVICE, WARRANTY_DEVICE], env=own.environment)
    check = checks(json.loads(answer.stdout), proof)[device if proof == BELONGS else "ledger"]
    return check["passed"], check["seen"]


def proofs(own: Obet, *devices: str) -> tuple[int, dict[str, Any]]:
    """Exit code and answer of `obet verify --json`, with these tests' own raw requests found as what they are."""
    answer = own.obet("verify", "--json", *devices, check=False)
    return answer.returncode, json.loads(answer.stdout)


def directories(own: Obet) -> list[Path]:
    return [*(own.lab.node1.directory / "run" / "obet").iterdir()]


# What a run does is accounted for


def test_each_read_of_each_playbook_is_accounted_for_and_the_promise_holds(working: Obet) -> None:
    working.play("site", "--limit", ADMINISTERED)
    code, found = proofs(working, MANAGED_DEVICE, WARRANTY_DEVICE)
    assert code == 0
    assert verdict(found, "fixed-ip")["holds"] is True
    for device in (MANAGED_DEVICE, WARRANTY_DEVICE):
        check = checks(found, BELONGS)[device]
        assert check["passed"] is True
        assert int(check["seen"].split()[0]) > 5
    # What that verify read itself is judged by the next.
    assert proofs(working, MANAGED_DEVICE, WARRANTY_DEVICE)[0] == 0


def test_the_ledger_tells_who_what_and_why_by_ids_and_no_secret_and_no_task(working: Obet) -> None:
    told = lines(working)
    events = {line["event"] for line in told}
    assert {"run began", "access granted", "secrets read", "device done", "step", "run ended"} <= events
    granted = [line for line in told if line["event"] == "access granted" and line["device"] == MANAGED_DEVICE]
    assert all(line["purpose"] == "technical" and line["facts"]["because"] for line in granted)
    text = ledger_file(working).read_text()
    assert "management rules" not in text
    assert ledger_file(working).stat().st_mode & 0o007 == 0


def test_the_ledger_holds_no_value_of_a_secret(working: Obet) -> None:
    values = working.lab.node1.run(
        [*_python(READ_ALL), MANAGED_DEVICE, WARRANTY_DEVICE], env=working.environment
    ).stdout.splitlines()
    text = ledger_file(working).read_text()
    assert len(values) >= 4
    assert not [value for value in values if value in text]


def test_details_are_sealed_under_the_devices_key_and_the_verifier_opens_them(working: Obet) -> None:
    done = [line for line in lines(working) if line["event"] == "device done" and line["device"] == MANAGED_DEVICE]
    assert all(line["sealed"].startswith("vault:v1:") for line in done)
    opened = unseal(working, MANAGED_DEVICE, done[-1]["sealed"])
    assert opened.returncode == 0
    assert "ok: " in opened.stdout
    assert unseal(working, WARRANTY_DEVICE, done[-1]["sealed"]).returncode != 0, "another device's key opens nothing"


def test_who_works_on_a_device_opens_its_details_and_what_stays_sealed_says_why(working: Obet) -> None:
    told = working.obet("ledger", "--device", MANAGED_DEVICE, "--details", "--json")
    done = [line for line in json.loads(told.stdout) if line["event"] == "device done"]
    assert all("ok: " in line["details"]["opened"] for line in done)
    before = len(lines(working))
    plain = working.obet("ledger", "--device", MANAGED_DEVICE)
    assert len(lines(working)) == before, "without details nothing is asked of Vault"
    assert done[-1]["details"]["opened"].splitlines()[0] not in plain.stdout
    assert done[-1]["run"][:8] in plain.stdout
    refused = working.obet("ledger", "--device", MANAGED_DEVICE, "--details", "--purpose", "ending")
    assert f"stays sealed: {MANAGED_DEVICE}: no ending access: it is not in force" in refused.stdout
    verifier = working.obet("ledger", "--run", done[-1]["run"][:8], "--details", "--verifier")
    assert done[-1]["details"]["opened"].splitlines()[0] in verifier.stdout


def test_a_play_that_only_looks_leaves_its_reads_and_its_end_on_record(working: Obet) -> None:
    before = len(lines(working))
    working.play("verify_access", "--limit", MANAGED_DEVICE)
    added = [line["event"] for line in lines(working)[before:]]
    assert (added[0], added[-1]) == ("run began", "run ended")


def test_while_a_run_is_under_way_its_reads_are_not_judged_and_afterwards_they_are(working: Obet) -> None:
    with Script(working, OPEN_RUN, MANAGED_DEVICE) as run:
        assert run.said()
        passed, why = seen(working)
        assert passed is None
        assert why.startswith("1 of ")
        assert why.endswith("reads are of runs still under way")
        assert seen(working, device=WARRANTY_DEVICE)[0] is True
        run.end()
    assert seen(working)[0] is True


def test_a_log_that_does_not_reach_to_now_shows_nothing(working: Obet, tmp_path: Path) -> None:
    for number, text in enumerate([b"", (working.lab.vault.audit_directory / "audit-1.log").read_bytes()]):
        copy = tmp_path / f"audit-{number}.log"
        copy.write_bytes(text)
        answer = working.obet("verify", "--json", MANAGED_DEVICE, "--audit", str(copy), check=False)
        check = checks(json.loads(answer.stdout), BELONGS)[MANAGED_DEVICE]
        assert (check["passed"], "does not reach to now" in check["seen"]) == (None, True)


def test_what_one_audit_log_lacks_the_other_shows(working: Obet) -> None:
    """As when the disk of the first was full for a while."""
    log = working.lab.vault.audit_directory / "audit-1.log"
    text = log.read_bytes()
    log.write_bytes(b"")
    try:
        assert seen(working)[0] is True
    finally:
        log.write_bytes(text + log.read_bytes())


# A run that is killed


BLOCKING = """
- name: Work that does not end
  hosts: obet
  gather_facts: false
  become: true
  vars:
    obet_purpose: technical
    obet_read_secrets: true
  tasks:
    - name: A task that waits
      ansible.builtin.shell: echo working > /run/told && read -r _ < /run/wait
      changed_when: false
"""


def test_a_killed_run_is_told_as_cut_off_and_nothing_of_it_is_left(working: Obet) -> None:
    node1, server = working.lab.node1, working.lab.machine("server2")
    (node1.home / "blocking.yml").write_text(BLOCKING)
    server.run(["mkfifo", "/run/told", "/run/wait"])
    command = ["ansible-playbook", str(node1.home / "blocking.yml"), "--limit", MANAGED_DEVICE]
    with (node1.home / "out").open("w") as out:
        play = node1.popen(command, stdout=out, stderr=out, env=working.environment)
    assert server.run(["cat", "/run/told"]).stdout.strip() == "working", (node1.home / "out").read_text()
    (directory,) = directories(working)
    run = (directory / "run").read_text()
    assert [*directory.glob("control-*")]
    play.send_signal(signal.SIGKILL)
    play.wait()
    assert seen(working)[0] is None, "a worker of it still lives: the run is not over"
    assert directory.exists()
    server.run(["sh", "-c", "echo > /run/wait"])
    wait_until(lambda: _free(directory))
    assert [line["event"] for line in lines(working) if line["run"] == run][-1] != "run was cut off"
    passed, why = seen(working)
    assert passed is True, why
    events = [line["event"] for line in lines(working) if line["run"] == run]
    assert events[0] == "run began"
    assert events[-2:] == ["secrets read", "run was cut off"]
    assert not directory.exists()
    assert directories(working) == []
    assert not _processes_about(str(directory)), "connections behind control sockets are ended"
    seen(working)
    assert [line["event"] for line in lines(working) if line["run"] == run] == events, "told once"


def _free(directory: Path) -> bool:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _processes_about(text: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in command:
            found.append(command)
    return found


def test_a_run_that_cannot_put_its_end_on_record_gives_all_up_and_the_next_tells_of_it(working: Obet) -> None:
    ledger, admin, vault = ledger_file(working), administrator(working.lab), working.lab.vault

    def alive(accessor: str) -> bool:
        return vault.answer("POST", "auth/token/lookup-accessor", {"accessor": accessor}, admin)[0] == 200

    with Script(working, OPEN_RUN, WARRANTY_DEVICE) as script:  # the other's lock is still the killed run's
        run, *accessors = script.said().split()
        assert all(map(alive, accessors))
        aside = ledger.rename(ledger.with_name("aside"))
        ledger.mkdir()
        try:
            said = script.go_on()
            script.end()
        finally:
            ledger.rmdir()
            aside.rename(ledger)
    assert said == f"{ledger}: cannot be written: Is a directory: nothing is done off the record"
    assert not any(map(alive, accessors))
    lock = f"kv/data/locks/{WARRANTY_CUSTOMER}/{WARRANTY_DEVICE}"
    assert vault.request("GET", lock, token=admin)["data"]["data"]["holder"] == ""
    vault.request("POST", "auth/token/revoke-self", {}, admin)
    assert seen(working, device=WARRANTY_DEVICE)[0] is True
    assert [line["event"] for line in lines(working) if line["run"] == run][-2:] == ["secrets read", "run was cut off"]
    assert directories(working) == []


# A ledger that was tampered with


def rewritten(own: Obet, change: Callable[[list[bytes]], list[bytes]]) -> None:
    whole = ledger_file(own).read_bytes().splitlines(keepends=True)
    ledger_file(own).write_bytes(b"".join(change(whole)))


def test_an_edited_line_is_found(working: Obet) -> None:
    node = json.loads(ledger_file(working).read_bytes().splitlines()[2])
    old, new = f'"at":"{node["at"]}"'.encode(), b'"at":"2026-01-01T00:00:00.000+00:00"'

    def edit(of: bytes, to: bytes) -> Callable[[list[bytes]], list[bytes]]:
        return lambda whole: [*whole[:2], whole[2].replace(of, to), *whole[3:]]

    rewritten(working, edit(old, new))
    code, found = proofs(working, MANAGED_DEVICE)
    rewritten(working, edit(new, old))
    assert code == 10
    assert verdict(found, "fixed-ip")["holds"] is False
    assert checks(found, WHOLE)["ledger"]["seen"] == "line 3 was edited"
    assert proofs(working, MANAGED_DEVICE)[0] == 0


def test_a_line_that_was_cut_out_of_the_middle_is_found(working: Obet) -> None:
    cut = ledger_file(working).read_bytes().splitlines(keepends=True)[4]
    rewritten(working, lambda whole: whole[:4] + whole[5:])
    code, found = proofs(working, MANAGED_DEVICE)
    rewritten(working, lambda whole: [*whole[:4], cut, *whole[4:]])
    assert code == 10
    assert "line 5 does not follow the one before it" in checks(found, WHOLE)["ledger"]["seen"]
    assert proofs(working, MANAGED_DEVICE)[0] == 0


def test_a_damaged_last_line_is_a_failed_check_stops_what_would_add_to_it_and_stays_as_it_is(working: Obet) -> None:
    whole = ledger_file(working).read_bytes()
    ledger_file(working).write_bytes(whole + b"{}\n")
    try:
        code, found = proofs(working, MANAGED_DEVICE)
        play = working.play("verify_access", "--limit", MANAGED_DEVICE, check=False)
        assert ledger_file(working).read_bytes() == whole + b"{}\n"
    finally:
        ledger_file(working).write_bytes(whole)
    assert code == 10
    check = checks(found, WHOLE)["ledger"]
    assert (check["passed"], "its last line: is damaged" in check["seen"]) == (False, True)
    assert verdict(found, "fixed-ip")["holds"] is False
    assert checks(found, "outsiders do not get in")[MANAGED_DEVICE]["passed"] is True, "the rest was looked at"
    assert checks(found, "a job with a valid record is served by Vault") == {}, "nothing is read off the record"
    fails_clearly(play, 2, "its last line: is damaged")
    assert proofs(working, MANAGED_DEVICE)[0] == 0


def test_a_last_line_that_a_kill_tore_off_is_no_damage_and_is_told(working: Obet) -> None:
    whole = ledger_file(working).read_bytes()
    ledger_file(working).write_bytes(whole + b'{"at":"2026')
    code, found = proofs(working, MANAGED_DEVICE)
    assert code == 0
    check = checks(found, WHOLE)["ledger"]
    assert (check["passed"], "; 1 more half written by what was killed" in check["seen"]) == (True, True)


# Reads that belong to no run


STRAY = """
import os, sys, uuid
from pathlib import Path
from obet import estate as estates
from obet.model import Purpose
from obet.vault import credentials, names
from obet.vault.session import Session
device, run = sys.argv[1:]
estate = estates.load(Path(os.environ["OBET_ESTATE"]))
credential = credentials.load(credentials.directory(os.environ), "obet-node-node1")
node = Session.login(estate.settings.vault, run, credential)
customer = estate.customer_of(device).id
job = node.child(names.token_role("node1", Purpose.TECHNICAL), names.grant(Purpose.TECHNICAL, customer))
assert job.get(f"kv/data/{names.device_secret(customer, device)}") is not None
node.close()
"""

OPEN_RUN = """
import os, sys
from pathlib import Path
from obet.current_run import open_run
from obet.errors import ObetError
from obet.model import Purpose
from obet.vault import device_secrets
run = open_run(Path(os.environ["OBET_ESTATE"]))
run.begin_play(Purpose.TECHNICAL, sys.argv[1:2])
device_secrets.read(run.child(sys.argv[1]), run.estate.customer_of(sys.argv[1]).id, sys.argv[1])
print(run.id, run.session.token.accessor, run.child(sys.argv[1]).token.accessor, flush=True)
sys.stdin.readline()
try:
    run.close()
except ObetError as error:
    print(error, flush=True)
"""

# A thief in the place of the test: the run's own token, its own id, and a client that is not the run's.
STOLEN = """
import os, ssl, sys, urllib.request
from pathlib import Path
from obet.current_run import open_run
from obet.model import Purpose
from obet.vault import names
device, header = sys.argv[1:]
run = open_run(Path(os.environ["OBET_ESTATE"]))
run.begin_play(Purpose.TECHNICAL, [device], lock=False)
vault = run.estate.settings.vault
url = f"{vault.address}/v1/kv/data/{names.device_secret(run.estate.customer_of(device).id, device)}"
headers = {"X-Vault-Token": run.child(device).token.value, "X-Correlation-ID": run.id}
if header:
    headers[header] = "60s"
opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}),
    urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=vault.ca_file)),
)
print(opener.open(urllib.request.Request(url, headers=headers)).status)
run.close()
"""

READ_ALL = """
import os, sys
from pathlib import Path
from obet.current_run import open_run
from obet.model import Purpose
from obet.vault import device_secrets
run = open_run(Path(os.environ["OBET_ESTATE"]))
run.begin_play(Purpose.TECHNICAL, sys.argv[1:], lock=False)
for device in sys.argv[1:]:
    found = device_secrets.read(run.child(device), run.estate.customer_of(device).id, device)
    print(found.login.password.reveal())
    for value in found.services.values():
        print(value.reveal())
    print(run.child(device).token.value)
run.close()
"""

UNSEAL = """
import os, sys
from pathlib import Path
from obet.evidence.verification import open_verifier
from obet.vault import names, sealing
run = open_verifier(Path(os.environ["OBET_ESTATE"]))
try:
    key = names.device_key(run.estate.customer_of(sys.argv[1]).id, sys.argv[1])
    print(sealing.unseal(run.session, key, sys.argv[2]))
finally:
    run.close()
"""


def _python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def unseal(own: Obet, device: str, sealed: str) -> Any:
    return own.lab.node1.run([*_python(UNSEAL), device, sealed], check=False, env=own.environment)


def stray(own: Obet, device: str, run: str) -> None:
    own.lab.node1.run([*_python(STRAY), device, run], env=own.environment)


def finished_run(own: Obet) -> str:
    """The last run that was granted the managed device and has ended."""
    told = lines(own)
    ended = {line["run"] for line in told if line["event"] == "run ended"}
    granted = [line["run"] for line in told if line["event"] == "access granted" and line["device"] == MANAGED_DEVICE]
    return [run for run in granted if run in ended][-1]


def test_a_read_outside_any_run_is_flagged_and_names_the_device(working: Obet) -> None:
    stray(working, MANAGED_DEVICE, "")
    code, found = proofs(working, MANAGED_DEVICE, WARRANTY_DEVICE)
    assert code == 10
    assert verdict(found, "fixed-ip")["holds"] is False
    (failure,) = verdict(found, "fixed-ip")["failures"]
    assert failure["where"] == MANAGED_DEVICE
    assert "it belongs to no run of ours" in failure["what"]
    assert checks(found, BELONGS)[WARRANTY_DEVICE]["passed"] is True


def test_a_read_with_the_copied_id_of_a_finished_run_is_flagged(working: Obet) -> None:
    run = finished_run(working)
    stray(working, MANAGED_DEVICE, run)
    passed, why = seen(working)
    assert passed is False
    assert f"run {run[:8]}: it carries a run's id, but its token was not given to that run" in why


@pytest.mark.parametrize("header", ["", "X-Vault-Wrap-TTL"], ids=["plain", "wrapped"])
def test_a_read_with_a_stolen_token_of_a_running_run_is_flagged_when_that_has_ended(working: Obet, header: str) -> None:
    before = seen(working, device=WARRANTY_DEVICE)[1]
    answer = working.lab.node1.run([*_python(STOLEN), WARRANTY_DEVICE, header], env=working.environment)
    assert answer.stdout.strip() == "200"
    passed, why = seen(working, device=WARRANTY_DEVICE)
    assert passed is False
    assert why.count("that run did not make it: its token was used by another") == before.count("used by another") + 1


def test_an_administrators_read_is_flagged_as_well(working: Obet) -> None:
    token = administrator(working.lab)
    working.lab.vault.request("GET", secret_path(UNAGREED_DEVICE), token=token)
    working.lab.vault.request("POST", "auth/token/revoke-self", {}, token)
    answer = working.obet("verify", "--json", UNAGREED_DEVICE, check=False)
    assert answer.returncode == 10
    check = checks(json.loads(answer.stdout), BELONGS)[UNAGREED_DEVICE]
    assert "1 of 1 reads" in check["seen"]


def test_reads_that_the_ledger_tells_of_and_the_audit_logs_do_not_are_flagged(working: Obet) -> None:
    """A device whose own reads are clean in the logs that are left: only what is missing is wrong."""
    logs = [working.lab.vault.audit_directory / f"audit-{number}.log" for number in (1, 2)]
    texts = [log.read_bytes() for log in logs]
    for log, text in zip(logs, texts, strict=True):
        kept = [line for line in text.splitlines(keepends=True) if b'"type":"response"' not in line or not _reads(line)]
        log.write_bytes(b"".join(kept))
    try:
        passed, why = seen(working)
    finally:
        for log, text in zip(logs, texts, strict=True):
            log.write_bytes(text + log.read_bytes())
    assert passed is False
    assert "reads in the ledger are not in Vault's audit log" in why


def _reads(line: bytes) -> bool:
    return b'"operation":"read"' in line and b"/data/access/" in line


def test_once_a_devices_key_is_deleted_nothing_opens_its_details_and_the_chain_still_verifies(working: Obet) -> None:
    done = [line for line in lines(working) if line["event"] == "device done" and line["device"] == MANAGED_DEVICE]
    vault, token = working.lab.vault, administrator(working.lab)
    key = f"transit/keys/{MANAGED_CUSTOMER}-{MANAGED_DEVICE}"
    assert unseal(working, MANAGED_DEVICE, done[-1]["sealed"]).returncode == 0
    vault.request("POST", f"{key}/config", {"deletion_allowed": True}, token)
    vault.request("DELETE", key, token=token)
    assert unseal(working, MANAGED_DEVICE, done[-1]["sealed"]).returncode != 0
    working.obet("vault", "apply")  # the contract goes on: the key is made again, and is another
    assert unseal(working, MANAGED_DEVICE, done[-1]["sealed"]).returncode != 0
    told = working.obet("ledger", "--run", done[-1]["run"], "--details")
    assert f"stays sealed: the key {MANAGED_CUSTOMER}-{MANAGED_DEVICE} is destroyed, or is not the one" in told.stdout
    vault.request("POST", "auth/token/revoke-self", {}, token)
    passed, why = seen(working, WHOLE)
    assert passed is True, why


def test_a_tail_that_was_cut_off_is_found_and_stays_found_whatever_runs_afterwards(working: Obet) -> None:
    working.play("verify_access", "--limit", MANAGED_DEVICE)
    rewritten(working, lambda whole: whole[:-2])
    first = seen(working, WHOLE)
    assert first[0] is False
    working.play("verify_access", "--limit", MANAGED_DEVICE)
    code, found = proofs(working, MANAGED_DEVICE)
    assert code == 10
    assert checks(found, WHOLE)["ledger"]["passed"] is False
    assert "is not the one that Vault vouches for" in checks(found, WHOLE)["ledger"]["seen"]
