"""What Vault's audit log and the ledger say together, as checks: the ledger is whole, each read belongs to a run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from obet.errors import ObetError
from obet.evidence.chain import Line, damage
from obet.evidence.promises import LEDGER, Check
from obet.evidence.reconciliation import Judged, reconcile, shortened, unlogged
from obet.model import Estate
from obet.run import Run
from obet.vault import checkpoint, names
from obet.vault.audit import SecretRead, secret_reads, written_at
from obet.vault.desired import RUN_LIFE

LEDGER_IS_WHOLE = "the ledger of runs is whole"
READ_BELONGS = "each read of access information belongs to a run"
_ELSEWHERE = "no device of this estate"
_SHOWN = 5  # a thousand stolen reads are shown by five
_SKEW = timedelta(seconds=30)
_NOT_UP_TO_NOW = "Vault's audit log that was read does not reach to now: it knows nothing of this run"
_CUT = "lines of it are gone, or a device of it was off"
_REMEDY = {
    LEDGER_IS_WHOLE: "put the ledger aside as evidence, and compare it with its backup",
    READ_BELONGS: "find out who read it; revoke that login; `playbooks/rotate_credentials.yml`",
}


def trail(run: Run, devices: Sequence[str], audit_log: Path | None) -> list[Check]:
    """The ledger as a whole, and for each of `devices` (and for what is none of ours) the reads of its secrets."""
    try:
        # In this order: what other runs add meanwhile stands in what is looked at later, and is never missed.
        reached, _ = run.ledger.head()
        told = _told([audit_log] if audit_log else readable_logs(run.estate), run.id)
        vouched = checkpoint.read(run.session)
        lines = run.ledger.lines()
    except ObetError as error:
        return [_check(LEDGER_IS_WHOLE, LEDGER, False, str(error))]
    wrong = [*damage(lines), *filter(None, [shortened(lines, vouched)])]
    whole = _check(LEDGER_IS_WHOLE, LEDGER, not wrong, "; ".join(wrong[:_SHOWN]) or _counted(lines))
    return [whole, *_reads(run, lines, reached, devices, told)]


def _counted(lines: Sequence[Line]) -> str:
    torn = sum("torn" in line.facts for line in lines)
    return f"{len(lines)} lines{f'; {torn} more half written by what was killed, and never on record' if torn else ''}"


def readable_logs(estate: Estate) -> list[Path]:
    """Those of Vault's audit logs that can be read here: none where Vault is on another host."""
    return [
        path for path in map(Path, estate.settings.vault.audit_files) if path.is_file() and os.access(path, os.R_OK)
    ]


class _Told(msgspec.Struct):
    """What Vault's audit logs tell together (one whose disk was full lacks what another has)."""

    reads: dict[str, SecretRead] = {}
    since: datetime | None = None
    knows_this_run: bool = False
    wrong: str = ""


def _told(logs: Sequence[Path], run: str) -> _Told:
    told = _Told(wrong="" if logs else "Vault's audit log cannot be read here: give it with --audit FILE")
    for path in logs:
        if path.exists() and not path.is_file():
            told.wrong = f"{path}: is no plain file"  # a pipe would be waited for without end
            continue
        try:
            with path.open(encoding="utf-8", errors="replace") as log:
                told.reads |= {read.request: read for read in secret_reads(_noticed(told, log, run))}
        except OSError as error:
            told.wrong = f"{path}: cannot be read: {error.strerror}"
    return told


def _noticed(told: _Told, log: Iterable[str], run: str) -> Iterator[str]:
    """The lines as they are; on the way it is noticed since when they tell, and whether they reach to this very run."""
    first = True
    for line in log:
        told.knows_this_run = told.knows_this_run or run in line
        if first and (at := written_at(line)):
            first, told.since = False, min(at, told.since or at)
        yield line


def _reads(run: Run, lines: Sequence[Line], reached: int, devices: Sequence[str], told: _Told) -> list[Check]:
    addresses = {
        name: [str(address) for address in (node.addresses.ipv4, node.addresses.ipv6) if address]
        for name, node in run.estate.settings.nodes.items()
    }
    judged = reconcile(lines, told.reads.values(), addresses, run.now - timedelta(seconds=RUN_LIFE))
    # A run begins by its node's clock, the log by Vault's.
    lost = unlogged(lines[:reached], told.reads.values(), told.since + _SKEW) if told.since else []
    by_device, lost_by_device = _by_device(judged, run.estate), Counter(map(names.device_of, lost))
    wanted = [*devices, *([_ELSEWHERE] if _ELSEWHERE in by_device else [])]
    return [_of_device(device, by_device.get(device, []), lost_by_device[device], told) for device in wanted]


def _by_device(judged: Iterable[Judged], estate: Estate) -> Mapping[str, list[Judged]]:
    known = {device for customer in estate.customers.values() for device in customer.devices}
    found: dict[str, list[Judged]] = {}
    for one in judged:
        found.setdefault(one.read.device if one.read.device in known else _ELSEWHERE, []).append(one)
    return found


def _of_device(device: str, judged: Sequence[Judged], lost: int, told: _Told) -> Check:
    stray = [one for one in judged if one.accounted is False]
    if stray:
        seen = "; ".join(f"{one.read.at[:19]}Z, run {one.read.run[:8]}: {one.why}" for one in stray[:_SHOWN])
        return _check(READ_BELONGS, device, False, f"{len(stray)} of {len(judged)} reads: {seen}")
    if not told.knows_this_run:
        return _check(READ_BELONGS, device, None, told.wrong or _NOT_UP_TO_NOW)
    if lost:
        return _check(READ_BELONGS, device, False, f"{lost} reads in the ledger are not in Vault's audit log: {_CUT}")
    if under_way := sum(one.accounted is None for one in judged):
        return _check(READ_BELONGS, device, None, f"{under_way} of {len(judged)} reads are of runs still under way")
    return _check(READ_BELONGS, device, True, f"{len(judged)} reads by {len({one.read.run for one in judged})} runs")


def _check(proof: str, where: str, passed: bool | None, seen: str) -> Check:
    remedy = _REMEDY[proof] if passed is False else ""
    return Check(promise="fixed-ip", proof=proof, where=where, passed=passed, seen=seen, remedy=remedy)
