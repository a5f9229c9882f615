"""Credentials are rotated: a new one opens, the old one is refused, and a run killed in between loses neither."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
from lab import Machine, estate
from lab.estate import WARRANTY_DEVICE
from lab.network import NAMESPACES
from lab.processes import in_namespaces
from lab.provision import Obet
from lab.visitors import service_status
from life_support import Job, recap, secret_path

_TOKEN = "/etc/status/token"
_CHECK = "/usr/local/bin/status-takes"
_REACHED = "/srv/reached"


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


def latest(job: Job) -> int:
    """The number of the newest version."""
    answer = job.call(job.token(WARRANTY_DEVICE), "GET", secret_path(WARRANTY_DEVICE))[1]
    return int(answer["data"]["metadata"]["version"])


def versions(job: Job) -> list[dict[str, Any]]:
    """All that Vault knows of the device's secrets, oldest first."""
    token, last = job.token(WARRANTY_DEVICE), latest(job)
    numbers = range(max(1, last - 99), last + 1)  # Vault keeps a hundred
    return [job.call(token, "GET", f"{secret_path(WARRANTY_DEVICE)}?version={n}")[1]["data"]["data"] for n in numbers]


def passwords(found: dict[str, Any]) -> list[str]:
    """The login's, and the one that is being introduced."""
    return [part["password"] for part in (found["login"], found.get("next", {})) if "password" in part]


def tokens(found: dict[str, Any]) -> list[str]:
    """The service's, and the one that is being introduced."""
    places = (found["services"], found.get("next", {}).get("services", {}))
    return [place["status"] for place in places if "status" in place]


def test_a_dry_run_says_what_would_change_and_rotates_nothing(
    served: Obet, job: Job, server: Machine, before: dict[str, Any]
) -> None:
    known = latest(job)
    answer = rotate(served, "--check", "--diff")
    counts = recap(answer.stdout)[WARRANTY_DEVICE]
    assert (counts["changed"] > 0, counts["failed"]) == (True, 0)
    for task in ("The next password stands in Vault", "Each secret is in its file"):
        assert "\nchanged: " in answer.stdout.partition(f"{task}]")[2].partition("TASK [")[0]
    assert latest(job) == known
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
    secrets = {value for found in versions(job) for value in (*passwords(found), *tokens(found))}
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
    """A program of the server that says so when it is called for the `call`th time (with that word), and waits."""

    def __init__(self, server: Machine, program: str, call: int, *, after: bool, word: str = "") -> None:
        self.server, self.program = server, program
        # The check is no root's: what it says it says here.
        prepare = f"rm -f {_REACHED}*; mkfifo -m 666 {_REACHED}; install -m 666 /dev/null {_REACHED}.calls"
        server.run(["sh", "-euc", f'{prepare}; cp -p "$0" "$0.real"', program])
        halt = f"echo $$ >{_REACHED}; exec sleep infinity"
        work = f'"{program}.real" "$@"; code=$?; {halt}' if after else halt
        script = (
            f'#!/bin/sh\ncase " $* " in *"{word}"*) ;; *) exec "{program}.real" "$@" ;; esac\n'
            f"echo >>{_REACHED}.calls\n"
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
    "before the service reads its new secret": lambda s: Halt(s, "/etc/init.d/status", 1, after=False, word="reload"),
    "when the service has just read it": lambda s: Halt(s, "/etc/init.d/status", 1, after=True, word="reload"),
    "before the service's new secret is tried": lambda s: Halt(s, _CHECK, 1, after=False),
    "when the service has just taken it": lambda s: Halt(s, _CHECK, 1, after=True),
    "when the service has just refused the old one": lambda s: Halt(s, _CHECK, 2, after=True),
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


def test_a_rotation_that_is_killed_leaves_what_works_known_and_the_next_run_ends_well(
    served: Obet, job: Job, server: Machine, before: dict[str, Any], killed: str
) -> None:
    left = job.secrets(WARRANTY_DEVICE)
    works = [password for password in passwords(left) if takes(server, left["login"], password)]
    assert works, killed
    assert server.run(["cat", _TOKEN]).stdout.strip() in tokens(left), "as it stands in Vault now"
    assert 200 in [service_status(server, token) for token in tokens(left)]
    rotate(served)  # at once: the lock of a run that is known to be dead keeps nobody out
    _is_rotated(job, server, before)
    assert works[0] == passwords(job.secrets(WARRANTY_DEVICE))[0] or not takes(server, left["login"], works[0])


# How a service is tried


@pytest.fixture
def named(served: Obet) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Says in the device's file how its service is tried."""
    path = estate.device_file(served.estate, WARRANTY_DEVICE)
    before = path.read_text()

    def name(check: dict[str, Any]) -> None:
        secret = {"name": "status", "path": _TOKEN, "reload": "status", **check}
        estate.change_device(served.estate, WARRANTY_DEVICE, {"service_secrets": [secret]})

    yield name
    path.write_text(before)


@pytest.fixture
def program(server: Machine) -> Iterator[Callable[[str, str], None]]:
    """Puts a script in the place of a program of the server's; the program itself stands beside it as `.real`."""
    replaced = []

    def replace(path: str, script: str) -> None:
        server.run(["cp", "-p", path, f"{path}.real"])
        replaced.append(path)
        server.write(path, f"#!/bin/sh\n{script}\n", mode=0o755)

    yield replace
    for path in replaced:
        server.run(["mv", f"{path}.real", path])


_BAD = {
    "a service that reads nothing anew": ("/etc/init.d/status", "exit 0", "It takes what is in its file"),
    "a service that still takes the old one": (_CHECK, "exit 0", "It refuses what was there before"),
    "no answer to the old one": (
        _CHECK,
        "[ ! -s /srv/noted ] || exit 2; echo >/srv/noted",
        "It refuses what was there before",
    ),
    "a check that is not there": (_CHECK, "exit 127", "It takes what is in its file"),
}


@pytest.mark.parametrize("bad", _BAD)
def test_what_is_not_shown_is_not_claimed_and_vault_keeps_both_until_it_is(
    served: Obet,
    job: Job,
    server: Machine,
    before: dict[str, Any],
    named: Callable[[dict[str, Any]], None],
    program: Callable[[str, str], None],
    bad: str,
) -> None:
    path, script, task = _BAD[bad]
    named({"check": {"command": [_CHECK], "seconds": 2}})
    server.write("/srv/noted", "", mode=0o666)
    program(path, script)
    answer = rotate(served, "-vvv", check=False)
    said, left = answer.stdout + answer.stderr, job.secrets(WARRANTY_DEVICE)
    assert answer.returncode == 2
    assert f'{WARRANTY_DEVICE}: status: not shown: "{task}"' in said
    assert tokens(left)[0] == before["services"]["status"]
    assert len(set(tokens(left))) == 2
    assert [secret for secret in (*tokens(left), *passwords(left)) if secret in said] == []
    server.run(["sh", "-c", 'mv "$0.real" "$0"; cp -p "$0" "$0.real"', path])
    rotate(served)
    _is_rotated(job, server, before)
    assert job.secrets(WARRANTY_DEVICE)["services"]["status"] == tokens(left)[1], "the one that was cut off"


def test_without_a_check_the_run_says_that_nothing_is_proven(
    served: Obet, job: Job, server: Machine, before: dict[str, Any], named: Callable[[dict[str, Any]], None]
) -> None:
    says = f"{WARRANTY_DEVICE}: not proven: no check is named for status"
    assert says not in rotate(served).stdout
    named({})
    assert says in rotate(served).stdout
    assert says in served.play("configure", "--limit", WARRANTY_DEVICE).stdout
    _is_rotated(job, server, before)


def test_a_check_has_no_rights_and_gets_the_secret_on_standard_input_alone(
    served: Obet, job: Job, server: Machine, program: Callable[[str, str], None]
) -> None:
    look = "id -un; env; for one in $$ $PPID; do tr '\\0' ' ' </proc/$one/cmdline; done"
    server.write("/srv/noted", "", mode=0o666)
    program(_CHECK, f'{{ {look}; }} >>/srv/noted; exec "{_CHECK}.real" "$@"')
    rotate(served)
    seen = server.run(["cat", "/srv/noted"]).stdout
    assert seen.count("nobody\n") >= 2
    assert "runuser" in seen
    assert [token for found in versions(job) for token in tokens(found) if token in seen] == []


def test_configuring_finds_a_service_that_does_not_take_what_is_in_its_file(
    served: Obet, job: Job, server: Machine, named: Callable[[dict[str, Any]], None]
) -> None:
    named({"check": {"command": [_CHECK], "seconds": 2}})
    kept = job.secrets(WARRANTY_DEVICE)["services"]["status"]
    server.run(["sh", "-c", f"cp -p {_TOKEN} /root/kept; echo another >{_TOKEN}; service status reload"])
    server.run(["mv", "/root/kept", _TOKEN])
    answer = served.play("configure", "--limit", WARRANTY_DEVICE, check=False)
    assert 'status: not shown: "It takes what is in its file"' in answer.stdout + answer.stderr
    server.run(["service", "status", "reload"])
    answer = served.play("configure", "--limit", WARRANTY_DEVICE)
    assert recap(answer.stdout)[WARRANTY_DEVICE]["changed"] == 0
    assert service_status(server, kept) == 200


def test_the_lock_of_a_run_that_goes_on_keeps_another_out(served: Obet, job: Job, server: Machine) -> None:
    halt = Halt(server, "/usr/sbin/chpasswd", 1, after=False)
    try:
        playbook = ["ansible-playbook", "playbooks/rotate_credentials.yml", "--limit", WARRANTY_DEVICE]
        run = served.lab.node1.popen(
            playbook, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=served.environment
        )
        halt.wait()
        known = latest(job)
        answer = rotate(served, check=False)
        assert answer.returncode == 2
        assert "obet-node-node1 works on it, run" in answer.stdout + answer.stderr
        assert latest(job) == known
        halt.end()
        run.wait(60)
    finally:
        halt.remove()
    rotate(served)
