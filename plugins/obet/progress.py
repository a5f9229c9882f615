"""How far something is that takes over two seconds, on standard error, for people who wait."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

_PATIENCE = 2.0  # seconds of silence
_PAUSE = {True: 0.2, False: 10.0}  # seconds between two words, to a terminal and to a log


class Progress:
    """`with Progress("verifying", 12) as progress: … progress.step()`: nothing is said of what is quick.

    Without a total only how much is done is said.
    """

    def __init__(
        self,
        what: str,
        total: int | None = None,
        out: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._total, self._out, self._clock = what, total, out or sys.stderr, clock
        self._done, self._said = 0, False
        self._next = clock() + _PATIENCE

    def __enter__(self) -> Progress:
        return self

    def step(self) -> None:
        """One more of the total is done."""
        self._done += 1
        self.tell()

    def tell(self) -> None:
        """How far it is, where that was not said just now."""
        now = self._clock()
        if now < self._next:
            return
        terminal = self._out.isatty()
        self._next, self._said = now + _PAUSE[terminal], True
        before, after = ("\r", "") if terminal else ("", "\n")
        total = "" if self._total is None else f" of {self._total}"
        print(f"{before}obet: {self._what}: {self._done}{total}", end=after, file=self._out, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._said and self._out.isatty():
            print(file=self._out)
