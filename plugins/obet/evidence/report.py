"""What a report says: the looks that it is made from, and what of them it tells of each customer. Pure types."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from obet.evidence.promises import Check

DeviceState = Literal["closed", "coming", "open", "ending", "ended", "overdue"]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One `obet verify`: its checks, and the digest (`sha256:…`) of the file that they came in."""

    run: str
    at: datetime
    digest: str
    checks: tuple[Check, ...]


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done or seen; `detail` is for people, of ids, digests and counts."""

    at: datetime
    run: str
    by: str
    what: str
    customer: str | None = None
    device: str | None = None
    purpose: str | None = None
    detail: str = ""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One check, with the look that it is from."""

    where: str
    passed: bool | None
    text: str
    remedy: str
    at: datetime
    run: str


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """`passed` is None when it was not looked at, or could not be decided."""

    name: str
    passed: bool | None
    seen: tuple[Seen, ...]


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """One of the ten, of one customer. `due` is false when no device calls for it: none is administered, or ended."""

    name: str
    holds: bool | None
    due: bool
    proofs: tuple[Proof, ...]
    not_looked_at: tuple[str, ...] = ()

    @property
    def looked_at(self) -> bool:
        return any(proof.seen for proof in self.proofs)

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(proof.name for proof in self.proofs if proof.passed is None)


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A date of a device: what begins or ends then, in how many days where the contract lives (negative: ago)."""

    at: datetime
    begins: bool
    days: int
    what: str
    because: str


class DevicePart(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    now: DeviceState
    because: str
    points: tuple[Point, ...]


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """`point` is None when no date but an act of the customer's is waited for."""

    customer: str
    zone: str
    device: str
    what: str
    because: str
    point: Point | None
    late: bool


class CustomerPart(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    zone: str
    devices: tuple[DevicePart, ...]
    promises: tuple[Promise, ...]

    def count(self, holds: bool | None) -> int:
        return sum(promise.holds is holds for promise in self.promises)


class Reads(msgspec.Struct, frozen=True, kw_only=True):
    """Reads of one secret that are alike, together; `source` is None when no node of ours asked."""

    place: str
    purpose: str
    refused: bool
    source: str | None
    run: str
    times: int
    first: str
    last: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    another_time: bool
    nodes: tuple[str, ...]
    control_node: str
    looks: tuple[Look, ...]
    customers: tuple[CustomerPart, ...]
    elsewhere: tuple[Promise, ...]
    pending: tuple[Pending, ...]
    timeline: tuple[TimelineEntry, ...]
    reads: tuple[Reads, ...]
    audit_given: bool

    def count(self, holds: bool | None) -> int:
        return sum(customer.count(holds) for customer in self.customers)

    @property
    def broken(self) -> int:
        return self.count(holds=False) + sum(promise.holds is False for promise in self.elsewhere)
