"""`obet report`: reads what was looked at, done and read, and writes the page."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec

from obet import estate as estates
from obet.errors import ObetError
from obet.evidence.compose import compose
from obet.evidence.ledger import Ledger
from obet.evidence.promises import Check
from obet.evidence.report import Look, Report, TimelineEntry
from obet.evidence.report_json import document
from obet.evidence.report_page import page, parts
from obet.evidence.timeline import entry
from obet.progress import Progress
from obet.vault.audit import SecretRead, secret_reads

_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class _Verified(msgspec.Struct, frozen=True):
    """What `obet verify --json` prints, but for its verdicts: those are drawn afresh from the checks."""

    run: str
    at: _Instant
    seen: tuple[Check, ...]


def report(options: Namespace) -> int:
    looks = [_look(place) for place in options.verified]
    estate = estates.load(options.estate)
    timeline = _timeline(options.ledger, os.environ)
    reads = _reads(options.audit) if options.audit else None
    try:
        with Progress("putting the report together", len(estate.customers)) as progress:
            found = compose(
                estate,
                looks,
                options.at or datetime.now(UTC),
                devices=options.devices,
                timeline=timeline,
                reads=reads,
                another_time=options.at is not None,
                step=progress.step,
            )
    except ValueError as error:
        if isinstance(error, ObetError):
            raise
        raise ObetError(f"{', '.join(options.verified)}: {error}") from None
    _write(options.output, f"{json.dumps(document(found), indent=2)}\n" if options.json else _page(found, options))
    return 0


def _page(found: Report, options: Namespace) -> str:
    with Progress("writing the page", parts(found)) as progress:
        return page(found, options.language, progress.step)


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
    ledger = Ledger(place) if place else Ledger.of_this_node(environment)
    if place is not None and not place.is_file():
        raise ObetError(f"{place}: cannot be read: there is no such file")
    with Progress("reading the ledger, lines") as progress:
        return [entry(line) for line in ledger.lines(progress.step)]


def _reads(places: Iterable[Path]) -> list[SecretRead]:
    found: list[SecretRead] = []
    for place in places:
        try:
            with place.open(encoding="utf-8") as lines, Progress(f"reading {place}, lines") as progress:
                found += secret_reads(_counted(lines, progress.step))
        except OSError as error:
            raise ObetError(f"{place}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ObetError(f"{place}: is no audit log: not UTF-8") from None
    return found


def _counted(lines: Iterable[str], step: Callable[[], None]) -> Iterator[str]:
    for line in lines:
        yield line
        step()


def _write(place: Path | None, text: str) -> None:
    """Whole or not at all, and for its owner only: what a page says is between us and the customer."""
    if place is None:
        sys.stdout.write(text)
        return
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=place.parent, delete=False) as file:
            try:
                file.write(text)
                file.flush()
                Path(file.name).replace(place)
            except OSError:
                Path(file.name).unlink()
                raise
    except OSError as error:
        raise ObetError(f"{place}: cannot be written: {error.strerror}") from None
    print(f"{place}: written", file=sys.stderr)
