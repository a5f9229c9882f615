"""When a customer is to be offboarded, and what his data waits for until then."""

from __future__ import annotations

import pytest
from builders import (
    OTHER_CUSTOMER,
    SECOND_SERVICE,
    SERVICE,
    customer,
    estate,
    instant,
    invoice,
    managed,
    moment,
    one_off,
    record,
)
from obet.model import LegalHold, Service
from obet.obligations import obligations
from obet.offboarding import Offboarding, offboarding

AFTER = "2026-09-01 12:00"


def asked(*services: Service, at: str = AFTER) -> Offboarding:
    found = customer(services, [record(services=[service.id for service in services])])
    return offboarding(found.contract, obligations(estate(found), instant(at)))


def ended(name: str = SERVICE, **changes: object) -> Service:
    """Over; nothing was charged for it unless invoices are given."""
    return managed(name, ended=moment("2026-06-30"), **{"free_of_charge": "invoices" not in changes, **changes})


def hold(since: str, until: str | None = None) -> LegalHold:
    return LegalHold(id="h-0000000001", since=moment(since), until=moment(until) if until else None)


PAID = (invoice("paid", "2026-07-05"),)


def test_all_over_and_paid_is_due_and_says_which_fact_decides() -> None:
    assert asked(ended(invoices=PAID)) == Offboarding(due=True, why="every service is over and paid")
    assert asked(ended()).due, "what says that it is free of charge"
    assert asked(one_off(invoices=PAID)).due
    assert asked(ended(), one_off(SECOND_SERVICE, invoices=PAID)).due


def test_it_is_due_from_the_last_payment_on_and_not_before() -> None:
    before, after = (
        asked(ended(invoices=PAID), at="2026-07-05 20:59"),
        asked(ended(invoices=PAID), at="2026-07-05 21:01"),
    )
    assert (before.due, after.due) == (False, True)
    assert before.why == "every service is over and paid, from 2026-07-05"


@pytest.mark.parametrize(
    ("services", "why"),
    [
        ([managed(invoices=PAID)], f"service {SERVICE} runs"),
        ([ended(invoices=(invoice(),))], f"invoice i-0000000001 of service {SERVICE} is unpaid"),
        ([ended(invoices=(invoice("reversed"),))], f"invoice i-0000000001 of service {SERVICE} is reversed"),
        ([one_off(invoices=(invoice(),))], f"invoice i-0000000001 of service {SERVICE} is unpaid"),
        ([ended(free_of_charge=False)], f"service {SERVICE} has no invoice and does not say `free_of_charge: true`"),
        ([ended(legal_hold=hold("2026-05-01"))], "legal hold h-0000000001 stands"),
        (
            [ended(), managed(SECOND_SERVICE, invoices=(invoice(),))],
            f"service {SECOND_SERVICE} runs; invoice i-0000000001 of service {SECOND_SERVICE} is unpaid",
        ),
    ],
    ids=["runs", "unpaid", "reversed", "unpaid work", "never invoiced", "legal hold", "two things"],
)
def test_what_the_data_waits_for_is_named(services: list[Service], why: str) -> None:
    assert asked(*services) == Offboarding(due=False, why=why)


def test_a_legal_hold_that_ends_says_until_when_and_one_that_has_ended_keeps_nothing() -> None:
    kept = asked(ended(legal_hold=hold("2026-05-01", "2026-09-30")))
    assert not kept.due
    assert "legal hold h-0000000001" in kept.why
    assert "2026-09-30" in kept.why
    assert asked(ended(legal_hold=hold("2026-05-01", "2026-08-31"))).due


def test_a_warranty_that_goes_on_keeps_the_data() -> None:
    found = asked(one_off(warranty_until=moment("2027-06-30"), invoices=PAID))
    assert not found.due
    assert "2027-06-30" in found.why


def test_another_customers_end_is_not_ones_own() -> None:
    gone, stays = customer([ended()], [record()]), customer([managed()], [record()], name=OTHER_CUSTOMER)
    found = obligations(estate(gone, stays), instant(AFTER))
    assert offboarding(gone.contract, found).due
    assert not offboarding(stays.contract, found).due


def test_a_contract_without_services_is_not_offboarded() -> None:
    assert not asked().due
