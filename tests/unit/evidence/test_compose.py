"""What a report says: only what was seen, of whom it was seen, and what is still to come."""

from __future__ import annotations

import pytest
from builders import (
    CUSTOMER,
    DEVICE,
    OTHER_CUSTOMER,
    OTHER_DEVICE,
    SECOND_DEVICE,
    customer,
    estate,
    instant,
    managed,
    one_off,
    record,
)
from hypothesis import given
from hypothesis import strategies as st
from obet.errors import RunError
from obet.evidence.compose import compose
from obet.evidence.promises import LEDGER, PROOFS, Check, verdicts
from obet.evidence.report import CustomerPart, Look, Promise, Report, TimelineEntry
from obet.model import Estate
from obet.vault.audit import SecretRead
from reports import NOW, all_of, check, look, two_customers

IN_THE_ENDING, AFTER_THE_HARD_STOP = instant("2026-07-10 10:00"), instant("2026-08-10 10:00")


def told(*looks: Look, of: Estate | None = None, devices: tuple[str, ...] = ()) -> Report:
    return compose(of or two_customers(), looks, NOW, devices=devices)


def part(report: Report, name: str = CUSTOMER) -> CustomerPart:
    (found,) = [customer for customer in report.customers if customer.id == name]
    return found


def promise(report: Report, name: str, of: str = CUSTOMER) -> Promise:
    (found,) = [promise for promise in part(report, of).promises if promise.name == name]
    return found


def test_with_no_look_each_customer_has_ten_promises_and_none_is_shown() -> None:
    report = told()
    for customer_part in report.customers:
        assert [p.name for p in customer_part.promises] == list(PROOFS)
        assert (customer_part.count(None), customer_part.count(True), customer_part.count(False)) == (10, 0, 0)
    assert (report.broken, report.looks, report.timeline, report.reads, report.audit_given) == (0, (), (), (), False)


def test_an_estate_without_customers_is_told_of_too() -> None:
    report = told(of=estate())
    assert (report.customers, report.pending, report.count(None)) == ((), (), 0)


def test_a_promise_holds_for_the_customer_whose_checks_passed_and_for_no_other() -> None:
    report = told(look(*all_of("fixed-ip"), *all_of("fixed-ip", SECOND_DEVICE)))
    assert promise(report, "fixed-ip").holds is True
    assert promise(report, "fixed-ip", OTHER_CUSTOMER).holds is None


def test_what_was_seen_of_the_ledger_counts_for_every_customer() -> None:
    whole = "the ledger of runs is whole"
    own = [c for device in (DEVICE, SECOND_DEVICE) for c in all_of("fixed-ip", device) if c.proof != whole]
    assert promise(told(look(*own)), "fixed-ip").holds is None
    assert promise(told(look(*own, check("fixed-ip", whole, LEDGER))), "fixed-ip").holds is True
    damaged = told(look(*own, check("fixed-ip", whole, LEDGER, passed=False)))
    assert promise(damaged, "fixed-ip").holds is False
    assert promise(damaged, "fixed-ip", OTHER_CUSTOMER).holds is False


def test_it_is_not_shown_while_one_device_that_it_is_due_for_was_not_looked_at() -> None:
    found = promise(told(look(*all_of("fixed-ip"))), "fixed-ip")
    assert (found.holds, found.not_looked_at) == (None, (SECOND_DEVICE,))
    assert verdicts(all_of("fixed-ip"))[6].holds is True


def test_a_failure_breaks_it_for_that_customer_alone() -> None:
    failed = check("fixed-ip", "outsiders do not get in", OTHER_DEVICE, passed=False)
    report = told(look(*all_of("fixed-ip"), *all_of("fixed-ip", SECOND_DEVICE), failed))
    assert promise(report, "fixed-ip", OTHER_CUSTOMER).holds is False
    assert promise(report, "fixed-ip").holds is True
    assert report.broken == 1


def test_customers_with_something_broken_come_first_then_those_with_most_shown() -> None:
    holds = [*all_of("fixed-ip", OTHER_DEVICE)]
    failed = check("consent", PROOFS["consent"][0], passed=False)
    assert [c.id for c in told().customers] == [CUSTOMER, OTHER_CUSTOMER]
    assert [c.id for c in told(look(*holds)).customers] == [OTHER_CUSTOMER, CUSTOMER]
    assert [c.id for c in told(look(*holds, failed)).customers] == [CUSTOMER, OTHER_CUSTOMER]


def test_a_check_beyond_all_customers_is_told_apart_and_its_failure_counts() -> None:
    failed = check("purpose", PROOFS["purpose"][0], "vault", passed=False)
    gone = check("consent", PROOFS["consent"][0], "d-9999999999")
    report = told(look(failed, gone))
    assert {(p.name, p.holds) for p in report.elsewhere} == {("purpose", False), ("consent", None)}
    assert report.broken == 1
    assert report.count(holds=False) == 0


def test_a_check_that_counts_for_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="is no proof of the table"):
        told(look(check("fixed-ip", "looks fine")))


def test_of_one_proof_at_one_place_the_latest_look_counts() -> None:
    proof = "outsiders do not get in"
    broken = look(check("fixed-ip", proof, passed=False), at="2026-05-01 08:00", run="first")
    mended = look(check("fixed-ip", proof), at="2026-05-01 09:00", run="second")
    for order in ((broken, mended), (mended, broken)):
        found = promise(told(*order), "fixed-ip")
        assert found.holds is None
        (seen,) = [one for shown in found.proofs for one in shown.seen]
        assert (seen.run, seen.at, seen.passed) == ("second", mended.at, True)
    elsewhere = look(check("fixed-ip", proof, SECOND_DEVICE), at="2026-05-01 09:00")
    assert promise(told(broken, elsewhere), "fixed-ip").holds is False


def test_a_later_look_at_another_proof_leaves_the_earlier_one_standing() -> None:
    first = look(*all_of("fixed-ip"), *all_of("fixed-ip", SECOND_DEVICE), at="2026-05-01 08:00")
    report = told(first, look(check("consent", PROOFS["consent"][0]), at="2026-05-01 09:00"))
    assert promise(report, "fixed-ip").holds is True
    assert [p.passed for p in promise(report, "consent").proofs] == [True, None, None]


def test_an_address_of_a_device_does_not_get_into_a_report_and_whose_it_is_does() -> None:
    seen = "node1 to 198.51.100.101: logged in; 2001:db8:51::101, 203.0.113.66; 192.0.2.7 from 0.0.0.0/0"
    entry = TimelineEntry(at=NOW, run="r", by="b", what="step", device=DEVICE, detail="at 198.51.100.101")
    report = compose(
        two_customers(),
        [look(check("fixed-ip", "the fixed addresses get in", seen=seen))],
        NOW,
        timeline=[entry],
    )
    (one,) = promise(report, "fixed-ip").proofs[1].seen
    assert one.text == (
        f"node1 to {DEVICE} (IPv4): logged in; {DEVICE} (IPv6), outsider1 (IPv4); an address (IPv4) from 0.0.0.0/0"
    )
    assert [e.detail for e in report.timeline if e.what == "step"] == [f"at {DEVICE} (IPv4)"]


@pytest.mark.parametrize("text", ["recorded 2026-11-23 09:28:48Z by run 9be3e80a", "ports 22, 8200", "a: b. c:d", "::"])
def test_what_is_no_address_stays(text: str) -> None:
    (one,) = promise(told(look(check("fixed-ip", PROOFS["fixed-ip"][0], seen=text))), "fixed-ip").proofs[0].seen
    assert one.text == text


def test_a_report_of_one_device_tells_of_its_customer_and_of_nobody_else() -> None:
    looks = look(
        *all_of("fixed-ip"), *all_of("fixed-ip", OTHER_DEVICE), check("purpose", PROOFS["purpose"][0], "vault")
    )
    entries = [
        TimelineEntry(at=NOW, run="r", by="b", what="step", customer=owner, device=name)
        for owner, name in ((CUSTOMER, DEVICE), (OTHER_CUSTOMER, OTHER_DEVICE), (None, None), (CUSTOMER, None))
    ]
    reads = [
        SecretRead(
            at="t", run="r", path=f"kv/data/access/{place}", purpose="technical", address="198.51.100.11", refused=False
        )
        for place in (f"{CUSTOMER}/{DEVICE}", f"{OTHER_CUSTOMER}/{OTHER_DEVICE}")
    ]
    report = compose(two_customers(), [looks], NOW, devices=[DEVICE], timeline=entries, reads=reads)
    assert [c.id for c in report.customers] == [CUSTOMER]
    assert [d.id for d in part(report).devices] == [DEVICE]
    assert promise(report, "fixed-ip").holds is True
    assert report.elsewhere == ()
    assert [(e.customer, e.device) for e in report.timeline if e.what == "step"] == [
        (CUSTOMER, DEVICE),
        (CUSTOMER, None),
    ]
    assert [e.detail for e in report.timeline if e.what == "looked at"] == ["7 checks, 0 failed, 0 open"]
    assert [r.place for r in report.reads] == [f"{CUSTOMER}/{DEVICE}"]
    whole = compose(two_customers(), [looks], NOW, timeline=entries, reads=reads)
    assert (len(whole.timeline), len(whole.reads), len(whole.customers)) == (5, 2, 2)


def test_a_device_that_the_estate_does_not_have_is_an_error() -> None:
    with pytest.raises(RunError, match="d-9999999999: is no device of this estate"):
        told(devices=("d-9999999999",))


def test_the_end_of_a_warranty_is_pending_with_its_days_and_the_hard_stop_after_it() -> None:
    report = compose(two_customers(), [], NOW, devices=[DEVICE])
    assert [(p.what, p.point.days if p.point else None, p.late) for p in report.pending] == [
        ("work ends", 60, False),
        ("hard stop", 90, False),
    ]
    assert all("warranty has expired" in p.because for p in report.pending)
    assert part(report).devices[0].now == "open"


def test_a_service_without_an_end_has_nothing_pending() -> None:
    assert compose(two_customers(), [], NOW, devices=[OTHER_DEVICE]).pending == ()


@pytest.mark.parametrize(
    ("at", "days"),
    [("2026-06-30 20:59", 0), ("2026-06-29 21:00", 0), ("2026-06-29 20:59", 1), ("2026-06-28 20:59", 2)],
)
def test_days_are_counted_by_the_calendar_where_the_contract_lives(at: str, days: int) -> None:
    report = compose(two_customers(), [], instant(at), devices=[DEVICE])
    assert [p.point.days for p in report.pending if p.point and p.what == "work ends"] == [days]


def test_work_that_has_not_begun_is_pending_by_its_first_day() -> None:
    report = compose(two_customers(), [], instant("2026-01-30 21:59"), devices=[DEVICE])
    assert next((p.what, p.point.days) for p in report.pending if p.point) == ("work begins", 2)
    assert part(report).devices[0].now == "coming"


def test_who_has_not_agreed_is_waited_for_without_a_date() -> None:
    report = told(of=estate(customer([managed()])))
    assert [(p.what, p.point, p.device) for p in report.pending] == [("agreement", None, DEVICE)]
    assert part(report).devices[0].now == "closed"


def test_an_ending_is_pending_until_all_that_was_looked_at_since_says_that_it_is_done() -> None:
    done = all_of("post-warranty")[:3]
    for looks, now, pending in (
        ([], "ending", ["hard stop"]),
        ([look(*done, at="2026-07-05 10:00")], "ended", []),
        ([look(*done, at="2026-06-05 10:00")], "ending", ["hard stop"]),
        ([look(*done[:2], check("post-warranty", done[2].proof, passed=None), at="2026-07-05 10:00")], "ending",
         ["hard stop"]),
    ):  # fmt: skip
        report = compose(two_customers(), looks, IN_THE_ENDING, devices=[DEVICE])
        assert part(report).devices[0].now == now
        assert [p.what for p in report.pending] == pending


def test_past_its_hard_stop_a_device_whose_ending_was_not_seen_is_late_and_comes_first() -> None:
    report = compose(two_customers(), [], AFTER_THE_HARD_STOP)
    assert [(p.device, p.what, p.late) for p in report.pending] == [
        (DEVICE, "hard stop", True),
        (SECOND_DEVICE, "hard stop", True),
    ]
    done = look(*all_of("post-warranty")[:3], *all_of("post-warranty", SECOND_DEVICE)[:3], at="2026-07-05 10:00")
    after = compose(two_customers(), [done], AFTER_THE_HARD_STOP)
    assert [d.now for d in part(after).devices] == ["ended", "ended"]
    assert after.pending == ()


def test_a_promise_is_due_only_while_a_device_calls_for_it() -> None:
    running, over = told(), compose(two_customers(), [], IN_THE_ENDING)
    assert (promise(running, "fixed-ip").due, promise(running, "post-warranty").due) == (True, False)
    assert (promise(over, "fixed-ip").due, promise(over, "post-warranty").due) == (False, True)
    assert promise(running, "purpose").due


def test_the_timeline_is_in_the_order_of_time_and_knows_each_look() -> None:
    early = TimelineEntry(at=instant("2026-05-01 08:00"), run="r", by="b", what="run began")
    late = TimelineEntry(at=instant("2026-05-01 09:30"), run="r", by="b", what="run ended")
    seen = look(check("fixed-ip", PROOFS["fixed-ip"][0]), check("fixed-ip", PROOFS["fixed-ip"][1], passed=False))
    report = compose(two_customers(), [seen], NOW, timeline=[late, early])
    assert [e.what for e in report.timeline] == ["run began", "looked at", "run ended"]
    assert report.timeline[1].detail == "2 checks, 1 failed, 0 open"


def test_reads_that_are_alike_are_counted_and_others_are_told_apart() -> None:
    def read(at: str, address: str = "198.51.100.11", path: str = f"access/{CUSTOMER}/{DEVICE}") -> SecretRead:
        return SecretRead(at=at, run="r", path=f"kv/data/{path}", purpose="technical", address=address, refused=False)

    reads = [read("2"), read("1"), read("3", "203.0.113.9"), read("4", path="locks/x")]
    report = compose(two_customers(), [], NOW, reads=reads)
    assert [(r.source, r.times, r.first, r.last) for r in report.reads] == [("node1", 2, "1", "2"), (None, 1, "3", "3")]
    assert report.audit_given


ANY_CHECK = st.builds(
    lambda place, where, passed: check(*place, where, passed=passed),
    st.sampled_from([(name, proof) for name in ("consent", "fixed-ip", "post-warranty") for proof in PROOFS[name]]),
    st.sampled_from([DEVICE, SECOND_DEVICE, OTHER_DEVICE]),
    st.sampled_from([True, True, None, False]),
)


@given(checks=st.lists(ANY_CHECK, max_size=20), whole=st.booleans())
def test_nothing_is_said_to_hold_that_the_verdicts_do_not_and_no_failure_is_left_out(
    checks: list[Check], whole: bool
) -> None:
    seen = [*checks, *(all_of("fixed-ip") if whole else [])]
    report = told(look(*seen))
    for name, devices in ((CUSTOMER, {DEVICE, SECOND_DEVICE}), (OTHER_CUSTOMER, {OTHER_DEVICE})):
        own = verdicts(c for c in seen if c.where in devices)
        for verdict, shown in zip(own, part(report, name).promises, strict=True):
            assert shown.holds is verdict.holds or (verdict.holds and shown.holds is None and shown.not_looked_at)


def test_the_same_is_told_of_the_same() -> None:
    agreed = estate(customer([one_off()], [record()]))
    assert compose(agreed, [look(*all_of("consent"))], NOW) == compose(agreed, [look(*all_of("consent"))], NOW)
