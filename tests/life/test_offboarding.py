"""A customer leaves: his devices' access ends when all is over and paid; whoever else is left alone, and told why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lab import Machine, estate
from lab.estate import MANAGED_CUSTOMER, MANAGED_DEVICE, PAID_CUSTOMER, PAID_DEVICE, SECOND_PAID_DEVICE
from lab.provision import Obet, provision
from lab.visitors import customer_may_do_everything, password_login, service_status
from life_support import Job, administrator, new_lab, recap, secret_path

_LEAVING = (PAID_DEVICE, SECOND_PAID_DEVICE)
_SERVED = ",".join((*_LEAVING, MANAGED_DEVICE))


@pytest.fixture(scope="module")
def own() -> Iterator[Obet]:
    """Two customers in service, one of them with two servers; the tests of this file end both, in their order."""
    with new_lab() as lab:
        made = provision(lab)
        made.play("onboard", "--limit", _SERVED)
        made.play("configure", "--limit", _SERVED)
        yield made


@pytest.fixture(scope="module")
def remembered(own: Obet) -> dict[str, dict[str, Any]]:
    """What somebody may have written down while it was good, by device."""
    return {device: Job(own).secrets(device) for device in _LEAVING}


def server_of(own: Obet, device: str) -> Machine:
    return own.lab.machine(estate.SERVERS[device])


def is_ours(own: Obet, device: str) -> bool:
    """Whether our account stands on the device."""
    return server_of(own, device).run(["id", "obet"], check=False).returncode == 0


def offboard(own: Obet, *devices: str) -> tuple[str, dict[str, dict[str, int]]]:
    answer = own.play("offboard", "--limit", ",".join(devices))
    return answer.stdout, recap(answer.stdout)


def _is_paid(own: Obet) -> None:
    estate.set_paid(own.estate, datetime.now(UTC) - timedelta(seconds=5))


def test_a_customer_whose_service_runs_is_passed_over_and_it_is_said_which(own: Obet) -> None:
    said, counts = offboard(own, MANAGED_DEVICE)
    assert f"{MANAGED_DEVICE}: passed over: not to be offboarded: service s-4ghjjwzdfn runs" in said
    assert (counts[MANAGED_DEVICE]["changed"], counts[MANAGED_DEVICE]["failed"]) == (0, 0)


def test_a_customer_with_an_open_invoice_is_passed_over_and_it_is_named(
    own: Obet, remembered: dict[str, dict[str, Any]]
) -> None:
    assert remembered[PAID_DEVICE]["login"]["taken_over"]
    said, counts = offboard(own, *_LEAVING)
    for device in _LEAVING:
        assert f"{device}: passed over: not to be offboarded: invoice i-564wqgwtm2 of service s-1khffw0p0s" in said
        assert counts[device]["changed"] == 0


def test_under_a_legal_hold_access_may_end_and_nobody_is_offboarded(own: Obet) -> None:
    contract = own.estate / "customers" / PAID_CUSTOMER / "contract.yml"
    before = contract.read_text()
    _is_paid(own)
    estate.change_service(own.estate, PAID_CUSTOMER, 0, {"legal_hold": {"id": "h-0000000001", "since": "2026-06-01"}})
    own.obet("vault", "apply")
    said, counts = offboard(own, *_LEAVING)
    assert Job(own).read(Job(own).token(PAID_DEVICE, "ending"), PAID_DEVICE) == 200, "the ending is open"
    for device in _LEAVING:
        assert f"{device}: passed over: not to be offboarded: legal hold h-0000000001 stands" in said
        assert counts[device]["changed"] == 0
        assert is_ours(own, device)
    contract.write_text(before)


def test_nothing_of_ours_goes_before_the_customer_has_confirmed_his_own_access(own: Obet) -> None:
    _is_paid(own)
    own.obet("vault", "apply")
    said, counts = offboard(own, *_LEAVING)
    for device in _LEAVING:
        assert f"{device}: pending: the customer's own access is in place" in said
        assert customer_may_do_everything(own.lab, server_of(own, device))
        assert is_ours(own, device)
        assert counts[device]["failed"] == 0


def test_while_one_of_his_devices_has_not_ended_it_is_named(own: Obet) -> None:
    own.obet("handover", "confirm", PAID_DEVICE)
    said, _ = offboard(own, *_LEAVING)
    assert f"{PAID_CUSTOMER}: still to end: {SECOND_PAID_DEVICE}" in said
    recap_of_pending = said.partition("CUSTOM STATS")[2]
    for device in _LEAVING:
        (line,) = [line for line in recap_of_pending.splitlines() if line.strip().startswith(f"{device}:")]
        assert f"obet handover confirm {SECOND_PAID_DEVICE}" in line
    waiting = [line for line in own.obet("due").stdout.splitlines() if line.startswith("pending: ")]
    assert [line for line in waiting if PAID_DEVICE in line or SECOND_PAID_DEVICE in line] == [
        line for line in waiting if line.startswith(f"pending: {SECOND_PAID_DEVICE}: the customer's own access is in")
    ]
    assert [is_ours(own, device) for device in _LEAVING] == [False, True]


def test_access_to_all_his_devices_ends_and_their_secrets_are_destroyed(
    own: Obet, remembered: dict[str, dict[str, Any]]
) -> None:
    own.obet("handover", "confirm", SECOND_PAID_DEVICE)
    said, _ = offboard(own, *_LEAVING, MANAGED_DEVICE)
    assert f"{PAID_CUSTOMER}: all devices have ended; every service is over and paid" in said
    admin = administrator(own.lab)
    for device in _LEAVING:
        server, old = server_of(own, device), remembered[device]
        assert not is_ours(own, device)
        for password in (server.initial_login.password, old["login"]["password"]):
            refused = password_login(own.lab, server, server.initial_login.user, password)
            assert (refused.returncode, "Permission denied" in refused.stderr) == (255, True)
        assert service_status(server, old["services"]["status"]) == 401
        for path in (secret_path(device), secret_path(device).replace("data", "metadata", 1)):
            assert own.lab.vault.answer("GET", path, token=admin)[0] == 404
        assert customer_may_do_everything(own.lab, server)


def test_another_customer_is_untouched(own: Obet) -> None:
    job = Job(own)
    assert is_ours(own, MANAGED_DEVICE)
    secrets = job.secrets(MANAGED_DEVICE)
    assert service_status(server_of(own, MANAGED_DEVICE), secrets["services"]["status"]) == 200
    answer = own.play("configure", "--limit", MANAGED_DEVICE)
    assert recap(answer.stdout)[MANAGED_DEVICE] | {"changed": 0, "failed": 0} == recap(answer.stdout)[MANAGED_DEVICE]


def test_a_second_run_changes_nothing_before_and_after_the_registrars(own: Obet) -> None:
    for _ in range(2):
        said, counts = offboard(own, *_LEAVING)
        assert f"{PAID_CUSTOMER}: all devices have ended" in said
        assert {(counts[device]["changed"], counts[device]["failed"]) for device in _LEAVING} == {(0, 0)}
        own.obet("vault", "apply")


def test_access_to_what_is_over_and_unpaid_ends_and_its_customer_is_not_offboarded(own: Obet) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
    estate.change_service(own.estate, MANAGED_CUSTOMER, 0, {"ended": yesterday})
    own.obet("vault", "apply")
    said, counts = offboard(own, MANAGED_DEVICE)
    assert f"{MANAGED_DEVICE}: passed over: not to be offboarded: invoice i-cq4jpkjhdj of service s-4ghjjwzdfn" in said
    assert counts[MANAGED_DEVICE]["changed"] == 0
    own.play("post_warranty", "--limit", MANAGED_DEVICE)
    own.obet("handover", "confirm", MANAGED_DEVICE)
    own.play("post_warranty", "--limit", MANAGED_DEVICE)
    assert not is_ours(own, MANAGED_DEVICE)
    said, _ = offboard(own, MANAGED_DEVICE)
    assert "invoice i-cq4jpkjhdj of service s-4ghjjwzdfn is unpaid" in said, "his data waits"
