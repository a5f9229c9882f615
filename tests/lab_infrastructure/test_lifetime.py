"""A lab comes whole, leaves nothing, and goes when its owner does, however that ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lab import Lab, LabError, network, state
from lab.laboratory import clear_abandoned
from lab.processes import Process, in_namespaces
from lab.topology import namespaces

from .conftest import new_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TESTS = Path(__file__).parents[1]


@pytest.fixture
def owner() -> Iterator[subprocess.Popen[bytes]]:
    """A process to own a lab."""
    with subprocess.Popen(["/bin/sleep", "infinity"]) as process:
        yield process
        process.kill()


def processes_of(name: str) -> list[Process]:
    """Every process of a lab."""
    return in_namespaces([network.NAMESPACES / space for space in namespaces(name)])


def watchdog_of(name: str) -> Process:
    """The process that waits for the owner's end."""
    watchdog = Process.load(state.directory(name) / "watchdog.json")
    assert watchdog is not None
    return watchdog


def run_cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m lab`, as scripts/lab calls it."""
    return subprocess.run(
        [sys.executable, "-m", "lab", *arguments],
        env=os.environ | {"PYTHONPATH": str(TESTS)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_down_leaves_nothing_and_is_fast(lab_name: str, leftovers: Callable[[str], list[str]]) -> None:
    lab = Lab.up(lab_name, owner_pid=os.getpid(), vault=False)
    lab.node1.popen(["sleep", "infinity"])
    processes = [*processes_of(lab_name), watchdog_of(lab_name)]
    started = time.monotonic()

    lab.down()

    assert time.monotonic() - started < 3
    assert len(processes) > 20
    assert [process for process in processes if process.alive] == []
    assert leftovers(lab_name) == []
    lab.down()  # again is no error


def test_a_lab_is_gone_soon_after_its_owner_was_killed(
    lab_name: str, owner: subprocess.Popen[bytes], leftovers: Callable[[str], list[str]]
) -> None:
    Lab.up(lab_name, owner_pid=owner.pid, vault=False)
    processes, watchdog = processes_of(lab_name), watchdog_of(lab_name)

    owner.kill()

    assert watchdog.wait(10)
    assert [process for process in processes if process.alive] == []
    assert leftovers(lab_name) == []


def test_a_lab_whose_maker_is_killed_half_way_is_gone_as_well(
    lab_name: str, leftovers: Callable[[str], list[str]]
) -> None:
    program = f"from lab import Lab; Lab.up({lab_name!r}, vault=False)"
    maker = subprocess.Popen([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": str(TESTS)})
    deadline = time.monotonic() + 30
    while not processes_of(lab_name):
        assert time.monotonic() < deadline
    watchdog = watchdog_of(lab_name)

    maker.kill()
    maker.wait()

    assert watchdog.wait(15)
    assert leftovers(lab_name) == []


def test_the_next_up_removes_what_owner_and_watchdog_both_left(
    lab_name: str, owner: subprocess.Popen[bytes], leftovers: Callable[[str], list[str]]
) -> None:
    Lab.up(lab_name, owner_pid=owner.pid, vault=False)
    watchdog_of(lab_name).stop(5)
    owner.kill()
    owner.wait()

    clear_abandoned()

    assert leftovers(lab_name) == []


def test_two_labs_run_at_once_and_do_not_see_each_other(lab: Lab, lab_name: str) -> None:
    second = Lab.up(lab_name, owner_pid=os.getpid(), vault=False)
    second.machine("server1").write("/etc/second", "")

    assert lab.machine("server1").run(["test", "-e", "/etc/second"], check=False).returncode == 1
    assert lab.vault.running
    with pytest.raises(OSError, match=r"refused|unreachable|No route|timed out"):
        second.node1.connect(lab.vault.ipv4, 8200, timeout=2)
    second.down()
    assert lab.healthy


def test_up_of_a_running_lab_answers_that_lab(lab_name: str) -> None:
    first = Lab.up(lab_name, owner_pid=os.getpid(), vault=False)
    first.machine("server1").write("/etc/kept", "")

    second = Lab.up(lab_name, vault=False)

    assert (first.made_here, second.made_here) == (True, False)
    assert second.machine("server1").run(["test", "-e", "/etc/kept"]).returncode == 0


def test_up_of_a_half_dead_lab_makes_it_anew(lab_name: str) -> None:
    first = Lab.up(lab_name, owner_pid=os.getpid(), vault=False)
    first.machine("server2").shut_down()
    assert not first.healthy

    second = Lab.up(lab_name, owner_pid=os.getpid(), vault=False)

    assert second.made_here
    assert second.healthy


def test_two_processes_that_want_the_same_lab_get_one(lab_name: str) -> None:
    program = f"from lab import Lab; print(Lab.up({lab_name!r}, vault=False).made_here)"
    command = [sys.executable, "-c", program]
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]

    answers = sorted(process.communicate(timeout=60)[0].strip() for process in both)

    assert answers == ["False", "True"]


def test_a_failure_while_making_leaves_nothing(
    lab_name: str, leftovers: Callable[[str], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.laboratory.ensure_base", lambda: tmp_path)  # an empty base: no machine can boot

    with pytest.raises(LabError, match="does not start"):
        Lab.up(lab_name, owner_pid=os.getpid(), vault=False)

    assert leftovers(lab_name) == []


def test_the_command_line_makes_shows_and_removes_a_lab(lab_name: str, leftovers: Callable[[str], list[str]]) -> None:
    assert run_cli("up", "--name", lab_name, "--no-vault").returncode == 0
    again = run_cli("up", "--name", lab_name, "--no-vault")
    shown = json.loads(run_cli("status", "--name", lab_name, "--json").stdout)
    executed = run_cli("exec", "server1", "--name", lab_name, "--", "sh", "-c", "hostname; exit 7")
    down = run_cli("down", "--name", lab_name)

    assert (again.returncode, "is up already" in again.stderr) == (0, True)
    assert shown["healthy"]
    assert {row["host"] for row in shown["hosts"]} >= {"node1", "server1", "server2", "customer1"}
    assert (executed.stdout, executed.returncode) == ("server1\n", 7)
    assert down.returncode == 0
    assert leftovers(lab_name) == []


def test_prepare_says_nothing_once_everything_is_there() -> None:
    run_cli("prepare")

    second = run_cli("prepare")

    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status", "--name", "nosuchlab"], "no lab nosuchlab is up"),
        (["up", "--name", "../x"], "is no lab's name"),
        (["exec", "server1"], "no command"),
    ],
)
def test_a_users_mistake_is_one_clear_line(arguments: list[str], said: str) -> None:
    result = run_cli(*arguments)

    assert result.returncode == 1
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_user_who_is_not_root_is_told_so() -> None:
    nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    program = f"import sys; sys.path.insert(0, {str(TESTS)!r}); from lab import Lab; Lab.up('x')"
    command = [*nobody, "/usr/bin/python3", "-c", program]

    result = subprocess.run(command, capture_output=True, text=True, check=False)

    if "Permission denied" in result.stderr or "No module" in result.stderr:
        pytest.skip("this checkout cannot be read by another user")
    assert "the lab needs root" in result.stderr


def test_names_made_by_the_tests_are_valid() -> None:
    state.check_name(new_name())
