"""What each command of `obet` does: one call of the core, and its answer for people or for machines."""

from __future__ import annotations

import json
import os
import sys
import uuid
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from getpass import getpass
from typing import Any

import msgspec

from obet import estate as estates
from obet.current_run import open_run
from obet.endings import open_endings
from obet.erasure.journal import Journal
from obet.erasure.steps import Step
from obet.errors import EstateError, ObetError, ProofError, RunError, printable
from obet.evidence.addresses import Addressees
from obet.evidence.promises import Check, as_json, verdicts
from obet.evidence.verification import open_verifier, verify_rules
from obet.evidence.verification import verify as look
from obet.model import AccountName, Device, Estate, Purpose
from obet.obligations import Expiry, Obligation, grants, obligations, warnings
from obet.plan import customer_key, device_plan
from obet.progress import Progress
from obet.run import Run
from obet.secret import Secret
from obet.vault import credentials, device_secrets, names
from obet.vault.audit import secret_reads
from obet.vault.desired import Resource, desired
from obet.vault.session import AppRoleCredential, Session, Token
from obet.vault.state import Change, apply, closings, difference, remedy

_DRIFT = 2


def due(options: Namespace) -> int:
    now = options.at or datetime.now(UTC)
    estate = estates.load(options.estate)
    found = obligations(estate, now)
    journal = Journal.of_this_node(os.environ)
    near, pending = warnings(found, now, journal.ended()), open_endings(estate, found, journal.latest())
    if options.json:
        lists = {"obligations": found, "warnings": near, "pending": pending}
        return print_json({name: msgspec.to_builtins(values) for name, values in lists.items()})
    rows = [
        (
            o.subject,
            o.state,
            _required(o),
            _day(o.since),
            _day(o.until),
            f"{o.promise}: {o.cause}",
        )
        for o in found
    ]
    print_table(("SUBJECT", "STATE", "WHAT MUST HOLD", "SINCE", "UNTIL", "WHY"), rows)
    if near:
        print("\nENDS BY ITSELF")
        _print_warnings(near)
    if pending:
        print("\nPENDING")
        for ending in pending:
            print(f"pending: {ending}")
    return 0


def _required(obligation: Obligation) -> str:
    if obligation.metric is not None:
        return f"{obligation.requirement} {obligation.keep_days} days ({obligation.metric})"
    return f"{obligation.requirement}{f' ({obligation.purpose})' if obligation.purpose else ''}"


def _print_warnings(near: Iterable[Expiry]) -> None:
    for expiry in near:
        print(f"warning: {expiry}")


def plan(options: Namespace) -> int:
    """A look without Vault: the CA's key and our source address are left to the run that applies."""
    estate = estates.load(options.estate)
    found = obligations(estate, options.at or datetime.now(UTC))
    devices = _devices(estate, options.devices)
    plans = [
        device_plan(estate, devices[name], found, granted=(), ca_public_key="", our_source=None, done={}).variables()
        for name in options.devices or devices
    ]
    if options.json:
        return print_json(plans)
    for one in plans:
        print(
            f"{one['device']}: until {one['due'] or 'open'}, hard stop {one['hard_stop'] or 'none'}, {one['enforce']}"
        )
        print(one["management"]["text"])
    return 0


def _devices(estate: Estate, wanted: Iterable[str]) -> dict[str, Device]:
    """All devices by id; RunError when one that is wanted is not among them."""
    devices = {device.id: device for customer in estate.customers.values() for device in customer.devices.values()}
    for unknown in set(wanted) - set(devices):
        raise RunError(f"{unknown}: is no device of this estate")
    return devices


def verify(options: Namespace) -> int:
    run = open_verifier(options.estate)
    try:
        total = len(options.devices or [d for c in run.estate.customers.values() for d in c.devices])
        with Progress("verifying devices", total) as progress:
            if options.rules:
                checks = verify_rules(run, options.devices, progress.step)
            else:
                checks = look(run, options.devices, options.audit, progress.step)
    finally:
        run.close()
    if options.json:  # is kept, and outlives the access that addresses belong to: those are for who looks now
        kept = Addressees(run.estate).in_checks(checks)
        print_json({"run": run.id, "at": run.now.isoformat(), **as_json(kept)})
    else:
        print_checks(checks)
        print()
        print_promises(checks)
    return ProofError.exit_code if any(check.passed is False for check in checks) else 0


def print_checks(checks: Sequence[Check]) -> None:
    """Each check that ran, a line each."""
    marks = {True: "ok", False: "FAILED", None: "open"}
    for check in checks:
        print(f"{marks[check.passed]:7}{check.promise:15}{check.where:14}{check.proof}: {printable(check.seen)}")


def print_promises(checks: Sequence[Check]) -> None:
    """The ten promises: what was shown, and below each what is still missing or must be done."""
    words = {True: "holds", False: "BROKEN", None: "not shown"}
    print(f"{'PROMISE':17}{'STATE':11}CHECKS  MISSING")
    for verdict in verdicts(checks):
        todo = [*dict.fromkeys(failure["remedy"] for failure in verdict.failures), *verdict.missing] or [""]
        head = f"{verdict.name:17}{words[verdict.holds]:11}{verdict.checks:<8}"
        for line in todo:
            print(f"{head}{line}".rstrip())
            head = " " * len(head)


def vault_bootstrap(options: Namespace) -> int:
    """With an administrator's token, from standard input: never in arguments or environment."""
    estate = estates.load(options.estate)
    session = Session(estate.settings.vault, str(uuid.uuid4()), Token(asked("Administrator's token: ")))
    try:
        changes = [change for change in _difference(session, desired(estate, ())) if change.base]
        _apply(session, changes)
        if options.credentials:
            _hand_out(session, names.REGISTRAR, options)
        tell(options, f"{len(changes)} made" if changes else "nothing to do", made=[str(change) for change in changes])
    finally:
        if options.revoke_token:
            session.close()
    return 0


def _hand_out(session: Session, role: str, options: Namespace) -> None:
    place = f"auth/{session.settings.approle_mount}/role/{role}"
    role_id = session.get(f"{place}/role-id")
    if role_id is None:
        raise RunError(f"{role}: is no AppRole role: `obet vault bootstrap` makes ours")
    secret_id = session.put(f"{place}/secret-id", {})
    credential = AppRoleCredential(role_id["role_id"], secret_id["secret_id"])
    credentials.save(options.credentials, role, credential)


def vault_credential(options: Namespace) -> int:
    run = open_run(options.estate, names.REGISTRAR)
    try:
        options.credentials = options.to
        _hand_out(run.session, options.role, options)
    finally:
        run.close()
    tell(options, f"{options.role}: login material is in {options.to}", role=options.role, folder=str(options.to))
    return 0


def vault_plan(options: Namespace) -> int:
    run = open_run(options.estate, names.REGISTRAR)
    try:
        run.sees_the_record()
        changes = _difference(run.session, desired(run.estate, run.grants()))
    finally:
        run.close()
    if options.json:
        print_json(_plain_changes(changes))
    else:
        _print_changes(run, changes, "to do")
    return _DRIFT if changes else 0


def vault_apply(options: Namespace) -> int:
    """The registrar's run. What only an administrator may mend is reported as drift, and nothing of it is touched.

    While a contract or the journal cannot be read, or the journal is not the nodes', it opens nothing, and still closes
    what the others' contracts end.
    """
    try:
        run = open_run(options.estate, names.REGISTRAR)
    except EstateError:
        with _said_besides():
            estate, unread = estates.load_readable(options.estate)
            _only_close(open_run(options.estate, names.REGISTRAR, estate=estate), unread)
        raise
    try:
        run.sees_the_record()
        granted = run.grants()
    except ObetError:
        with _said_besides():
            _only_close(run)
        raise
    try:
        changes = _difference(run.session, desired(run.estate, granted))
        _apply(run.session, [change for change in changes if not change.base])
        near = warnings(run.obligations(), run.now, run.journal.ended())
    finally:
        run.close()
    if options.json:
        print_json({"changes": _plain_changes(changes), "warnings": msgspec.to_builtins(near)})
    else:
        _print_warnings(near)
        _print_changes(run, changes, "made")
    return _DRIFT if any(change.base for change in changes) else 0


@contextmanager
def _said_besides() -> Iterator[None]:
    """Closing that fails too must not hide why nothing else was done."""
    try:
        yield
    except ObetError as failed:
        print(f"obet: not all was closed that could be: {failed}", file=sys.stderr)


def _only_close(run: Run, unread: Iterable[str] = ()) -> None:
    """What no contract calls for any more, grants or parts of them, but for customers whose contract was not read."""
    try:
        changes = _difference(run.session, desired(run.estate, grants(run.obligations())))
        over = [change for change in closings(changes) if not change.path.endswith(tuple(unread))]
        _apply(run.session, over)
    finally:
        run.close()
    for change in over:
        print(change, file=sys.stderr)


def _plain_changes(changes: Sequence[Change]) -> list[dict[str, str]]:
    return [{"action": c.action, "path": c.path, "for": "administrator" if c.base else "registrar"} for c in changes]


def _difference(session: Session, wanted: Sequence[Resource]) -> list[Change]:
    with Progress("reading Vault", len(wanted)) as progress:
        return difference(session, wanted, progress.step)


def _apply(session: Session, changes: Sequence[Change]) -> None:
    with Progress("writing to Vault", len(changes)) as progress:
        apply(session, changes, progress.step)


def _print_changes(run: Run, changes: Sequence[Change], verb: str) -> None:
    for change in changes:
        note = f"  (drift: {remedy(run.estate.settings.vault, change)})" if change.base else ""
        print(f"{change}{note}")
    print(f"{len(changes)} {verb}" if changes else "nothing to do: Vault is as contracts and clock say")


def secret_login(options: Namespace) -> int:
    """Keeps the customer's initial login; refused once a password of ours is in its place."""
    try:
        user = msgspec.convert(options.user, AccountName)
    except msgspec.ValidationError:
        raise RunError("--user: is no account's name: a-z, 0-9, _ and - only") from None
    _devices(estates.load(options.estate), [options.device])  # before anybody types a password for nothing
    password = asked(f"Password of {user} on {options.device}: ")
    run = open_run(options.estate)
    try:
        customer = run.estate.customer_of(run.device(options.device).id).id
        run.begin_play(Purpose.TECHNICAL, [options.device])
        found = device_secrets.read(run.child(options.device), customer, options.device)
        if found.login is not None and found.login.taken_over:
            raise RunError(f"{options.device}: its login is taken over already: rotate it instead")
        login = device_secrets.Login(user, Secret(password))
        device_secrets.write(
            run.child(options.device), customer, options.device, msgspec.structs.replace(found, login=login)
        )
    finally:
        run.close()
    tell(options, f"{options.device}: kept", device=options.device)
    return 0


def handover_confirm(options: Namespace) -> int:
    """Records that the customer has logged in with the key that his device's file names."""
    run = open_run(options.estate)
    try:
        _confirm(run, options.device)
    finally:
        run.close()
    tell(options, f"{options.device}: the customer's own access is confirmed", device=options.device)
    return 0


def _confirm(run: Run, device: str) -> None:
    key = customer_key(run.device(device))
    placed = run.journal.last(device).get(Step.CUSTOMER_ACCESS_PLACED)
    if placed is None or placed.detail.get("key") != key:
        raise RunError(f"{device}: that key is not in place yet: run playbooks/post_warranty.yml first")
    run.record(device, Step.CUSTOMER_ACCESS_CONFIRMED, {"key": key})


def audit(options: Namespace) -> int:
    try:
        with options.file.open(encoding="utf-8") as lines:
            reads = [read for read in secret_reads(lines) if options.run in {None, read.run}]
    except OSError as error:
        raise ObetError(f"{options.file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ObetError(f"{options.file}: is no audit log: not UTF-8") from None
    if options.json:
        return print_json(msgspec.to_builtins(reads))
    rows = [(r.at[:19], "refused" if r.refused else "read", r.path, r.purpose, r.address, r.run) for r in reads]
    return print_table(("TIME", "ANSWER", "PATH", "PURPOSE", "FROM", "RUN"), rows)


def asked(prompt: str) -> str:
    """A secret, from a person without echo, else a line of standard input."""
    answer = getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not answer:
        raise RunError(f"no answer to {prompt.rstrip(': ')!r} on standard input")
    return answer


def tell(options: Namespace, text: str, **facts: Any) -> None:
    """What was done: a sentence for people, facts for machines."""
    print(json.dumps({"done": True, **facts}) if options.json else text)


def print_json(value: Any) -> int:
    print(json.dumps(value, indent=2))
    return 0


def print_table(
    head: tuple[str, ...], rows: Iterable[tuple[str, ...]], below: Mapping[int, Iterable[str]] | None = None
) -> int:
    """Rows in columns as wide as they must be; `below` has what stands under a row, by its number from 1 on."""
    table = [head, *(tuple(printable(str(cell)) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    for number, row in enumerate(table):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        for line in (below or {}).get(number, ()):
            print(f"  {printable(line)}")
    return 0


def _day(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%MZ") if moment else "-"
