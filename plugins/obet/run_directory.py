"""A run's own directory on tmpfs: its agent, what is public of its identity, and the reads that its processes note.

It is locked as long as the run or a fork of it lives. What a kill leaves is found by the next run, which says so in the
ledger and removes it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

import msgspec

from obet.errors import RunError
from obet.vault import credentials

DIRECTORY_VARIABLE = "OBET_RUN"


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
        """A directory for this user alone; RunError when it would stand on disk."""
        new = base(environment) / f"new-{run[:8]}"
        new.mkdir(mode=0o700)
        (new / "run").write_text(run)
        lock = os.open(new, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        flock(lock, LOCK_EX)
        # Under its name only when it is locked: nobody may take it for one that was left behind.
        own = cls(new.rename(new.with_name(f"run-{run[:8]}")))
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
                os.write(descriptor, msgspec.json.encode(request) + b"\n")
            finally:
                os.close(descriptor)
        except OSError as error:
            raise RunError(f"{self._reads}: a read cannot be noted: {error.strerror}") from None

    def reads(self) -> list[SecretRequest]:
        """The reads that were noted since they were last forgotten."""
        if not self._reads.exists():
            return []
        lines = self._reads.read_bytes().split(b"\n")[:-1]
        return [msgspec.json.decode(line, type=SecretRequest) for line in lines]

    def forget_reads(self) -> None:
        """Once they stand in the ledger."""
        self._reads.unlink(missing_ok=True)

    @property
    def _reads(self) -> Path:
        return self.path / "reads"

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def left_behind(environment: Mapping[str, str]) -> Iterator[RunDirectory]:
    """Directories of runs that were killed; each is locked while it is looked at, so that one run alone tells of it."""
    for path in base(environment).glob("run-*"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            flock(descriptor, LOCK_EX | LOCK_NB)
            yield RunDirectory(path)
        except BlockingIOError:
            continue  # its run goes on
        finally:
            os.close(descriptor)


def base(environment: Mapping[str, str]) -> Path:
    """Where runs of this user have their directories: on tmpfs, for this user alone."""
    folder = Path(environment.get("XDG_RUNTIME_DIR") or f"/dev/shm/obet-{os.getuid()}") / "obet"  # noqa: S108
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077:
        raise RunError(f"{folder}: must belong to this user alone: chmod 0700")
    if credentials.file_system(folder) not in {"tmpfs", "ramfs"}:
        raise RunError(f"{folder}: is on disk; point XDG_RUNTIME_DIR at a tmpfs")
    return folder
