"""How far something is that takes over two seconds, on standard error, for people who wait."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TextIO

_PATIENCE = 2.0  # seconds of silence
_PAUSE = {True: 0.2, False: 10.0}  # seconds between two words, to a terminal and to a log


class Progress:
    """`with Progress("verifying", 12) as progress: … progress.step()`: nothing is said of what is quick."""

    def __init__(self, what: str, total: int, out: TextIO = sys.stderr) -> None:
        self._what, self._total, self._out = what, total, out
        self._done, self._said = 0, False
        self._next = time.monotonic() + _PATIENCE

    def __enter__(self) -> Progress:
        return self

    def step(self) -> None:
        """One more of the total is done."""
        self._done += 1
        now, terminal = time.monotonic(), self._out.isatty()
        if now < self._next:
            return
        self._next, self._said = now + _PAUSE[terminal], True
        print(
            f"{'\r' if terminal else ''}obet: {self._what}: {self._done} of {self._total}",
            end="" if terminal else "\n",
            file=self._out,
            flush=True,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._said and self._out.isatty():
            print(file=self._out)
