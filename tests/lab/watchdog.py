"""Takes a lab down when the process it was made for ends, also by SIGKILL: `python -m lab.watchdog NAME`."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from . import state, this_host
from .processes import Process, wait_readable

if TYPE_CHECKING:
    from collections.abc import Iterator


def watch(name: str) -> None:
    """Wait for each end that matters; return when the lab is gone or belongs to nobody on purpose."""
    while (found := state.load(name)) is not None:
        if found.abandoned:
            _take_down(name)
            return
        people = [found.owner] if found.owner else []
        if not found.ready and found.starter not in people:
            people.append(found.starter)
        if not people:
            return
        with _descriptors(people) as descriptors:
            if len(descriptors) == len(people):
                wait_readable(descriptors, None)


def _take_down(name: str) -> None:
    with this_host.locked(state.lock_file(name)):
        found = state.load(name)
        if found is not None and found.abandoned:
            state.destroy(name)
    state.tidy()


@contextlib.contextmanager
def _descriptors(people: list[Process]) -> Iterator[list[int]]:
    """One for each process that is alive."""
    opened = []
    for process in people:
        with contextlib.suppress(ProcessLookupError):
            opened.append(os.pidfd_open(process.pid))
    try:
        yield opened if all(process.alive for process in people) else []
    finally:
        for descriptor in opened:
            os.close(descriptor)


if __name__ == "__main__":
    os.chdir("/")  # where we were started may want to be unmounted
    watch(sys.argv[1])
