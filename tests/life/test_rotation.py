"""Credentials are rotated: a new one opens, the old one is refused, and a run killed in between loses neither."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
from lab import Machine
from lab.estate import WARRANTY_DEVICE
from lab.network import NAMESPACES
from lab.processes import in_namespaces
from lab.provision import Obet
from lab.visitors import service_status
from life_support import Job, recap, secret_path

_TOKEN = "/etc/status/token"
_REACHED = "/root/reached"


@pytest.fixture
def server(served: Obet) -> Machine:
    return served.lab.machine("server1")


@pytest.fixture
def before(job: Job) -> dict[str, Any]:
    return job.secrets(WARRANTY_DEVICE)


def takes(server: Machine, login: dict[str, Any], password: str) -> bool:
    """Whether the server's own PAM takes a password; nobody needs one."""
    su = ["runuser", "-u", "nobody", "--", "su", "-c", "id -un", login["user"]]
    return server.run(su, input=f"{password}\n", check=False).stdout.strip() == str(login["user"])


def rotate(own: Obet, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return own.play("rotate_credentials", "--limit", WARRANTY_DEVICE, *arguments, check=check)


def versions(job: Job) -> list[dict[str, Any]]:
    """All that Vault knows of the device's secrets, oldest first."""
    token = job.token(WARRANTY_DEVICE)
    latest = job.call(token, "GET", secret_path(WARRANTY_DEVICE))[1]["data"]["metadata"]["version"]
    numbers = range(1, latest + 1)
    return [job.call(token, "GET", f"{secret_path(WARRANTY_DEVICE)}?version={n}")[1]["data"]["data"] for n in numbers]


def passwords(found: dict[str, Any]) -> list[str]:
    """The login's, and the one that is being introduced."""
    return [part["password"] for part in (found["login"], found.get("next")) if part]


def test_a_dry_run_rotates_nothing(served: Obet, job: Job, server: Machine, before: dict[str, Any]) -> None:
    known = len(versions(job))
    answer = rotate(served, "--check", "--diff")
    counts = recap(answer.stdout)[WARRANTY_DEVICE]
    assert (counts["changed"], counts["failed"]) == (0, 0)
    assert len(versions(job)) == known
    assert takes(server, before["login"], before["login"]["password"])
    assert service_status(server, before["services"]["status"]) == 200


def test_the_server_takes_the_new_credentials_and_refuses_the_old_which_vault_knows_as_versions(
    served: Obet, job: Job, server: Machine, before: dict[str, Any]
) -> None:
    rotate(served)
    _is_rotated(job, server, before)


def test_each_run_rotates_again(served: Obet, job: Job, server: Machine, before: dict[str, Any]) -> None:
    assert recap(rotate(served).stdout)[WARRANTY_DEVICE]["changed"] > 0
    _is_rotated(job, server, before)
    answer = served.play("configure", "--limit", WARRANTY_DEVICE)
    assert recap(answer.stdout)[WARRANTY_DEVICE]["changed"] == 0, "what was rotated is what configuring wants"


def test_no_secret_is_in_what_is_printed_however_much_that_is(served: Obet, job: Job, before: dict[str, Any]) -> None:
    answer = rotate(served, "-vvv", "--diff")
    printed = answer.stdout + answer.stderr
    assert "TASK [The server takes the next password]" in printed
    assert "censored" in printed
    secrets = {value for found in versions(job) for value in (*passwords(found), *found["services"].values())}
    assert {before["login"]["password"], *passwords(job.secrets(WARRANTY_DEVICE))} < secrets
    assert not [secret for secret in secrets if secret in printed]


def _is_rotated(job: Job, server: Machine, before: dict[str, Any]) -> None:
    after = job.secrets(WARRANTY_DEVICE)
    old, new = before["login"], after["login"]
    assert (after.get("next"), new["taken_over"], new["user"]) == (None, True, old["user"])
    assert new["password"] != old["password"]
    assert takes(server, new, new["password"])
    assert not takes(server, new, old["password"])
    assert after["services"]["status"] != before["services"]["status"]
    assert service_status(server, after["services"]["status"]) == 200
    assert service_status(server, before["services"]["status"]) == 401
    known = versions(job)[:-1]
    assert old["password"] in [password for found in known for password in passwords(found)]
    assert before["services"]["status"] in [found["services"].get("status") for found in known]


class Halt:
    """A program of the server that says so when it is called for the `call`th time, and waits."""

    def __init__(self, server: Machine, program: str, call: int, *, after: bool) -> None:
        self.server, self.program = server, program
        server.run(["sh", "-euc", f'rm -f {_REACHED}; mkfifo {_REACHED}; cp -p "$0" "$0.real"', program])
        halt = f"echo $$ >{_REACHED}; exec sleep infinity"
        work = f'"{program}.real" "$@"; code=$?; {halt}' if after else halt
        script = (
            f"#!/bin/sh\necho >>{_REACHED}.calls\n"
            f'[ "$(wc -l <{_REACHED}.calls)" = {call} ] || exec "{program}.real" "$@"\n{work}\n'
        )
        server.write(program, script, mode=0o755)

    def wait(self) -> None:
        """Until it waits."""
        self._pid = self.server.run(["cat", _REACHED], timeout=120).stdout.strip()

    def end(self) -> None:
        self.server.run(["kill", "-9", self._pid])

    def remove(self) -> None:
        self.server.run(["sh", "-c", f'[ ! -e "$0.real" ] || mv "$0.real" "$0"; rm -f {_REACHED}*', self.program])


class HaltAtFile:
    """The service's file as a pipe: who opens it to compare waits."""

    def __init__(self, server: Machine) -> None:
        self.server = server
        server.run(["sh", "-euc", 'mv "$0" "$0.old"; mkfifo "$0"', _TOKEN])
        self._writer = server.popen(
            ["sh", "-c", f"exec 3>{_TOKEN}; echo opened; exec sleep infinity"], stdout=subprocess.PIPE
        )

    def wait(self) -> None:
        assert self._writer.stdout is not None
        assert self._writer.stdout.readline() == "opened\n"

    def end(self) -> None:
        """Whoever reads it is ended before its writer is: it has not seen the end of it."""
        readers = [found for found in in_namespaces([NAMESPACES / self.server.namespace]) if _reads(found.pid, _TOKEN)]
        assert readers
        for found in readers:
            found.signal(SIGKILL)
            assert found.wait(5)

    def remove(self) -> None:
        self._writer.kill()
        self._writer.wait()
        self.server.run(["sh", "-c", '[ ! -e "$0.old" ] || mv "$0.old" "$0"', _TOKEN])


def _reads(pid: int, path: str) -> bool:
    """Whether the process has it open for reading (proc_pid_fdinfo(5): flags in octal)."""
    try:
        opened = [entry.name for entry in Path(f"/proc/{pid}/fd").iterdir() if str(entry.readlink()).endswith(path)]
        flags = [Path(f"/proc/{pid}/fdinfo/{number}").read_text().split("flags:")[1].split()[0] for number in opened]
    except OSError:  # it has just ended
        return False
    return any(int(found, 8) & os.O_ACCMODE == os.O_RDONLY for found in flags)


Point = Callable[[Machine], Halt | HaltAtFile]
_POINTS: dict[str, Point] = {
    "before the server gets the password": lambda server: Halt(server, "/usr/sbin/chpasswd", 1, after=False),
    "when the server has just got it": lambda server: Halt(server, "/usr/sbin/chpasswd", 1, after=True),
    "while the new one is tried": lambda server: Halt(server, "/usr/sbin/runuser", 1, after=False),
    "when the old one was just refused": lambda server: Halt(server, "/usr/sbin/runuser", 2, after=True),
    "between Vault's new service secret and the file": HaltAtFile,
}


@pytest.fixture(params=_POINTS)
def killed(request: pytest.FixtureRequest, served: Obet, server: Machine, before: dict[str, Any]) -> Iterator[str]:
    """A rotation that was killed at that point, with all its processes on the node."""
    halt = _POINTS[request.param](server)
    try:
        playbook = ["ansible-playbook", "playbooks/rotate_credentials.yml", "--limit", WARRANTY_DEVICE]
        run = served.lab.node1.popen(
            playbook, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=served.environment
        )
        halt.wait()
        while left := in_namespaces([NAMESPACES / served.lab.node1.namespace]):
            for process in left:
                process.signal(SIGKILL)
                assert process.wait(5)
        run.wait(5)
        halt.end()
    finally:
        halt.remove()
    assert before["login"]["taken_over"]
    yield str(request.param)


def test_a_rotation_that_is_killed_leaves_a_known_password_and_the_next_run_ends_well(
    served: Obet, job: Job, server: Machine, before: dict[str, Any], killed: str
) -> None:
    left = job.secrets(WARRANTY_DEVICE)
    works = [password for password in passwords(left) if takes(server, left["login"], password)]
    assert works, killed
    known = [found["services"].get("status") for found in versions(job)]
    assert server.run(["cat", _TOKEN]).stdout.strip() in known
    rotate(served)  # at once: the lock of a run that is known to be dead keeps nobody out
    _is_rotated(job, server, before)
    assert works[0] == passwords(job.secrets(WARRANTY_DEVICE))[0] or not takes(server, left["login"], works[0])


def test_the_lock_of_a_run_that_goes_on_keeps_another_out(served: Obet, job: Job, server: Machine) -> None:
    halt = Halt(server, "/usr/sbin/chpasswd", 1, after=False)
    try:
        playbook = ["ansible-playbook", "playbooks/rotate_credentials.yml", "--limit", WARRANTY_DEVICE]
        run = served.lab.node1.popen(
            playbook, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=served.environment
        )
        halt.wait()
        known = len(versions(job))
        answer = rotate(served, check=False)
        assert answer.returncode == 2
        assert "obet-node-node1 works on it, run" in answer.stdout + answer.stderr
        assert len(versions(job)) == known
        halt.end()
        run.wait(60)
    finally:
        halt.remove()
    rotate(served)
