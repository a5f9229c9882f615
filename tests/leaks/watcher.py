"""Looks at all processes, and at the files of some folders, again and again until told to stop; then says what it saw.

Runs as a process of its own, so that it goes on looking while the tests wait: `python watcher.py FOLDER …`. It knows
no canary: what it saw it hands back over its standard output, as JSON with base64.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import stat
import sys
from collections.abc import Iterable, Iterator

_PAUSE = 0.005  # seconds between two rounds, which take twice that: the tests want the processor as well
LARGEST = 16 << 20  # bytes: of a larger file only the beginning is kept


def main(folders: list[str]) -> None:
    """Says `watching` after the first round, and at the end how many rounds there were and what they saw."""
    seen: dict[tuple[str, bytes], str] = {}
    known: set[tuple[str, bytes]] = set()
    known_files: set[tuple[int, ...]] = set()
    rounds = 0
    while True:
        for kind, pid, content in processes(known):
            seen.setdefault((kind, content), f"{kind} of process {pid}")
        for path, content in changed_files(folders, known_files):
            seen.setdefault((path, content), path)
        rounds += 1
        if rounds == 1:
            print("watching", flush=True)
        elif select.select([sys.stdin], [], [], _PAUSE)[0]:
            break
    found = [(where, base64.b64encode(content).decode()) for (_, content), where in seen.items()]
    json.dump({"rounds": rounds, "seen": found}, sys.stdout)


def processes(known: set[tuple[str, bytes]]) -> Iterator[tuple[str, str, bytes]]:
    """Command line and environment of each process; an environment again only when the command line is another."""
    for pid in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - this loop is what the rounds consist of
        with contextlib.suppress(OSError):
            command = read(f"/proc/{pid}/cmdline")
            if (pid, command) not in known:
                environment = read(f"/proc/{pid}/environ")
                known.add((pid, command))
                yield "command line", pid, command
                yield "environment", pid, environment


def changed_files(folders: Iterable[str], known: set[tuple[int, ...]]) -> Iterator[tuple[str, bytes]]:
    """Each regular file that is new or was written to since the last round."""
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                with contextlib.suppress(OSError):
                    path = f"{place}/{name}"
                    status = os.lstat(path)
                    state = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
                    if stat.S_ISREG(status.st_mode) and state not in known:
                        content = read(path)
                        known.add(state)
                        yield path, content


def read(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 - as above
        return file.read(LARGEST)


if __name__ == "__main__":
    main(sys.argv[1:])
