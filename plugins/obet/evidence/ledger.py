"""The ledger's file on this node: what each run was given, read and did, a line each, chained (`evidence.chain`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from obet.append_only import AppendOnlyFile, state_folder
from obet.errors import ObetError
from obet.evidence.chain import BEFORE_THE_FIRST, Happening, Line, chained, parsed


class DamagedLedgerError(ObetError):
    """A whole line of the ledger is none of ours. What a kill tore off is no whole line, and no damage."""


class Ledger:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = AppendOnlyFile(path)

    @classmethod
    def of_this_node(cls, environment: Mapping[str, str]) -> Ledger:
        return cls(state_folder(environment) / "ledger.jsonl")

    def append(self, happenings: Iterable[Happening]) -> None:
        """Chained to what stands there and on disk when this returns; DamagedLedgerError for a damaged last line.

        What a kill left half written at the end was never on record, and goes.
        """
        self._file.append(
            lambda last: chained(None if last is None else self._line(last), happenings, datetime.now(UTC))
        )

    def head(self) -> tuple[int, str]:
        """Number and hash of the last line; (0, zeroes) while there is none."""
        last = self._file.last()
        line = None if last is None else self._line(last)
        return (line.number, line.hash) if line else (0, BEFORE_THE_FIRST)

    def holds(self, number: int, hash_: str) -> bool:
        """Whether the line of that number is there and is the one with that hash."""
        lines = self._file.lines()
        return 0 < number <= len(lines) and self._line(lines[number - 1], number).hash == hash_

    def lines(self, step: Callable[[], None] = lambda: None) -> list[Line]:
        """DamagedLedgerError names the first line that is none. `step` is told of each."""
        found = []
        for number, text in enumerate(self._file.lines(), start=1):
            found.append(self._line(text, number))
            step()
        return found

    def torn(self) -> int:
        """How many bytes a writer that was killed left half written at the end; 0 while one is still writing."""
        return self._file.torn()

    def _line(self, text: bytes, number: int | None = None) -> Line:
        line = parsed(text)
        if line is None:
            where = f"{self.path}:{number}" if number else f"{self.path}: its last line"
            raise DamagedLedgerError(
                f"{where}: is damaged, and no kill does that: put the ledger aside and tell who keeps the evidence"
            )
        return line
