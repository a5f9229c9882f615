"""`obet ledger`: what runs did on this node, and for who may open them the details that are sealed in it."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from obet.commands import print_json, print_table
from obet.current_run import open_run
from obet.errors import ObetError, RunError, VaultDeniedError
from obet.evidence.chain import Line, damage
from obet.evidence.ledger import Ledger
from obet.evidence.timeline import entry
from obet.evidence.verification import open_verifier
from obet.model import Purpose
from obet.run import Run
from obet.vault import names, sealing
from obet.vault.session import Session

_SHORT = 8  # characters of a run's id


class _Details(msgspec.Struct, frozen=True):
    """What was sealed in a line, or why it stays so."""

    opened: str | None = None
    refused: str | None = None


def ledger(options: Namespace) -> int:
    """Lines of `--run` (its id, or how that begins) and `--device`; all where neither is said."""
    whole = _ledger(options.file, os.environ)
    every, torn = whole.lines(), whole.torn()
    lines = [line for line in every if _wanted(line, options)]
    details = _opened(lines, options) if options.details else {}
    for wrong in damage(every):
        print(f"obet: {whole.path}: {wrong}", file=sys.stderr)
    if torn:
        print(f"obet: {whole.path}: {torn} bytes at its end were half written, and never on record", file=sys.stderr)
    if options.json:
        return print_json(
            [{**msgspec.to_builtins(line), "details": msgspec.to_builtins(details.get(line.number))} for line in lines]
        )
    below = {number: _told(details.get(line.number)) for number, line in enumerate(lines, start=1)}
    return print_table(("TIME", "RUN", "WHAT", "WHERE", "PURPOSE", "BY", ""), map(_row, lines), below)


def _ledger(place: Path | None, environment: Mapping[str, str]) -> Ledger:
    if place is not None and not place.is_file():
        raise ObetError(f"{place}: cannot be read: there is no such file")
    return Ledger(place) if place else Ledger.of_this_node(environment)


def _wanted(line: Line, options: Namespace) -> bool:
    return line.run.startswith(options.run or "") and options.device in {None, line.device}


def _row(line: Line) -> tuple[str, ...]:
    told = entry(line)
    where = told.device or told.customer or "-"
    return line.at[:19], told.run[:_SHORT], told.what, where, told.purpose or "-", told.by, told.detail


def _told(details: _Details | None) -> list[str]:
    if details is None:
        return []
    if details.opened is None:
        return [f"stays sealed: {details.refused}"]
    return details.opened.splitlines()


def _opened(lines: Sequence[Line], options: Namespace) -> dict[int, _Details]:
    """By number, of the lines that hold something sealed. The run that opens them is on record itself.

    Under the caller's own login (an operator's, else this node's) and a purpose, or the verifier's login.
    """
    if options.estate is None:
        raise RunError("say whose keys open them: --estate FOLDER, or OBET_ESTATE in the environment")
    sealed = [line for line in lines if line.sealed and line.device]
    if options.verifier:
        run = open_verifier(options.estate)
        return _all_opened(run, sealed, lambda _: run.session)
    run = open_run(options.estate)
    known = {device for customer in run.estate.customers.values() for device in customer.devices}
    devices = dict.fromkeys(str(line.device) for line in sealed if line.device in known)

    def session(device: str) -> Session:
        if device not in known:
            raise RunError(f"{device}: is no device of this estate")
        return run.child(device)

    try:
        run.begin_play(Purpose(options.purpose), devices, lock=False)
    except ObetError:
        run.close()
        raise
    return _all_opened(run, sealed, session)


def _all_opened(run: Run, lines: Iterable[Line], session: Callable[[str], Session]) -> dict[int, _Details]:
    try:
        return {line.number: _open(line, session) for line in lines}
    finally:
        run.close()


def _open(line: Line, session: Callable[[str], Session]) -> _Details:
    device = str(line.device)
    try:
        key = names.device_key(str(line.customer), device)
        return _Details(opened=sealing.unseal(session(device), key, str(line.sealed)))
    except (RunError, VaultDeniedError, sealing.SealedError) as error:  # a Vault that is away opens no other either
        return _Details(refused=str(error))
