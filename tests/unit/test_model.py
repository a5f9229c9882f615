"""The frozen types: a day ends where the contract lives, an instant is itself, and what is missing was refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from builders import (
    CUSTOMER,
    DEVICE,
    DIGEST,
    KEY,
    addresses,
    customer,
    device,
    estate,
    instant,
    invoice,
    managed,
    one_off,
)
from hypothesis import given
from hypothesis import strategies as st
from obet.model import Approval, CustomerAccess, KeepTimes, ManagementService, Moment, Purpose, is_id

# Zones whose midnight is now and then twice, never, or of another day.
ZONES = ["Europe/Sofia", "UTC", "America/Havana", "Asia/Beirut", "Africa/Cairo", "Pacific/Apia", "America/Sao_Paulo"]
SOFIA = "Europe/Sofia"
SSH, API = ManagementService(protocol="ssh"), ManagementService(protocol="api-ssl")


@pytest.mark.parametrize(
    ("day", "starts", "ends"),
    [
        ("2026-01-31", "2026-01-30 22:00", "2026-01-31 22:00"),
        ("2026-07-31", "2026-07-30 21:00", "2026-07-31 21:00"),
        ("2026-03-29", "2026-03-28 22:00", "2026-03-29 21:00"),
        ("2026-10-25", "2026-10-24 21:00", "2026-10-25 22:00"),
        ("2028-02-29", "2028-02-28 22:00", "2028-02-29 22:00"),
        ("2026-12-31", "2026-12-30 22:00", "2026-12-31 22:00"),
    ],
    ids=["winter", "summer", "a day of 23 hours", "a day of 25 hours", "a leap day", "the year's last"],
)
def test_a_day_is_a_day_in_sofia(day: str, starts: str, ends: str) -> None:
    assert Moment.parse(day).start(SOFIA) == instant(starts)
    assert Moment.parse(day).end(SOFIA) == instant(ends)


@given(day=st.dates(date(1990, 1, 1), date(2100, 1, 1)), zone=st.sampled_from(ZONES))
def test_a_day_ends_when_the_next_begins_and_not_while_its_date_is_on_the_clock(day: date, zone: str) -> None:
    end = Moment(day).end(zone)
    assert end == Moment(day + timedelta(days=1)).start(zone)
    assert (end - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date() <= day
    assert end.astimezone(ZoneInfo(zone)).date() > day
    assert end.tzinfo is UTC


@pytest.mark.parametrize("text", ["2026-03-29T03:30:00+02:00", "2026-03-29T01:30:00Z", "2026-03-28T19:30:00-06:00"])
@pytest.mark.parametrize("zone", ZONES)
def test_an_instant_starts_and_ends_at_itself_in_every_zone(text: str, zone: str) -> None:
    assert Moment.parse(text).start(zone) == Moment.parse(text).end(zone) == instant("2026-03-29 01:30")


@pytest.mark.parametrize(
    "text",
    [
        "2027-02-29",
        "2026-11-31",
        "2026-00-10",
        "2026-1-1",
        "20260101x",
        "2026-01-01T10:00:00",
        "2026-01-01 10:00",
        "",
        "today",
        "2026-01-01\n",
        "\u0662\u0660\u0662\u0666-01-01",
    ],
)
def test_what_is_neither_a_real_day_nor_an_instant_with_an_offset_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Moment.parse(text)


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31", "0001-01-01T00:00:00+02:00", "9999-12-31T23:00:00-02:00"])
def test_a_moment_whose_start_or_end_no_clock_can_show_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Moment.parse(text)


def test_two_moments_are_equal_when_their_values_are() -> None:
    assert Moment.parse("2026-01-01T02:00:00+02:00") == Moment.parse("2026-01-01T00:00:00Z")
    assert Moment.parse("2026-01-01") != Moment.parse("2026-01-01T00:00:00Z")
    assert Moment.parse("2026-01-01") != date(2026, 1, 1)
    assert len({Moment(date(2026, 1, 1)), Moment(date(2026, 1, 1)), Moment(datetime(2026, 1, 1, tzinfo=UTC))}) == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"access_ends": None}, "access_ends"),
        ({"warranty_until": None}, "warranty_until"),
        ({"access_ends": "earliest", "warranty_until": None}, "last_day"),
    ],
    ids=["no end", "a warranty without a date", "neither warranty nor last day"],
)
def test_one_off_work_without_an_end_is_no_service(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        one_off(**changes)


def test_one_off_work_with_a_last_day_instead_of_a_warranty_is_a_service() -> None:
    found = one_off(access_ends="earliest", warranty_until=None, last_day=Moment(date(2026, 12, 31)))
    assert found.last_day == Moment(date(2026, 12, 31))


@pytest.mark.parametrize(
    "changes",
    [
        {"access_ends": "earliest"},
        {"warranty_until": Moment(date(2026, 12, 31))},
        {"last_day": Moment(date(2026, 12, 31))},
    ],
    ids=["access_ends", "warranty_until", "last_day"],
)
def test_a_managed_service_ends_by_nothing_but_ended(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is managed"):
        managed(**changes)
    assert managed(ended=Moment(date(2026, 12, 31))).ended == Moment(date(2026, 12, 31))


@pytest.mark.parametrize(("state", "paid"), [("paid", None), ("unpaid", "2026-02-20"), ("reversed", "2026-02-20")])
def test_an_invoice_has_a_day_of_payment_exactly_when_it_is_paid(state: str, paid: str | None) -> None:
    with pytest.raises(ValueError, match="paid"):
        invoice(state, paid)
    assert invoice("paid", "2026-02-20").paid == Moment(date(2026, 2, 20))


def test_what_is_free_of_charge_has_no_invoices() -> None:
    with pytest.raises(ValueError, match="free_of_charge"):
        managed(free_of_charge=True, invoices=(invoice(),))
    assert managed(free_of_charge=True).invoices == ()


def test_a_warranty_and_a_last_day_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="last_day"):
        one_off(last_day=Moment(date(2026, 6, 1)))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"customer_access": None}, "customer_access"),
        ({"owner": "provider"}, "customer_access"),
        ({"reach": "tunnel"}, "seen_as"),
        ({"reach": "jump"}, "seen_as"),
        ({"seen_as": (addresses("198.51.100.30"),)}, "seen_as"),
        ({"management": ()}, "management"),
        ({"management": (API,), "certificate": DIGEST}, "management: linux is managed over ssh"),
        ({"platform": "routeros"}, "management: routeros is managed over api-ssl"),
        ({"platform": "ios", "management": (SSH, API), "certificate": DIGEST}, "api-ssl is RouterOS' own"),
        ({"platform": "routeros", "management": (API,)}, "certificate: pins"),
        ({"certificate": DIGEST}, "certificate: pins"),
    ],
)
def test_a_device_that_contradicts_itself_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        device(**changes)


def test_an_estate_may_ask_for_more_approvals_than_the_defaults_and_never_for_fewer() -> None:
    few, more = {"access_change": 0}, {"access_change": 2, "due_erasure": 1}
    with pytest.raises(msgspec.ValidationError, match="access_change"):
        msgspec.convert(few, Approval)
    found = msgspec.convert(more, Approval)
    assert (found.looking, found.access_change, found.manual_erasure, found.due_erasure) == (0, 2, 2, 1)


def test_what_was_erased_is_kept_longer_than_any_backup() -> None:
    assert KeepTimes().erasures > KeepTimes().backups
    with pytest.raises(ValueError, match="erasures"):
        KeepTimes(erasures=35)


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",  # noqa: S104 - nothing binds here
        "127.0.0.1",
        "127.1.2.3",
        "224.0.0.1",
        "169.254.1.1",
        "255.255.255.255",
        "::",
        "::1",
        "ff02::1",
        "fe80::1",
    ],
)
def test_an_address_that_is_no_hosts_own_is_refused(text: str) -> None:
    family = "ipv6" if ":" in text else "ipv4"
    with pytest.raises(ValueError, match="is not a fixed address"):
        addresses(**{family: text})


@pytest.mark.parametrize("text", ["198.51.100.1", "10.0.0.1", "2001:db8::1", "fd00::1"])
def test_a_hosts_own_address_public_or_private_is_taken(text: str) -> None:
    family = "ipv6" if ":" in text else "ipv4"
    assert [str(a) for a in addresses(**{family: text}).both] == [text]


def test_a_host_without_an_address_is_no_host() -> None:
    with pytest.raises(ValueError, match="names no address"):
        addresses()


@pytest.mark.parametrize("account", ["root", "obet", "obet-read"])
def test_the_customers_own_account_is_neither_root_nor_ours(account: str) -> None:
    with pytest.raises(ValueError, match="cannot be the customer's own"):
        CustomerAccess(account=account, public_key=KEY)
    assert CustomerAccess(account="owner", public_key=KEY).account == "owner"


def test_nothing_loaded_can_be_changed() -> None:
    with pytest.raises(AttributeError):
        device().enforce = "observe"  # type: ignore[misc]


def test_a_type_takes_no_field_that_it_does_not_have() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"ipv4": None, "netmask": "x"}, type(addresses("198.51.100.1")))


def test_there_are_two_purposes_and_no_third() -> None:
    assert [purpose.value for purpose in Purpose] == ["technical", "ending"]


def test_an_estate_knows_its_control_node_its_addresses_and_whose_a_device_is() -> None:
    found = estate(customer([managed()]))
    assert found.control_node == "node1"
    assert [str(a) for a in found.fixed_addresses] == [
        "198.51.100.11",
        "2001:db8:51::11",
        "198.51.100.12",
        "2001:db8:51::12",
    ]
    assert found.customer_of(DEVICE).id == CUSTOMER


@pytest.mark.parametrize("text", ["c-0123456789", "c-abcdefghjk", "c-mnpqrstvwx", "c-yz00000000"])
def test_ten_characters_of_crockfords_base32_are_an_id(text: str) -> None:
    assert is_id("c", text)
    assert not is_id("d", text)


@pytest.mark.parametrize(
    "text", ["c-012345678", "c-01234567890", "c-0123456789\n", "C-0123456789", "c-012345678A", "../x"]
)
def test_anything_else_is_no_id(text: str) -> None:
    assert not is_id("c", text)


@pytest.mark.parametrize("letter", "ilouABCZ-_./ \n\u0660é")
def test_a_letter_that_can_be_mistaken_is_in_no_id(letter: str) -> None:
    assert not is_id("c", f"c-012345678{letter}")


def test_a_management_service_without_a_port_is_on_its_protocols_usual_one() -> None:
    router = device(platform="routeros", management=(API, SSH), certificate=DIGEST)
    assert (router.port("api-ssl"), router.port("ssh")) == (8729, 22)
    assert ManagementService(protocol="ssh", port=2222).port == 2222
