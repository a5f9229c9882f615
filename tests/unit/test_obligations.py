"""Contract + agreement + clock: who may reach a device, since when, until when, and why."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from builders import (
    CUSTOMER,
    DEVICE,
    OTHER_CUSTOMER,
    OTHER_DEVICE,
    SECOND_DEVICE,
    SECOND_SERVICE,
    SERVICE,
    customer,
    device,
    estate,
    instant,
    invoice,
    managed,
    moment,
    one_off,
    record,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from obet.model import AgreementRecord, Customer, Invoice, Moment, Purpose, Service
from obet.obligations import Grant, Obligation, Requirement, State, grants, obligations

TECHNICAL, ENDING = Purpose.TECHNICAL, Purpose.ENDING
SECOND = timedelta(seconds=1)
DAYS_30 = timedelta(days=30)
FOREVER = datetime.max.replace(tzinfo=UTC)


def found(of: Customer, now: datetime) -> tuple[Obligation, ...]:
    return obligations(estate(of), now)


def purposes(of: Customer, now: datetime, device: str = DEVICE) -> set[Purpose]:
    """What is granted for a device at a time."""
    return {grant.purpose for grant in grants(found(of, now)) if grant.device == device}


def technical_until(of: Customer, end: str) -> bool:
    """Whether technical access lasts until before that instant, and ending takes over from it."""
    at = instant(end)
    return purposes(of, at - SECOND) == {TECHNICAL} and purposes(of, at) == {ENDING}


# One-off work


def test_access_begins_with_the_record_where_the_work_began_before() -> None:
    work = customer([one_off()], [record(given="2026-03-10")])
    assert purposes(work, instant("2026-03-09 21:59:59")) == set()
    assert purposes(work, instant("2026-03-09 22:00")) == {TECHNICAL}


def test_access_begins_with_the_work_where_the_record_is_older() -> None:
    work = customer([one_off()], [record(given="2026-01-15")])
    assert purposes(work, instant("2026-01-31 21:59:59")) == set()
    assert purposes(work, instant("2026-01-31 22:00")) == {TECHNICAL}


def test_a_warranty_ends_it_at_the_end_of_its_day_in_sofia_in_summer_and_in_winter() -> None:
    assert technical_until(customer([one_off()], [record()]), "2026-06-30 21:00")
    winter = one_off(warranty_until=moment("2026-12-31"))
    assert technical_until(customer([winter], [record()]), "2026-12-31 22:00")


@pytest.mark.parametrize(("day", "end"), [("2026-03-29", "2026-03-29 21:00"), ("2026-10-25", "2026-10-25 22:00")])
def test_a_warranty_of_the_day_on_which_the_clocks_change_ends_with_that_day(day: str, end: str) -> None:
    assert technical_until(customer([one_off(warranty_until=moment(day))], [record()]), end)


@pytest.mark.parametrize("zone", ["Europe/Sofia", "Pacific/Apia"])
def test_an_instant_ends_it_at_that_instant_in_any_zone(zone: str) -> None:
    work = one_off(warranty_until=moment("2026-06-30T12:34:56+03:00"))
    assert technical_until(customer([work], [record()], time_zone=zone), "2026-06-30 09:34:56")


PAID = (invoice("paid", "2026-02-20"),)
PAID_LATE = (invoice("paid", "2026-08-20"),)
TWO_PAID = (invoice("paid", "2026-02-20"), invoice("paid", "2026-03-01", name="i-0000000002"))
ONE_OF_TWO = (invoice("paid", "2026-02-20"), invoice("unpaid", name="i-0000000002"))
REVERSED = (invoice("reversed"),)
ONE_REVERSED = (invoice("paid", "2026-02-20"), invoice("reversed", name="i-0000000002"))


@pytest.mark.parametrize(
    ("access_ends", "invoices", "end"),
    [
        ("earliest", PAID, "2026-02-20 22:00"),
        ("earliest", TWO_PAID, "2026-03-01 22:00"),
        ("earliest", PAID_LATE, "2026-06-30 21:00"),
        ("earliest", ONE_OF_TWO, "2026-06-30 21:00"),
        ("earliest", REVERSED, "2026-06-30 21:00"),
        ("earliest", ONE_REVERSED, "2026-06-30 21:00"),
        ("earliest", (), "2026-06-30 21:00"),
        ("warranty", PAID, "2026-06-30 21:00"),
        ("warranty", PAID_LATE, "2026-06-30 21:00"),
        ("warranty", (), "2026-06-30 21:00"),
    ],
)
def test_payment_or_warranty_ends_it_as_the_contract_says(
    access_ends: str, invoices: tuple[Invoice, ...], end: str
) -> None:
    assert technical_until(customer([one_off(access_ends=access_ends, invoices=invoices)], [record()]), end)


@pytest.mark.parametrize(
    ("invoices", "end"),
    [
        ((), "2026-09-30 21:00"),
        ((invoice("unpaid"),), "2026-09-30 21:00"),
        (REVERSED, "2026-09-30 21:00"),
        (ONE_REVERSED, "2026-09-30 21:00"),
        (PAID, "2026-02-20 22:00"),
    ],
)
def test_work_without_a_warranty_ends_with_its_last_day_paid_or_not(invoices: tuple[Invoice, ...], end: str) -> None:
    work = one_off(access_ends="earliest", warranty_until=None, last_day=moment("2026-09-30"), invoices=invoices)
    assert technical_until(customer([work], [record()]), end)


@pytest.mark.parametrize(("ended", "end"), [("2026-04-01", "2026-04-01 21:00"), ("2026-08-01", "2026-06-30 21:00")])
def test_work_that_was_ended_before_its_warranty_ends_then(ended: str, end: str) -> None:
    assert technical_until(customer([one_off(ended=moment(ended))], [record()]), end)


# Managed services, records, hard stop


def test_a_managed_service_runs_until_it_is_ended() -> None:
    running = customer([managed()], [record()])
    assert purposes(running, instant("2090-01-01 00:00")) == {TECHNICAL}
    assert [o.until for o in found(running, instant("2026-03-01 00:00"))] == [None, None, None]
    assert technical_until(customer([managed(ended=moment("2026-09-30"))], [record()]), "2026-09-30 21:00")


def test_paying_a_managed_service_does_not_end_it() -> None:
    assert purposes(customer([managed(invoices=PAID)], [record()]), instant("2026-05-01 00:00")) == {TECHNICAL}


@pytest.mark.parametrize("days", [1, 30, 90])
def test_ending_lasts_until_the_hard_stop_and_then_nothing_is_granted(days: int) -> None:
    work = customer([one_off()], [record()], hard_stop_days=days)
    stop = instant("2026-06-30 21:00") + timedelta(days=days)
    assert purposes(work, stop - SECOND) == {ENDING}
    assert purposes(work, stop) == set()
    assert purposes(work, stop + timedelta(days=9999)) == set()


@pytest.mark.parametrize(
    "records",
    [(), (record(services=(SECOND_SERVICE,)),), (record(services=()),)],
    ids=["none", "of another service", "of no service"],
)
def test_without_a_record_of_agreement_access_is_forbidden_and_nothing_granted(
    records: tuple[AgreementRecord, ...],
) -> None:
    work = customer([managed(), managed(SECOND_SERVICE, devices=())], records)
    (only,) = found(work, instant("2026-05-01 00:00"))
    assert (only.promise, only.requirement, only.state) == ("consent", Requirement.ACCESS_FORBIDDEN, State.IN_FORCE)
    assert grants([only]) == frozenset()


def test_a_device_of_no_service_is_forbidden() -> None:
    work = customer([managed()], [record()], [device(), device(SECOND_DEVICE)])
    assert purposes(work, instant("2026-05-01 00:00")) == {TECHNICAL}
    assert purposes(work, instant("2026-05-01 00:00"), SECOND_DEVICE) == set()


def test_a_withdrawn_record_ends_technical_access_at_once() -> None:
    by_instant = customer([managed()], [record(withdrawn="2026-05-05T10:00:00Z")])
    assert technical_until(by_instant, "2026-05-05 10:00")
    by_day = customer([managed()], [record(withdrawn="2026-05-05")])
    assert technical_until(by_day, "2026-05-04 21:00")


def test_a_record_withdrawn_before_the_work_began_gives_no_access_ever() -> None:
    work = customer([one_off()], [record(given="2026-01-15", withdrawn="2026-01-20")])
    assert all(purposes(work, instant(f"2026-{month:02}-25 00:00")) == set() for month in range(1, 13))


def test_a_new_record_after_a_withdrawn_one_opens_access_again() -> None:
    work = customer([managed()], [record(withdrawn="2026-05-05"), record(given="2026-05-20")])
    assert purposes(work, instant("2026-05-10 00:00")) == {ENDING}
    assert purposes(work, instant("2026-05-20 00:00")) == {TECHNICAL}


def test_one_valid_record_of_two_is_enough() -> None:
    work = customer([managed()], [record(withdrawn="2026-05-05"), record(given="2026-01-20")])
    assert purposes(work, instant("2026-05-10 00:00")) == {TECHNICAL}


def test_a_device_of_ended_work_and_of_a_running_service_stays_technical() -> None:
    records = [record(services=(SERVICE, SECOND_SERVICE))]
    both = customer([one_off(), managed(SECOND_SERVICE)], records)
    assert purposes(both, instant("2026-07-15 00:00")) == {TECHNICAL}
    assert purposes(customer([one_off()], records), instant("2026-07-15 00:00")) == {ENDING}


def test_of_two_that_run_the_one_that_lasts_longer_says_until_when() -> None:
    longer = one_off(SECOND_SERVICE, warranty_until=moment("2026-09-30"))
    both = customer([one_off(), longer], [record(services=(SERVICE, SECOND_SERVICE))])
    (technical,) = [o for o in found(both, instant("2026-05-01 00:00")) if o.purpose is TECHNICAL]
    assert (technical.until, SECOND_SERVICE in technical.cause) == (instant("2026-09-30 21:00"), True)
    assert technical_until(both, "2026-09-30 21:00")


def test_of_two_that_have_ended_the_later_end_starts_the_hard_stop() -> None:
    later = one_off(SECOND_SERVICE, warranty_until=moment("2026-07-20"))
    both = customer([later, one_off()], [record(services=(SERVICE, SECOND_SERVICE))])
    assert purposes(both, instant("2026-08-15 00:00")) == {ENDING}
    assert purposes(both, instant("2026-08-19 20:59:59")) == {ENDING}
    assert purposes(both, instant("2026-08-19 21:00")) == set()


def test_a_running_service_without_a_record_keeps_nothing_technical() -> None:
    both = customer([one_off(), managed(SECOND_SERVICE)], [record(services=(SERVICE,))])
    assert purposes(both, instant("2026-07-15 00:00")) == {ENDING}


def test_a_later_service_opens_access_again() -> None:
    later = managed(SECOND_SERVICE, started=moment("2026-10-01"))
    work = customer([one_off(), later], [record(services=(SERVICE, SECOND_SERVICE))])
    assert purposes(work, instant("2026-09-15 00:00")) == set()
    assert purposes(work, instant("2026-10-15 00:00")) == {TECHNICAL}


def test_another_customers_agreement_and_end_are_his_own() -> None:
    ours = customer([one_off()], [record()])
    his = customer([managed(devices=(OTHER_DEVICE,))], [], [device(OTHER_DEVICE)], name=OTHER_CUSTOMER)
    together = obligations(estate(ours, his), instant("2026-05-01 00:00"))
    assert grants(together) == {Grant(CUSTOMER, DEVICE, TECHNICAL)}


# What an obligation says


def test_each_obligation_says_its_promise_its_time_and_the_fact_that_causes_it() -> None:
    of = found(customer([one_off()], [record()]), instant("2026-05-01 00:00"))
    start, due = instant("2026-01-31 22:00"), instant("2026-06-30 21:00")
    stop = due + DAYS_30
    assert [(o.promise, str(o.requirement), o.purpose, o.since, o.until, str(o.state)) for o in of] == [
        ("consent", "agreement recorded", None, start, due, "in force"),
        ("fixed-ip", "management restricted", None, start, due, "in force"),
        ("post-warranty", "access allowed", TECHNICAL, start, due, "in force"),
        ("post-warranty", "access allowed", ENDING, due, stop, "coming"),
        ("post-warranty", "secret absent", None, stop, None, "coming"),
    ]
    assert of[2].cause == f"service {SERVICE}, agreement version 2026-01"
    assert of[4].cause == f"service {SERVICE}: the warranty has expired; hard stop 30 days later"


@pytest.mark.parametrize(
    ("work", "because"),
    [
        (one_off(access_ends="earliest", invoices=PAID), "the work is paid"),
        (one_off(), "the warranty has expired"),
        (one_off(last_day=moment("2026-06-01")), "the last day without a warranty has passed"),
        (managed(ended=moment("2026-06-01")), "the service was ended"),
    ],
)
def test_the_cause_names_the_fact_that_ends_it(work: Service, because: str) -> None:
    (ending,) = [o for o in found(customer([work], [record()]), instant("2026-05-01 00:00")) if o.purpose is ENDING]
    assert f"service {SERVICE}: {because};" in ending.cause


def test_the_secret_must_be_gone_from_the_hard_stop_on_for_good() -> None:
    of = found(customer([one_off()], [record()]), instant("2027-01-01 00:00"))
    (gone,) = [o for o in of if o.requirement is Requirement.SECRET_ABSENT]
    assert (gone.state, gone.until) == (State.IN_FORCE, None)
    assert {o.state for o in of if o is not gone} == {State.OVER}


# Over generated contracts

ZONES = ["Europe/Sofia", "UTC", "America/Havana", "Pacific/Apia", "Asia/Beirut"]
SERVICES, DEVICES = [SERVICE, SECOND_SERVICE, "s-0000000003"], [DEVICE, SECOND_DEVICE]
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
MOMENTS = st.builds(Moment, st.dates(date(2026, 1, 1), date(2026, 12, 31)) | INSTANTS)
SUBSETS = st.lists(st.sampled_from(DEVICES), unique=True).map(tuple)


def invoices() -> st.SearchStrategy[tuple[Invoice, ...]]:
    paid = MOMENTS.map(lambda when: invoice("paid", when.value.isoformat()))
    return st.lists(paid | st.sampled_from([invoice("unpaid"), invoice("reversed")]), max_size=3).map(tuple)


def services(name: str) -> st.SearchStrategy[Service]:
    maybe = st.none() | MOMENTS
    common: dict[str, Any] = {"started": MOMENTS, "devices": SUBSETS, "ended": maybe, "invoices": invoices()}
    work: dict[str, Any] = {"kind": st.just("one-off"), "id": st.just(name)} | common
    return st.one_of(
        st.builds(Service, kind=st.just("managed"), id=st.just(name), **common),
        st.builds(Service, access_ends=st.just("warranty"), warranty_until=MOMENTS, last_day=maybe, **work),
        st.builds(Service, access_ends=st.just("earliest"), warranty_until=MOMENTS, last_day=maybe, **work),
        st.builds(Service, access_ends=st.just("earliest"), last_day=MOMENTS, **work),
    )


@st.composite
def customers(draw: st.DrawFn) -> Customer:
    own = [draw(services(name)) for name in SERVICES[: draw(st.sampled_from([3, 2, 1, 0]))]]
    covered = st.just(tuple(SERVICES)) | st.lists(st.sampled_from(SERVICES), unique=True).map(tuple)
    withdrawn = st.none() | MOMENTS
    fields = {"version": st.just("2026-01"), "digest": st.just(""), "how": st.just("use")}
    fields |= {"legal_basis": st.just("contract")}
    records = draw(
        st.lists(st.builds(AgreementRecord, given=MOMENTS, services=covered, withdrawn=withdrawn, **fields), max_size=3)
    )
    return customer(
        own,
        records,
        [device(name) for name in DEVICES],
        time_zone=draw(st.sampled_from(ZONES)),
        hard_stop_days=draw(st.integers(1, 90)),
    )


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


@st.composite
def cases(draw: st.DrawFn) -> tuple[Customer, datetime]:
    """A contract, and a time that is often just at, before or after one that matters."""
    of = draw(customers())
    times = {time for name in DEVICES for span in spans(of, name) for time in span if time != FOREVER}
    stops = {time + timedelta(days=of.contract.hard_stop_days) for time in times}
    steps = st.sampled_from([-SECOND, timedelta(0), SECOND])
    edges = sorted(times | stops)
    near = st.builds(lambda time, step: time + step, st.sampled_from(edges), steps) if edges else INSTANTS
    return of, draw(near | INSTANTS)


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


@settings(max_examples=40)
@given(case=cases())
def test_no_device_is_ever_granted_both(case: tuple[Customer, datetime]) -> None:
    of, now = case
    assert all(len(purposes(of, now, name)) <= 1 for name in DEVICES)


@settings(max_examples=40)
@given(case=cases())
def test_each_device_has_obligations_at_any_time_and_each_state_is_that_of_its_times(
    case: tuple[Customer, datetime],
) -> None:
    of, now = case
    all_of_it = found(of, now)
    assert {o.device for o in all_of_it} == set(DEVICES)
    for o in all_of_it:
        begun, over = o.since is None or o.since <= now, o.until is not None and o.until <= now
        assert o.state is (State.OVER if begun and over else State.IN_FORCE if begun else State.COMING)


@settings(max_examples=40)
@given(of=customers(), now=st.datetimes(timezones=st.just(UTC)))
@example(of=customer([one_off()], [record()]), now=datetime.min.replace(tzinfo=UTC))
@example(of=customer([one_off()], [record()]), now=FOREVER)
def test_any_clock_is_answered(of: Customer, now: datetime) -> None:
    assert found(of, now)


@given(work=services(SERVICE), given_on=MOMENTS, times=st.lists(INSTANTS, min_size=2, max_size=20))
def test_what_one_contract_ended_it_never_opens_again(work: Service, given_on: Moment, times: list[datetime]) -> None:
    of = customer([work], [record(given=given_on.value.isoformat())])
    stages = [purposes(of, now) for now in sorted(times)]
    began = [n for n, stage in enumerate(stages) if stage == {TECHNICAL}]
    ended = [n for n, stage in enumerate(stages) if stage == {ENDING}]
    assert not began or began == list(range(began[0], began[-1] + 1))
    assert not ended or ended == list(range(ended[0], ended[-1] + 1))
    assert not (began and ended) or began[-1] < ended[0]


@settings(max_examples=40)
@given(case=cases())
def test_the_order_of_services_and_records_changes_nothing(case: tuple[Customer, datetime]) -> None:
    of, now = case
    turned = customer(
        of.contract.services[::-1],
        of.contract.agreement[::-1],
        of.devices.values(),
        time_zone=of.contract.time_zone,
        hard_stop_days=of.contract.hard_stop_days,
    )
    assert grants(found(turned, now)) == grants(found(of, now))
