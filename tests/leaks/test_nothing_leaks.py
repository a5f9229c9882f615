"""Every secret of a whole life is known here, and none is found anywhere, whatever fails on the way.

The tests follow one another: the managed server fails at each task that holds a secret and then succeeds, with
ansible-runner; the other is taken into service with ansible-playbook, and its ending fails at each such task.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lab import Machine, estate
from lab.estate import MANAGED_DEVICE, NETWORK_DEVICES, ROUTER_DEVICE, SWITCH_DEVICE, UNAGREED_DEVICE, WARRANTY_DEVICE
from lab.simulators.faults import FaultKind
from lab.this_host import CHECKOUT
from leaks.places import PLACES, Place, look
from leaks.search import Search
from leaks.story import CONTROL, Played, Story

_ONBOARD, _CONFIGURE, _ROTATE, _SITE, _END = (
    f"playbooks/{name}.yml" for name in ("onboard", "configure", "rotate_credentials", "site", "post_warranty")
)
_ECHOES = "#!/bin/sh\ntee /dev/stderr\nexit 1\n"
_SU = "#!/bin/sh\ntee /dev/stderr\n"  # says yes to every password
_SUDO = """#!/bin/sh
while [ $# -gt 0 ]; do [ "$1" = -p ] && printf '%s' "$2" >&2; shift; done
IFS= read -r told
echo "sorry: $told is wrong"
echo "sorry: $told is wrong" >&2
exit 1
"""
_PYTHON = """#!/bin/sh
told=$(cat)
case $told in *MODULE*) printf '%s\\n' "$told"; printf '%s\\n' "$told" >&2; exit 1 ;; esac
printf '%s\\n' "$told" | /usr/bin/python3.11 -
"""
_SURPRISE = """
import http.client

whole = http.client.HTTPConnection.putrequest

def putrequest(self, method, url, *arguments, **options):
    if method in {"POST", "PUT"} and url.startswith("/v1/kv/data/access/"):
        raise RuntimeError("a surprise")
    return whole(self, method, url, *arguments, **options)

http.client.HTTPConnection.putrequest = putrequest
"""


@pytest.fixture
def server(story: Story) -> Machine:
    return story.lab.machine("server2")


@pytest.fixture
def ending(story: Story) -> Machine:
    return story.lab.machine("server1")


@contextmanager
def replaced(machine: Machine, path: str, script: str) -> Iterator[None]:
    """A program on a server that does something else."""
    machine.run(["mv", path, f"{path}.whole"])
    try:
        machine.write(path, script, mode=0o755)
        yield
    finally:
        machine.run(["mv", f"{path}.whole", path])


def shows_nothing(story: Story, played: Played) -> None:
    found = [hit for hit in Search(story.canaries()).hits(played.contents()) if hit.canary != CONTROL]
    assert found == []


def fails(story: Story, played: Played, *tasks: str) -> None:
    """It failed, there and nowhere else, and neither output nor artifacts say a secret."""
    shows_nothing(story, played)
    assert played.failed == list(tasks), played.said[-3000:]
    assert played.returncode != 0


def taking_over(story: Story) -> str:
    """The project's own tasks, without what comes before them."""
    tasks = [
        {"ansible.builtin.import_tasks": str(CHECKOUT / f"playbooks/tasks/{name}.yml")}
        for name in ("plan", "take_over")
    ]
    variables = {"obet_purpose": "technical", "obet_read_secrets": True}
    return story.playbook("take_over", _play(tasks, become=True, vars=variables))


def _play(tasks: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"hosts": "obet", "gather_facts": False, "tasks": tasks} | more


def into_service(story: Story) -> str:
    """The project's playbooks; then the control is sent every way that output can go, and then all that is known."""
    control = story.control.value.decode()
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.debug": {"msg": control}},
        {"ansible.builtin.set_fact": {"seen": control, "cacheable": True}},
        {"ansible.builtin.debug": {"var": "hostvars[inventory_hostname]"}},
    ]
    site = {"ansible.builtin.import_playbook": str(CHECKOUT / _SITE)}
    return story.playbook("into_service", site, _play(tasks))


# --- the command line


def test_a_login_that_is_not_taken_is_not_shown(story: Story) -> None:
    password = story.secret("a password that is not taken").value.decode()
    for device, user in ((MANAGED_DEVICE, "Not A Name"), (UNAGREED_DEVICE, "setup"), ("d-0000000000", "setup")):
        answer = story.obet("secret", "login", device, "--user", user, stdin=f"{password}\n", check=False)
        assert answer.returncode in {6, 9}
        assert password not in answer.stdout + answer.stderr


def test_a_token_and_login_material_that_cannot_be_used_are_not_shown(story: Story) -> None:
    token = story.secret("a token that Vault does not know").value.decode()
    answer = story.obet("vault", "bootstrap", "--revoke-token", stdin=f"hvs.{token}\n", check=False)
    assert answer.returncode in {5, 6}
    assert token not in answer.stdout + answer.stderr
    on_disk = Path("/var/tmp")  # noqa: S108 - a file system that outlives a reboot
    answer = story.obet("vault", "credential", "obet-node-node1", "--to", str(on_disk), check=False)
    assert answer.returncode == 9
    assert not list(on_disk.glob("obet-node-node1.*"))


# --- into service


def test_a_wrong_initial_password(story: Story) -> None:
    story.initial_login(MANAGED_DEVICE, story.secret("a wrong password").value.decode() + "'\"$&")
    played = story.runner("wrong", MANAGED_DEVICE, _ONBOARD)
    fails(story, played, "The customer's initial login is tried where ours does not work yet")
    assert f"{MANAGED_DEVICE}: refuses the customer's initial login: `obet secret login" in played.said


def test_a_sudo_that_says_what_it_was_told(story: Story, server: Machine) -> None:
    story.initial_login(MANAGED_DEVICE, server.initial_login.password)
    with replaced(server, "/usr/bin/sudo", _SUDO):
        played = story.runner("sudo", MANAGED_DEVICE, _ONBOARD)
    first = "Accounts are there, without a password that could match"
    fails(story, played, first, "The first login has not come through")
    assert f'the task "{first}" failed' in played.said


def test_vault_takes_no_next_password(story: Story) -> None:
    story.vault_only_reads("technical", MANAGED_DEVICE)
    played = story.runner("next", MANAGED_DEVICE, _ONBOARD)
    fails(story, played, "The next password stands in Vault")
    story.vault_as_contracts_say()


def test_a_program_that_ends_without_a_word_of_ours(story: Story) -> None:
    """An error that nobody thought of, where the next password is in hand."""
    (story.folder / "sitecustomize.py").write_text(_SURPRISE)
    surprised = {"PYTHONPATH": str(story.folder)}
    played = story.runner("surprise", MANAGED_DEVICE, taking_over(story), env=surprised)
    fails(story, played, "The next password stands in Vault")
    assert "a surprise" in played.said
    assert "Traceback" in played.said


def test_a_chpasswd_that_says_what_it_was_told(story: Story, server: Machine) -> None:
    with replaced(server, "/usr/sbin/chpasswd", _ECHOES):
        played = story.runner("chpasswd", MANAGED_DEVICE, taking_over(story))
    fails(story, played, "The server takes the next password")


def test_a_su_that_says_what_it_was_told_and_takes_anything(story: Story, server: Machine) -> None:
    with replaced(server, "/usr/bin/su", _SU):
        played = story.runner("su", MANAGED_DEVICE, taking_over(story))
    fails(story, played, "The server knows the next password and no longer the one before")


def test_vault_takes_no_completion(story: Story) -> None:
    story.vault_only_reads("technical", MANAGED_DEVICE)
    played = story.runner("complete", MANAGED_DEVICE, taking_over(story))
    fails(story, played, "The next password is the login's")


def test_vault_takes_no_service_secret(story: Story) -> None:
    played = story.runner("service", MANAGED_DEVICE, _CONFIGURE)
    fails(story, played, "The next value of each secret stands in Vault")
    story.vault_as_contracts_say()


def test_a_disk_that_is_full(story: Story, server: Machine) -> None:
    fill = "mount -t tmpfs -o size=8k tmpfs /etc/status; ! cat /dev/zero > /etc/status/full 2> /dev/null"
    server.run(["sh", "-euc", fill])
    played = story.runner("full", MANAGED_DEVICE, _CONFIGURE)
    left = server.run(["ls", "/etc/status"]).stdout.split()
    server.run(["umount", "/etc/status"])
    fails(story, played, "Each secret is in its file")
    assert left == ["full"], "no part of a secret is left beside its file"


def test_a_python_that_says_what_it_was_told(story: Story, server: Machine) -> None:
    with replaced(server, "/usr/bin/python3", _PYTHON.replace("MODULE", "obet_secret_file")):
        played = story.runner("python", MANAGED_DEVICE, _CONFIGURE)
    fails(story, played, "Each secret is in its file")


def test_a_python_that_says_what_it_was_told_to_try(story: Story, server: Machine) -> None:
    with replaced(server, "/usr/bin/python3", _PYTHON.replace("MODULE", "obet_service_check")):
        played = story.runner("trying", MANAGED_DEVICE, _CONFIGURE)
    fails(story, played, "It takes what is in its file", "It was not shown")


def test_a_check_that_says_what_it_was_told_and_takes_anything(story: Story, server: Machine) -> None:
    story.play(_CONFIGURE, "--limit", MANAGED_DEVICE)
    with replaced(server, "/usr/local/bin/status-takes", _SU):
        played = story.runner("check", MANAGED_DEVICE, _ROTATE)
    fails(story, played, "It refuses what was there before", "It was not shown")


def test_vault_takes_no_completion_of_a_service_secret(story: Story) -> None:
    story.vault_only_reads("technical", MANAGED_DEVICE)
    played = story.runner("service complete", MANAGED_DEVICE, _CONFIGURE)
    fails(story, played, "The next value of each secret is its own")
    story.vault_as_contracts_say()


@pytest.mark.parametrize("setting", ["ANSIBLE_PIPELINING=0", "ANSIBLE_KEEP_REMOTE_FILES=1"])
def test_a_setting_that_would_write_modules_to_files(story: Story, setting: str) -> None:
    """The modules' arguments, secrets among them, would stand in files here and on the server."""
    name, _, value = setting.partition("=")
    played = story.runner(name, MANAGED_DEVICE, _CONFIGURE, env={name: value})
    fails(story, played, "The device's plan")
    assert "switch on pipelining" in played.said


def test_a_secret_that_vault_refuses(story: Story) -> None:
    task = {
        "name": "A secret",
        "ansible.builtin.debug": {"msg": "{{ lookup('obet_secret', 'login.password') | hash }}"},
    }
    own = story.playbook("refused", _play([task], vars={"obet_purpose": "technical"}))
    fails(story, story.runner("refused", UNAGREED_DEVICE, own), "A secret")


def test_a_server_goes_into_service_by_ansible_runner(story: Story) -> None:
    played = story.runner("site", MANAGED_DEVICE, into_service(story))
    shows_nothing(story, played)
    assert played.failed == [], played.said[-3000:]
    assert played.returncode == 0, played.said[-3000:]


def test_a_server_goes_into_service_by_ansible_playbook_of_an_operator(story: Story) -> None:
    story.operator_logs_in()
    story.play(into_service(story), "--limit", WARRANTY_DEVICE)
    for command in (["due"], ["verify"], ["audit", str(story.lab.vault.audit_directory / "audit-1.log")]):
        story.obet(*command, check=False)
    story.operator_logs_out()


def test_a_router_and_a_switch_go_into_service_and_get_new_logins(story: Story) -> None:
    for name, playbook in (("network", into_service(story)), ("network again", _ROTATE)):
        played = story.runner(name, ",".join(NETWORK_DEVICES), playbook, arguments="-e obet_mend=true")
        shows_nothing(story, played)
        assert played.failed == [], played.said[-3000:]
        assert played.returncode == 0, played.said[-3000:]


def test_network_devices_that_refuse_a_new_login(story: Story) -> None:
    """What was refused is taken up again by the next run."""
    both, commands = ",".join(NETWORK_DEVICES), {ROUTER_DEVICE: "/user/set", SWITCH_DEVICE: "username"}
    for device, command in commands.items():
        story.lab.simulator(NETWORK_DEVICES[device]).control.fault(FaultKind.REFUSE, command, text="% not now")
    played = story.runner("refused logins", both, _ROTATE)
    shows_nothing(story, played)
    assert played.said.count("not now") >= len(commands)
    assert played.returncode != 0
    for name in NETWORK_DEVICES.values():
        story.lab.simulator(name).control.clear()
    story.play(_ROTATE, "--limit", both)


# --- out of service


def test_a_server_that_does_not_let_our_access_be_removed(story: Story, ending: Machine) -> None:
    estate.set_warranty_end(story.own.estate, datetime.now(UTC) - timedelta(seconds=5))
    story.vault_as_contracts_say()
    assert story.runner("pending", WARRANTY_DEVICE, _END).failed == []
    story.obet("handover", "confirm", WARRANTY_DEVICE)
    ending.write("/etc/ssh/sshd_config.d/broken.conf", "NoSuchSetting yes\n")
    played = story.runner("removal", WARRANTY_DEVICE, _END)
    ending.run(["rm", "/etc/ssh/sshd_config.d/broken.conf"])
    fails(story, played, "Every way in that is ours is removed")


def test_a_server_that_goes_on_taking_an_old_password(story: Story, ending: Machine) -> None:
    with replaced(ending, "/usr/sbin/usermod", "#!/bin/sh\n"):
        played = story.runner("old password", WARRANTY_DEVICE, _END)
    fails(story, played, "Every old login is refused")
    assert "password 2 of setup: accepted" in played.said


def test_vault_destroys_nothing(story: Story, ending: Machine) -> None:
    ending.run(["usermod", "--password", "!", "setup"])
    story.vault_only_reads("ending", WARRANTY_DEVICE)
    fails(story, story.runner("destroy", WARRANTY_DEVICE, _END), "The secrets are destroyed")
    story.vault_as_contracts_say()


def test_access_ends(story: Story) -> None:
    played = story.runner("end", WARRANTY_DEVICE, _END)
    shows_nothing(story, played)
    assert played.failed == [], played.said[-3000:]
    story.vault_as_contracts_say()
    story.obet("verify", check=False)


# --- what is left


def test_every_kind_of_secret_was_known(story: Story) -> None:
    kinds = {canary.name.partition(" (")[0] for canary in story.canaries()}
    assert {"client_token", "secret_id", "role_id", "password", "status", "unseal key", "next_ssh_key"} <= kinds
    tokens = [canary for canary in story.canaries() if canary.name.startswith("client_token")]
    assert len(tokens) > 40, "one login and one token of a purpose for each run, at least"


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_nothing_is_found_there_but_the_control(told: Story, place: Place) -> None:
    leaks, control = look(told, place)
    assert leaks == []
    assert control, "a search that does not see the control proves nothing"
