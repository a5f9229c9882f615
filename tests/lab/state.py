"""What is known about a lab on disk: enough for another process to attach to it, or to clear it away."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from . import network, this_host
from .errors import LabError
from .processes import Process, in_namespaces, write_atomically
from .topology import namespaces

NAME = re.compile(r"[a-z][a-z0-9]{0,19}")
STOP_SECONDS = 10.0
SIZE = "2g"


@dataclass(frozen=True)
class State:
    """Who made the lab, for whom, and whether it got ready."""

    starter: Process
    owner: Process | None
    ready: bool = False
    vault: bool = True
    base: str = ""

    @property
    def abandoned(self) -> bool:
        """Whether nobody will use it: its owner is gone, or whoever was making it."""
        if self.owner is not None and not self.owner.alive:
            return True
        return not self.ready and not self.starter.alive


def directory(name: str) -> Path:
    """The lab's tmpfs."""
    return this_host.RUN_DIRECTORY / name


def lock_file(name: str) -> Path:
    """What two processes that want the same lab wait at."""
    return this_host.RUN_DIRECTORY / f".{name}.lock"


def check_name(name: str) -> None:
    """A name becomes part of paths and of namespaces' names, without a hyphen so that none is another's."""
    if not NAME.fullmatch(name):
        raise LabError(f"{name!r} is no lab's name: a lower-case letter, then at most 19 letters and digits")


def save(name: str, state: State) -> None:
    """Write it where another process finds it."""
    write_atomically(directory(name) / "state.json", json.dumps(asdict(state)))


def load(name: str) -> State | None:
    """The state of a lab, or None where there is none (that got as far as writing it)."""
    try:
        fields = json.loads((directory(name) / "state.json").read_text(encoding="utf-8"))
        owner = Process(**fields.pop("owner")) if fields["owner"] else fields.pop("owner")
        return State(starter=Process(**fields.pop("starter")), owner=owner, **fields)
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return None  # not there yet, or written by another version of the lab, which nobody can use any more


def names() -> list[str]:
    """The labs that have a folder, whole or not."""
    if not this_host.RUN_DIRECTORY.exists():
        return []
    return sorted(path.name for path in this_host.RUN_DIRECTORY.iterdir() if NAME.fullmatch(path.name))


def mount(name: str) -> None:
    """Make the lab's tmpfs: nothing of a lab is ever on a disk."""
    path = directory(name)
    path.mkdir(mode=0o700, parents=True)
    this_host.command("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "obet-lab", str(path))


def destroy(name: str) -> None:
    """Remove whatever there is of a lab, whole or half made; the caller holds its lock."""
    _stop_watchdog(name)
    _kill_processes(name)
    network.destroy(name)
    path = directory(name)
    while path.is_mount():
        this_host.command("umount", "--lazy", str(path))
    with contextlib.suppress(FileNotFoundError):
        path.rmdir()


def _stop_watchdog(name: str) -> None:
    watchdog = Process.load(directory(name) / "watchdog.json")
    if watchdog is not None and watchdog.pid != os.getpid():
        watchdog.stop(STOP_SECONDS)


def _kill_processes(name: str) -> None:
    """End what runs in the lab's namespaces: that is what the lab started, and nothing else can be there."""
    paths = [network.NAMESPACES / space for space in namespaces(name)]
    deadline = time.monotonic() + STOP_SECONDS
    while processes := in_namespaces(paths):
        for process in processes:
            process.signal(signal.SIGKILL)
        for process in processes:
            process.wait(deadline - time.monotonic())
        if time.monotonic() > deadline:
            raise LabError(f"{name}: processes do not end: {', '.join(str(p.pid) for p in processes)}")


def tidy() -> None:
    """Remove the folder of all labs once it is empty."""
    with contextlib.suppress(OSError):
        this_host.RUN_DIRECTORY.rmdir()
