"""A run's own directory on tmpfs: its agent, what is public of its identity, and the reads that its processes note.

It is locked as long as the run or a fork of it lives. What a kill leaves is found by the next run, which says so in the
ledger and removes it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import ENOSPC
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

import msgspec

from obet.errors import RunError
from obet.vault import credentials

DIRECTORY_VARIABLE = "OBET_RUN"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class SecretRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One answered request for a secret: Vault's id of the request, the token's accessor and the path; no value."""

    accessor: str
    path: str
    request: str


class RunDirectory:
    """Made for one run; its forks share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @classmethod
    def make(cls, environment: Mapping[str, str], run: str) -> RunDirectory:
        """A directory for this user alone; RunError when it would stand on disk, or memory is full."""
        new = base(environment) / f"new-{run[:8]}"
        try:
            lock = _made_and_locked(new)
            (new / "run").write_text(run)
            # Under its name only when it is whole and locked: nobody may take it for one that was left behind.
            own = cls(new.rename(new.with_name(f"run-{run[:8]}")))
        except OSError as error:
            shutil.rmtree(new, ignore_errors=True)
            raise RunError(
                f"{new}: cannot be made: {error.strerror}: nothing is done without a place on tmpfs"
            ) from None
        own._lock = lock
        return own

    @property
    def run(self) -> str:
        """The id of the run; empty when it was killed before it could say so."""
        path = self.path / "run"
        return path.read_text() if path.exists() else ""

    def note(self, request: SecretRequest) -> None:
        """Adds a read, in whichever fork it was made (a short write to a file opened for appending is one step)."""
        try:
            descriptor = os.open(self._reads, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # Its own newline first: what a full memory tore off before it spoils no line but itself.
                line = b"\n" + msgspec.json.encode(request) + b"\n"
                if os.write(descriptor, line) < len(line):
                    raise OSError(ENOSPC, os.strerror(ENOSPC))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise RunError(f"{self._reads}: a read cannot be noted: {error.strerror}") from None

    def reads(self) -> list[SecretRequest]:
        """The reads that were noted since they were last forgotten. One that was torn is none: it is told as stray."""
        if not self._reads.exists():
            return []
        found = []
        for line in self._reads.read_bytes().split(b"\n"):
            with suppress(msgspec.DecodeError):
                found.append(msgspec.json.decode(line, type=SecretRequest))
        return found

    def forget_reads(self) -> None:
        """Once they stand in the ledger."""
        self._reads.unlink(missing_ok=True)

    @property
    def _reads(self) -> Path:
        return self.path / "reads"

    def close_connections(self) -> None:
        """Ends the SSH connections that were kept open behind control sockets."""
        for path in self.path.glob("control-*"):
            subprocess.run(["ssh", "-o", f"ControlPath={path}", "-O", "exit", "none"], capture_output=True, check=False)

    def remove(self, *, keep_reads: bool = False) -> None:
        """With `keep_reads` (they could not be told) it is left for the next run to tell of."""
        self.close_connections()
        if not keep_reads:
            shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def left_behind(environment: Mapping[str, str]) -> Iterator[RunDirectory]:
    """Directories of runs that were killed; each is locked while it is looked at, so that one run alone tells of it.

    What was killed before it was a run's (`new-`) is removed: there is nothing to tell of it.
    """
    for path in [*base(environment).glob("run-*"), *base(environment).glob("new-*")]:
        with _locked(path) as taken:
            if taken and path.name.startswith("new-"):
                shutil.rmtree(path, ignore_errors=True)
            elif taken:
                yield RunDirectory(path)


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Whether nobody else has it: neither its own run, which goes on, nor another that looks; and it is still there."""
    try:
        descriptor = os.open(path, _DIRECTORY)
    except FileNotFoundError:
        yield False
        return
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
        yield path.exists()
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def _made_and_locked(path: Path) -> int:
    """The lock of a new directory; made again where one that looks for what was left has just removed it."""
    while True:
        path.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):
            descriptor = os.open(path, _DIRECTORY)
            flock(descriptor, LOCK_EX)
            if os.fstat(descriptor).st_nlink:  # 0: removed
                return descriptor
            os.close(descriptor)


def clear_after_the_dead(temporary: Path) -> None:
    """Removes the temporary folders of Ansible processes that were killed (ansible-local-, PID, eight characters)."""
    for path in temporary.glob("ansible-local-*"):
        process = path.name.removeprefix("ansible-local-")[:-8]
        if process.isdigit() and not Path("/proc", process).exists():
            shutil.rmtree(path, ignore_errors=True)


def base(environment: Mapping[str, str]) -> Path:
    """Where runs of this user have their directories: on tmpfs, for this user alone."""
    folder = Path(environment.get("XDG_RUNTIME_DIR") or f"/dev/shm/obet-{os.getuid()}") / "obet"  # noqa: S108
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"{folder}: cannot be made: {error.strerror}; point XDG_RUNTIME_DIR at a tmpfs of yours"
        ) from None
    if folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077:
        raise RunError(f"{folder}: must belong to this user alone: chmod 0700")
    if credentials.file_system(folder) not in {"tmpfs", "ramfs"}:
        raise RunError(f"{folder}: is on disk; point XDG_RUNTIME_DIR at a tmpfs")
    return folder
