"""Labs on which Obet has done its work, for tests of what it claims."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from lab import Lab
from lab.estate import CUSTOMERS, MANAGED_DEVICE, WARRANTY_DEVICE
from lab.provision import Obet, provision

ADMINISTERED = f"{WARRANTY_DEVICE},{MANAGED_DEVICE}"


_MATERIAL = ("role_id", "secret_id")


class Job:
    """What a job on the control node may do in Vault: its own login, and tokens of a purpose."""

    def __init__(self, own: Obet) -> None:
        self.own, self.vault, self.node1 = own, own.lab.vault, own.lab.node1

    def login(self, role: str = "obet-node-node1") -> str:
        """A token of that role, from the node's own address."""
        status, answer = self.try_login(role)
        assert status == 200, answer
        return str(answer["auth"]["client_token"])

    def try_login(self, role: str, source: Any = None) -> tuple[int, dict[str, Any]]:
        """Status and answer of an AppRole login with the node's real login material, from any host."""
        folder = self.own.registrar if role == "obet-registrar" else self.own.credentials
        material = {part: (folder / f"{role}.{part.replace('_', '-')}").read_text() for part in _MATERIAL}
        return self.vault.answer("POST", "auth/approle/login", material, source=source or self.node1)

    def token(self, device: str, purpose: str = "technical") -> str:
        """A job's token for the customer of that device."""
        policy = f"obet-{purpose}-{CUSTOMERS[device]}"
        status, answer = self.call(
            self.login(), "POST", f"auth/token/create/obet-node-node1-{purpose}", {"policies": [policy]}
        )
        assert status == 200, answer
        return str(answer["auth"]["client_token"])

    def call(
        self, token: str, method: str, path: str, data: Any = None, source: Any = None
    ) -> tuple[int, dict[str, Any]]:
        """One call with a token, from the control node unless said otherwise."""
        return self.vault.answer(method, path, data, token, source or self.node1)

    def read(self, token: str, device: str, source: Any = None) -> int:
        """The status of reading a device's secrets."""
        return self.call(token, "GET", secret_path(device), source=source)[0]

    def secrets(self, device: str) -> dict[str, Any]:
        """The device's secrets as a job reads them."""
        status, answer = self.call(self.token(device), "GET", secret_path(device))
        assert status == 200, answer
        found: dict[str, Any] = answer["data"]["data"]
        return found

    def sign(self, token: str, role: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Asks Vault for an SSH certificate."""
        return self.call(token, "POST", f"ssh/sign/{role}", request)


def secret_path(device: str) -> str:
    return f"kv/data/access/{CUSTOMERS[device]}/{device}"


def administrator(lab: Lab) -> str:
    """A new root token, made with the unseal key as an administrator would (Vault API, /sys/generate-root)."""
    started = lab.vault.request("PUT", "sys/generate-root/attempt", {})
    made = lab.vault.request(
        "PUT", "sys/generate-root/update", {"key": lab.vault.unseal_key, "nonce": started["nonce"]}
    )
    encoded = base64.b64decode(made["encoded_token"] + "==")
    return bytes(a ^ b for a, b in zip(encoded, started["otp"].encode(), strict=True)).decode()


def let_locks_expire(lab: Lab, token: str) -> None:
    """What a quarter of an hour does to the locks of a run that could not release them."""
    for device, customer in CUSTOMERS.items():
        lab.vault.request("DELETE", f"kv/metadata/locks/{customer}/{device}", None, token)


def new_lab() -> Lab:
    return Lab.up(f"t{uuid.uuid4().hex[:12]}", owner_pid=os.getpid())


@pytest.fixture(scope="session")
def served() -> Iterator[Obet]:
    """Two customers in service: onboarded, configured, restricted. Tests leave it as they found it."""
    with new_lab() as lab:
        own = provision(lab)
        own.play("onboard", "--limit", ADMINISTERED)
        own.play("configure", "--limit", ADMINISTERED)
        own.play("restrict_access", "--limit", ADMINISTERED)
        yield own


@pytest.fixture(scope="module")
def provisioned() -> Iterator[Obet]:
    """Vault set up and the servers as their customers handed them over."""
    with new_lab() as lab:
        yield provision(lab)


def checks(found: dict[str, Any], proof: str) -> dict[str, dict[str, Any]]:
    """What `obet verify --json` saw of one proof, by place."""
    return {check["where"]: check for check in found["seen"] if check["proof"] == proof}


def wait_until(claim: Callable[[], bool], seconds: float = 20) -> None:
    """Looks again and again, and fails when it is not so in time."""
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


class Script:
    """A program on the control node that goes on at each line that it is sent, and says a line each time."""

    def __init__(self, own: Obet, program: str, *arguments: str) -> None:
        self._process = own.lab.node1.popen(
            [sys.executable, "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=own.environment,
        )

    def said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def go_on(self) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self.said()

    def end(self) -> None:
        """To its own end: nothing more is sent."""
        self._process.communicate(timeout=30)
        assert self._process.returncode == 0

    def __enter__(self) -> Script:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.communicate(timeout=30)


@pytest.fixture
def job(served: Obet) -> Job:
    return Job(served)


Edit = Callable[[Path, str, str], None]


@pytest.fixture
def edited() -> Iterator[Edit]:
    """Changes a file of the estate for the time of a test."""
    before: dict[Path, str] = {}

    def edit(path: Path, old: str, new: str) -> None:
        before.setdefault(path, path.read_text())
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    yield edit
    for path, text in before.items():
        path.write_text(text)


def fails_clearly(answer: CompletedProcess[str], code: int, *words: str, secrets: Iterable[str] = ()) -> None:
    """The exit code; one line that says all of it; no traceback, and none of the secrets."""
    said = answer.stdout + answer.stderr
    assert answer.returncode == code, said
    assert "Traceback" not in said, said
    assert any(all(word in line for word in words) for line in said.splitlines()), said
    assert [secret for secret in secrets if secret in said] == []


def recap(output: str) -> dict[str, dict[str, int]]:
    """Ansible's counts by host."""
    lines = output.rsplit("PLAY RECAP", 1)[-1].splitlines()
    rows = (line.partition(":") for line in lines if "ok=" in line)
    return {
        host.strip(): {key: int(value) for key, value in (pair.split("=") for pair in counts.split())}
        for host, _, counts in rows
    }


def promises(own: Obet, *devices: str) -> tuple[int, dict[str, Any]]:
    """Exit code and answer of `obet verify --json`, as `verified` makes it."""
    answer = verified(own, "--json", *devices)
    return answer.returncode, json.loads(answer.stdout)


def verified(own: Obet, *arguments: str) -> CompletedProcess[str]:
    """`obet verify`, as if these tests' own raw requests had not been made.

    That they are found, as reads outside any run, is `test_evidence`'s business.
    """
    _forget_raw_requests(own.lab)
    return own.obet("verify", *arguments, check=False)


def _forget_raw_requests(lab: Lab) -> None:
    """Takes them out of Vault's audit logs, while nobody else asks it anything."""
    logs = [path for path in lab.vault.audit_directory.glob("audit-*.log") if path.is_file()]  # none is a test's pipe
    for log in logs:
        lines = log.read_text().splitlines(keepends=True)
        kept = log.with_suffix(".kept")
        kept.write_text("".join(line for line in lines if "x-correlation-id" in line))
        kept.chmod(0o600)
        kept.replace(log)
    if logs:
        lab.vault.reopen_logs()


def verdict(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(promise for promise in found["promises"] if promise["name"] == name)


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
