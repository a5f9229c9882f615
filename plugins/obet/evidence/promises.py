"""The ten promises by name, and for each the proofs without which it is not said to hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

# Each proof is named for what must have been seen. What has no check yet is listed all the same: it is "missing".
PROOFS: dict[str, tuple[str, ...]] = {
    "consent": (
        "a job with a valid record is served by Vault",
        "a job without one is refused by Vault",
        "the customer has a receipt",
    ),
    "purpose": (
        "each identity read in Vault's trail has its purpose and case",
        "no store outside Vault holds a name, an e-mail address or a phone number",
    ),
    "agreed-contacts": (
        "forged, look-alike and header-injected mail is no request",
        "an address that is not agreed receives nothing",
    ),
    "no-linking": ("no store holds an address that was seen, beside a customer",),
    "minimal-data": (
        "the oldest row of each kind is within its limit",
        "no outgoing mail holds an identifier of its customer",
        "tokens of two channels cannot be joined",
    ),
    "portal": ("neither of two customers sees anything of the other's",),
    "fixed-ip": (
        "the device's own rules let no other source match",
        "the fixed addresses get in",
        "outsiders do not get in",
        "the device itself counted what it denied",
        "the device is managed where it is named, and by nothing in clear",
        "the ledger of runs is whole",
        "each read of access information belongs to a run",
    ),
    "certificates": (
        "Vault and every store hold no private key of the customer's after handover",
        "two devices still talk with the customer's certificates",
    ),
    "post-warranty": (
        "our access was removed from the device",
        "the device refuses each old credential",
        "Vault holds no secret and no grant for the device",
        "a scan of every store finds nothing",
        "a signed certificate says so",
    ),
    "offboarding": (
        "a scan of every store finds nothing",
        "a restored backup is erased again before it serves",
        "a signed certificate says so and says what was not proven",
    ),
}


# A place that is no device: what is seen there counts for every customer.
LEDGER = "ledger"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at: passed, failed, or (None) could not be decided, and why."""

    promise: str
    proof: str
    where: str
    passed: bool | None
    seen: str
    remedy: str = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`holds` is true only when every proof ran and passed, false on any failure, otherwise unknown."""

    name: str
    holds: bool | None
    checks: int
    failures: tuple[dict[str, str], ...]
    missing: tuple[str, ...]


def verdicts(checks: Iterable[Check]) -> list[Verdict]:
    """The ten, in their order. ValueError when a check names no promise or proof of the table: it would not count."""
    found = list(checks)
    for check in found:
        if check.proof not in PROOFS.get(check.promise, ()):
            raise ValueError(f"{check.promise}: {check.proof}: is no proof of the table")
    return [_verdict(name, proofs, [c for c in found if c.promise == name]) for name, proofs in PROOFS.items()]


def _verdict(name: str, proofs: tuple[str, ...], checks: list[Check]) -> Verdict:
    failed = [c for c in checks if c.passed is False]
    undecided = {c.proof for c in checks if c.passed is None}
    shown = {c.proof for c in checks if c.passed} - undecided
    missing = tuple(proof for proof in proofs if proof not in shown)
    return Verdict(
        name=name,
        holds=False if failed else None if missing else True,
        checks=len(checks),
        failures=tuple({"what": f"{c.proof}: {c.seen}", "where": c.where, "remedy": c.remedy} for c in failed),
        missing=() if failed else missing,
    )


def as_json(checks: Iterable[Check]) -> dict[str, Any]:
    """The stable form of `obet verify --json`, and under `seen` each check that ran."""
    found = list(checks)
    return {"promises": msgspec.to_builtins(verdicts(found)), "seen": msgspec.to_builtins(found)}
