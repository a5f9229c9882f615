"""Processes by identity: a number and a start time, so that a reused number is never taken for ours."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


@dataclass(frozen=True)
class Process:
    """One process of the host; `started` is in clock ticks since boot."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process:
        """The process that has this number now."""
        return cls(pid, int(_stat(pid)[19]))

    @property
    def alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        try:
            fields = _stat(self.pid)
        except ProcessLookupError:
            return False
        return int(fields[19]) == self.started and fields[0] not in ("Z", "X")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process and to no other that may have its number by now."""
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(self.pid)
            try:
                if self.alive:
                    signal.pidfd_send_signal(descriptor, number)
            finally:
                os.close(descriptor)

    def wait(self, timeout: float) -> bool:
        """Whether it ended within the time; reaped if it is our own child."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            ended = not self.alive or bool(wait_readable([descriptor], timeout))
        finally:
            os.close(descriptor)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        return ended

    def stop(self, grace: float) -> None:
        """Ask it to end, and after the time of grace make it."""
        self.signal(signal.SIGTERM)
        if not self.wait(grace):
            self.signal(signal.SIGKILL)
            self.wait(grace)

    def children(self) -> list[Process]:
        """Its direct children."""
        found = []
        for child in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(ProcessLookupError):
                if int(_stat(int(child.name))[1]) == self.pid:
                    found.append(Process.of(int(child.name)))
        return found

    def save(self, path: Path) -> None:
        """Remember it for another process that attaches to the lab."""
        write_atomically(path, json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Process | None:
        """What was saved, if anything was."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, which may hold any character."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(pid) from None
    return text.rpartition(")")[2].split()


def wait_readable(descriptors: Collection[int], timeout: float | None) -> list[int]:
    """Those of the file descriptors that can be read within the time."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(None if timeout is None else timeout * 1000)]


def spawn(arguments: list[str], environment: Mapping[str, str], log: Path, stdout: int = 2) -> Process:
    """Start a process in a session of its own that outlives us; what it says goes to a log."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, stdout, 1),
    ]
    pid = os.posix_spawn(arguments[0], arguments, environment, file_actions=actions, setsid=True, setsigmask=[])
    return Process.of(pid)


def in_namespaces(paths: Collection[Path]) -> list[Process]:
    """Every process that runs in one of these network namespaces, which nobody else has a key to."""
    inodes = set()
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            inodes.add(path.stat().st_ino)
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if (entry / "ns/net").stat().st_ino in inodes:
                found.append(Process.of(int(entry.name)))
    return found


def write_atomically(path: Path, text: str) -> None:
    """A reader sees the old file or the new one, readable by its owner only, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.touch(mode=0o600)
    temporary.write_text(text, encoding="utf-8")
    temporary.rename(path)
