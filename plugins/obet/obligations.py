"""What must hold, why, since when and until when: contract + agreement + clock, and nothing else.

`obligations(estate, now)` is total and pure. A device's access is `technical` while a service that the customer agreed
to needs it, then `ending` (revoke and wipe) until the hard stop, then nobody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from obet.model import Contract, Customer, Device, Estate, Purpose, Service

_NEVER = datetime.max.replace(tzinfo=UTC)


class Requirement(StrEnum):
    AGREEMENT_RECORDED = "agreement recorded"
    ACCESS_ALLOWED = "access allowed"
    ACCESS_FORBIDDEN = "access forbidden"
    MANAGEMENT_RESTRICTED = "management restricted"
    SECRET_ABSENT = "secret absent"  # noqa: S105 - a requirement's name, not a secret


class State(StrEnum):
    COMING = "coming"
    IN_FORCE = "in force"
    OVER = "over"


class Obligation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must hold for a device from `since` until before `until` (None: open)."""

    promise: str
    customer: str
    device: str
    requirement: Requirement
    purpose: Purpose | None = None
    since: datetime | None = None
    until: datetime | None = None
    cause: str
    state: State


class Grant(msgspec.Struct, frozen=True, order=True):
    """What Vault is to allow now: this purpose, for this device of this customer."""

    customer: str
    device: str
    purpose: Purpose


class _Window(msgspec.Struct, frozen=True):
    """When one service gives access to its devices, and the contract facts that say so."""

    since: datetime
    due: datetime | None
    because: str
    ends_because: str


def obligations(estate: Estate, now: datetime) -> tuple[Obligation, ...]:
    """All obligations of the estate at `now` (with a time zone), by customer and device."""
    return tuple(
        obligation
        for customer in estate.customers.values()
        for device in customer.devices.values()
        for obligation in _of_device(customer, device, now)
    )


def grants(found: Sequence[Obligation]) -> frozenset[Grant]:
    """The grants that the obligations in force call for; no obligation, no grant."""
    return frozenset(
        Grant(o.customer, o.device, o.purpose)
        for o in found
        if o.requirement is Requirement.ACCESS_ALLOWED and o.state is State.IN_FORCE and o.purpose
    )


def _of_device(customer: Customer, device: Device, now: datetime) -> list[Obligation]:
    def duty(
        promise: str,
        requirement: Requirement,
        since: datetime | None,
        until: datetime | None,
        cause: str,
        purpose: Purpose | None = None,
    ) -> Obligation:
        state = State.COMING if since and now < since else State.OVER if until and now >= until else State.IN_FORCE
        return Obligation(
            promise=promise,
            customer=customer.id,
            device=device.id,
            requirement=requirement,
            purpose=purpose,
            since=since,
            until=until,
            cause=cause,
            state=state,
        )

    windows = _windows(customer.contract, device)
    if not windows:
        cause = "no record of agreement covers a service with this device while it runs"
        return [duty("consent", Requirement.ACCESS_FORBIDDEN, None, None, cause)]
    window = _relevant(windows, now)
    since, due, because = window.since, window.due, window.because
    restricted = "management only from the fixed addresses while the device is administered"
    found = [
        duty("consent", Requirement.AGREEMENT_RECORDED, since, due, because),
        duty("fixed-ip", Requirement.MANAGEMENT_RESTRICTED, since, due, restricted),
        duty("post-warranty", Requirement.ACCESS_ALLOWED, since, due, because, Purpose.TECHNICAL),
    ]
    if due is None:
        return found
    days = customer.contract.hard_stop_days
    hard_stop, cause = due + timedelta(days=days), f"{window.ends_because}; hard stop {days} days later"
    return [
        *found,
        duty("post-warranty", Requirement.ACCESS_ALLOWED, due, hard_stop, cause, Purpose.ENDING),
        duty("post-warranty", Requirement.SECRET_ABSENT, hard_stop, None, cause),
    ]


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


def _relevant(windows: list[_Window], now: datetime) -> _Window:
    """The window that decides at `now`: the running one that lasts longest, else the last past, else the next."""
    running = [w for w in windows if w.since <= now < (w.due or _NEVER)]
    if running:
        return max(running, key=lambda w: w.due or _NEVER)
    past = [w for w in windows if w.due is not None and w.due <= now]
    if past:
        return max(past, key=lambda w: w.due or _NEVER)
    return min(windows, key=lambda w: w.since)
