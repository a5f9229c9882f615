"""The watcher sees command lines, environments and files that are there for a moment only."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from leaks.search import Canary, Search
from leaks.watching import Watcher

# Each lives for a twentieth of a second, as the shortest programs do that get a secret (`chpasswd` hashes longer).
_MOMENTS = 20
_MOMENT = ["sleep", "0.05"]


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[Watcher]:
    made = Watcher(tmp_path)
    yield made
    made.kill()


def test_what_is_there_for_a_moment_is_seen_and_what_never_was_is_not(watcher: Watcher, tmp_path: Path) -> None:
    argument, variable, written, never = (uuid.uuid4().hex for _ in range(4))
    for number in range(_MOMENTS):
        path = tmp_path / "deep" / str(number)
        path.parent.mkdir(exist_ok=True)
        path.write_text(written)
        subprocess.run(["sh", "-c", f"{' '.join(_MOMENT)}; exit 0", argument], check=True)
        subprocess.run(_MOMENT, check=True, env=os.environ | {"SEEN": variable})
        path.unlink()
    rounds, seen = watcher.stop()
    names = {"argument": argument, "variable": variable, "written": written, "never": never}
    hits = {(hit.canary, hit.where) for hit in Search(Canary(n, v.encode()) for n, v in names.items()).hits(seen)}
    kinds = {(canary, where.partition(" of ")[0]) for canary, where in hits}
    assert {("argument", "command line"), ("variable", "environment")} <= kinds
    assert {canary for canary, _ in hits} == {"argument", "variable", "written"}
    assert rounds > _MOMENTS


def test_a_process_that_becomes_another_program_is_seen_as_both(watcher: Watcher) -> None:
    first, second = uuid.uuid4().hex, uuid.uuid4().hex
    for _ in range(_MOMENTS):
        subprocess.run(["sh", "-c", f"sleep 0.05; A={second} exec sleep 0.05", first], check=True)
    hits = list(Search([Canary("first", first.encode()), Canary("second", second.encode())]).hits(watcher.stop()[1]))
    assert any(hit.canary == "first" and hit.where.startswith("command line") for hit in hits)
    assert any(hit.canary == "second" and hit.where.startswith("environment") for hit in hits)
