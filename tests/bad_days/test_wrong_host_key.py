"""A device that shows another host key than its file pins is told nothing: no name, no key, no password."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from lab import estate
from lab.estate import MANAGED_DEVICE
from lab.impostor import Impostor
from lab.provision import Obet
from life_support import Edit, Job, fails_clearly, verified

_PORT = 2222


@pytest.fixture
def impostor(served: Obet, edited: Edit) -> Iterator[Impostor]:
    """Where the device's file says that it is managed, somebody else answers."""
    edited(estate.device_file(served.estate, MANAGED_DEVICE), "port: 22", f"port: {_PORT}")
    with Impostor(served.lab.machine("server2"), _PORT) as found:
        yield found


def _with_the_password(own: Obet, folder: Path) -> CompletedProcess[str]:
    """A playbook that logs in as onboarding does the first time."""
    login = {
        "obet_purpose": "technical",
        "ansible_user": "{{ lookup('obet_secret', 'login.user') }}",
        "ansible_password": "{{ lookup('obet_secret', 'login.password') }}",
        "ansible_ssh_extra_args": "-o PubkeyAuthentication=no",
    }
    play = {"hosts": MANAGED_DEVICE, "gather_facts": False, "vars": login, "tasks": [{"ansible.builtin.raw": "true"}]}
    playbook = folder / "login.yml"
    playbook.write_text(json.dumps([play]))
    return own.lab.node1.run(["ansible-playbook", str(playbook)], env=own.environment, check=False)


def test_neither_certificate_nor_password_is_offered_to_a_wrong_host_key(
    served: Obet, impostor: Impostor, secrets: list[str], tmp_path: Path
) -> None:
    by_ansible = served.play("configure", "--limit", MANAGED_DEVICE, check=False)
    fails_clearly(by_ansible, 4, MANAGED_DEVICE, "Host key verification failed", secrets=secrets)
    with_password = _with_the_password(served, tmp_path)
    fails_clearly(with_password, 4, MANAGED_DEVICE, "Host key verification failed", secrets=secrets)
    by_obet = served.play("onboard", "--limit", MANAGED_DEVICE, check=False)
    fails_clearly(by_obet, 2, MANAGED_DEVICE, "wrong host key", "its file pins", secrets=secrets)
    looked = verified(served, MANAGED_DEVICE)
    fails_clearly(looked, 10, MANAGED_DEVICE, "wrong host key", "its file pins", secrets=secrets)
    assert impostor.connections >= 4, "it was asked, each time"
    assert impostor.offered == []


def test_the_impostor_would_have_seen_what_it_was_offered(
    served: Obet, impostor: Impostor, edited: Edit, tmp_path: Path
) -> None:
    """The other side of the claim above: pinned, it gets everything."""
    path = estate.device_file(served.estate, MANAGED_DEVICE)
    pinned = next(line for line in path.read_text().splitlines() if line.startswith("host_key:"))
    edited(path, pinned, f"host_key: {impostor.public_key}")
    password = Job(served).secrets(MANAGED_DEVICE)["login"]["password"]
    assert served.play("configure", "--limit", MANAGED_DEVICE, check=False).returncode == 4
    assert _with_the_password(served, tmp_path).returncode == 4
    verified(served, MANAGED_DEVICE)
    assert {"user obet", "user obet-read", f"password {password}"} <= set(impostor.offered)
    assert {"certificate for obet", "certificate for obet-read"} <= set(impostor.offered)
