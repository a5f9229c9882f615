"""The end of access on a server and a contract that changed meanwhile, as they do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from lab import Machine, estate
from lab.estate import WARRANTY_DEVICE
from lab.machine_accounts import reload_sshd
from lab.provision import Obet, provision
from lab.visitors import customer_may_do_everything
from life_support import Job, new_lab, promises, recap, secret_path, verdict

_KEYS = "/home/owner/.ssh/authorized_keys"
_BROKEN = "/etc/ssh/sshd_config.d/90-customer.conf"
_OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINqirccz5y7J92IlKXXOuLU2yB90HnsXao9Dsl9gwwn2"


@pytest.fixture(scope="module")
def own() -> Iterator[Obet]:
    """One customer in service, whose access is due to end; the tests go through its ending in their order."""
    with new_lab() as lab:
        made = provision(lab)
        for playbook in ("onboard", "configure"):
            made.play(playbook, "--limit", WARRANTY_DEVICE)
        estate.set_warranty_end(made.estate, datetime.now(UTC) - timedelta(seconds=5))
        made.obet("vault", "apply")
        made.play("post_warranty", "--limit", WARRANTY_DEVICE)
        made.obet("handover", "confirm", WARRANTY_DEVICE)
        yield made


@pytest.fixture
def server(own: Obet) -> Machine:
    return own.lab.machine("server1")


def test_a_key_that_the_contract_names_only_now_is_not_the_one_that_was_confirmed(own: Obet, server: Machine) -> None:
    first = server.run(["cat", _KEYS]).stdout
    access = {"account": "owner", "public_key": _OTHER_KEY}
    estate.change_device(own.estate, WARRANTY_DEVICE, {"customer_access": access})
    answer = own.play("post_warranty", "--limit", WARRANTY_DEVICE)
    assert "pending" in answer.stdout
    assert server.run(["cat", _KEYS]).stdout == f"{_OTHER_KEY} handover\n", "the one before is taken away"
    assert server.run(["id", "obet"]).returncode == 0
    own.obet("handover", "confirm", WARRANTY_DEVICE)
    access["public_key"] = first.removesuffix(" handover\n")
    estate.change_device(own.estate, WARRANTY_DEVICE, {"customer_access": access})
    assert "pending" in own.play("post_warranty", "--limit", WARRANTY_DEVICE).stdout
    own.obet("handover", "confirm", WARRANTY_DEVICE)
    assert customer_may_do_everything(own.lab, server)


def test_a_server_whose_sshd_could_not_be_reloaded_is_not_touched(own: Obet, server: Machine) -> None:
    server.write(_BROKEN, "NoSuchOption yes\n")
    answer = own.play("post_warranty", "--limit", WARRANTY_DEVICE, check=False)
    assert answer.returncode == 2
    assert "nothing was removed" in answer.stdout
    assert server.run(["id", "obet"]).returncode == 0
    assert server.run(["test", "-e", "/etc/ssh/obet_ca.pub"]).returncode == 0
    server.run(["rm", _BROKEN])


def test_what_the_customer_removed_himself_does_not_stop_the_ending(own: Obet, server: Machine) -> None:
    server.run(["userdel", "--remove", "setup"])
    server.run(["rm", "-r", "/etc/status", "/etc/nftables.conf"])
    answer = own.play("post_warranty", "--limit", WARRANTY_DEVICE)
    assert recap(answer.stdout)[WARRANTY_DEVICE]["failed"] == 0
    assert server.run(["find", "/", "-xdev", "-iname", "*obet*"]).stdout == ""
    assert server.run(["id", "obet"], check=False).returncode != 0
    reload_sshd(server)
    assert customer_may_do_everything(own.lab, server)


def test_verify_shows_all_that_can_be_shown_of_an_ending_that_was_seen_through(own: Obet) -> None:
    own.obet("vault", "apply")
    code, found = promises(own, WARRANTY_DEVICE)
    ended = verdict(found, "post-warranty")
    assert (code, ended["holds"], ended["checks"]) == (0, None, 3)
    assert ended["missing"] == ["a scan of every store finds nothing", "a signed certificate says so"]


def test_a_contract_that_is_taken_up_again_opens_work_and_no_ending(own: Obet) -> None:
    estate.set_warranty_end(own.estate, datetime.now(UTC) + timedelta(days=90))
    own.obet("vault", "apply")
    job = Job(own)
    assert job.read(job.token(WARRANTY_DEVICE), WARRANTY_DEVICE) == 404, "granted, and nothing there any more"
    assert job.read(job.token(WARRANTY_DEVICE, "ending"), WARRANTY_DEVICE) == 403
    own.obet("secret", "login", WARRANTY_DEVICE, "--user", "setup", stdin="a new one\n")
    assert job.call(job.token(WARRANTY_DEVICE), "GET", secret_path(WARRANTY_DEVICE))[0] == 200


def test_a_login_name_that_is_none_is_refused(own: Obet) -> None:
    answer = own.obet("secret", "login", WARRANTY_DEVICE, "--user", "setup\naccount root", stdin="x\n", check=False)
    assert answer.returncode == 9
    assert len(answer.stderr.splitlines()) == 1
