"""What Vault's audit log and the ledger say together, as checks: the ledger is whole, each read belongs to a run."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from obet.errors import ObetError
from obet.evidence.ledger import Line, damage
from obet.evidence.promises import Check
from obet.evidence.reconciliation import Judged, reconcile, shortened, unlogged
from obet.model import Estate
from obet.run import Run
from obet.vault import checkpoint
from obet.vault.audit import secret_reads, time_of
from obet.vault.desired import RUN_LIFE

LEDGER_IS_WHOLE = "the ledger of runs is whole"
READ_BELONGS = "each read of access information belongs to a run"
_ELSEWHERE = "no device of this estate"
_SHOWN = 5  # a thousand stolen reads are shown by five


def trail(run: Run, devices: Sequence[str], audit_log: Path | None) -> list[Check]:
    """The ledger as a whole, and for each of `devices` (and for what is none of ours) the reads of its secrets."""
    try:
        lines = run.ledger.lines()
        vouched = checkpoint.read(run.session)
    except ObetError as error:
        return [_check(LEDGER_IS_WHOLE, "ledger", False, str(error))]
    wrong = [*damage(lines), *filter(None, [shortened(lines, vouched)])]
    whole = _check(LEDGER_IS_WHOLE, "ledger", not wrong, "; ".join(wrong[:_SHOWN]) or f"{len(lines)} lines")
    return [whole, *_reads(run, lines, devices, audit_log or readable_log(run.estate))]


def readable_log(estate: Estate) -> Path | None:
    """The first of Vault's audit logs that can be read here; None where Vault is on another host."""
    for path in map(Path, estate.settings.vault.audit_files):
        try:
            path.open("rb").close()
        except OSError:
            continue
        return path
    return None


def _reads(run: Run, lines: Sequence[Line], devices: Sequence[str], audit_log: Path | None) -> list[Check]:
    if audit_log is None:
        why = "Vault's audit log cannot be read here: give it with --audit FILE"
        return [_check(READ_BELONGS, device, None, why) for device in devices]
    addresses = {
        name: [str(address) for address in (node.addresses.ipv4, node.addresses.ipv6) if address]
        for name, node in run.estate.settings.nodes.items()
    }
    try:
        with audit_log.open(encoding="utf-8", errors="replace") as log:
            first = log.readline()
            reads = list(secret_reads(itertools.chain([first], log)))
    except OSError as error:
        return [_check(READ_BELONGS, d, None, f"{audit_log}: cannot be read: {error.strerror}") for d in devices]
    judged = reconcile(lines, reads, addresses, run.now - timedelta(seconds=RUN_LIFE))
    if missing := unlogged(lines, reads, time_of(first)):
        why = f"{len(missing)} reads of the ledger are not in {audit_log}: it was cut, or is not this Vault's"
        return [_check(READ_BELONGS, "Vault's audit log", False, why)]
    by_device = _by_device(judged, run.estate)
    wanted = [*devices, *([_ELSEWHERE] if _ELSEWHERE in by_device else [])]
    return [_of_device(device, by_device.get(device, [])) for device in wanted]


def _by_device(judged: Iterable[Judged], estate: Estate) -> Mapping[str, list[Judged]]:
    known = {device for customer in estate.customers.values() for device in customer.devices}
    found: dict[str, list[Judged]] = {}
    for one in judged:
        found.setdefault(one.read.device if one.read.device in known else _ELSEWHERE, []).append(one)
    return found


def _of_device(device: str, judged: Sequence[Judged]) -> Check:
    stray = [one for one in judged if one.accounted is False]
    if stray:
        told = "; ".join(f"{one.read.at[:19]}Z, run {one.read.run[:8]}: {one.why}" for one in stray[:_SHOWN])
        return _check(READ_BELONGS, device, False, f"{len(stray)} of {len(judged)} reads: {told}")
    under_way = sum(one.accounted is None for one in judged)
    runs = len({one.read.run for one in judged})
    later = f", {under_way} of runs under way are judged when those have ended" if under_way else ""
    return _check(READ_BELONGS, device, True, f"{len(judged)} reads by {runs} runs{later}")


def _check(proof: str, where: str, passed: bool | None, seen: str) -> Check:
    remedy = "" if passed else "find out who read it; revoke that login; `playbooks/rotate_credentials.yml`"
    if proof == LEDGER_IS_WHOLE and not passed:
        remedy = "put the ledger aside as evidence, and compare it with its backup"
    return Check(promise="fixed-ip", proof=proof, where=where, passed=passed, seen=seen, remedy=remedy)
