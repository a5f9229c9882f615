"""Any contract that loads, and times that matter to it, for tests of what must hold of each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from builders import DEVICE, SECOND_DEVICE, SECOND_SERVICE, SERVICE, customer, device, invoice
from hypothesis import strategies as st
from obet.model import AgreementRecord, Customer, Invoice, LegalHold, Metric, Moment, Service

ZONES = ["Europe/Sofia", "UTC", "America/Havana", "Pacific/Apia", "Asia/Beirut"]
SERVICES, DEVICES = [SERVICE, SECOND_SERVICE, "s-0000000003"], [DEVICE, SECOND_DEVICE]
SECOND = timedelta(seconds=1)
FOREVER = datetime.max.replace(tzinfo=UTC)

# One number for each: what is drawn in few steps is drawn and shrunk fast.
_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 365 * 24 * 60).map(lambda minutes: _YEAR + timedelta(minutes=minutes))
MOMENTS = st.integers(0, 365 * 24 * 60).map(
    lambda n: Moment(_YEAR + timedelta(minutes=n)) if n % 2 else Moment((_YEAR + timedelta(minutes=n)).date())
)
METRICS = st.lists(
    st.builds(Metric, name=st.sampled_from(["load", "disk"]), keep_days=st.integers(1, 400)),
    max_size=2,
    unique_by=lambda metric: metric.name,
).map(tuple)
HOLDS = st.builds(
    LegalHold, id=st.sampled_from(["h-0000000001", "h-0000000002"]), since=MOMENTS, until=st.none() | MOMENTS
)


def invoices(service: str) -> st.SearchStrategy[tuple[Invoice, ...]]:
    """Up to two, paid or not, under ids of that service's own."""
    paid = MOMENTS.map(lambda when: ("paid", when.value.isoformat()))
    states = st.lists(paid | st.sampled_from([("unpaid", None), ("reversed", None)]), max_size=2)
    return states.map(
        lambda found: tuple(invoice(*state, name=f"i-{service[-9:]}{n}") for n, state in enumerate(found))
    )


@cache
def services(name: str) -> st.SearchStrategy[Service]:
    """Managed, or one-off with a warranty that alone ends it, that may end it, or without."""
    some = st.lists(st.sampled_from(DEVICES), unique=True).map(tuple)
    common: dict[str, Any] = {"started": MOMENTS, "devices": some, "ended": st.none() | MOMENTS}
    common |= {"invoices": invoices(name), "metrics": METRICS, "legal_hold": st.none() | HOLDS}
    work: dict[str, Any] = {"kind": st.just("one-off"), "id": st.just(name)} | common
    charged = st.one_of(
        st.builds(Service, kind=st.just("managed"), id=st.just(name), **common),
        st.builds(Service, access_ends=st.just("warranty"), warranty_until=MOMENTS, **work),
        st.builds(Service, access_ends=st.just("earliest"), warranty_until=MOMENTS, **work),
        st.builds(Service, access_ends=st.just("earliest"), last_day=MOMENTS, **work),
    )
    return st.builds(_charged, charged, st.booleans())


def _charged(service: Service, free: bool) -> Service:
    return service if service.invoices else msgspec.structs.replace(service, free_of_charge=free)


@cache
def records() -> st.SearchStrategy[AgreementRecord]:
    covered = st.just(tuple(SERVICES)) | st.lists(st.sampled_from(SERVICES), unique=True).map(tuple)
    fields = {"version": st.just("2026-01"), "digest": st.just(""), "how": st.just("use")}
    fields |= {"legal_basis": st.just("contract")}
    return st.builds(AgreementRecord, given=MOMENTS, services=covered, withdrawn=st.none() | MOMENTS, **fields)


@st.composite
def customers(draw: st.DrawFn, fewest: int = 0) -> Customer:
    """Up to three services over two devices, under up to three records of agreement."""
    own = [draw(services(name)) for name in SERVICES[: draw(st.integers(0, 3 - fewest).map(lambda less: 3 - less))]]
    return customer(
        own,
        draw(st.lists(records(), max_size=3)),
        [device(name) for name in DEVICES],
        time_zone=draw(st.sampled_from(ZONES)),
        hard_stop_days=draw(st.integers(1, 90)),
    )


@st.composite
def cases(draw: st.DrawFn, fewest: int = 0) -> tuple[Customer, datetime]:
    """A contract, and a time that is often just at, before or after one that matters."""
    of = draw(customers(fewest))
    return of, draw(times(of))


def times(*contracts: Customer) -> st.SearchStrategy[datetime]:
    """Any time of the year, and often one at which something begins or ends in one of these contracts."""
    edges = {
        time + later
        for of in contracts
        for time in _edges(of)
        for later in (timedelta(0), timedelta(days=of.contract.hard_stop_days))
    }
    if not edges:
        return INSTANTS
    steps = st.sampled_from([-SECOND, timedelta(0), SECOND])
    return st.builds(lambda time, step: time + step, st.sampled_from(sorted(edges)), steps) | INSTANTS


def _edges(of: Customer) -> Iterable[datetime]:
    zone = of.contract.time_zone
    for record in of.contract.agreement:
        yield from (moment.start(zone) for moment in (record.given, record.withdrawn) if moment)
    for service in of.contract.services:
        yield service.started.start(zone)
        ends = [service.ended, service.warranty_until, service.last_day, *(i.paid for i in service.invoices)]
        yield from (moment.end(zone) for moment in ends if moment)
        if hold := service.legal_hold:
            yield hold.since.start(zone)
            yield from (moment.end(zone) for moment in (hold.until,) if moment)
