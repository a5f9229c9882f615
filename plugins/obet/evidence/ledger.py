"""The ledger: what each run was given, read and did, as a chain of hashes that shows a cut or an edit.

A line holds opaque ids, digests and counts; its details are sealed under the device's key, so the chain outlives an
erasure and says nothing then. What a chain cannot show, lines cut off at its end, a checkpoint in Vault does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import rfc8785

from obet.append_only import AppendOnlyFile, state_folder
from obet.errors import ObetError

_BEFORE_THE_FIRST = "0" * 64


class Event(StrEnum):
    RUN_BEGAN = "run began"
    ACCESS_GRANTED = "access granted"
    SECRETS_READ = "secrets read"
    DEVICE_DONE = "device done"
    STEP = "step"
    RUN_ENDED = "run ended"
    RUN_CUT_OFF = "run was cut off"


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into a line: ids, digests and counts in `facts`; `sealed` is what only the device's key opens."""

    run: str
    event: Event
    node: str
    by: str
    customer: str | None = None
    device: str | None = None
    purpose: str | None = None
    facts: Mapping[str, Any] = {}
    sealed: str | None = None


class Line(Happening, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the file, which is canonical JSON (RFC 8785): `hash` is SHA-256 of that of all the rest."""

    number: int
    at: str
    previous: str
    hash: str

    def digest(self) -> str:
        return _digest({key: value for key, value in msgspec.to_builtins(self).items() if key != "hash"})


class Ledger:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = AppendOnlyFile(path)

    @classmethod
    def of_this_node(cls, environment: Mapping[str, str]) -> Ledger:
        return cls(state_folder(environment) / "ledger.jsonl")

    def append(self, happenings: Iterable[Happening]) -> None:
        """Chained to what stands there and on disk when this returns; ObetError when the last line is damaged."""
        self._file.append(lambda last: self._chained(last, happenings))

    def head(self) -> tuple[int, str]:
        """Number and hash of the last line; (0, zeroes) while there is none."""
        last = self._file.last()
        line = None if last is None else self._line(last)
        return (line.number, line.hash) if line else (0, _BEFORE_THE_FIRST)

    def holds(self, number: int, hash_: str) -> bool:
        """Whether the line of that number is there and is the one with that hash."""
        lines = self._file.lines()
        return 0 < number <= len(lines) and self._line(lines[number - 1], number).hash == hash_

    def lines(self) -> list[Line]:
        """ObetError names the first line that is none."""
        return [self._line(text, number) for number, text in enumerate(self._file.lines(), start=1)]

    def _chained(self, last: bytes | None, happenings: Iterable[Happening]) -> Iterable[bytes]:
        before = None if last is None else self._line(last)
        number, previous = (before.number, before.hash) if before else (0, _BEFORE_THE_FIRST)
        for happening in happenings:
            number += 1
            line = {
                "number": number,
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                **msgspec.to_builtins(happening),
                "previous": previous,
            }
            previous = _digest(line)
            yield rfc8785.dumps({**line, "hash": previous})

    def _line(self, text: bytes, number: int | None = None) -> Line:
        with suppress(ValueError, RecursionError):  # msgspec's and rfc8785's are ValueErrors
            line = msgspec.convert(json.loads(text), Line)
            if rfc8785.dumps(msgspec.to_builtins(line)) == text:  # or an edit could hide in what nobody hashes
                return line
        where = f"{self.path}:{number}" if number else f"{self.path}: its last line"
        raise ObetError(f"{where}: is damaged: put the ledger aside and tell who keeps the evidence")


def damage(lines: Sequence[Line]) -> list[str]:
    """Where the chain does not hold, a phrase each; an empty list: no line was edited, cut out or put in between."""
    found, previous = [], _BEFORE_THE_FIRST
    for position, line in enumerate(lines, start=1):
        if line.digest() != line.hash:
            found.append(f"line {position} was edited")
        if line.previous != previous or line.number != position:
            found.append(f"line {position} does not follow the one before it")
        previous = line.hash
    return found


def _digest(line: Mapping[str, Any]) -> str:
    return hashlib.sha256(rfc8785.dumps(dict(line))).hexdigest()
