"""The customer's initial login is taken over; what Vault holds opens what it should, and stands nowhere else."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lab import Machine
from lab.estate import MANAGED_DEVICE, UNAGREED_DEVICE, WARRANTY_DEVICE
from lab.provision import Obet
from lab.this_host import CHECKOUT
from lab.visitors import password_login, service_status
from life_support import Job, files_under, recap


@pytest.fixture
def server(served: Obet) -> Machine:
    return served.lab.machine("server1")


def test_the_initial_password_worked_before_onboarding_and_is_refused_after(
    served: Obet, provisioned: Obet, server: Machine
) -> None:
    untouched = provisioned.lab.machine("server1")
    login = untouched.initial_login
    before = password_login(provisioned.lab, untouched, login.user, login.password)
    assert before.stdout.strip() == login.user
    login = server.initial_login
    after = password_login(served.lab, server, login.user, login.password)
    assert after.returncode == 255
    assert "Permission denied" in after.stderr


def test_a_dry_run_on_a_fresh_server_shows_what_would_come_and_changes_nothing(provisioned: Obet) -> None:
    server = provisioned.lab.machine("server1")
    before = _file_tree(server)
    answer = provisioned.play("onboard", "--check", "--diff", "--limit", WARRANTY_DEVICE)
    counts = recap(answer.stdout)[WARRANTY_DEVICE]
    assert counts["changed"] >= 5
    assert counts["failed"] == 0
    assert "+    TrustedUserCAKeys /etc/ssh/obet_ca.pub" in answer.stdout
    assert _file_tree(server) == before
    assert Job(provisioned).secrets(WARRANTY_DEVICE)["login"]["password"] == server.initial_login.password


def test_a_dry_run_of_each_playbook_on_a_configured_server_shows_no_change(served: Obet) -> None:
    for playbook in ("onboard", "configure", "restrict_access", "post_warranty"):
        answer = served.play(playbook, "--check", "--diff", "--limit", WARRANTY_DEVICE)
        counts = recap(answer.stdout)[WARRANTY_DEVICE]
        assert (counts["changed"], counts["failed"]) == (0, 0), playbook


def test_the_server_itself_knows_the_new_password_and_no_longer_the_old_one(served: Obet, server: Machine) -> None:
    new = Job(served).secrets(WARRANTY_DEVICE)["login"]
    old = server.initial_login.password
    assert new["taken_over"] is True
    assert new["password"] != old

    def works(password: str) -> bool:
        su = ["runuser", "-u", "nobody", "--", "su", "-c", "id -un", new["user"]]
        return server.run(su, input=f"{password}\n", check=False).stdout.strip() == str(new["user"])

    assert works(new["password"])
    assert not works(old)


def test_the_service_takes_its_secret_from_vault_and_no_other(served: Obet, server: Machine) -> None:
    token = Job(served).secrets(WARRANTY_DEVICE)["services"]["status"]
    assert server.run(["cat", "/etc/status/token"]).stdout.strip() == token
    assert server.run(["stat", "-c", "%a %U", "/etc/status/token"]).stdout.strip() == "600 root"
    assert service_status(server, token) == 200
    assert service_status(server, f"{token}x") == 401


def test_our_accounts_expire_with_the_hard_stop_and_not_at_all_under_a_running_service(served: Obet) -> None:
    def expiry(server: str) -> set[str]:
        lines = served.lab.machine(server).run(["getent", "shadow", "obet", "obet-read"]).stdout.splitlines()
        return {line.split(":")[7] for line in lines}

    hard_stop = (datetime(2028, 3, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
    assert expiry("server1") == {str(hard_stop)}
    assert expiry("server2") == {""}


def test_two_servers_never_share_a_secret(served: Obet) -> None:
    job = Job(served)
    first, second = job.secrets(WARRANTY_DEVICE), job.secrets(MANAGED_DEVICE)
    assert first["login"]["password"] != second["login"]["password"]
    assert first["services"]["status"] != second["services"]["status"]


def test_a_device_without_an_agreement_is_passed_over_by_name_and_nothing_is_tried(served: Obet) -> None:
    answer = served.play("onboard", "--limit", UNAGREED_DEVICE)
    assert f"{UNAGREED_DEVICE}: passed over: no technical access now" in answer.stdout
    assert recap(answer.stdout)[UNAGREED_DEVICE]["changed"] == 0


def test_a_play_without_a_purpose_gets_no_secret(served: Obet, tmp_path: Path) -> None:
    playbook = tmp_path / "own.yml"
    tasks = [{"ansible.builtin.debug": {"msg": "{{ lookup('obet_secret', 'login.user') }}"}}]
    playbook.write_text(json.dumps([{"hosts": WARRANTY_DEVICE, "gather_facts": False, "tasks": tasks}]))
    answer = served.lab.node1.run(["ansible-playbook", str(playbook)], env=served.environment, check=False)
    assert answer.returncode == 2
    assert "no run is open" in answer.stdout + answer.stderr


def test_a_play_without_a_purpose_gets_nothing_of_the_play_before_it(served: Obet, tmp_path: Path) -> None:
    playbook = tmp_path / "two.yml"
    tasks = [{"ansible.builtin.debug": {"msg": "as {{ lookup('obet_secret', 'login.user') }}"}}]
    first = {"hosts": WARRANTY_DEVICE, "gather_facts": False, "tasks": tasks, "vars": {"obet_purpose": "technical"}}
    second = {"hosts": WARRANTY_DEVICE, "gather_facts": False, "tasks": [*tasks, {"ansible.builtin.ping": {}}]}
    playbook.write_text(json.dumps([first, second]))
    answer = served.lab.node1.run(["ansible-playbook", str(playbook)], env=served.environment, check=False)
    assert answer.returncode == 2
    assert answer.stdout.count(f"as {served.lab.machine('server1').initial_login.user}") == 1
    assert "the play says no purpose" in answer.stdout + answer.stderr


def test_a_playbook_of_ones_own_reads_a_secret_by_the_lookup(served: Obet, tmp_path: Path) -> None:
    playbook = tmp_path / "own.yml"
    tasks = [{"ansible.builtin.debug": {"msg": "as {{ lookup('obet_secret', 'login.user') }}"}}]
    play = {"hosts": WARRANTY_DEVICE, "gather_facts": False, "tasks": tasks, "vars": {"obet_purpose": "technical"}}
    playbook.write_text(json.dumps([play]))
    answer = served.lab.node1.run(["ansible-playbook", str(playbook)], env=served.environment)
    assert f"as {served.lab.machine('server1').initial_login.user}" in answer.stdout


def test_an_inventory_that_is_wrong_stops_ansible_with_one_line_that_says_where(served: Obet) -> None:
    path = served.estate / "estate.yml"
    before = path.read_text()
    try:
        path.write_text(before + "surprise: 1\n")
        answer = served.play("verify_access", check=False)
    finally:
        path.write_text(before)
    assert answer.returncode != 0
    line = len(before.splitlines()) + 1
    assert f"{path}:{line}: the document: Object contains unknown field `surprise`" in answer.stderr


def test_a_run_leaves_no_agent_no_connection_and_no_file_of_its_own(served: Obet) -> None:
    served.play("configure", "--limit", WARRANTY_DEVICE)
    node = served.lab.node1
    assert list((node.directory / "run" / "obet").iterdir()) == []
    assert node.run(["pgrep", "-f", f"ssh-agent.*{node.directory}"], check=False).stdout == ""
    assert node.run(["pgrep", "-f", f"ssh: {node.directory}"], check=False).stdout == ""


def test_a_runs_token_is_revoked_when_it_ends(served: Obet) -> None:
    served.play("configure", "--limit", WARRANTY_DEVICE)
    log = served.lab.vault.audit_directory / "audit-1.log"
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    answered = [entry for entry in entries if entry["type"] == "response"]
    run = answered[-1]["request"]["headers"]["x-correlation-id"][0]
    own = [e["request"]["path"] for e in answered if e["request"].get("headers", {}).get("x-correlation-id") == [run]]
    assert own.count("auth/approle/login") == 1
    assert own.count("auth/token/revoke-self") == 2  # its child's and its own
    assert own[-1] == "auth/token/revoke-self"


def test_a_play_that_goes_on_gets_new_certificates_and_the_old_tokens_work_to_their_end(served: Obet) -> None:
    script = (
        "import os\nfrom pathlib import Path\nfrom obet.current_run import open_run\nfrom obet.model import Purpose\n"
        "run = open_run(Path(os.environ['OBET_ESTATE']))\n"
        f"run.begin_play(Purpose.TECHNICAL, ['{WARRANTY_DEVICE}'], read_secrets=False)\n"
        f"first, child = run.certificate('{WARRANTY_DEVICE}').line, run.child('{WARRANTY_DEVICE}')\n"
        f"run.refresh(); print(run.certificate('{WARRANTY_DEVICE}').line == first)\n"
        "run._granted -= 200\n"
        f"run.refresh(); print(run.certificate('{WARRANTY_DEVICE}').line == first)\n"
        "print(child.get('auth/token/lookup-self')['ttl'] > 0)\n"
        "run.close()\n"
    )
    answer = served.lab.node1.run([sys.executable, "-c", script], env=served.environment)
    assert answer.stdout.split() == ["True", "False", "True"]


def test_no_secret_stands_in_a_file_of_the_node_or_of_the_checkout(served: Obet) -> None:
    served.play("site", "--limit", WARRANTY_DEVICE)
    secrets = Job(served).secrets(WARRANTY_DEVICE)
    values = [secrets["login"]["password"], secrets["services"]["status"]]
    node = served.lab.node1.directory
    places = [node, CHECKOUT / "build", Path.home() / ".ansible", served.estate]
    planted = node / "home" / "planted"
    planted.write_text(f"x {values[0]} x")
    found = [p for place in places if place.exists() for p in files_under(place) if _holds(p, values)]
    assert found == [planted], "the planted one is found, and nothing else"
    planted.unlink()


def _file_tree(server: Machine) -> str:
    """Names, sizes and times of all that configures the server (sudo and Ansible leave an empty folder at home)."""
    return server.run(
        ["find", "/etc", "/usr/local", "/root", "/var/lib", "-not", "-path", "/var/lib/sudo*", "-printf", "%p %s %T@\n"]
    ).stdout


def _holds(path: Path, values: list[str]) -> bool:
    content = path.read_bytes()
    return any(value.encode() in content for value in values)
