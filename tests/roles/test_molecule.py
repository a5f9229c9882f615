"""Each role's molecule scenario passes on the lab, and its auditor finds what somebody spoiled.

The scenarios go through one lab in the order of a contract's life; the last one ends a customer's access.
"""

from __future__ import annotations

import json
from subprocess import CompletedProcess

import pytest
from lab import Machine
from lab.estate import MANAGED_DEVICE, WARRANTY_DEVICE
from lab.machine_accounts import reload_sshd
from lab.provision import Obet
from lab.this_host import CHECKOUT
from life_support import Job, files_under

pytestmark = pytest.mark.timeout(600)
_PLAIN = {"NO_COLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
_HARDENING = "/etc/ssh/sshd_config.d"


def molecule(own: Obet, role: str, action: str) -> CompletedProcess[str]:
    """Runs molecule as a person would: on the control node, in the role's folder."""
    return own.lab.node1.run(
        ["molecule", action, "--no-command-borders"],
        cwd=CHECKOUT / "roles" / role, env=own.environment | _PLAIN, check=False, timeout=580,
    )  # fmt: skip


def passes(own: Obet, role: str) -> CompletedProcess[str]:
    """The whole sequence, each step of it run and successful."""
    answer = molecule(own, role, "test")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    for step in ("converge", "idempotence", "verify"):
        assert f"default > {step}: Executed: Successful" in answer.stderr
    return answer


def finds(own: Obet, role: str, complaint: str) -> None:
    """The auditor alone, run again, fails with that complaint."""
    answer = molecule(own, role, "verify")
    seen = answer.stdout + answer.stderr
    assert answer.returncode != 0, seen
    assert complaint in seen, seen


@pytest.fixture
def first(provisioned: Obet) -> Machine:
    """The server of the customer whose warranty ends."""
    return provisioned.lab.machine("server1")


@pytest.fixture
def second(provisioned: Obet) -> Machine:
    """The managed customer's server."""
    return provisioned.lab.machine("server2")


def test_ssh_access_passes_its_scenario(provisioned: Obet) -> None:
    answer = passes(provisioned, "ssh_access")
    for device in (WARRANTY_DEVICE, MANAGED_DEVICE):
        assert f"ok: [{device}]" in answer.stdout, "both servers were worked on"


def test_ssh_accesss_auditor_finds_a_server_that_takes_passwords_again(provisioned: Obet, first: Machine) -> None:
    first.write(f"{_HARDENING}/05-customer.conf", "PasswordAuthentication yes\n")
    reload_sshd(first)
    finds(provisioned, "ssh_access", "sshd -T lacks ['passwordauthentication no']")
    first.run(["rm", f"{_HARDENING}/05-customer.conf"])
    reload_sshd(first)


def test_ssh_accesss_auditor_finds_an_account_that_may_do_more(provisioned: Obet, second: Machine) -> None:
    second.write("/etc/sudoers.d/more", "obet-read ALL=(root) NOPASSWD: ALL\n", mode=0o440)
    finds(provisioned, "ssh_access", "obet-read may run")
    second.run(["rm", "/etc/sudoers.d/more"])


def test_service_secret_passes_its_scenario(provisioned: Obet) -> None:
    passes(provisioned, "service_secret")


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        ("echo spoilt >/etc/status/token; service status reload", "the service answers [401, 401]"),
        ("chmod 644 /etc/status/token", "/etc/status/token: is root root 644"),
    ],
    ids=["another secret", "a secret that everybody reads"],
)
def test_service_secrets_auditor_finds(provisioned: Obet, second: Machine, spoil: str, complaint: str) -> None:
    second.run(["cp", "-p", "/etc/status/token", "/root/kept"])
    second.run(["sh", "-c", spoil])
    finds(provisioned, "service_secret", complaint)
    second.run(["sh", "-c", "mv /root/kept /etc/status/token; service status reload"])


def test_management_access_passes_its_scenario(provisioned: Obet) -> None:
    passes(provisioned, "management_access")


@pytest.mark.parametrize(
    ("spoil", "mend", "complaint"),
    [
        (
            "nft insert rule inet obet_management input ip saddr 192.0.2.1 tcp dport 22 accept",
            "nft -f /etc/obet-management-access.nft",
            "the kernel takes ['192.0.2.1', ",
        ),
        (
            "nft insert rule inet obet_management input tcp dport 22 accept",
            "nft -f /etc/obet-management-access.nft",
            "rules without a source",
        ),
        (
            "sed -i.kept /obet/d /etc/nftables.conf",
            "mv /etc/nftables.conf.kept /etc/nftables.conf",
            "the next boot would not load the plan's rules",
        ),
        (
            "nft insert rule inet filter input tcp dport 8443 drop",
            "nft flush chain inet filter input",
            "another server is answered at ports [], wanted [8443, 8443]",
        ),
    ],
    ids=["a source more", "a rule for everybody", "rules gone at the next boot", "other traffic cut"],
)
def test_management_accesss_auditor_finds(
    provisioned: Obet, second: Machine, spoil: str, mend: str, complaint: str
) -> None:
    second.run(["sh", "-euc", spoil])
    finds(provisioned, "management_access", complaint)
    second.run(["sh", "-euc", mend])


def test_access_wipe_passes_its_scenario_and_the_journal_keeps_what_was_seen(provisioned: Obet) -> None:
    passes(provisioned, "access_wipe")
    journal = (provisioned.lab.node1.home / ".local/state/obet/journal.jsonl").read_text()
    entries = [json.loads(line) for line in journal.splitlines()]
    assert [entry["detail"] for entry in entries if entry["step"] == "access removed"] == [{"seen": "removed"}]


@pytest.mark.parametrize(
    ("spoil", "mend", "complaint"),
    [
        ("useradd --system obet", "userdel obet", '"stdout": "obet:x:'),
        ("touch /etc/sudoers.d/obet", "rm /etc/sudoers.d/obet", '"stdout": "/etc/sudoers.d/obet"'),
    ],
    ids=["an account", "a file"],
)
def test_access_wipes_auditor_finds(provisioned: Obet, first: Machine, spoil: str, mend: str, complaint: str) -> None:
    first.run(["sh", "-euc", spoil])
    finds(provisioned, "access_wipe", complaint)
    first.run(["sh", "-euc", mend])


def test_molecule_keeps_no_secret_on_the_node(provisioned: Obet) -> None:
    secrets = Job(provisioned).secrets(MANAGED_DEVICE)
    values = [secrets["login"]["password"], secrets["services"]["status"]]
    home = provisioned.lab.node1.home
    folders = sorted((home / ".ansible" / "tmp").glob("molecule.*"))
    assert len(folders) == 4, "one for each scenario"
    planted = folders[0] / "planted"
    planted.write_text(values[0])
    found = [path for path in files_under(home) if any(value.encode() in path.read_bytes() for value in values)]
    assert found == [planted], "the planted one is found, and nothing else"
