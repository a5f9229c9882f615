"""A file of lines that only grows: one writer at a time, on disk when a call returns, a torn last line never counted.

Several users may share one (a folder with a common group): the file is readable and writable for its group, its folder
decides who that is, and is this user's alone unless somebody made it otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_SH, flock
from io import BufferedReader, FileIO
from pathlib import Path

from obet.errors import ObetError

_BLOCK = 64 * 1024


class AppendOnlyFile:
    """Lines of bytes, without their newline."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, make: Callable[[bytes | None], Iterable[bytes]]) -> None:
        """Adds the lines that `make` makes of the last whole line (None: there is none): all of them, or none.

        ObetError when it cannot be written (a full disk, say); what stood there stays.
        """
        try:
            self._append(make)
        except OSError as error:
            raise ObetError(
                f"{self.path}: cannot be written: {error.strerror}: nothing is done off the record"
            ) from None

    def _append(self, make: Callable[[bytes | None], Iterable[bytes]]) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = not self.path.exists()
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o660)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            flock(file, LOCK_EX)
            last, end = _last_line(file)
            text = b"".join(line + b"\n" for line in make(last))
            file.truncate(end)  # what a power cut left half written was never on record
            try:
                _write(file, end, text)
            except OSError:
                file.truncate(end)  # nor is what a full disk took of it
                raise
        if is_new:
            _sync_folder(self.path.parent)  # or a power cut could lose the file with its name

    def last(self) -> bytes | None:
        """The last whole line; None while there is none. ObetError when it cannot be read."""
        with self._reading() as file:
            return None if file is None else _last_line(file)[0]

    def lines(self) -> list[bytes]:
        """All whole lines; none while there is no file. ObetError when they cannot be read."""
        with self._reading() as file:
            return [] if file is None else file.read().split(b"\n")[:-1]

    def torn(self) -> int:
        """How many bytes stand after the last whole line, left by a writer who is gone; ObetError as for `lines`."""
        with self._reading() as file:
            if file is None:
                return 0
            flock(file, LOCK_SH)  # a writer that is under way has it
            return file.seek(0, os.SEEK_END) - _last_line(file)[1]

    @contextmanager
    def _reading(self) -> Iterator[BufferedReader | None]:
        try:
            with self.path.open("rb") as file:
                yield file
        except FileNotFoundError:
            yield None
        except OSError as error:
            raise ObetError(f"{self.path}: cannot be read: {error.strerror}") from None


def state_folder(environment: Mapping[str, str]) -> Path:
    """What lasts stands in systemd's STATE_DIRECTORY, else XDG_STATE_HOME/obet, else ~/.local/state/obet."""
    state = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(environment.get("STATE_DIRECTORY") or f"{state}/obet")


def _write(file: FileIO, start: int, text: bytes) -> None:
    """All of it, on disk when this returns."""
    file.seek(start)
    while text:
        text = text[file.write(text) :]
    os.fsync(file.fileno())


def _last_line(file: FileIO | BufferedReader) -> tuple[bytes | None, int]:
    """The last whole line (None: there is none) and where whole lines end; reads as much of the end as that needs."""
    size = start = file.seek(0, os.SEEK_END)
    tail = b""
    while start > 0 and tail.count(b"\n") < 2:
        start = max(0, start - _BLOCK)
        file.seek(start)
        tail = file.read(size - start)
    whole, newline, _ = tail.rpartition(b"\n")
    return whole.rpartition(b"\n")[2] if newline else None, start + len(whole) + len(newline)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
