"""What processes have used, from outside of them: wall and processor time."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Of one process, its threads and the children that it waited for, in user and kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


@dataclass(frozen=True)
class Use:
    """One run of a command, from its start to its end: seconds."""

    wall: float
    cpu: float
    apart: Mapping[str, float]
    output: str


def used(start: Callable[[], subprocess.Popen[str]], apart: Mapping[str, Callable[[], float]]) -> tuple[Use, int]:
    """Runs it to its end; answers what it and its descendants used, and its exit code.

    `apart` are others' clocks of processor time, by name.
    """
    before = {name: clock() for name, clock in apart.items()}
    children, started = os.times(), time.monotonic()
    process = start()
    output = process.communicate()[0] or ""
    wall, after = time.monotonic() - started, os.times()
    cpu = after.children_user + after.children_system - children.children_user - children.children_system
    others = {name: clock() - before[name] for name, clock in apart.items()}
    return Use(wall, cpu, others, output), process.returncode
