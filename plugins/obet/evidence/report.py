"""What a report says: from what was looked at, what must hold and what was done. Pure, and nothing but what was seen.

`compose` answers a `Report`; `report_page` makes the page of it. Addresses of devices do not get into a report: it
outlives the access that they belong to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from obet.errors import RunError
from obet.evidence.addresses import Addressees
from obet.evidence.promises import PROOFS, Check, verdicts
from obet.model import Customer, Estate, Purpose
from obet.obligations import Obligation, Requirement, State, obligations
from obet.vault.audit import SecretRead

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
    """One of the ten, of one customer. `due`: whether anything calls for it at this time, as far as contracts tell."""

    name: str
    holds: bool | None
    due: bool
    proofs: tuple[Proof, ...]
    not_looked_at: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(proof.name for proof in self.proofs if proof.passed is None)


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A date of a device: what begins or ends then, in how many days where the contract lives (negative: ago)."""

    at: datetime
    days: int
    what: str


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


def compose(
    estate: Estate,
    looks: Iterable[Look],
    at: datetime,
    *,
    devices: Sequence[str] = (),
    timeline: Iterable[TimelineEntry] = (),
    reads: Iterable[SecretRead] | None = None,
    another_time: bool = False,
) -> Report:
    """The report of these devices' customers, or of the whole estate, with what must hold at `at`.

    RunError when a device is none of the estate; ValueError when a check names no promise or proof.
    """
    chosen = _chosen(estate, devices)
    found = sorted(looks, key=lambda look: look.at)
    kept, hidden = _latest(found), Addressees(estate)
    owners = {device: customer.id for customer in estate.customers.values() for device in customer.devices}
    places = {*owners, *estate.customers}
    duties = [o for o in obligations(estate, at) if o.device in chosen.get(o.customer, ())]
    parts = tuple(_customer(estate.customers[name], ids, kept, duties, at, hidden) for name, ids in chosen.items())
    only = {device for ids in chosen.values() for device in ids} | set(chosen) if devices else None
    elsewhere = [] if devices else [(look, check) for look, check in kept if check.where not in places]
    return Report(
        at=at,
        another_time=another_time,
        nodes=tuple(estate.settings.nodes),
        control_node=estate.control_node,
        looks=tuple(found),
        customers=parts,
        elsewhere=tuple(p for p in _promises(elsewhere, [], hidden) if any(proof.seen for proof in p.proofs)),
        pending=_pending(parts),
        timeline=_timeline(timeline, found, only, hidden),
        reads=_reads(reads or (), only, hidden),
        audit_given=reads is not None,
    )


def _chosen(estate: Estate, devices: Sequence[str]) -> dict[str, list[str]]:
    """Customers, each with the devices that the report tells of."""
    every = {customer.id: list(customer.devices) for customer in estate.customers.values()}
    for unknown in set(devices) - {device for ids in every.values() for device in ids}:
        raise RunError(f"{unknown}: is no device of this estate")
    if not devices:
        return every
    return {name: own for name, ids in every.items() if (own := [device for device in ids if device in devices])}


_Checked = tuple[Look, Check]


def _latest(looks: Sequence[Look]) -> list[_Checked]:
    """Of each proof at each place the latest look only: what was mended since then is not told as broken."""
    latest: dict[tuple[str, str, str], list[_Checked]] = {}
    for look in looks:
        groups: defaultdict[tuple[str, str, str], list[_Checked]] = defaultdict(list)
        for check in look.checks:
            groups[check.promise, check.proof, check.where].append((look, check))
        latest |= groups
    kept = [pair for group in latest.values() for pair in group]
    verdicts(check for _, check in kept)  # a check that would count for nothing is an error
    return kept


def _customer(
    customer: Customer,
    ids: Sequence[str],
    kept: Sequence[_Checked],
    duties: Sequence[Obligation],
    at: datetime,
    hidden: Addressees,
) -> CustomerPart:
    own = [(look, check) for look, check in kept if check.where in {customer.id, *ids}]
    mine = [duty for duty in duties if duty.customer == customer.id]
    zone = customer.contract.time_zone
    return CustomerPart(
        id=customer.id,
        zone=zone,
        devices=tuple(_device(name, [o for o in mine if o.device == name], own, at, zone) for name in ids),
        promises=_promises(own, mine, hidden),
    )


# promises


def _promises(checked: Sequence[_Checked], duties: Sequence[Obligation], hidden: Addressees) -> tuple[Promise, ...]:
    """The ten. One holds when `verdicts` says so and each device that it is due for was looked at."""
    parts = []
    for verdict in verdicts(check for _, check in checked):
        own = [(look, check) for look, check in checked if check.promise == verdict.name]
        calls = [duty for duty in duties if duty.promise == verdict.name and _calls_for_a_look(duty)]
        due = [duty.device for duty in calls if duty.device]
        unseen = tuple(dict.fromkeys(device for device in due if device not in {check.where for _, check in own}))
        parts.append(
            Promise(
                name=verdict.name,
                holds=None if verdict.holds and unseen else verdict.holds,
                due=bool(due),
                proofs=tuple(_proof(name, own, hidden) for name in PROOFS[verdict.name]),
                not_looked_at=unseen,
            )
        )
    return tuple(parts)


def _calls_for_a_look(duty: Obligation) -> bool:
    """That we may work on a device is no promise kept; that our access ends is one from its ending on."""
    if duty.requirement is Requirement.ACCESS_ALLOWED and duty.purpose is Purpose.TECHNICAL:
        return False
    return duty.state is State.IN_FORCE or (duty.purpose is Purpose.ENDING and duty.state is State.OVER)


def _proof(name: str, own: Sequence[_Checked], hidden: Addressees) -> Proof:
    seen = tuple(
        Seen(
            where=check.where,
            passed=check.passed,
            text=hidden.named(check.seen),
            remedy=check.remedy,
            at=look.at,
            run=look.run,
        )
        for look, check in own
        if check.proof == name
    )
    answers = {one.passed for one in seen}
    passed = False if False in answers else True if answers == {True} else None
    return Proof(name=name, passed=passed, seen=seen)


# devices and what is pending


def _device(name: str, duties: Sequence[Obligation], own: Sequence[_Checked], at: datetime, zone: str) -> DevicePart:
    work = next((o for o in duties if o.purpose is Purpose.TECHNICAL), None)
    ending = next((o for o in duties if o.purpose is Purpose.ENDING), None)
    closed = next((o for o in duties if o.requirement is Requirement.ACCESS_FORBIDDEN), None)
    deciding = ending if ending and ending.state is not State.COMING else work or closed
    return DevicePart(
        id=name,
        now=_now(work, ending, _ended(name, own, ending)),
        because=deciding.cause if deciding else "",
        points=tuple(sorted(_points(duties, at, zone), key=lambda point: point.at)),
    )


def _now(work: Obligation | None, ending: Obligation | None, ended: bool) -> DeviceState:
    if work is None:
        return "closed"
    if work.state is not State.OVER:
        return "open" if work.state is State.IN_FORCE else "coming"
    if ended:
        return "ended"
    return "overdue" if ending is None or ending.state is State.OVER else "ending"


def _ended(device: str, own: Sequence[_Checked], ending: Obligation | None) -> bool:
    """Whether all that was looked at since the ending began, and something was, is as it must be after it."""
    since = ending.since if ending else None
    answers = [
        check.passed
        for look, check in own
        if check.promise == "post-warranty" and check.where == device and since and look.at >= since
    ]
    return bool(answers) and all(answers)


def _points(duties: Sequence[Obligation], at: datetime, zone: str) -> Iterable[Point]:
    """Dates by what happens then; requirements that go with the access to work have its dates and are left out."""
    shared = {Requirement.AGREEMENT_RECORDED, Requirement.MANAGEMENT_RESTRICTED, Requirement.SECRET_ABSENT}
    for duty in duties:
        if duty.requirement in shared:
            continue
        begins, ends = f"{duty.requirement} begins", f"{duty.requirement} ends"
        if duty.purpose is Purpose.TECHNICAL:
            begins, ends = "work begins", "work ends"
        if duty.purpose is Purpose.ENDING:
            begins, ends = "", "hard stop"
        for moment, what in ((duty.since, begins), (duty.until, ends)):
            if moment and what:
                yield Point(at=moment, days=_days(at, moment, zone), what=what)


def _days(now: datetime, moment: datetime, zone: str) -> int:
    """Days between the two dates where the contract lives; midnight belongs to the day that it ends."""
    local = ZoneInfo(zone)
    last = (moment - timedelta(microseconds=1)).astimezone(local).date()
    return (last - now.astimezone(local).date()).days


def _pending(customers: Iterable[CustomerPart]) -> tuple[Pending, ...]:
    """The latest first of what is late, then by date, then what has none."""
    found = []
    for customer in customers:
        for device in customer.devices:
            late = device.now == "overdue"
            points = [p for p in device.points if p.days >= 0 and not late] if device.now != "ended" else []
            if late:
                points = [p for p in device.points if p.what == "hard stop"]
            fields = {"customer": customer.id, "zone": customer.zone, "device": device.id, "because": device.because}
            found += [Pending(**fields, what=p.what, point=p, late=late) for p in points if _still(device, p)]
            if device.now == "closed":
                found.append(Pending(**fields, what="agreement", point=None, late=False))
    return tuple(sorted(found, key=lambda one: (one.point is None, one.point.at.timestamp() if one.point else 0.0)))


def _still(device: DevicePart, point: Point) -> bool:
    """A date of today may be over: what the device's state already says is not told as pending."""
    passed = {"open": {"work begins"}, "ending": {"work begins", "work ends"}}
    return point.what not in passed.get(device.now, set())


# what was done, and read


def _timeline(
    entries: Iterable[TimelineEntry], looks: Sequence[Look], only: set[str] | None, hidden: Addressees
) -> tuple[TimelineEntry, ...]:
    """In the order of time. Of a choice of devices only what names them or their customer, and the looks at them."""
    told = [e for e in entries if only is None or (e.device in only if e.device else e.customer in only)]
    for look in looks:
        checks = [check for check in look.checks if only is None or check.where in only]
        failed, open_ = (sum(check.passed is answer for check in checks) for answer in (False, None))
        counts = f"{len(checks)} checks, {failed} failed, {open_} open"
        told.append(TimelineEntry(at=look.at, run=look.run, by="obet verify", what="looked at", detail=counts))
    told = [msgspec.structs.replace(entry, detail=hidden.named(entry.detail)) for entry in told]
    return tuple(sorted(told, key=lambda entry: entry.at))


def _reads(reads: Iterable[SecretRead], only: set[str] | None, hidden: Addressees) -> tuple[Reads, ...]:
    groups: defaultdict[tuple[str, str, bool, str | None, str], list[str]] = defaultdict(list)
    for read in reads:
        place = read.path.partition("/data/")[2].removeprefix("access/")
        if only is None or place.rpartition("/")[2] in only:
            groups[place, read.purpose, read.refused, hidden.node(read.address), read.run].append(read.at)
    return tuple(
        Reads(
            place=place,
            purpose=purpose,
            refused=refused,
            source=source,
            run=run,
            times=len(times),
            first=min(times),
            last=max(times),
        )
        for (place, purpose, refused, source, run), times in groups.items()
    )
