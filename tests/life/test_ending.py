"""The end of access: Vault cuts it, the customer gets his own, ours is removed, refused, destroyed; in that order."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lab import Machine, estate
from lab.estate import MANAGED_DEVICE, WARRANTY_CUSTOMER, WARRANTY_DEVICE
from lab.provision import Obet, provision
from lab.this_host import CHECKOUT
from lab.visitors import customer_may_do_everything, password_login
from life_support import ADMINISTERED, Job, administrator, new_lab, promises, recap, verdict

_GRANTS = [f"sys/policies/acl/obet-{purpose}-{WARRANTY_CUSTOMER}" for purpose in ("technical", "ending")]


@pytest.fixture(scope="module")
def own() -> Iterator[Obet]:
    """Two customers in service; the tests of this file end one of them, in their order."""
    with new_lab() as lab:
        made = provision(lab)
        # The work was on the server alone: when that has ended nothing is left to end.
        estate.change_service(made.estate, WARRANTY_CUSTOMER, 0, {"devices": [WARRANTY_DEVICE]})
        made.obet("vault", "apply")
        made.play("onboard", "--limit", ADMINISTERED)
        made.play("configure", "--limit", ADMINISTERED)
        made.play("restrict_access", "--limit", WARRANTY_DEVICE)
        yield made


@pytest.fixture(scope="module")
def remembered(own: Obet) -> dict[str, Any]:
    """What somebody may have written down while it was good."""
    return Job(own).secrets(WARRANTY_DEVICE)


@pytest.fixture
def server(own: Obet) -> Machine:
    return own.lab.machine("server1")


def _ends(own: Obet, ago: timedelta) -> None:
    estate.set_warranty_end(own.estate, datetime.now(UTC) - ago)


def _customers_key(server: Machine) -> str:
    return server.run(["cat", "/home/owner/.ssh/authorized_keys"], check=False).stdout


def test_before_it_is_due_nothing_ends(own: Obet, remembered: dict[str, Any], server: Machine) -> None:
    assert remembered["login"]["taken_over"]
    answer = own.play("post_warranty", "--limit", WARRANTY_DEVICE)
    assert f"{WARRANTY_DEVICE}: passed over: no ending access now" in answer.stdout
    assert all(count["changed"] == 0 for count in recap(answer.stdout).values())
    assert server.run(["id", "obet"]).returncode == 0
    assert Job(own).sign(Job(own).login(), f"obet-ending-{WARRANTY_CUSTOMER}", {"public_key": "x"})[0] == 403


def test_when_it_is_due_the_registrar_cuts_a_live_token_and_opens_only_the_ending(own: Obet) -> None:
    environment = own.environment | {"PYTHONPATH": str(CHECKOUT / "tests")}
    command = [sys.executable, "-m", "lab.old_token", WARRANTY_CUSTOMER, WARRANTY_DEVICE]
    job = own.lab.node1.popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert job.stdin is not None
    assert job.stdout is not None

    def ask() -> str:
        job.stdin.write("\n")
        job.stdin.flush()
        return str(job.stdout.readline().strip())

    assert ask() == "200 200"
    _ends(own, timedelta(seconds=5))
    assert ask() == "200 200", "a contract alone cuts nothing: Vault does"
    own.obet("vault", "apply")
    assert ask() == "403 200", "the token itself is still good"
    job.communicate(timeout=10)
    admin = administrator(own.lab)
    technical, ending = (own.lab.vault.answer("GET", path, token=admin)[0] for path in _GRANTS)
    assert (technical, ending) == (404, 200)
    assert Job(own).read(Job(own).token(MANAGED_DEVICE), MANAGED_DEVICE) == 200, "another customer's goes on"


def test_after_it_is_due_no_work_can_be_done(own: Obet) -> None:
    answer = own.play("configure", "--limit", WARRANTY_DEVICE)
    assert "passed over: no technical access now" in answer.stdout
    token = Job(own).token(WARRANTY_DEVICE)
    assert Job(own).sign(token, f"obet-technical-{WARRANTY_CUSTOMER}", {"public_key": "x"})[0] in {400, 403}


def test_the_ending_reads_and_destroys_but_never_writes(own: Obet) -> None:
    job = Job(own)
    token = job.token(WARRANTY_DEVICE, "ending")
    path = f"kv/data/access/{WARRANTY_CUSTOMER}/{WARRANTY_DEVICE}"
    assert job.read(token, WARRANTY_DEVICE) == 200
    assert job.call(token, "POST", path, {"data": {}})[0] == 403
    assert job.read(token, MANAGED_DEVICE) == 403


def test_a_confirmation_of_what_is_not_in_place_is_refused(own: Obet) -> None:
    answer = own.obet("handover", "confirm", WARRANTY_DEVICE, check=False)
    assert answer.returncode == 9
    assert "not in place" in answer.stderr


def test_nothing_of_ours_is_removed_before_the_customer_has_confirmed(own: Obet, server: Machine) -> None:
    assert not customer_may_do_everything(own.lab, server)
    answer = own.play("post_warranty", "--limit", WARRANTY_DEVICE)
    assert "pending: the customer's own access is in place" in answer.stdout
    assert customer_may_do_everything(own.lab, server)
    assert server.run(["id", "obet"]).returncode == 0
    assert verdict(promises(own, WARRANTY_DEVICE)[1], "post-warranty")["holds"] is None


def test_a_second_run_while_it_is_pending_changes_nothing(own: Obet, server: Machine) -> None:
    key = _customers_key(server)
    answer = own.play("post_warranty", "--limit", WARRANTY_DEVICE)
    assert recap(answer.stdout)[WARRANTY_DEVICE]["changed"] == 0
    assert _customers_key(server) == key


def test_a_run_that_was_cut_off_after_the_removal_is_taken_up_again(own: Obet, server: Machine) -> None:
    """As a kill leaves it: the intent on record, the server done, nothing written afterwards."""
    own.obet("handover", "confirm", WARRANTY_DEVICE)
    user = server.initial_login.user
    orders = f"login {user}\naccount obet\naccount obet-read\nfile /etc/status/token root root 0600\n"
    wipe = (CHECKOUT / "roles/access_wipe/files/access-wipe").read_text()
    _journal(own, "removal started")
    server.write("/root/wipe", wipe, mode=0o700)
    assert server.run(["/root/wipe"], input=orders).stdout.strip() == "removed"
    server.run(["rm", "/root/wipe"])
    answer = own.play("post_warranty", "--limit", WARRANTY_DEVICE, "-v")
    assert recap(answer.stdout)[WARRANTY_DEVICE]["failed"] == 0
    assert "password 1 of" in answer.stdout
    assert "password 2 of" in answer.stdout
    assert "certificate for obet" in answer.stdout


def test_each_old_login_is_refused_by_the_server(own: Obet, server: Machine, remembered: dict[str, Any]) -> None:
    user = server.initial_login.user
    offered = server.run(["sshd", "-T"]).stdout
    assert "passwordauthentication yes" in offered, "a server that asks for no password refuses none"
    for password in (server.initial_login.password, remembered["login"]["password"]):
        answer = password_login(own.lab, server, user, password)
        assert answer.returncode == 255
        assert "Permission denied" in answer.stderr


def test_the_server_keeps_nothing_of_ours(own: Obet, server: Machine, remembered: dict[str, Any]) -> None:
    for account in ("obet", "obet-read"):
        assert server.run(["id", account], check=False).returncode != 0
    assert server.run(["nft", "list", "tables"]).stdout.strip() == "table inet filter"
    found = server.run(["find", "/", "-xdev", "-iname", "*obet*"])
    assert found.stdout == ""
    stock = Machine.run(own.lab.machine("outsider1"), ["cat", "/etc/nftables.conf"]).stdout
    assert server.run(["cat", "/etc/nftables.conf"]).stdout == stock
    assert remembered["services"]["status"] not in server.run(["cat", "/etc/status/token"]).stdout


def test_the_customer_keeps_his_access_and_the_outside_world_its_own(own: Obet, server: Machine) -> None:
    assert customer_may_do_everything(own.lab, server)
    server.restart()
    assert customer_may_do_everything(own.lab, server)


def test_vault_holds_neither_secret_nor_grant_any_more(own: Obet) -> None:
    own.obet("vault", "apply")
    admin, vault = administrator(own.lab), own.lab.vault
    path = f"access/{WARRANTY_CUSTOMER}/{WARRANTY_DEVICE}"
    assert vault.answer("GET", f"kv/metadata/{path}", token=admin)[0] == 404
    assert vault.answer("GET", f"kv/data/{path}?version=1", token=admin)[0] == 404
    for place in (*_GRANTS, *(f"ssh/roles/obet-{p}-{WARRANTY_CUSTOMER}" for p in ("technical", "ending", "read"))):
        assert vault.answer("GET", place, token=admin)[0] == 404, place


def test_verify_does_not_claim_a_removal_that_nobody_saw(own: Obet) -> None:
    """The run that removed our access was cut off before it could say so."""
    _, found = promises(own, WARRANTY_DEVICE)  # it fails elsewhere: this file's own reads belong to no run
    ended = verdict(found, "post-warranty")
    assert (ended["holds"], ended["failures"]) == (None, [])
    assert ended["checks"] == 3
    assert ended["missing"] == [
        "our access was removed from the device",
        "a scan of every store finds nothing",
        "a signed certificate says so",
    ]


def test_a_run_after_the_end_does_nothing(own: Obet) -> None:
    answer = own.play("post_warranty", "--limit", WARRANTY_DEVICE)
    assert f"{WARRANTY_DEVICE}: passed over: no ending access now" in answer.stdout
    assert "nothing to do" in own.obet("vault", "apply").stdout


def test_the_journal_and_the_node_hold_no_secret(own: Obet, remembered: dict[str, Any], server: Machine) -> None:
    journal = (own.lab.node1.home / ".local/state/obet/journal.jsonl").read_text()
    steps = [json.loads(line)["step"] for line in journal.splitlines()]
    assert steps[-2:] == ["credentials refused", "secrets destroyed"]
    for value in (remembered["login"]["password"], remembered["services"]["status"], server.initial_login.password):
        assert value not in journal


def test_at_the_hard_stop_access_ends_although_nobody_ran_anything(own: Obet) -> None:
    """The other customer's contract is made to have ended long ago; his device was never wiped."""
    path = own.estate / "customers" / estate.MANAGED_CUSTOMER / "contract.yml"
    job, token = Job(own), Job(own).token(MANAGED_DEVICE)
    assert job.read(token, MANAGED_DEVICE) == 200
    path.write_text(path.read_text().replace("kind: managed", "kind: managed\n    ended: 2026-09-01"))
    own.obet("vault", "apply")
    assert job.read(token, MANAGED_DEVICE) == 403
    assert job.read(job.token(MANAGED_DEVICE, "ending"), MANAGED_DEVICE) == 403
    code, found = promises(own, MANAGED_DEVICE)
    assert code == 10
    assert verdict(found, "post-warranty")["holds"] is False


def _journal(own: Obet, step: str) -> None:
    script = (
        "import os,sys\nfrom obet.erasure.journal import Journal\nfrom obet.erasure.steps import Step\n"
        "Journal.of_this_node(os.environ).append('a-run-that-was-killed', sys.argv[1], Step(sys.argv[2]))\n"
    )
    own.lab.node1.run([sys.executable, "-c", script, WARRANTY_DEVICE, step], env=own.environment)
