"""A file that only grows: one writer at a time, all lines of a step or none, a torn last line never counted."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import python
from hypothesis import given
from hypothesis import strategies as st
from obet.append_only import AppendOnlyFile, state_folder
from obet.errors import ObetError

PROCESSES, STEPS = 4, 25


@pytest.fixture
def file(tmp_path: Path) -> AppendOnlyFile:
    return AppendOnlyFile(tmp_path / "state" / "lines")


def always(*lines: bytes) -> Callable[[bytes | None], list[bytes]]:
    return lambda _: list(lines)


def test_lines_are_read_back_in_order_and_the_last_is_given_to_who_writes_the_next(file: AppendOnlyFile) -> None:
    seen: list[bytes | None] = []

    def next_one(last: bytes | None) -> list[bytes]:
        seen.append(last)
        return [b"%d" % len(seen)]

    for _ in range(3):
        file.append(next_one)
    assert seen == [None, b"1", b"2"]
    assert file.lines() == [b"1", b"2", b"3"]
    assert file.last() == b"3"


def test_a_file_that_was_never_written_is_empty_and_looking_makes_none(file: AppendOnlyFile) -> None:
    assert (file.lines(), file.last()) == ([], None)
    assert not file.path.exists()


def test_its_folder_is_this_users_alone_and_the_file_is_nobody_elses(file: AppendOnlyFile) -> None:
    file.append(always(b"a"))
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    assert file.path.stat().st_mode & 0o007 == 0


def test_a_folder_that_is_shared_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o770)
    (tmp_path / "shared").chmod(0o2770)
    AppendOnlyFile(tmp_path / "shared" / "lines").append(always(b"a"))
    assert (tmp_path / "shared").stat().st_mode & 0o7777 == 0o2770


def test_a_link_in_its_place_is_not_followed(file: AppendOnlyFile, tmp_path: Path) -> None:
    file.path.parent.mkdir()
    (tmp_path / "elsewhere").write_bytes(b"")
    file.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ObetError, match="cannot be written"):
        file.append(always(b"a"))
    assert (tmp_path / "elsewhere").read_bytes() == b""


def test_what_cannot_be_read_is_one_clear_error_and_not_an_empty_file(file: AppendOnlyFile) -> None:
    file.path.mkdir(parents=True)
    for look in (file.last, file.lines):
        with pytest.raises(ObetError, match="cannot be read: Is a directory"):
            look()


def test_who_cannot_make_the_next_line_changes_nothing_and_the_next_writer_can(file: AppendOnlyFile) -> None:
    def fails(_: bytes | None) -> list[bytes]:
        raise ObetError("no next line")

    file.append(always(b"a"))
    with pytest.raises(ObetError, match="no next line"):
        file.append(fails)
    file.append(always(b"b"))
    assert file.lines() == [b"a", b"b"]


@given(
    lines=st.lists(st.binary(max_size=200_000).filter(lambda line: b"\n" not in line), max_size=4),
    torn=st.binary(max_size=100_000).filter(lambda text: b"\n" not in text),
)
def test_the_last_whole_line_is_found_however_long_and_whatever_is_torn_behind_it(
    lines: list[bytes], torn: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = AppendOnlyFile(tmp_path_factory.mktemp("lines") / "lines")
    file.path.write_bytes(b"".join(line + b"\n" for line in lines) + torn)
    assert file.lines() == lines
    assert file.last() == (lines[-1] if lines else None)
    file.append(always(b"next"))
    assert file.path.read_bytes() == b"".join(line + b"\n" for line in [*lines, b"next"])


def append_many(path: Path, writer: int) -> None:
    for step in range(STEPS):
        AppendOnlyFile(path).append(always(b"%d %d first" % (writer, step), b"%d %d second" % (writer, step)))


def test_several_processes_at_once_lose_nothing_and_each_step_stays_together(file: AppendOnlyFile) -> None:
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=append_many, args=(file.path, writer)) for writer in range(PROCESSES)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    lines = file.lines()
    pairs = list(zip(lines[::2], lines[1::2], strict=True))
    assert all(first.replace(b"first", b"second") == second for first, second in pairs)
    assert {first for first, _ in pairs} == {b"%d %d first" % (w, s) for w in range(PROCESSES) for s in range(STEPS)}


@pytest.mark.parametrize("room", [0, 1, 5, 6, 7, 12])
def test_a_full_disk_leaves_the_old_lines_and_nothing_of_the_new_and_says_so_in_a_line(
    file: AppendOnlyFile, room: int
) -> None:
    """Room for some of three lines of six bytes each, and never for all of them."""
    file.append(always(b"before"))
    before = file.path.read_bytes()
    said = python(FULL, str(file.path), str(len(before) + room)).stdout
    assert said == f"{file.path}: cannot be written: File too large: nothing is done off the record\n"
    assert file.path.read_bytes() == before
    file.append(always(b"after"))
    assert file.lines() == [b"before", b"after"]


FULL = """
import resource, signal, sys
from pathlib import Path
from obet.append_only import AppendOnlyFile
from obet.errors import ObetError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    AppendOnlyFile(Path(sys.argv[1])).append(lambda _: [b"11111", b"22222", b"33333"])
except ObetError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"STATE_DIRECTORY": "/var/lib/obet", "XDG_STATE_HOME": "/x"}, Path("/var/lib/obet")),
        ({"XDG_STATE_HOME": "/home/x/state"}, Path("/home/x/state/obet")),
        ({}, Path.home() / ".local" / "state" / "obet"),
    ],
)
def test_state_stands_where_systemd_says_else_in_the_users(environment: dict[str, str], folder: Path) -> None:
    assert state_folder(environment) == folder
