"""What a demonstration shows while it runs: acts, what was done, and claims that were checked."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TextIO

_MARKS = {True: "\033[32m✓\033[0m", False: "\033[31m✗\033[0m"}


class Timeline:
    """Prints as it goes, keeps the plain text, and knows whether any claim failed."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        """Colours only where a person looks."""
        self._out = out
        self._colours = out.isatty()
        self._started = time.monotonic()
        self.text: list[str] = []
        self.failed: list[str] = []
        self.checked = 0

    def act(self, title: str) -> None:
        """A new part of the story."""
        seconds = time.monotonic() - self._started
        self._line(f"\n{datetime.now(UTC):%H:%M:%S}Z  {title}  ({seconds:.0f} s)")

    def done(self, text: str) -> None:
        """Something that was done or seen, without a claim."""
        self._line(f"    {text}")

    def check(self, claim: str, passed: bool, seen: str = "") -> None:
        """A claim and whether it was seen to be so."""
        self.checked += 1
        if not passed:
            self.failed.append(claim)
        mark = _MARKS[passed] if self._colours else ("ok " if passed else "FAILED ")
        self._line(f"  {mark} {claim}{f': {seen}' if seen else ''}")

    def _line(self, text: str) -> None:
        self.text.append(text)
        print(text, file=self._out, flush=True)
