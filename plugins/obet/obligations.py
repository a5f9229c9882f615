"""What must hold, why, since when and until when: contract + agreement + clock, and nothing else.

`obligations(estate, now)` is total and pure. A device's access is `technical` while a service that the customer agreed
to needs it, then `ending` (revoke and wipe) until the hard stop, then nobody's. A customer's data must be gone when all
his services are over and paid, unless a legal hold stands: it keeps data, never access.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from obet.model import Contract, Customer, Device, Estate, Purpose, Service

_WARN_DAYS = (1, 7, 14)
_NEVER = datetime.max.replace(tzinfo=UTC)


class Requirement(StrEnum):
    AGREEMENT_RECORDED = "agreement recorded"
    ACCESS_ALLOWED = "access allowed"
    ACCESS_FORBIDDEN = "access forbidden"
    MANAGEMENT_RESTRICTED = "management restricted"
    KEPT_AT_MOST = "kept at most"
    SECRET_ABSENT = "secret absent"  # noqa: S105 - a requirement's name, not a secret
    DATA_ABSENT = "data absent"


class State(StrEnum):
    COMING = "coming"
    IN_FORCE = "in force"
    OVER = "over"


class Obligation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must hold for a device, or without one for its customer, from `since` until before `until`.

    Neither `since` nor `until` means always. `metric` and `keep_days` are of "kept at most" alone.
    """

    promise: str
    customer: str
    device: str | None
    requirement: Requirement
    purpose: Purpose | None = None
    metric: str | None = None
    keep_days: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    cause: str
    state: State

    @property
    def subject(self) -> str:
        return self.device or self.customer


class Grant(msgspec.Struct, frozen=True, order=True):
    """What Vault is to allow now: this purpose, for this device of this customer."""

    customer: str
    device: str
    purpose: Purpose


class Expiry(msgspec.Struct, frozen=True, kw_only=True):
    """Access that ends by itself at `at`; `days` is the threshold that is reached: 14, 7 or 1."""

    customer: str
    device: str
    purpose: Purpose
    at: datetime
    days: int
    cause: str

    def __str__(self) -> str:
        what = "our access is due to end" if self.purpose is Purpose.TECHNICAL else "hard stop of an open ending"
        within = "a day" if self.days == 1 else f"{self.days} days"
        return f"{self.device}: {what} within {within}, {self.at:%Y-%m-%d %H:%MZ}: {self.cause}"


class _Window(msgspec.Struct, frozen=True):
    """When one service gives access to its devices, and the contract facts that say so."""

    service: Service
    since: datetime
    due: datetime | None
    because: str
    ends_because: str

    @property
    def end(self) -> datetime:
        return self.due or _NEVER


class _Duty(msgspec.Struct, frozen=True, kw_only=True):
    """An obligation before it is said whose it is and what the clock makes of it."""

    promise: str
    requirement: Requirement
    since: datetime | None = None
    until: datetime | None = None
    cause: str
    purpose: Purpose | None = None
    metric: str | None = None
    keep_days: int | None = None


def obligations(estate: Estate, now: datetime) -> tuple[Obligation, ...]:
    """All obligations of the estate at `now` (with a time zone), by customer: his devices', then his own."""
    return tuple(
        _of(customer, device, duty, now)
        for customer in estate.customers.values()
        for device, duties in _of_customer(customer, now)
        for duty in duties
    )


def grants(found: Sequence[Obligation]) -> frozenset[Grant]:
    """The grants that the obligations in force call for; no obligation, no grant."""
    return frozenset(
        Grant(o.customer, o.device, o.purpose)
        for o in found
        if o.requirement is Requirement.ACCESS_ALLOWED and o.state is State.IN_FORCE and o.purpose and o.device
    )


def warnings(found: Iterable[Obligation], now: datetime, ended: Collection[str] = ()) -> tuple[Expiry, ...]:
    """What ends by itself within 14 days, soonest first: access that is due to end, and the hard stop of an ending.

    `ended` names the devices whose ending is done: nothing of theirs is left that could end.
    """
    near = [
        Expiry(customer=o.customer, device=o.device, purpose=o.purpose, at=o.until, days=threshold, cause=o.cause)
        for o in found
        if o.state is State.IN_FORCE and o.purpose and o.device and o.until
        if o.purpose is Purpose.TECHNICAL or o.device not in ended
        if (threshold := next((days for days in _WARN_DAYS if o.until - now <= timedelta(days=days)), None))
    ]
    return tuple(sorted(near, key=lambda expiry: (expiry.at, expiry.device)))


def _of(customer: Customer, device: str | None, duty: _Duty, now: datetime) -> Obligation:
    since, until = duty.since, duty.until
    state = State.COMING if since and now < since else State.OVER if until and now >= until else State.IN_FORCE
    return Obligation(customer=customer.id, device=device, state=state, **msgspec.structs.asdict(duty))


def _of_customer(customer: Customer, now: datetime) -> Iterable[tuple[str | None, list[_Duty]]]:
    for device in customer.devices.values():
        yield device.id, _of_device(customer.contract, device, now)
    yield None, _data_absent(customer.contract, now)


def _of_device(contract: Contract, device: Device, now: datetime) -> list[_Duty]:
    windows = _windows(contract, device)
    if not windows:
        cause = "no record of agreement covers a service with this device while it runs"
        return [_Duty(promise="consent", requirement=Requirement.ACCESS_FORBIDDEN, cause=cause)]
    return [*_access(contract, _relevant(windows, now)), *_kept(windows, now)]


def _access(contract: Contract, window: _Window) -> list[_Duty]:
    since, due, because = window.since, window.due, window.because
    restricted = "management only from the fixed addresses while the device is administered"
    found = [
        _Duty(promise="consent", requirement=Requirement.AGREEMENT_RECORDED, since=since, until=due, cause=because),
        _Duty(
            promise="fixed-ip", requirement=Requirement.MANAGEMENT_RESTRICTED, since=since, until=due, cause=restricted
        ),
        _allowed(Purpose.TECHNICAL, since, due, because),
    ]
    if due is None:
        return found
    days = contract.hard_stop_days
    hard_stop, cause = due + timedelta(days=days), f"{window.ends_because}; hard stop {days} days later"
    absent = _Duty(promise="post-warranty", requirement=Requirement.SECRET_ABSENT, since=hard_stop, cause=cause)
    return [*found, _allowed(Purpose.ENDING, due, hard_stop, cause), absent]


def _allowed(purpose: Purpose, since: datetime, until: datetime | None, cause: str) -> _Duty:
    allowed = Requirement.ACCESS_ALLOWED
    return _Duty(promise="post-warranty", requirement=allowed, purpose=purpose, since=since, until=until, cause=cause)


def _kept(windows: Sequence[_Window], now: datetime) -> Iterable[_Duty]:
    """One for each metric: where several services measure it, the longest keep time of those that still have rows."""
    for name in sorted({metric.name for window in windows for metric in window.service.metrics}):
        limits = [(m.keep_days, w) for w in windows for m in w.service.metrics if m.name == name]
        needed = [(days, w) for days, w in limits if w.since <= now and _rows_until(w, days) > now]
        days, window = max(needed or limits, key=lambda limit: (limit[0], limit[1].since, limit[1].service.id))
        yield _Duty(
            promise="minimal-data",
            requirement=Requirement.KEPT_AT_MOST,
            metric=name,
            keep_days=days,
            since=window.since,
            cause=window.because,
        )


def _rows_until(window: _Window, keep_days: int) -> datetime:
    """Until when rows of a metric may be there: the last of them is collected when the service ends."""
    return _NEVER if window.due is None else window.due + timedelta(days=keep_days)


def _data_absent(contract: Contract, now: datetime) -> list[_Duty]:
    """Once every service is over and paid, and no legal hold keeps the data; nothing while one of these is open."""
    zone = contract.time_zone
    closed = [_closed(service, zone) for service in contract.services]
    if not closed or None in closed:
        return []
    since, until = max(moment for moment in closed if moment), None
    cause = "every service is over and paid"
    holds = [service.legal_hold for service in contract.services if service.legal_hold]
    for hold in sorted(holds, key=lambda hold: (hold.since.start(zone), hold.id)):
        stands, ends = hold.since.start(zone), hold.until.end(zone) if hold.until else _NEVER
        if ends <= since:
            continue
        if stands > max(since, now):
            until = stands
            break
        if hold.until is None:
            return []
        since, cause = ends, f"every service is over and paid; legal hold {hold.id} has ended"
    absent = Requirement.DATA_ABSENT
    return [_Duty(promise="offboarding", requirement=absent, since=since, until=until, cause=cause)]


def _closed(service: Service, zone: str) -> datetime | None:
    """When nothing of the service is open any more, warranty and invoices included; None while something is.

    A withdrawn agreement alone closes nothing: what cannot be undone waits for a service that was ended. Nor does work
    without an invoice, which may not have been written yet, unless the contract says that none will be.
    """
    if any(invoice.paid is None for invoice in service.invoices) or not (service.invoices or service.free_of_charge):
        return None
    said = [moment.end(zone) for moment in (service.ended, service.warranty_until) if moment]
    over = min(said) if said else _end(service, zone)[0]
    return max([over, *(invoice.paid.end(zone) for invoice in service.invoices if invoice.paid)]) if over else None


def _windows(contract: Contract, device: Device) -> list[_Window]:
    """One window for each service with this device and each agreement record that covers it; empty ones left out."""
    zone = contract.time_zone
    found = []
    for service in contract.services:
        if device.id not in service.devices:
            continue
        end, why = _end(service, zone)
        for record in contract.agreement:
            if service.id not in record.services:
                continue
            since = max(service.started.start(zone), record.given.start(zone))
            withdrawn = record.withdrawn.start(zone) if record.withdrawn else None
            due, because = (withdrawn, "the agreement was withdrawn") if _before(withdrawn, end) else (end, why)
            if due is None or since < due:
                found.append(
                    _Window(
                        service,
                        since,
                        due,
                        f"service {service.id}, agreement version {record.version}",
                        f"service {service.id}: {because}",
                    )
                )
    return found


def _before(first: datetime | None, second: datetime | None) -> bool:
    return first is not None and first < (second or _NEVER)


def _end(service: Service, zone: str) -> tuple[datetime | None, str]:
    """When the service stops needing access, and the contract fact that says so."""
    ends: list[tuple[datetime, str]] = []
    if service.ended:
        ends.append((service.ended.end(zone), "the service was ended"))
    if service.kind == "one-off":
        if service.warranty_until:
            ends.append((service.warranty_until.end(zone), "the warranty has expired"))
        if service.last_day:
            ends.append((service.last_day.end(zone), "the last day without a warranty has passed"))
        paid = _paid(service, zone)
        if service.access_ends == "earliest" and paid:
            ends.append((paid, "the work is paid"))
    return min(ends, default=(None, "the service runs"))


def _paid(service: Service, zone: str) -> datetime | None:
    """When the last invoice was paid; None while any is open or its payment was reversed, or there is none."""
    times = [invoice.paid.end(zone) for invoice in service.invoices if invoice.paid]
    return max(times) if times and len(times) == len(service.invoices) else None


def _relevant(windows: Sequence[_Window], now: datetime) -> _Window:
    """What decides at `now`: the access that runs, else the last that is past, else the first to come.

    Windows that follow each other without a gap are one access, which ends with the last of them.
    """
    running = [w for w in windows if w.since <= now < w.end]
    past = [w for w in windows if w.end <= now]
    if past and not running:
        return max(past, key=lambda w: w.end)
    first = max(running, key=lambda w: w.end) if running else min(windows, key=lambda w: w.since)
    last = first
    while following := [w for w in windows if w.since <= last.end < w.end]:
        last = max(following, key=lambda w: w.end)
    return msgspec.structs.replace(first, due=last.due, ends_because=last.ends_because)
