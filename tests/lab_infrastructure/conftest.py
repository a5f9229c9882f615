"""One lab for the tests that only look, and what is left of a lab after its end."""

from __future__ import annotations

import os
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lab import Lab, Machine, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A whole lab, with Vault."""
    with Lab.up(new_name(), owner_pid=os.getpid()) as running:
        yield running


@pytest.fixture
def lab_name() -> Iterator[str]:
    """A name that no other lab has; whatever is there of it afterwards goes."""
    name = new_name()
    yield name
    Lab(name, Path()).down()


@pytest.fixture
def server(lab: Lab) -> Machine:
    """One server."""
    return lab.machine("server1")


@pytest.fixture
def leftovers() -> Callable[[str], list[str]]:
    """Everything on the host that still carries a lab's name."""
    return find_leftovers


def new_name() -> str:
    """A letter and some hexadecimal digits."""
    return f"t{uuid.uuid4().hex[:12]}"


def find_leftovers(name: str) -> list[str]:
    """Folders, locks, mounts, namespaces, links and processes by that name."""
    found = [str(path) for path in (state.directory(name), state.lock_file(name)) if path.exists()]
    found += [line for line in Path("/proc/self/mounts").read_text().splitlines() if name in line]
    for question in (["netns", "list"], ["-o", "link"]):
        answer = subprocess.run(["/usr/sbin/ip", *question], capture_output=True, text=True, check=True)
        found += [line for line in answer.stdout.splitlines() if name in line]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if name in line and int(process.name) != os.getpid():
            found.append(line)
    return found
