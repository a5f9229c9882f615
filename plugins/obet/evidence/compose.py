"""Makes a report from what was looked at, what must hold and what was done. Pure, and nothing but what was seen.

Addresses of devices do not get into a report: it outlives the access that they belong to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from obet.errors import RunError
from obet.evidence.addresses import Addressees
from obet.evidence.promises import LEDGER, PROOFS, Check, verdicts
from obet.evidence.report import (
    CustomerPart,
    DevicePart,
    DeviceState,
    Look,
    Pending,
    Point,
    Promise,
    Proof,
    Reads,
    Report,
    Seen,
    TimelineEntry,
)
from obet.model import Customer, Estate, Purpose
from obet.obligations import Obligation, Requirement, State, obligations
from obet.vault.audit import SecretRead
from obet.vault.names import device_secret

# Promises that are due only while a device is administered, or once access to it has ended. All others always are.
_FOLLOW_ACCESS = frozenset({"fixed-ip", "post-warranty"})

# What begins and ends with each access; that work ends is when its removal begins.
_EDGES: dict[Purpose | None, tuple[str, str]] = {
    Purpose.TECHNICAL: ("work begins", "work ends"),
    Purpose.ENDING: ("", "hard stop"),
}

_DEVICE_SECRETS = device_secret("", "").partition("/")[0]


def compose(
    estate: Estate,
    looks: Iterable[Look],
    at: datetime,
    *,
    devices: Sequence[str] = (),
    timeline: Iterable[TimelineEntry] = (),
    reads: Iterable[SecretRead] | None = None,
    another_time: bool = False,
    step: Callable[[], None] = lambda: None,
) -> Report:
    """The report of these devices' customers, or of the whole estate, with what must hold at `at`.

    `step` is told of each customer. RunError when a device is none of the estate; ValueError when a check names no
    promise or proof.
    """
    chosen = _chosen(estate, devices)
    found = sorted(looks, key=lambda look: look.at)
    kept, hidden = _latest(found), Addressees(estate)
    owners = {device: customer.id for customer in estate.customers.values() for device in customer.devices}
    places = {*owners, *estate.customers, LEDGER}
    here: defaultdict[str, list[_Checked]] = defaultdict(list)
    for look, check in kept:
        here[check.where].append((look, check))
    duties: defaultdict[str, list[Obligation]] = defaultdict(list)
    for duty in obligations(estate, at):
        if duty.device in chosen.get(duty.customer, ()):
            duties[duty.customer].append(duty)
    parts = []
    for name, ids in chosen.items():
        own = [pair for place in (name, *ids, LEDGER) for pair in here.get(place, ())]
        parts.append(_customer(estate.customers[name], ids, own, duties[name], at, hidden))
        step()
    only = {device for ids in chosen.values() for device in ids} | set(chosen) if devices else None
    elsewhere = [] if devices else [(look, check) for look, check in kept if check.where not in places]
    return Report(
        at=at,
        another_time=another_time,
        nodes=tuple(estate.settings.nodes),
        control_node=estate.control_node,
        looks=tuple(found),
        customers=tuple(sorted(parts, key=_first)),
        elsewhere=tuple(p for p in _promises(elsewhere, [], hidden) if p.looked_at),
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


def _first(customer: CustomerPart) -> tuple[int, int, str]:
    """Where something is broken first, then where most was shown."""
    return -customer.count(holds=False), -customer.count(holds=True), customer.id


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
    own: Sequence[_Checked],
    duties: Sequence[Obligation],
    at: datetime,
    hidden: Addressees,
) -> CustomerPart:
    zone = customer.contract.time_zone
    return CustomerPart(
        id=customer.id,
        zone=zone,
        devices=tuple(_device(name, [o for o in duties if o.device == name], own, at, zone) for name in ids),
        promises=_promises(own, duties, hidden),
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
                due=bool(due) or verdict.name not in _FOLLOW_ACCESS,
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
    why_it_ends = next((duty.cause for duty in duties if duty.purpose is Purpose.ENDING), None)
    for duty in duties:
        if duty.requirement in shared:
            continue
        begins, ends = _EDGES.get(duty.purpose, (f"{duty.requirement} begins", f"{duty.requirement} ends"))
        if duty.since and begins:
            days = _days(at, duty.since, zone)
            yield Point(at=duty.since, begins=True, days=days, what=begins, because=duty.cause)
        if duty.until:
            # The midnight at which a day is over belongs to that day.
            days = _days(at, duty.until - timedelta(microseconds=1), zone)
            yield Point(at=duty.until, begins=False, days=days, what=ends, because=why_it_ends or duty.cause)


def _days(now: datetime, moment: datetime, zone: str) -> int:
    """Between the two dates where the contract lives."""
    local = ZoneInfo(zone)
    return (moment.astimezone(local).date() - now.astimezone(local).date()).days


def _pending(customers: Iterable[CustomerPart]) -> tuple[Pending, ...]:
    """The latest first of what is late, then by date, then what has none."""
    found = []
    for customer in customers:
        for device in customer.devices:
            late = device.now == "overdue"
            points = [p for p in device.points if p.days >= 0 and not late] if device.now != "ended" else []
            if late:
                points = [p for p in device.points if p.what == "hard stop"]
            place = {"customer": customer.id, "zone": customer.zone, "device": device.id}
            found += [
                Pending(**place, what=p.what, because=p.because, point=p, late=late)
                for p in points
                if _still(device, p)
            ]
            if device.now == "closed":
                found.append(Pending(**place, what="agreement", because=device.because, point=None, late=False))
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
        kind, _, place = read.path.partition("/data/")[2].partition("/")
        if kind == _DEVICE_SECRETS and (only is None or only.intersection(place.split("/"))):
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
