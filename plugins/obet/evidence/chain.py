"""The lines of the ledger and what their chain of hashes shows. Pure.

A line holds opaque ids, digests and counts; its details are sealed under the device's key, so the chain outlives an
erasure and says nothing then. What a chain cannot show, lines cut off at its end, a checkpoint in Vault does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import rfc8785

BEFORE_THE_FIRST = "0" * 64


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


class Checkpoint(msgspec.Struct, frozen=True):
    """The last line that Vault vouches for."""

    number: Annotated[int, msgspec.Meta(ge=1)]
    hash: str


def parsed(text: bytes) -> Line | None:
    """The line that these bytes are; None when they are none, whole and canonical."""
    with suppress(ValueError, RecursionError):  # msgspec's and rfc8785's are ValueErrors
        line = msgspec.convert(json.loads(text), Line)
        if rfc8785.dumps(msgspec.to_builtins(line)) == text:  # or an edit could hide in what nobody hashes
            return line
    return None


def chained(before: Line | None, happenings: Iterable[Happening], now: datetime) -> Iterable[bytes]:
    """The lines of what happened, each after the one before it."""
    number, previous = (before.number, before.hash) if before else (0, BEFORE_THE_FIRST)
    for happening in happenings:
        number += 1
        line = {
            "number": number,
            "at": now.isoformat(timespec="milliseconds"),
            **msgspec.to_builtins(happening),
            "previous": previous,
        }
        previous = _digest(line)
        yield rfc8785.dumps({**line, "hash": previous})


def damage(lines: Sequence[Line]) -> list[str]:
    """Where the chain does not hold, a phrase each; an empty list: no line was edited, cut out or put in between."""
    found, previous = [], BEFORE_THE_FIRST
    for position, line in enumerate(lines, start=1):
        if line.digest() != line.hash:
            found.append(f"line {position} was edited")
        if line.previous != previous or line.number != position:
            found.append(f"line {position} does not follow the one before it")
        previous = line.hash
    return found


def _digest(line: Mapping[str, Any]) -> str:
    return hashlib.sha256(rfc8785.dumps(dict(line))).hexdigest()
