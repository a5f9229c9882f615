"""What must hold of the obligations of every contract there can be, at every time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from builders import DEVICE, SERVICE, customer, estate, invoice, one_off, record
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from obet.model import Customer, Moment, Purpose, Service
from obet.obligations import Obligation, Requirement, State, grants, obligations, warnings
from strategies import DEVICES, FOREVER, HOLDS, INSTANTS, MOMENTS, SERVICES, cases, customers, services, times

TECHNICAL, ENDING = Purpose.TECHNICAL, Purpose.ENDING
TICK = timedelta(microseconds=1)
FEW = settings(max_examples=30)
SOME = settings(max_examples=60)


def found(of: Customer, now: datetime) -> tuple[Obligation, ...]:
    return obligations(estate(of), now)


def purposes(of: Customer, now: datetime, device: str = DEVICE) -> set[Purpose]:
    """What is granted for a device at a time."""
    return {grant.purpose for grant in grants(found(of, now)) if grant.device == device}


def technical(of: Customer, now: datetime) -> set[str]:
    return {grant.device for grant in grants(found(of, now)) if grant.purpose is TECHNICAL}


def ends(service: Service, zone: str) -> datetime:
    """When a service stops needing access, as promises.md tells it."""
    times = [m.end(zone) for m in (service.ended, service.warranty_until, service.last_day) if m]
    if service.access_ends == "earliest" and service.invoices and all(i.paid for i in service.invoices):
        times.append(max(i.paid.end(zone) for i in service.invoices if i.paid))
    return min(times, default=FOREVER)


def spans(of: Customer, device: str) -> Iterable[tuple[datetime, datetime]]:
    """From when until when a service and a record of it give access to a device."""
    zone = of.contract.time_zone
    for service in of.contract.services:
        for agreed in of.contract.agreement:
            if device in service.devices and service.id in agreed.services:
                withdrawn = agreed.withdrawn.start(zone) if agreed.withdrawn else FOREVER
                since = max(service.started.start(zone), agreed.given.start(zone))
                if since < min(ends(service, zone), withdrawn):
                    yield since, min(ends(service, zone), withdrawn)


@given(case=cases())
def test_access_is_technical_exactly_while_an_agreed_service_needs_it(case: tuple[Customer, datetime]) -> None:
    of, now = case
    for name in DEVICES:
        needed = any(since <= now < due for since, due in spans(of, name))
        assert (TECHNICAL in purposes(of, now, name)) == needed


@given(case=cases())
def test_ending_is_granted_exactly_from_the_last_end_until_its_hard_stop(case: tuple[Customer, datetime]) -> None:
    of, now = case
    for name in DEVICES:
        begun = [(since, due) for since, due in spans(of, name) if since <= now]
        last = max((due for _, due in begun), default=FOREVER)
        ending = bool(begun) and last <= now < last + timedelta(days=of.contract.hard_stop_days)
        assert (ENDING in purposes(of, now, name)) == ending


@FEW
@given(case=cases())
def test_nothing_is_granted_before_the_first_record_of_agreement(case: tuple[Customer, datetime]) -> None:
    of, now = case
    given_at = [agreed.given.start(of.contract.time_zone) for agreed in of.contract.agreement]
    if now < min(given_at, default=FOREVER):
        assert grants(found(of, now)) == frozenset()


@FEW
@given(case=cases())
def test_no_device_is_ever_granted_both(case: tuple[Customer, datetime]) -> None:
    of, now = case
    assert all(len(purposes(of, now, name)) <= 1 for name in DEVICES)


@SOME
@given(case=cases(fewest=1))
def test_access_goes_on_exactly_until_its_obligation_says(case: tuple[Customer, datetime]) -> None:
    of, now = case
    for o in found(of, now):
        if o.purpose is TECHNICAL and o.state is State.IN_FORCE and o.until:
            assert o.device
            assert purposes(of, o.until - TICK, o.device) == {TECHNICAL}
            assert purposes(of, o.until, o.device) == {ENDING}


@FEW
@given(case=cases())
def test_each_device_has_obligations_at_any_time_and_each_state_is_that_of_its_times(
    case: tuple[Customer, datetime],
) -> None:
    of, now = case
    all_of_it = found(of, now)
    assert {o.device for o in all_of_it} - {None} == set(DEVICES)
    for o in all_of_it:
        begun, over = o.since is None or o.since <= now, o.until is not None and o.until <= now
        assert o.state is (State.OVER if begun and over else State.IN_FORCE if begun else State.COMING)
        assert (o.metric is None) == (o.keep_days is None) == (o.requirement is not Requirement.KEPT_AT_MOST)
        assert o.device or o.requirement is Requirement.DATA_ABSENT


@FEW
@given(of=customers(), now=st.datetimes(timezones=st.just(UTC)))
@example(of=customer([one_off()], [record()]), now=datetime.min.replace(tzinfo=UTC))
@example(of=customer([one_off()], [record()]), now=FOREVER)
def test_any_clock_is_answered(of: Customer, now: datetime) -> None:
    of_it = found(of, now)
    assert of_it
    assert len(warnings(of_it, now)) <= len(DEVICES)


@FEW
@given(case=cases())
def test_a_warning_is_of_what_is_granted_now_and_ends_within_its_days(case: tuple[Customer, datetime]) -> None:
    of, now = case
    for warning in warnings(found(of, now), now):
        assert warning.purpose in purposes(of, now, warning.device)
        assert timedelta(0) < warning.at - now <= timedelta(days=warning.days)
        assert warning.days in {1, 7, 14}
        assert warning.purpose not in purposes(of, warning.at, warning.device)


@FEW
@given(work=services(SERVICE), given_on=MOMENTS, at=st.lists(INSTANTS, min_size=2, max_size=20))
def test_what_one_contract_ended_it_never_opens_again(work: Service, given_on: Moment, at: list[datetime]) -> None:
    of = customer([work], [record(given=given_on.value.isoformat())])
    stages = [purposes(of, now) for now in sorted(at)]
    began = [n for n, stage in enumerate(stages) if stage == {TECHNICAL}]
    ended = [n for n, stage in enumerate(stages) if stage == {ENDING}]
    assert not began or began == list(range(began[0], began[-1] + 1))
    assert not ended or ended == list(range(ended[0], ended[-1] + 1))
    assert not (began and ended) or began[-1] < ended[0]


@FEW
@given(case=cases())
def test_the_order_of_services_and_records_changes_nothing(case: tuple[Customer, datetime]) -> None:
    of, now = case
    turned = changed(of, services=of.contract.services[::-1], agreement=of.contract.agreement[::-1])
    assert grants(found(turned, now)) == grants(found(of, now))
    assert data_absent(turned, now) == data_absent(of, now)


# What a change of the contract may do, and what it may never


def changed(of: Customer, **fields: Any) -> Customer:
    return Customer(contract=msgspec.structs.replace(of.contract, **fields), devices=of.devices)


def with_service(of: Customer, number: int, **fields: Any) -> Customer:
    own = list(of.contract.services)
    own[number] = msgspec.structs.replace(own[number], **fields)
    return changed(of, services=tuple(own))


@st.composite
def pairs(
    draw: st.DrawFn, change: Callable[[st.DrawFn, Customer], Customer | None]
) -> tuple[Customer, Customer, datetime]:
    """A contract, the same after a change, and a time that matters to one of them."""
    before = draw(customers(fewest=1))
    after = change(draw, before)
    assume(after is not None)
    assert after is not None
    return before, after, draw(times(before, after))


def _a_later_end(draw: st.DrawFn, of: Customer) -> Customer | None:
    zone = of.contract.time_zone
    places = [
        (number, field)
        for number, service in enumerate(of.contract.services)
        for field in ("ended", "warranty_until", "last_day")
        if getattr(service, field)
    ]
    if not places:
        return None
    number, field = draw(st.sampled_from(places))
    later = draw(MOMENTS)
    is_later = later.end(zone) >= getattr(of.contract.services[number], field).end(zone)
    return with_service(of, number, **{field: later}) if is_later else None


def _another_service(draw: st.DrawFn, of: Customer) -> Customer | None:
    if len(of.contract.services) == len(SERVICES):
        return None
    more = draw(services(SERVICES[len(of.contract.services)]))
    return changed(of, services=(*of.contract.services, more))


def _an_unpaid_invoice(draw: st.DrawFn, of: Customer) -> Customer:
    number = draw(st.integers(0, len(of.contract.services) - 1))
    own = of.contract.services[number].invoices
    state = draw(st.sampled_from(["unpaid", "reversed"]))
    return with_service(of, number, invoices=(*own, invoice(state, name="i-zzzzzzzzzz")), free_of_charge=False)


def _a_payment_reversed(draw: st.DrawFn, of: Customer) -> Customer | None:
    paid = [(n, m) for n, s in enumerate(of.contract.services) for m, i in enumerate(s.invoices) if i.paid]
    if not paid:
        return None
    number, position = draw(st.sampled_from(paid))
    own = list(of.contract.services[number].invoices)
    own[position] = invoice("reversed", name=own[position].id)
    return with_service(of, number, invoices=tuple(own))


def _a_withdrawal(draw: st.DrawFn, of: Customer) -> Customer | None:
    zone, records = of.contract.time_zone, list(of.contract.agreement)
    if not records:
        return None
    number, when = draw(st.integers(0, len(records) - 1)), draw(MOMENTS)
    before = records[number].withdrawn
    if before is not None and before.start(zone) <= when.start(zone):
        return None
    records[number] = msgspec.structs.replace(records[number], withdrawn=when)
    return changed(of, agreement=tuple(records))


def _a_record_less(draw: st.DrawFn, of: Customer) -> Customer | None:
    records = list(of.contract.agreement)
    if not records:
        return None
    del records[draw(st.integers(0, len(records) - 1))]
    return changed(of, agreement=tuple(records))


def _a_hold(draw: st.DrawFn, of: Customer) -> Customer | None:
    free = [n for n, service in enumerate(of.contract.services) if service.legal_hold is None]
    return with_service(of, draw(st.sampled_from(free)), legal_hold=draw(HOLDS)) if free else None


@SOME
@given(case=pairs(_a_later_end))
def test_a_later_end_of_anything_never_ends_access_earlier(case: tuple[Customer, Customer, datetime]) -> None:
    before, after, now = case
    assert technical(before, now) <= technical(after, now)


@SOME
@given(case=pairs(_another_service))
def test_a_service_more_never_ends_access_earlier(case: tuple[Customer, Customer, datetime]) -> None:
    before, after, now = case
    assert technical(before, now) <= technical(after, now)


@SOME
@given(case=pairs(_an_unpaid_invoice) | pairs(_a_payment_reversed))
def test_what_is_not_paid_never_ends_access_earlier_and_keeps_the_data(
    case: tuple[Customer, Customer, datetime],
) -> None:
    before, after, now = case
    assert technical(before, now) <= technical(after, now)
    assert data_absent(after, now) == []


@SOME
@given(case=pairs(_a_withdrawal) | pairs(_a_record_less))
def test_less_agreement_never_prolongs_access(case: tuple[Customer, Customer, datetime]) -> None:
    before, after, now = case
    assert technical(after, now) <= technical(before, now)


@SOME
@given(case=pairs(_a_hold))
def test_a_legal_hold_changes_no_access_and_never_has_data_destroyed(
    case: tuple[Customer, Customer, datetime],
) -> None:
    before, after, now = case
    assert grants(found(after, now)) == grants(found(before, now))
    assert in_force(after, now) <= in_force(before, now)


# A customer's data


def data_absent(of: Customer, now: datetime) -> list[Obligation]:
    return [o for o in found(of, now) if o.requirement is Requirement.DATA_ABSENT]


def in_force(of: Customer, now: datetime) -> bool:
    return any(o.state is State.IN_FORCE for o in data_absent(of, now))


@given(case=cases(fewest=1))
def test_data_is_due_to_be_gone_exactly_when_all_is_over_and_paid_and_nothing_holds_it(
    case: tuple[Customer, datetime],
) -> None:
    of, now = case
    zone = of.contract.time_zone
    invoices = [i for service in of.contract.services for i in service.invoices]
    holds = [service.legal_hold for service in of.contract.services if service.legal_hold]
    over = all(closed(service, zone) <= now for service in of.contract.services)
    known = all(service.invoices or service.free_of_charge for service in of.contract.services)
    paid = known and all(i.paid and i.paid.end(zone) <= now for i in invoices)
    held = any(h.since.start(zone) <= now < (h.until.end(zone) if h.until else FOREVER) for h in holds)
    assert in_force(of, now) == (bool(of.contract.services) and over and paid and not held)


def closed(service: Service, zone: str) -> datetime:
    """When a service is over for the customer too: he has nothing more to come, a warranty included."""
    said = [moment.end(zone) for moment in (service.ended, service.warranty_until) if moment]
    return min(said) if said else ends(service, zone)
