"""The node itself: its disk is full, its clock is a day off. Nothing is done on a device then."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Machine, estate
from lab.estate import MANAGED_DEVICE
from lab.provision import Obet
from life_support import Edit, fails_clearly, recap

_RULES = ["nft", "-s", "list", "table", "inet", "obet_management"]


@pytest.fixture
def server(served: Obet) -> Machine:
    return served.lab.machine("server2")


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A folder on a small file system in memory without any room."""
    place = tmp_path / "full"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", place], check=True)
    try:
        subprocess.run(
            ["sh", "-c", f"mkdir {place}/obet; chmod 700 {place}/obet; cat /dev/zero >{place}/x"], check=False
        )
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def _left_logged_in(own: Obet) -> set[str]:
    """Runs that Vault has seen log in and not revoke a token: those that other tests kill (raw logins name no run)."""
    seen: dict[str, set[str]] = {"auth/approle/login": set(), "auth/token/revoke-self": set()}
    for line in (own.lab.vault.audit_directory / "audit-1.log").read_text().splitlines():
        entry = json.loads(line)
        if entry["type"] == "response" and entry["request"]["path"] in seen and not entry.get("error"):
            seen[entry["request"]["path"]].update(entry["request"].get("headers", {}).get("x-correlation-id", ()))
    return seen["auth/approle/login"] - seen["auth/token/revoke-self"]


def _run(own: Obet, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return own.lab.node1.run(command, env=own.environment | environment, check=False, timeout=120)


def _restrict(own: Obet, *before: str, **environment: str) -> subprocess.CompletedProcess[str]:
    play = ["ansible-playbook", "playbooks/restrict_access.yml", "--limit", MANAGED_DEVICE]
    return _run(own, *before, *play, **environment)


@pytest.mark.parametrize("variable", ["STATE_DIRECTORY", "XDG_RUNTIME_DIR"])
def test_a_node_whose_disk_is_full_changes_nothing_on_a_device(
    served: Obet, server: Machine, edited: Edit, full: Path, secrets: list[str], variable: str
) -> None:
    """Neither where the journal and the ledger stand, nor where a run has its own files."""
    before, killed = server.run(_RULES).stdout, _left_logged_in(served)
    edited(estate.device_file(served.estate, MANAGED_DEVICE), "203.0.113.21", "203.0.113.22")
    where = {variable: str(full)}
    fails_clearly(_restrict(served, **where), 2, str(full), "No space left on device", secrets=secrets)
    looked = _run(served, "obet", "verify", MANAGED_DEVICE, **where)
    fails_clearly(looked, looked.returncode, str(full), "No space left on device", secrets=secrets)
    assert looked.returncode in {1, 9}
    assert len(looked.stderr.splitlines()) == 1
    assert server.run(_RULES).stdout == before
    assert _left_logged_in(served) == killed


@pytest.mark.parametrize(("shift", "says"), [("+1d", "this machine's clock is"), ("-1d", "this machine's clock")])
def test_a_node_whose_clock_is_a_day_off_applies_nothing_and_leaves_no_login(
    served: Obet, server: Machine, edited: Edit, shift: str, says: str
) -> None:
    before, logins = server.run(_RULES).stdout, _logins(served)
    edited(estate.device_file(served.estate, MANAGED_DEVICE), "203.0.113.21", "203.0.113.22")
    wrong = ("faketime", "-f", shift)
    fails_clearly(_restrict(served, *wrong), 2, says)
    looked = _run(served, *wrong, "obet", "verify", MANAGED_DEVICE)
    fails_clearly(looked, 8 if shift == "+1d" else 5, says)
    environment = {"OBET_CREDENTIALS_DIRECTORY": str(served.registrar)}
    applied = _run(served, *wrong, "obet", "vault", "apply", **environment)
    fails_clearly(applied, 8 if shift == "+1d" else 5, says)
    assert server.run(_RULES).stdout == before
    assert _logins(served) == logins, "a run that must not be logs in nowhere"


def test_a_node_whose_clock_is_right_works(served: Obet) -> None:
    """The other side: the same way of starting, with no shift."""
    answer = _restrict(served, "faketime", "-f", "+0d")
    assert recap(answer.stdout)[MANAGED_DEVICE]["failed"] == 0
    assert answer.returncode == 0


def _logins(own: Obet) -> int:
    return (own.lab.vault.audit_directory / "audit-1.log").read_text().count('"path":"auth/approle/login"')
