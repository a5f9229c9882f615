"""A run's directory: a killed run's is found once, a living one's never; what its forks read is noted in it."""

from __future__ import annotations

import multiprocessing
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from obet import model
from obet.errors import RunError
from obet.run_directory import RunDirectory, SecretRequest, base, left_behind

RUN, OTHER = "11111111-aaaa", "22222222-bbbb"
PROCESSES, NOTES = 4, 50


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment whose XDG_RUNTIME_DIR is on tmpfs."""
    folder = Path(f"/dev/shm/obet-test-{os.getpid()}-{tmp_path.name}")  # noqa: S108 - there is no other tmpfs for sure
    folder.mkdir(mode=0o700)
    yield {"XDG_RUNTIME_DIR": str(folder)}
    shutil.rmtree(folder)


def request(number: int = 1) -> SecretRequest:
    return SecretRequest(accessor="accessor-1", path="kv/data/access/c/d", request=f"request-{number}")


def left(environment: dict[str, str]) -> list[str]:
    return [found.run for found in left_behind(environment)]


# A run in a process of its own, which does as it is told: `fork` makes a child that outlives it, until it is ended.
RUNNER = """
import os, signal, sys
from obet.run_directory import RunDirectory, SecretRequest
directory = RunDirectory.make(os.environ, sys.argv[1])
directory.note(SecretRequest(accessor="a", path="p", request="r"))
print("made", flush=True)
for word in sys.stdin:
    if word == "fork\\n":
        child = os.fork()
        if not child:
            signal.pause()
        print(child, flush=True)
"""


class Runner:
    def __init__(self, environment: dict[str, str], run: str) -> None:
        own = environment | {"PYTHONPATH": str(Path(model.__file__).parents[1]), "PATH": os.defpath}
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNNER, run], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=own
        )
        assert self._said() == "made"

    def _said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def fork(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write("fork\n")
        self.process.stdin.flush()
        return int(self._said())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def runner(memory: dict[str, str]) -> Iterator[Runner]:
    found = Runner(memory, OTHER)
    yield found
    found.kill()


def end(child: int) -> None:
    """Ends a process that is nobody's child here, and waits until it is gone."""
    descriptor = os.pidfd_open(child)
    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    assert select.select([descriptor], [], [], 10)[0]
    os.close(descriptor)


def test_it_is_this_users_alone_and_says_whose_run_it_is(memory: dict[str, str]) -> None:
    made = RunDirectory.make(memory, RUN)
    assert made.path == Path(memory["XDG_RUNTIME_DIR"]) / "obet" / "run-11111111"
    assert made.path.stat().st_mode & 0o777 == 0o700
    assert made.run == RUN
    made.remove()
    assert not made.path.exists()


@pytest.mark.usefixtures("runner")
def test_a_living_run_is_never_taken_for_one_that_was_killed(memory: dict[str, str]) -> None:
    assert left(memory) == []
    own = RunDirectory.make(memory, RUN)
    assert left(memory) == []
    own.remove()


def test_a_killed_run_is_found_with_what_it_read_and_once_removed_not_again(
    memory: dict[str, str], runner: Runner
) -> None:
    runner.kill()
    (found,) = [(one.run, one.reads()) for one in left_behind(memory)]
    assert found == (OTHER, [SecretRequest(accessor="a", path="p", request="r")])
    for one in left_behind(memory):
        one.remove()
    assert left(memory) == []
    assert [*base(memory).iterdir()] == []


def test_a_run_of_which_only_a_fork_lives_is_still_alive(memory: dict[str, str], runner: Runner) -> None:
    child = runner.fork()
    runner.kill()
    assert left(memory) == []
    end(child)
    assert left(memory) == [OTHER]


def test_a_run_that_could_not_tell_what_it_read_leaves_that_to_the_next(memory: dict[str, str]) -> None:
    made = RunDirectory.make(memory, RUN)
    made.note(request())
    made.remove(keep_reads=True)
    assert [(one.run, one.reads()) for one in left_behind(memory)] == [(RUN, [request()])]


def test_two_that_look_at_once_do_not_both_find_it(memory: dict[str, str], runner: Runner) -> None:
    runner.kill()
    for _ in left_behind(memory):
        assert left(memory) == [], "the one that looks has it"
    looking = left_behind(memory)
    next(looking).remove()
    assert left(memory) == []
    looking.close()


def test_who_cannot_tell_of_it_leaves_it_to_the_next(memory: dict[str, str], runner: Runner) -> None:
    runner.kill()
    with pytest.raises(RunError):
        for _ in left_behind(memory):
            raise RunError("the ledger is full")
    assert left(memory) == [OTHER]


def test_what_was_killed_while_it_was_made_is_removed_and_not_told(memory: dict[str, str]) -> None:
    torn = base(memory) / "new-33333333"
    torn.mkdir(mode=0o700)
    (torn / "run").write_text("3333")
    assert left(memory) == []
    assert not torn.exists()


def make_many(environment: dict[str, str], number: int) -> None:
    for step in range(NOTES):
        made = RunDirectory.make(environment, f"{number}{step:07}-x")
        assert made.run == f"{number}{step:07}-x"
        made.remove()


def test_one_that_is_being_made_is_never_taken_by_one_that_looks(memory: dict[str, str]) -> None:
    fork = multiprocessing.get_context("fork")
    makers = [fork.Process(target=make_many, args=(memory, number)) for number in range(PROCESSES)]
    for maker in makers:
        maker.start()
    while any(maker.is_alive() for maker in makers):
        assert left(memory) == []
    for maker in makers:
        maker.join()
    assert [maker.exitcode for maker in makers] == [0] * PROCESSES
    assert [*base(memory).iterdir()] == []


def note_many(directory: RunDirectory, writer: int) -> None:
    for number in range(NOTES):
        directory.note(request(writer * NOTES + number))


def test_reads_of_all_forks_are_noted_and_once_told_forgotten(memory: dict[str, str]) -> None:
    made = RunDirectory.make(memory, RUN)
    assert made.reads() == []
    fork = multiprocessing.get_context("fork")
    forks = [fork.Process(target=note_many, args=(made, writer)) for writer in range(PROCESSES)]
    for one in forks:
        one.start()
    for one in forks:
        one.join()
    assert {read.request for read in made.reads()} == {f"request-{n}" for n in range(PROCESSES * NOTES)}
    assert len(made.reads()) == PROCESSES * NOTES
    made.forget_reads()
    made.forget_reads()
    assert made.reads() == []
    made.remove()


@pytest.mark.parametrize("torn", [b"\n", b'\n{"accessor":"a', b"\0\0", b"x\n", b'{"accessor":1}\n', b"\xff\n"])
def test_a_note_that_was_torn_spoils_no_other(memory: dict[str, str], torn: bytes) -> None:
    made = RunDirectory.make(memory, RUN)
    made.note(request(1))
    with (made.path / "reads").open("ab") as file:
        file.write(torn)
    made.note(request(2))
    assert made.reads() == [request(1), request(2)]
    made.remove()


def test_a_read_that_cannot_be_noted_is_an_error(memory: dict[str, str]) -> None:
    made = RunDirectory.make(memory, RUN)
    (made.path / "reads").mkdir()
    with pytest.raises(RunError, match="a read cannot be noted: Is a directory"):
        made.note(request())
    made.remove()


def test_a_run_that_was_killed_before_it_said_its_id_is_found_all_the_same(memory: dict[str, str]) -> None:
    (base(memory) / "run-44444444").mkdir(mode=0o700)
    assert left(memory) == [""]


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_place_that_others_may_enter_is_refused(memory: dict[str, str], mode: int) -> None:
    base(memory).chmod(mode)
    with pytest.raises(RunError, match="must belong to this user alone: chmod 0700"):
        RunDirectory.make(memory, RUN)


def test_a_place_on_disk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is on disk; point XDG_RUNTIME_DIR at a tmpfs"):
        RunDirectory.make({"XDG_RUNTIME_DIR": str(tmp_path)}, RUN)
    assert [*(tmp_path / "obet").iterdir()] == []


def test_a_place_that_cannot_be_made_is_one_clear_error(memory: dict[str, str]) -> None:
    (Path(memory["XDG_RUNTIME_DIR"]) / "file").write_text("")
    with pytest.raises(RunError, match="cannot be made: Not a directory") as caught:
        RunDirectory.make({"XDG_RUNTIME_DIR": f"{memory['XDG_RUNTIME_DIR']}/file"}, RUN)
    assert "\n" not in str(caught.value)


def test_without_a_runtime_directory_it_stands_in_shared_memory() -> None:
    assert base({}) == Path(f"/dev/shm/obet-{os.getuid()}/obet")  # noqa: S108
