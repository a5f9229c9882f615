"""A device's plan: finished, the same for the same facts, with a digest of its own, and without a secret."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from builders import (
    CHECKOUT,
    CUSTOMER,
    DEVICE,
    KEY,
    PLATFORMS,
    SECOND_DEVICE,
    addresses,
    customer,
    device,
    device_of,
    estate,
    instant,
    ips,
    one_off,
    record,
)
from obet.access.policy import management_policy
from obet.erasure.steps import Entry, Step
from obet.errors import PolicyError
from obet.model import Device, Purpose, ServiceSecret
from obet.obligations import Grant, grants, obligations
from obet.plan import DevicePlan, customer_key, device_plan
from obet.platforms.linux import rules

CA = "ssh-ed25519 AAAACA"
DURING, AFTER, OVER = instant("2026-05-01 00:00"), instant("2026-07-15 00:00"), instant("2027-01-01 00:00")
SERVICES = (one_off(devices=(DEVICE, SECOND_DEVICE), free_of_charge=True),)


def entries(done: Iterable[Step], key: str = "") -> dict[Step, Entry]:
    return {step: Entry(at=DURING, run="r", device=DEVICE, step=step, detail={"key": key}) for step in done}


def plan(
    now: datetime = DURING,
    of: Device | None = None,
    *,
    without: Iterable[str] = (),
    done: Iterable[Step] = (),
    ca: str = CA,
) -> DevicePlan:
    own = of or device()
    whole = estate(customer(SERVICES, [record()], [own, device(SECOND_DEVICE)]))
    found = obligations(whole, now)
    granted = [grant for grant in grants(found) if grant.device not in without]
    source = ips("198.51.100.11")[0]
    return device_plan(whole, own, found, granted=granted, ca_public_key=ca, our_source=source, done=entries(done))


def test_it_names_the_device_its_customer_and_when_access_ends() -> None:
    found = plan()
    assert (found.customer, found.device, found.enforce) == (CUSTOMER, DEVICE, "restrict")
    assert (found.due, found.hard_stop) == ("2026-06-30T21:00:00+00:00", "2026-07-30T21:00:00+00:00")


@pytest.mark.parametrize(("now", "purposes"), [(DURING, ("technical",)), (AFTER, ("ending",)), (OVER, ())])
def test_its_purposes_are_what_is_granted_to_this_device_now(now: datetime, purposes: tuple[str, ...]) -> None:
    assert plan(now).purposes == purposes
    assert plan(now, without=[SECOND_DEVICE]).purposes == purposes
    assert plan(now, without=[DEVICE]).purposes == ()


def test_an_open_end_is_none() -> None:
    whole = estate(customer([], [], [device()]))
    found = device_plan(
        whole, device(), obligations(whole, DURING), granted=(), ca_public_key="", our_source=None, done={}
    )
    assert (found.due, found.hard_stop, found.purposes) == (None, None, ())


def test_its_rules_are_those_of_the_policy() -> None:
    found = plan(of=device(co_managers=(addresses("203.0.113.21"),))).management
    whole = estate(customer(SERVICES))
    text = rules.render(management_policy(whole, device(co_managers=(addresses("203.0.113.21"),))))
    assert found.text == text
    assert set(found.sources) == {str(a) for a in [*whole.fixed_addresses, *ips("203.0.113.21")]}
    assert found.ports == (22,)
    assert found.revert_seconds == 60


def test_a_device_that_is_typed_to_has_longer_until_it_takes_a_change_back() -> None:
    assert plan(of=device(platform="ios")).management.revert_seconds == 180


def test_an_unsafe_policy_makes_no_plan() -> None:
    whole = estate(customer(SERVICES, [record()]))
    with pytest.raises(PolicyError, match="would lock us out"):
        device_plan(whole, device(), (), granted=(), ca_public_key=CA, our_source=ips("203.0.113.66")[0], done={})


def test_one_account_works_and_the_other_only_looks() -> None:
    worker, reader = plan().accounts
    assert (worker.name, worker.principal, worker.commands) == ("obet", DEVICE, ("ALL",))
    assert (reader.name, reader.principal) == ("obet-read", f"{DEVICE}.read")
    assert "ALL" not in reader.commands
    assert all(command.startswith("/") and "*" not in command for command in reader.commands)


def test_the_digest_is_that_of_its_canonical_json() -> None:
    found = plan()
    canonical = json.dumps(found.variables(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert found.digest == hashlib.sha256(canonical.encode()).hexdigest()


def test_the_same_facts_make_the_same_digest_at_another_time_and_in_another_order() -> None:
    assert plan(DURING + timedelta(hours=1)).digest == plan().digest
    assert (
        plan(done=[Step.REMOVAL_STARTED, Step.ACCESS_REMOVED]).digest
        == plan(done=[Step.ACCESS_REMOVED, Step.REMOVAL_STARTED]).digest
    )
    assert plan(done=[Step.REMOVAL_STARTED, Step.ACCESS_REMOVED]).done == ("access removed", "removal started")


@pytest.mark.parametrize(
    "other",
    [
        plan(AFTER),
        plan(done=[Step.ACCESS_REMOVED]),
        plan(ca="ssh-ed25519 AAAAOTHER"),
        plan(of=device(enforce="observe")),
        plan(of=device(co_managers=(addresses("203.0.113.21"),))),
        plan(of=device(service_secrets=(ServiceSecret(name="status", path="/etc/status/token"),))),
    ],
    ids=["another purpose", "a step done", "another CA", "only observed", "another source", "a secret's place"],
)
def test_another_fact_makes_another_digest(other: DevicePlan) -> None:
    assert other.digest != plan().digest


def test_its_variables_are_plain_and_make_the_same_plan_again() -> None:
    plain: dict[str, Any] = json.loads(json.dumps(plan(done=[Step.ACCESS_REMOVED]).variables()))
    assert msgspec.convert(plain, DevicePlan) == plan(done=[Step.ACCESS_REMOVED])
    assert plain["purposes"] == ["technical"]
    assert plain["customer_access"] == {"account": "owner", "public_key": KEY}


def test_a_grant_of_another_device_is_not_this_ones() -> None:
    whole = estate(customer(SERVICES, [record()], [device(), device(SECOND_DEVICE)]))
    granted = [Grant(CUSTOMER, SECOND_DEVICE, Purpose.TECHNICAL)]
    found = device_plan(whole, device(), (), granted=granted, ca_public_key=CA, our_source=None, done={})
    assert found.purposes == ()
    assert SECOND_DEVICE not in json.dumps(found.variables())


def test_the_customer_is_confirmed_only_for_the_key_that_the_contract_names_now() -> None:
    whole, own = estate(customer(SERVICES)), device()
    handover = (Step.CUSTOMER_ACCESS_PLACED, Step.CUSTOMER_ACCESS_CONFIRMED)

    def confirmed(done: dict[Step, Entry]) -> bool:
        return device_plan(whole, own, (), granted=(), ca_public_key=CA, our_source=None, done=done).customer_confirmed

    placed, said = (entries([step], customer_key(own)) for step in handover)
    assert confirmed(placed | said)
    assert not confirmed({})
    assert not confirmed(placed)
    assert not confirmed(said)
    assert not confirmed(placed | entries(handover[1:], "another key"))
    assert not confirmed(entries(handover, "another key"))


def test_our_accounts_expire_on_the_day_of_the_hard_stop() -> None:
    assert plan().accounts_expire == instant("2026-07-30 00:00").timestamp()
    running = device_plan(
        estate(customer([], [], [device()])), device(), (), granted=(), ca_public_key="", our_source=None, done={}
    )
    assert running.accounts_expire == -1


NOT_SERVED: dict[str, dict[str, Any]] = {
    "platform eos": {"platform": "eos"},
    "platform junos": {"platform": "junos"},
    "owner provider": {"owner": "provider", "customer_access": None},
    "reach jump": {"reach": "jump", "seen_as": (addresses("198.51.100.30"),)},
}


@pytest.mark.parametrize(("what", "changes"), NOT_SERVED.items(), ids=NOT_SERVED)
def test_what_is_not_served_yet_has_no_plan_and_one_line_says_so(what: str, changes: dict[str, Any]) -> None:
    with pytest.raises(PolicyError) as caught:
        plan(of=device(**changes))
    assert str(caught.value).startswith(f"{DEVICE}: {what}: is not served yet")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_platform_is_served_when_there_is_a_driver_for_it(platform: str) -> None:
    """Rules and a proof alone do not make one."""
    driver = CHECKOUT / "plugins" / "obet" / "platforms" / platform / "driver.py"
    assert (device_of(platform).not_served == "") is driver.is_file()


def test_a_linux_device_of_the_customers_is_served_directly_and_through_a_tunnel() -> None:
    assert device().not_served == ""
    tunnelled = device(reach="tunnel", seen_as=(addresses("198.51.100.11", "2001:db8:51::11"),))
    assert plan(of=tunnelled).management.sources == ("198.51.100.11", "2001:db8:51::11")


def test_the_providers_own_device_has_no_key_of_the_customers() -> None:
    with pytest.raises(PolicyError, match="the provider's own"):
        customer_key(device(owner="provider", customer_access=None))
