"""The example's contracts on a real Vault: each ends for its own reason, at its own time, and touches no other."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from lab import estate
from lab.estate import (
    HELD_DEVICE,
    MANAGED_DEVICE,
    PAID_DEVICE,
    SECOND_PAID_DEVICE,
    SHARED_DEVICE,
    UNAGREED_DEVICE,
    WARRANTY_DEVICE,
)
from lab.provision import Obet
from life_support import Job, promises, recap, verdict

_WORKED_ON = {WARRANTY_DEVICE, MANAGED_DEVICE, SHARED_DEVICE, PAID_DEVICE, SECOND_PAID_DEVICE}


def _days_ago(days: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def _reads(own: Obet, purpose: str, *devices: str) -> set[int]:
    job = Job(own)
    return {job.read(job.token(device, purpose), device) for device in devices}


def test_at_first_work_goes_on_on_five_servers_and_nobody_reads_the_others(provisioned: Obet) -> None:
    assert _reads(provisioned, "technical", *_WORKED_ON) == {200}
    assert _reads(provisioned, "technical", HELD_DEVICE, UNAGREED_DEVICE) == {403}
    assert _reads(provisioned, "ending", *_WORKED_ON, HELD_DEVICE, UNAGREED_DEVICE) == {403}


def test_payment_ends_the_work_without_a_warranty_on_both_its_servers_and_on_no_other(provisioned: Obet) -> None:
    estate.set_paid(provisioned.estate, _days_ago(0))
    provisioned.obet("vault", "apply")
    assert _reads(provisioned, "technical", PAID_DEVICE, SECOND_PAID_DEVICE) == {403}
    assert _reads(provisioned, "ending", PAID_DEVICE, SECOND_PAID_DEVICE) == {200}
    assert _reads(provisioned, "technical", WARRANTY_DEVICE, MANAGED_DEVICE, SHARED_DEVICE) == {200}


def test_the_registrars_timer_says_which_open_endings_stop_hard_before_long(provisioned: Obet) -> None:
    assert "warning" not in provisioned.obet("vault", "apply").stdout
    estate.set_paid(provisioned.estate, _days_ago(18))
    answer = provisioned.obet("vault", "apply").stdout.splitlines()
    warned = [line.split(":")[1].strip() for line in answer if line.startswith("warning: ")]
    assert sorted(warned) == sorted([PAID_DEVICE, SECOND_PAID_DEVICE])
    assert all("hard stop of an open ending within 14 days" in line for line in answer[:2])
    plain = json.loads(provisioned.obet("vault", "apply", "--json").stdout)
    assert (plain["changes"], [warning["days"] for warning in plain["warnings"]]) == ([], [14, 14])


def test_a_payment_that_is_reversed_opens_the_work_again(provisioned: Obet) -> None:
    reversed_ = {"id": "i-564wqgwtm2", "issued": "2026-05-29", "state": "reversed"}
    estate.change_service(provisioned.estate, estate.PAID_CUSTOMER, 0, {"invoices": [reversed_]})
    provisioned.obet("vault", "apply")
    assert _reads(provisioned, "technical", PAID_DEVICE, SECOND_PAID_DEVICE) == {200}


def test_a_legal_hold_and_an_unpaid_invoice_keep_no_access_after_the_warranty(provisioned: Obet) -> None:
    estate.set_held(provisioned.estate, _days_ago(100), datetime.now(UTC) + timedelta(days=1))
    provisioned.obet("vault", "apply")
    login = provisioned.lab.machine(estate.SERVERS[HELD_DEVICE]).initial_login
    provisioned.obet("secret", "login", HELD_DEVICE, "--user", login.user, stdin=f"{login.password}\n")
    assert _reads(provisioned, "technical", HELD_DEVICE) == {200}
    estate.set_held(provisioned.estate, _days_ago(100), _days_ago(1))
    provisioned.obet("vault", "apply")
    assert _reads(provisioned, "technical", HELD_DEVICE) == {403}
    assert _reads(provisioned, "ending", HELD_DEVICE) == {200}
    estate.set_held(provisioned.estate, _days_ago(100), _days_ago(40))
    provisioned.obet("vault", "apply")
    assert _reads(provisioned, "technical", HELD_DEVICE) | _reads(provisioned, "ending", HELD_DEVICE) == {403}
    assert _reads(provisioned, "technical", WARRANTY_DEVICE) == {200}


def test_a_device_of_a_platform_that_is_not_served_fails_in_one_line_and_the_others_go_on(provisioned: Obet) -> None:
    estate.change_device(provisioned.estate, SHARED_DEVICE, {"platform": "junos", "service_secrets": []})
    line = f"{SHARED_DEVICE}: platform junos: is not served yet"
    devices = f"{SHARED_DEVICE},{UNAGREED_DEVICE}"
    for playbook in ("onboard", "restrict_access", "verify_access", "post_warranty"):
        answer = provisioned.play(playbook, "--limit", devices, check=False)
        counts = recap(answer.stdout)
        assert (answer.returncode, counts[SHARED_DEVICE]["failed"], counts[SHARED_DEVICE]["changed"]) == (2, 1, 0)
        assert counts[UNAGREED_DEVICE]["failed"] == 0
        assert line in answer.stdout + answer.stderr
    _, found = promises(provisioned, SHARED_DEVICE)
    (served,) = [c["seen"] for c in found["seen"] if c["proof"] == "the device's own rules let no other source match"]
    assert served.startswith(line)
    assert verdict(found, "fixed-ip")["holds"] is None
