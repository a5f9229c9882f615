"""A customer with network devices leaves: from running service until nothing of ours is left on them or about them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from lab import estate
from lab.estate import NETWORK_DEVICES, WARRANTY_CUSTOMER, WARRANTY_DEVICE
from lab.provision import Obet
from lab.visitors import customer_may_do_everything, password_login
from life_support import Job, promises, recap, secret_path, verdict
from network_in_service import BOTH, DEVICES, OURS, accounts, network, simulator, takes_key, takes_password

__all__ = ["network"]
Logins = dict[str, dict[str, dict[str, str]]]  # by device and account


def offboard(own: Obet) -> tuple[str, dict[str, dict[str, int]]]:
    answer = own.play("offboard", "--limit", BOTH)
    return answer.stdout, recap(answer.stdout)


@pytest.fixture(scope="module")
def remembered(network: Obet) -> Logins:
    """What somebody may have written down while it was good, by device and account."""
    return {device: {account: accounts(network, device, account) for account in OURS} for device in NETWORK_DEVICES}


def all_is_over(own: Obet) -> None:
    """Both of the customer's services have ended and are paid, and the dispute is settled."""
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    paid = {"id": "i-x7491tw2vr", "issued": "2026-02-10", "state": "paid", "paid": yesterday}
    settled = {"id": "h-w1nejzbhdn", "since": "2026-02-15", "until": yesterday}
    over = {"started": "2026-02-01", "warranty_until": yesterday}
    estate.change_service(own.estate, WARRANTY_CUSTOMER, 1, {**over, "invoices": [paid], "legal_hold": settled})
    estate.end_warranty_now(own.estate)
    own.obet("vault", "apply")


def test_devices_in_service_are_passed_over_and_it_is_said_why(network: Obet, remembered: Logins) -> None:
    said, counts = offboard(network)
    for device in NETWORK_DEVICES:
        assert f"{device}: passed over: not to be offboarded: " in said
        assert (counts[device]["changed"], counts[device]["failed"]) == (0, 0)
        for account, login in remembered[device].items():
            assert takes_password(network, device, account, login["password"])
            assert takes_key(network, device, account, login["ssh_key"])


def test_nothing_of_ours_goes_before_the_customer_has_confirmed_his_own_access(
    network: Obet, remembered: Logins
) -> None:
    all_is_over(network)
    said, counts = offboard(network)
    for device in NETWORK_DEVICES:
        assert f"{device}: pending: the customer's own access is in place" in said
        assert counts[device]["failed"] == 0
        for account, login in remembered[device].items():
            assert takes_password(network, device, account, login["password"])
            assert takes_key(network, device, account, login["ssh_key"])
        assert customer_may_do_everything(network.lab, simulator(network, device))


def test_after_his_word_nothing_of_ours_is_left(network: Obet, remembered: Logins) -> None:
    for device in NETWORK_DEVICES:
        network.obet("handover", "confirm", device)
    _, counts = offboard(network)
    job = Job(network)
    for device in NETWORK_DEVICES:
        router = simulator(network, device)
        assert (counts[device]["changed"] > 0, counts[device]["failed"]) == (True, 0)
        assert "obet" not in json.dumps(router.control.state()["running"]).lower()
        for account, login in remembered[device].items():
            assert password_login(network.lab, router, account, login["password"]).returncode != 0
        assert customer_may_do_everything(network.lab, router)
        assert job.call(job.token(device, "ending"), "GET", secret_path(device))[0] in {403, 404}


def test_done_again_it_changes_nothing_before_and_after_the_registrars(network: Obet) -> None:
    for _ in range(2):
        said, counts = offboard(network)
        assert {(counts[device]["changed"], counts[device]["failed"]) for device in NETWORK_DEVICES} == {(0, 0)}
        left = said.partition(f"{WARRANTY_CUSTOMER}: still to end: ")[2].splitlines()[0]
        assert WARRANTY_DEVICE in left, "his server, which this play left alone"
        assert not any(device in left for device in NETWORK_DEVICES)
        network.obet("vault", "apply")


@DEVICES
def test_the_proof_finds_nothing_left_of_it(network: Obet, device: str) -> None:
    _, found = promises(network, device)
    assert [f for f in verdict(found, "post-warranty")["failures"] if f["where"] == device] == []
    assert not [line for line in network.obet("due").stdout.splitlines() if line.startswith(f"pending: {device}")]
