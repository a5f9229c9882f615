"""Contract + agreement + clock: who may reach a device, since when, until when, and why."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
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
from obet.model import AgreementRecord, Customer, Invoice, LegalHold, Metric, Purpose, Service
from obet.obligations import Grant, Obligation, Requirement, State, grants, obligations, warnings

TECHNICAL, ENDING = Purpose.TECHNICAL, Purpose.ENDING
SECOND = timedelta(seconds=1)
DAYS_30 = timedelta(days=30)


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
WITHOUT_WARRANTY: dict[str, Any] = {"warranty_until": None, "last_day": moment("2026-09-30")}
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
    work = one_off(access_ends="earliest", invoices=invoices, **WITHOUT_WARRANTY)
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
    of = found(customer([one_off(free_of_charge=True)], [record()]), instant("2026-05-01 00:00"))
    start, due = instant("2026-01-31 22:00"), instant("2026-06-30 21:00")
    stop = due + DAYS_30
    assert [(o.promise, str(o.requirement), o.purpose, o.since, o.until, str(o.state)) for o in of] == [
        ("consent", "agreement recorded", None, start, due, "in force"),
        ("fixed-ip", "management restricted", None, start, due, "in force"),
        ("post-warranty", "access allowed", TECHNICAL, start, due, "in force"),
        ("post-warranty", "access allowed", ENDING, due, stop, "coming"),
        ("post-warranty", "secret absent", None, stop, None, "coming"),
        ("offboarding", "data absent", None, due, None, "coming"),
    ]
    assert of[2].cause == f"service {SERVICE}, agreement version 2026-01"
    assert of[4].cause == f"service {SERVICE}: the warranty has expired; hard stop 30 days later"


@pytest.mark.parametrize(
    ("work", "because"),
    [
        (one_off(access_ends="earliest", invoices=PAID), "the work is paid"),
        (one_off(), "the warranty has expired"),
        (one_off(access_ends="earliest", **WITHOUT_WARRANTY), "the last day without a warranty has passed"),
        (managed(ended=moment("2026-06-01")), "the service was ended"),
    ],
)
def test_the_cause_names_the_fact_that_ends_it(work: Service, because: str) -> None:
    (ending,) = [o for o in found(customer([work], [record()]), instant("2026-05-01 00:00")) if o.purpose is ENDING]
    assert f"service {SERVICE}: {because};" in ending.cause


def test_the_secret_must_be_gone_from_the_hard_stop_on_for_good() -> None:
    of = found(customer([one_off(invoices=ONE_OF_TWO)], [record()]), instant("2027-01-01 00:00"))
    (gone,) = [o for o in of if o.requirement is Requirement.SECRET_ABSENT]
    assert (gone.state, gone.until) == (State.IN_FORCE, None)
    assert {o.state for o in of if o is not gone} == {State.OVER}


def test_services_that_follow_each_other_without_a_gap_are_one_access_that_ends_with_the_last() -> None:
    second = one_off(SECOND_SERVICE, started=moment("2026-07-01"), warranty_until=moment("2026-09-30"))
    both = customer([one_off(), second], [record(services=(SERVICE, SECOND_SERVICE))])
    (technical,) = [o for o in found(both, instant("2026-05-01 00:00")) if o.purpose is TECHNICAL]
    assert technical.until == instant("2026-09-30 21:00")
    later = one_off(SECOND_SERVICE, started=moment("2026-07-02"), warranty_until=moment("2026-09-30"))
    apart = customer([one_off(), later], [record(services=(SERVICE, SECOND_SERVICE))])
    (technical,) = [o for o in found(apart, instant("2026-05-01 00:00")) if o.purpose is TECHNICAL]
    assert technical.until == instant("2026-06-30 21:00")


# A customer's data: when all is over and paid, and no hold stands

HELD = LegalHold(id="h-0000000001", since=moment("2026-06-15"))
RELEASED = LegalHold(id="h-0000000001", since=moment("2026-06-15"), until=moment("2026-11-30"))
LATER = LegalHold(id="h-0000000001", since=moment("2026-10-01"), until=moment("2026-11-30"))


def data_absent(*services: Service, at: str = "2026-07-15 00:00") -> tuple[datetime | None, datetime | None] | None:
    """Since when and until when the customer's data must be gone; None while nothing says so."""
    of = found(customer(services, [record()]), instant(at))
    rows = [o for o in of if o.requirement is Requirement.DATA_ABSENT]
    assert all((o.device, o.promise, o.subject) == (None, "offboarding", CUSTOMER) for o in rows)
    return (rows[0].since, rows[0].until) if rows else None


def test_data_must_be_gone_when_the_work_is_over_and_paid() -> None:
    assert data_absent(one_off(invoices=PAID)) == (instant("2026-06-30 21:00"), None)
    assert data_absent(one_off(invoices=PAID_LATE)) == (instant("2026-08-20 21:00"), None)
    assert data_absent(managed(ended=moment("2026-09-30"), invoices=PAID)) == (instant("2026-09-30 21:00"), None)


@pytest.mark.parametrize("invoices", [(invoice("unpaid"),), REVERSED, ONE_OF_TWO, ONE_REVERSED])
def test_what_is_unpaid_after_the_warranty_ends_access_and_keeps_the_data(invoices: tuple[Invoice, ...]) -> None:
    work = one_off(invoices=invoices)
    assert technical_until(customer([work], [record()]), "2026-06-30 21:00")
    assert data_absent(work, at="2030-01-01 00:00") is None


@pytest.mark.parametrize("work", [managed(ended=moment("2026-06-30")), one_off()], ids=["managed", "one-off"])
def test_what_was_never_invoiced_is_not_taken_for_paid_unless_it_says_that_it_is_free_of_charge(work: Service) -> None:
    assert data_absent(work, at="2030-01-01 00:00") is None
    free = msgspec.structs.replace(work, free_of_charge=True)
    assert data_absent(free) == (instant("2026-06-30 21:00"), None)
    assert technical_until(customer([work], [record()]), "2026-06-30 21:00"), "access ends without regard to it"


def test_data_stays_while_one_service_of_several_runs() -> None:
    assert data_absent(one_off(invoices=PAID), managed(SECOND_SERVICE)) is None
    assert data_absent(
        one_off(invoices=PAID), managed(SECOND_SERVICE, ended=moment("2026-09-30"), free_of_charge=True)
    ) == (
        instant("2026-09-30 21:00"),
        None,
    )


def test_payment_ends_access_at_once_and_the_data_waits_for_the_warranty() -> None:
    work = one_off(access_ends="earliest", invoices=PAID)
    assert technical_until(customer([work], [record()]), "2026-02-20 22:00")
    assert data_absent(work) == (instant("2026-06-30 21:00"), None)
    without = one_off(access_ends="earliest", invoices=PAID, **WITHOUT_WARRANTY)
    assert data_absent(without) == (instant("2026-02-20 22:00"), None)


def test_a_withdrawn_agreement_ends_access_but_destroys_nothing() -> None:
    of = found(customer([managed()], [record(withdrawn="2026-05-05")]), instant("2026-06-01 00:00"))
    assert [o.requirement for o in of if o.requirement is Requirement.DATA_ABSENT] == []


def test_a_customer_without_services_has_nothing_that_ended() -> None:
    assert data_absent() is None


def test_a_legal_hold_keeps_the_data_and_never_the_access() -> None:
    for hold in (HELD, RELEASED, LATER):
        held = customer([one_off(invoices=PAID, legal_hold=hold)], [record()])
        assert technical_until(held, "2026-06-30 21:00")
        assert purposes(held, instant("2026-07-30 21:00")) == set()
    assert data_absent(one_off(invoices=PAID, legal_hold=HELD), at="2040-01-01 00:00") is None
    released = one_off(invoices=PAID, legal_hold=RELEASED)
    assert data_absent(released) == data_absent(released, at="2027-01-01 00:00") == (instant("2026-11-30 22:00"), None)


def test_a_legal_hold_that_comes_later_stops_the_erasure_from_then_until_it_ends() -> None:
    work = one_off(invoices=PAID, legal_hold=LATER)
    assert data_absent(work, at="2026-07-15 00:00") == (instant("2026-06-30 21:00"), instant("2026-09-30 21:00"))
    assert data_absent(work, at="2026-10-05 00:00") == (instant("2026-11-30 22:00"), None)
    before = LegalHold(id="h-0000000001", since=moment("2026-02-01"), until=moment("2026-03-01"))
    past = one_off(invoices=PAID, legal_hold=before)
    assert data_absent(past) == (instant("2026-06-30 21:00"), None)


# What is measured

LOAD_30, LOAD_90 = (Metric(name="load", keep_days=days) for days in (30, 90))


def kept(of: Customer, at: str, device: str = DEVICE) -> list[tuple[str | None, int | None]]:
    rows = [o for o in found(of, instant(at)) if o.requirement is Requirement.KEPT_AT_MOST and o.device == device]
    assert all((o.promise, o.until) == ("minimal-data", None) for o in rows)
    return [(o.metric, o.keep_days) for o in rows]


def test_each_metric_of_a_device_says_how_long_its_rows_are_kept_at_most() -> None:
    disk = Metric(name="disk", keep_days=7)
    work = customer([managed(metrics=(LOAD_30, disk))], [record()], [device(), device(SECOND_DEVICE)])
    assert kept(work, "2026-05-01 00:00") == [("disk", 7), ("load", 30)]
    assert kept(work, "2026-05-01 00:00", SECOND_DEVICE) == []
    assert kept(customer([managed(metrics=(LOAD_30,))], []), "2026-05-01 00:00") == []


def test_of_two_services_that_measure_the_same_the_longer_keep_time_counts_while_it_has_rows() -> None:
    records = [record(services=(SERVICE, SECOND_SERVICE))]
    both = customer([one_off(metrics=(LOAD_90,)), managed(SECOND_SERVICE, metrics=(LOAD_30,))], records)
    assert kept(both, "2026-05-01 00:00") == [("load", 90)]
    assert kept(both, "2026-09-28 20:59:59") == [("load", 90)]
    assert kept(both, "2026-09-28 21:00") == [("load", 30)]


# Warnings


def said(of: Customer, at: str, ended: tuple[str, ...] = ()) -> list[tuple[str, Purpose, int]]:
    return [(w.device, w.purpose, w.days) for w in warnings(found(of, instant(at)), instant(at), ended)]


@pytest.mark.parametrize(
    ("at", "days"),
    [
        ("2026-06-16 20:59:59", None),
        ("2026-06-16 21:00", 14),
        ("2026-06-23 20:59:59", 14),
        ("2026-06-23 21:00", 7),
        ("2026-06-29 20:59:59", 7),
        ("2026-06-29 21:00", 1),
        ("2026-06-30 20:59:59", 1),
        ("2026-06-30 21:00", None),
    ],
)
def test_the_end_of_access_is_announced_14_7_and_1_days_before(at: str, days: int | None) -> None:
    assert said(customer([one_off()], [record()]), at) == ([(DEVICE, TECHNICAL, days)] if days else [])


@pytest.mark.parametrize(
    ("at", "days"),
    [("2026-07-16 20:59:59", None), ("2026-07-16 21:00", 14), ("2026-07-29 21:00", 1), ("2026-07-30 21:00", None)],
)
def test_the_hard_stop_of_an_ending_is_announced_unless_the_ending_is_done(at: str, days: int | None) -> None:
    work = customer([one_off()], [record()])
    assert said(work, at) == ([(DEVICE, ENDING, days)] if days else [])
    assert said(work, at, (DEVICE,)) == []


def test_a_device_that_was_taken_up_again_after_an_ending_is_warned_of() -> None:
    assert said(customer([one_off()], [record()]), "2026-06-29 21:00", (DEVICE,)) == [(DEVICE, TECHNICAL, 1)]


def test_what_does_not_end_by_itself_is_not_announced() -> None:
    assert said(customer([managed()], [record()]), "2026-06-29 21:00") == []
    assert said(customer([one_off()], []), "2026-06-29 21:00") == []
    longer = customer([one_off(), managed(SECOND_SERVICE)], [record(services=(SERVICE, SECOND_SERVICE))])
    assert said(longer, "2026-06-29 21:00") == []


def test_the_soonest_is_said_first_and_each_says_when_and_why() -> None:
    other = one_off(SECOND_SERVICE, devices=(SECOND_DEVICE,), warranty_until=moment("2026-06-25"))
    of = customer([one_off(), other], [record(services=(SERVICE, SECOND_SERVICE))], [device(), device(SECOND_DEVICE)])
    now = instant("2026-06-24 00:00")
    first, second = warnings(found(of, now), now)
    assert (first.device, first.at, first.days) == (SECOND_DEVICE, instant("2026-06-25 21:00"), 7)
    assert (second.device, second.at, second.days) == (DEVICE, instant("2026-06-30 21:00"), 7)
    assert str(first).startswith(f"{SECOND_DEVICE}: our access is due to end within 7 days, 2026-06-25 21:00Z: ")
