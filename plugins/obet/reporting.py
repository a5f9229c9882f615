"""`obet report`: reads what was looked at, done and read, and writes the page."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec

from obet import estate as estates
from obet.errors import ObetError
from obet.evidence.compose import compose
from obet.evidence.promises import Check
from obet.evidence.report import Look, TimelineEntry
from obet.evidence.report_page import page
from obet.vault.audit import SecretRead, secret_reads

_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class _Verified(msgspec.Struct, frozen=True):
    """What `obet verify --json` prints, but for its verdicts: those are drawn afresh from the checks."""

    run: str
    at: _Instant
    seen: tuple[Check, ...]


class _LedgerLine(msgspec.Struct, frozen=True):
    """What a timeline needs of a ledger's line; what is sealed stays sealed."""

    at: _Instant
    run: str
    event: str
    node: str
    by: str
    customer: str | None = None
    device: str | None = None
    purpose: str | None = None
    facts: Mapping[str, Any] = {}


def report(options: Namespace) -> int:
    looks = [_look(place) for place in options.verified]
    try:
        found = compose(
            estates.load(options.estate),
            looks,
            options.at or datetime.now(UTC),
            devices=options.devices,
            timeline=_timeline(options.ledger, os.environ),
            reads=_reads(options.audit) if options.audit else None,
            another_time=options.at is not None,
        )
    except ValueError as error:
        if isinstance(error, ObetError):
            raise
        raise ObetError(f"{', '.join(options.verified)}: {error}") from None
    _write(options.output, page(found, options.language))
    return 0


def _look(place: str) -> Look:
    try:
        raw = sys.stdin.buffer.read() if place == "-" else Path(place).read_bytes()
        told = msgspec.json.decode(raw, type=_Verified)
    except OSError as error:
        raise ObetError(f"{place}: cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise ObetError(f"{place}: is not what `obet verify --json` prints: {error}") from None
    return Look(run=told.run, at=told.at, digest=f"sha256:{hashlib.sha256(raw).hexdigest()}", checks=told.seen)


def _timeline(place: Path | None, environment: Mapping[str, str]) -> list[TimelineEntry]:
    """Of the ledger that was named, which must be there, or of this node's own, which may be missing."""
    path = place or _own_ledger(environment)
    if place is None and not path.exists():
        return []
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ObetError(f"{path}: cannot be read: {error.strerror}") from None
    return [_entry(path, number, line) for number, line in enumerate(lines, start=1)]


def _own_ledger(environment: Mapping[str, str]) -> Path:
    """Where the journal stands: STATE_DIRECTORY, else XDG_STATE_HOME/obet, else ~/.local/state/obet."""
    state = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(environment.get("STATE_DIRECTORY") or f"{state}/obet") / "ledger.jsonl"


def _entry(path: Path, number: int, line: bytes) -> TimelineEntry:
    try:
        told = msgspec.json.decode(line, type=_LedgerLine)
    except msgspec.DecodeError:
        raise ObetError(f"{path}:{number}: is no line of a ledger") from None
    return TimelineEntry(
        at=told.at,
        run=told.run,
        by=told.by if told.by.endswith(told.node) else f"{told.by} on {told.node}",
        what=told.event,
        customer=told.customer,
        device=told.device,
        purpose=told.purpose,
        detail="; ".join(f"{name}: {_plain(value)}" for name, value in told.facts.items()),
    )


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _reads(places: Iterable[Path]) -> list[SecretRead]:
    found: list[SecretRead] = []
    for place in places:
        try:
            with place.open(encoding="utf-8") as lines:
                found += secret_reads(lines)
        except OSError as error:
            raise ObetError(f"{place}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ObetError(f"{place}: is no audit log: not UTF-8") from None
    return found


def _write(place: Path | None, text: str) -> None:
    """Whole or not at all, and for its owner only: what a page says is between us and the customer."""
    if place is None:
        sys.stdout.write(text)
        return
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=place.parent, delete=False) as file:
            file.write(text)
        Path(file.name).replace(place)
    except OSError as error:
        raise ObetError(f"{place}: cannot be written: {error.strerror}") from None
    print(f"{place}: written", file=sys.stderr)
