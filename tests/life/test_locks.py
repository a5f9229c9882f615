"""One run at a time on a device, on whichever node: the second is told who and until when, and does nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from lab.estate import CUSTOMERS, MANAGED_DEVICE, WARRANTY_DEVICE
from lab.provision import Obet
from life_support import ADMINISTERED, Script, administrator, recap

# Takes the device's lock, says so, and at the next line shows that it can still work there.
HOLDER = """
import os, sys
from pathlib import Path
from obet.current_run import open_run
from obet.errors import ObetError
from obet.model import Purpose
run = open_run(Path(os.environ["OBET_ESTATE"]))
run.begin_play(Purpose.TECHNICAL, sys.argv[1:])
try:
    run.certificate(sys.argv[1])
    print("held", run.id, flush=True)
except ObetError as error:
    print(error, flush=True)
for _ in sys.stdin:
    run.certificate(sys.argv[1])
    lock = f"kv/data/locks/{run.estate.customer_of(sys.argv[1]).id}/{sys.argv[1]}"
    print(run.child(sys.argv[1]).get(lock), flush=True)
run.close()
"""


def lock_path(device: str = MANAGED_DEVICE) -> str:
    return f"kv/data/locks/{CUSTOMERS[device]}/{device}"


class Node2:
    """A job on the other node: its own login material, its own address."""

    def __init__(self, own: Obet) -> None:
        self.vault, self.source = own.lab.vault, own.lab.host("node2")
        own.obet("vault", "credential", "obet-node-node2", "--to", str(own.registrar))
        parts = ("role_id", "secret_id")
        material = {part: (own.registrar / f"obet-node-node2.{part.replace('_', '-')}").read_text() for part in parts}
        self._login = self._call("POST", "auth/approle/login", material, None)["auth"]["client_token"]
        policy = {"policies": [f"obet-technical-{CUSTOMERS[MANAGED_DEVICE]}"]}
        created = self._call("POST", "auth/token/create/obet-node-node2-technical", policy, self._login)
        self._token = created["auth"]["client_token"]

    def _call(self, method: str, path: str, data: Any, token: str | None) -> dict[str, Any]:
        status, answer = self.vault.answer(method, path, data, token, self.source)
        assert status == 200, answer
        return answer

    def lock(self) -> dict[str, Any]:
        """The entry as it stands, with its version."""
        found: dict[str, Any] = self._call("GET", lock_path(), None, self._token)["data"]
        return found

    def take(self, until: float) -> int:
        """Takes it as a run on node2 does that crashes then; answers its number."""
        entry = {"holder": "22222222-of-node2", "by": "obet-node-node2", "until": until}
        body = {"data": entry, "options": {"cas": self.lock()["metadata"]["version"]}}
        return int(self._call("POST", lock_path(), body, self._token)["data"]["version"])


@pytest.fixture(scope="module")
def node2(served: Obet) -> Iterator[Node2]:
    yield Node2(served)
    for part in ("role-id", "secret-id"):
        (served.registrar / f"obet-node-node2.{part}").unlink()


def restrict(served: Obet, *arguments: str, limit: str = MANAGED_DEVICE) -> tuple[int, str]:
    answer = served.play("restrict_access", "--limit", limit, *arguments, check=False)
    return answer.returncode, answer.stdout


def test_of_two_operators_on_one_device_the_second_is_told_and_the_first_goes_on(served: Obet) -> None:
    server = served.lab.machine("server2")
    server.run(["nft", "delete", "table", "inet", "obet_management"])
    try:
        with Script(served, HOLDER, MANAGED_DEVICE) as first:
            held, run = first.said().split()
            assert held == "held"
            code, said = restrict(served)
            assert code == 2
            (line,) = [line for line in said.splitlines() if line.startswith("fatal:")]
            assert f"{MANAGED_DEVICE}: obet-node-node1 works on it, run {run[:8]}: wait for its end, or until " in line
            assert recap(said)[MANAGED_DEVICE]["changed"] == 0
            assert recap(said)[MANAGED_DEVICE]["ok"] == 0
            rules = server.run(["nft", "list", "table", "inet", "obet_management"], check=False)
            assert rules.returncode != 0, "the second did nothing"
            assert run in first.go_on(), "the first still has it"
            first.end()
        code, said = restrict(served)
    finally:
        server.run(["nft", "-f", "/etc/obet-management-access.nft"])
    assert code == 0
    assert recap(said)[MANAGED_DEVICE]["failed"] == 0


# Goes on without asking whether it has the lock.
PUSHING = """
import os, sys
from pathlib import Path
from obet.current_run import open_run
from obet.errors import ObetError
from obet.model import Purpose
run = open_run(Path(os.environ["OBET_ESTATE"]))
run.begin_play(Purpose.TECHNICAL, sys.argv[1:], read_secrets=True)
for ask in (run.child, run.certificate, lambda device: run.secret(device, "login.password")):
    try:
        ask(sys.argv[1])
        print("given")
    except ObetError as error:
        print(error)
run.close()
"""


def test_who_does_not_have_the_lock_gets_neither_token_nor_certificate_nor_secret(served: Obet) -> None:
    with Script(served, HOLDER, MANAGED_DEVICE) as first:
        assert first.said().startswith("held")
        said = served.lab.node1.run([sys.executable, "-c", PUSHING, MANAGED_DEVICE], env=served.environment).stdout
        login = served.obet("secret", "login", MANAGED_DEVICE, "--user", "setup", stdin="a new one\n", check=False)
        first.end()
    refusals = [line.partition(" works on it")[0] for line in said.splitlines()]
    assert refusals == [f"{MANAGED_DEVICE}: obet-node-node1"] * 3
    assert login.returncode == 9
    assert "works on it" in login.stderr
    free = served.lab.node1.run([sys.executable, "-c", PUSHING, MANAGED_DEVICE], env=served.environment).stdout
    assert free.split() == ["given"] * 3


def test_who_is_locked_out_of_one_device_works_on_the_others(served: Obet) -> None:
    with Script(served, HOLDER, MANAGED_DEVICE) as first:
        assert first.said().startswith("held")
        code, said = restrict(served, limit=ADMINISTERED)
        first.end()
    counts = recap(said)
    assert code == 2
    assert (counts[MANAGED_DEVICE]["failed"], counts[MANAGED_DEVICE]["ok"]) == (1, 0)
    assert counts[WARRANTY_DEVICE]["failed"] == 0
    assert counts[WARRANTY_DEVICE]["ok"] > 1


def test_looking_and_dry_runs_take_no_lock_and_heed_none(served: Obet, node2: Node2) -> None:
    with Script(served, HOLDER, MANAGED_DEVICE) as first:
        assert first.said().startswith("held")
        assert restrict(served, "--check")[0] == 0
        served.play("verify_access", "--limit", MANAGED_DEVICE)
        before = node2.lock()["metadata"]["version"]
        first.end()
    after = node2.lock()
    assert after["metadata"]["version"] == before + 1, "the release alone"
    restrict(served, "--check")
    served.play("verify_access", "--limit", MANAGED_DEVICE)
    assert node2.lock() == after


def test_each_taking_of_a_lock_has_a_greater_number_and_its_end_leaves_it_free(served: Obet, node2: Node2) -> None:
    numbers = []
    for _ in range(2):
        assert restrict(served)[0] == 0
        entry = node2.lock()
        assert entry["data"] == {"holder": "", "by": "", "until": 0}
        numbers.append(entry["metadata"]["version"])
    assert numbers[1] > numbers[0]


def test_a_lock_of_another_node_is_heeded_and_ends_by_itself_when_its_holder_has_crashed(
    served: Obet, node2: Node2
) -> None:
    until = time.time() + 5
    crashed = node2.take(until)
    code, said = restrict(served)
    assert code == 2
    clock = f"{datetime.fromtimestamp(until, UTC):%H:%M:%S}Z"
    assert f"obet-node-node2 works on it, run 22222222: wait for its end, or until {clock}" in said
    while restrict(served)[0] != 0:
        assert time.time() < until + 20, "the crashed holder's lock did not end"
    assert time.time() > until
    assert node2.lock()["metadata"]["version"] > crashed


def test_a_lock_that_is_damaged_is_not_a_free_one(served: Obet, node2: Node2) -> None:
    token = administrator(served.lab)
    version = node2.lock()["metadata"]["version"]
    vault = served.lab.vault
    vault.request("POST", lock_path(), {"data": {"holder": "somebody"}, "options": {"cas": version}}, token)
    try:
        code, said = restrict(served)
    finally:
        free = {"holder": "", "by": "", "until": 0}
        vault.request("POST", lock_path(), {"data": free, "options": {"cas": version + 1}}, token)
        vault.request("POST", "auth/token/revoke-self", {}, token)
    assert code == 2
    assert "its lock in Vault is damaged: an administrator must look at it" in said
    assert restrict(served)[0] == 0


def test_a_lock_that_an_administrator_deleted_is_free(served: Obet, node2: Node2) -> None:
    node2.take(time.time() + 600)
    token = administrator(served.lab)
    assert restrict(served)[0] == 2
    served.lab.vault.request("DELETE", lock_path(), token=token)
    served.lab.vault.request("POST", "auth/token/revoke-self", {}, token)
    assert restrict(served)[0] == 0
    assert node2.lock()["data"]["holder"] == ""
