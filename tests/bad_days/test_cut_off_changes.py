"""A change of management rules that is cut off, cannot be kept, or would lock us out: the server takes it back."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Machine, estate
from lab.estate import MANAGED_DEVICE
from lab.network import NAMESPACES
from lab.processes import in_namespaces
from lab.provision import Obet
from lab.vault_proxy import Request, VaultProxy
from life_support import Edit, fails_clearly, let_locks_expire, promises, recap, verified, wait_until

_RULES = ["nft", "-s", "list", "table", "inet", "obet_management"]
_REVERTS = ["-e", "management_access_revert_seconds=4"]
# Between "the rules are replaced" and "the change is confirmed" the node asks Vault for the probes' certificate.
_BETWEEN = "sign/obet-vantage"


@pytest.fixture
def server(served: Obet) -> Machine:
    return served.lab.machine("server2")


@pytest.fixture
def changed(served: Obet, edited: Edit) -> None:
    """The device's file calls for other rules than run."""
    edited(estate.device_file(served.estate, MANAGED_DEVICE), "203.0.113.21", "203.0.113.22")


def _rules(server: Machine) -> str:
    return server.run(_RULES).stdout


def _converges(own: Obet, server: Machine, admin: str) -> None:
    """The rules that the file calls for come with the next run, and are proven."""
    let_locks_expire(own.lab, admin)
    own.play("restrict_access", "--limit", MANAGED_DEVICE)
    assert "203.0.113.22" in _rules(server)
    assert server.run(["sh", "-c", "ls /etc/obet-management-access*"]).stdout.split() == [
        "/etc/obet-management-access.candidate",
        "/etc/obet-management-access.listing",
        "/etc/obet-management-access.nft",
    ]


@pytest.fixture(autouse=True)
def put_back(served: Obet, server: Machine, admin: str) -> Iterator[None]:
    """After each test, when the estate is as it was, so are the rules."""
    before = _rules(server)
    yield
    let_locks_expire(served.lab, admin)
    served.play("restrict_access", "--limit", MANAGED_DEVICE)
    assert _rules(server) == before


def test_rules_that_lock_us_out_forced_past_every_check_are_taken_back_by_the_server(
    served: Obet, server: Machine, tmp_path: Path
) -> None:
    before = _rules(server)
    table = "table inet obet_management"
    chain = "chain input {\ntype filter hook input priority -10\ntcp dport 22 drop\n}"
    text = f"{table}\ndelete {table}\n{table} {{\n{chain}\n}}\n"
    plan = "{{ obet_plan.management | combine({'text': lock_out}) }}"
    play = {
        "hosts": MANAGED_DEVICE,
        "gather_facts": False,
        "become": True,
        "vars": {"obet_purpose": "technical", "lock_out": text, "management_access_plan": plan},
        "tasks": [{"obet_plan": {}}, {"ansible.builtin.import_role": {"name": "management_access"}}],
    }
    playbook = tmp_path / "forced.yml"
    playbook.write_text(json.dumps([play]))
    command = ["ansible-playbook", str(playbook), *_REVERTS]
    answer = served.lab.node1.run(command, env=served.environment, check=False, timeout=120)
    # A slow node's attempts may come through when the server has taken the rules back already: nothing is pending then.
    late = "is pending" in answer.stdout
    said = ["is pending"] if late else ["access is not as it must be", "node1 to"]
    fails_clearly(answer, 2, MANAGED_DEVICE, *said, "takes the change back")
    assert recap(answer.stdout)[MANAGED_DEVICE]["changed"] == 1, "the rules were placed"
    wait_until(lambda: _rules(server) == before)
    assert promises(served, MANAGED_DEVICE)[0] == 0


@pytest.mark.usefixtures("changed")
def test_a_kill_between_apply_and_confirm_is_taken_back_and_the_next_run_reaps_what_it_left(
    served: Obet, server: Machine, proxied: VaultProxy, admin: str
) -> None:
    before, node = _rules(server), served.lab.node1
    arguments = ["ansible-playbook", "playbooks/restrict_access.yml", "--limit", MANAGED_DEVICE, *_REVERTS]
    armed: list[str] = []

    def kill(_: Request) -> None:
        armed.append(_rules(server))
        _kill_the_play(served)

    proxied.on(_BETWEEN, kill)
    play = node.popen(arguments, env=served.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert play.wait(60) == -signal.SIGKILL
    assert "203.0.113.22" in armed[0]
    proxied.forward_all()
    wait_until(lambda: _rules(server) == before)
    runs, temporary = node.directory / "run" / "obet", node.home / ".ansible" / "tmp"
    assert list(runs.glob("run-*/control-*")), "the kill left something to reap"
    assert list(temporary.iterdir())
    assert _processes(served, "ssh: ")
    verified(served, MANAGED_DEVICE)
    assert list(runs.iterdir()) == []
    assert not _processes(served, "ssh: ")
    assert not _processes(served, "ssh-agent")
    _converges(served, server, admin)
    assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("changed")
def test_a_reboot_between_apply_and_confirm_is_taken_back_and_said(
    served: Obet, server: Machine, proxied: VaultProxy, admin: str
) -> None:
    before = _rules(server)
    rebooted: list[str] = []

    def reboot(request: Request) -> None:
        if not rebooted:
            rebooted.append(request.line)
            server.restart()

    proxied.on(_BETWEEN, reboot)
    answer = served.play("restrict_access", "--limit", MANAGED_DEVICE, check=False)
    assert rebooted
    assert answer.returncode in {2, 4}, answer.stdout
    assert "Traceback" not in answer.stdout + answer.stderr
    assert _rules(server) == before
    proxied.forward_all()
    _converges(served, server, admin)


@pytest.mark.usefixtures("changed")
def test_a_disk_that_is_full_when_the_change_is_to_be_kept_means_that_it_is_taken_back(
    served: Obet, server: Machine, proxied: VaultProxy, admin: str
) -> None:
    before = _rules(server)

    def fill(_: Request) -> None:
        if server.run(["mountpoint", "-q", "/etc"], check=False).returncode != 0:
            _fill_etc(server)

    proxied.on(_BETWEEN, fill)
    try:
        answer = served.play("restrict_access", "--limit", MANAGED_DEVICE, *_REVERTS, check=False)
        fails_clearly(answer, 2, "No space left on device", "obet-management-access.nft.new")
        wait_until(lambda: _rules(server) == before)
    finally:
        server.run(["umount", "-l", "/etc"])
    proxied.forward_all()
    _converges(served, server, admin)


def test_a_full_disk_on_the_server_keeps_a_secret_from_its_file_and_leaves_no_half_of_it(
    served: Obet, server: Machine, secrets: list[str]
) -> None:
    _fill_etc(server)
    try:
        server.run(["rm", "/etc/status/token"])
        server.run(["sh", "-c", "cat /dev/zero > /etc/status/filler || true"])
        answer = served.play("configure", "--limit", MANAGED_DEVICE, check=False)
        left = server.run(["find", "/etc/status"]).stdout.split()
    finally:
        server.run(["umount", "-l", "/etc"])
    assert answer.returncode == 2
    assert "Traceback" not in answer.stdout + answer.stderr
    assert [secret for secret in secrets if secret in answer.stdout + answer.stderr] == []
    assert "/etc/status/token" not in left
    assert "/etc/status/token.obet-new" not in left
    assert recap(served.play("configure", "--limit", MANAGED_DEVICE).stdout)[MANAGED_DEVICE]["changed"] == 0


def _fill_etc(server: Machine) -> None:
    """The server's /etc on a file system of its own that has no room left."""
    script = (
        "mkdir -p /run/etc; mount -t tmpfs -o size=16m,mode=755 tmpfs /run/etc; cp -a /etc/. /run/etc; "
        "cat /dev/zero >/run/etc/filler 2>/dev/null || true; mount --move /run/etc /etc"
    )
    server.run(["sh", "-euc", script])


def _kill_the_play(own: Obet) -> None:
    """Ansible's own process and its workers, which have sessions of their own."""
    for process in in_namespaces([NAMESPACES / own.lab.node1.namespace]):
        if b"ansible-playbook" in Path(f"/proc/{process.pid}/cmdline").read_bytes():
            process.signal(signal.SIGKILL)


def _processes(own: Obet, name: str) -> list[str]:
    """Command lines of the node's own processes of that name."""
    found = own.lab.node1.run(["pgrep", "-a", "-f", f"^{name}"], check=False).stdout.splitlines()
    return [line for line in found if str(own.lab.node1.directory) in line]
