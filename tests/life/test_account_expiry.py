"""Our accounts on a server end by themselves when the contract says now, not when it said so at onboarding."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from lab import Machine, estate
from lab.estate import MANAGED_CUSTOMER, MANAGED_DEVICE, SHARED_DEVICE
from lab.provision import Obet, provision
from life_support import new_lab, recap

_MONTH = timedelta(days=30)
_NEVER = ""


@pytest.fixture(scope="module")
def own() -> Iterator[Obet]:
    """A managed service's server; the tests of this file let its service end, in their order."""
    with new_lab() as lab:
        made = provision(lab, [MANAGED_DEVICE])
        made.play("onboard", "--limit", MANAGED_DEVICE)
        yield made


@pytest.fixture
def server(own: Obet) -> Machine:
    return own.lab.machine("server2")


def expiry(server: Machine) -> str:
    """The day on which both our accounts end, as shadow(5) counts days."""
    lines = server.run(["getent", "shadow", "obet", "obet-read"]).stdout.splitlines()
    (day,) = {line.split(":")[7] for line in lines}
    return day


def ends(own: Obet, when: str) -> None:
    estate.change_service(own.estate, MANAGED_CUSTOMER, 0, {"ended": when})


def day_of_hard_stop(ended: date) -> str:
    return str((ended + _MONTH - date(1970, 1, 1)).days)


@pytest.mark.parametrize("playbook", ["configure", "restrict_access", "rotate_credentials", "onboard"])
def test_whatever_works_on_the_server_makes_them_end_when_the_contract_says_now(
    own: Obet, server: Machine, playbook: str
) -> None:
    server.run(["sh", "-c", "chage -E -1 obet; chage -E -1 obet-read"])
    assert expiry(server) == _NEVER
    ended = datetime.now(UTC).date() + timedelta(days=10)
    ends(own, ended.isoformat())
    own.play(playbook, "--limit", MANAGED_DEVICE)
    assert expiry(server) == day_of_hard_stop(ended)


def test_a_later_end_is_taken_over_as_well_and_a_second_run_changes_nothing(own: Obet, server: Machine) -> None:
    later = datetime.now(UTC).date() + timedelta(days=50)
    ends(own, later.isoformat())
    answer = own.play("restrict_access", "--limit", MANAGED_DEVICE, "--check")
    assert recap(answer.stdout)[MANAGED_DEVICE]["changed"] == 1
    assert expiry(server) != day_of_hard_stop(later)
    own.play("restrict_access", "--limit", MANAGED_DEVICE)
    assert expiry(server) == day_of_hard_stop(later)
    answer = own.play("restrict_access", "--limit", MANAGED_DEVICE)
    assert recap(answer.stdout)[MANAGED_DEVICE]["changed"] == 0


def test_an_ending_begins_with_it_and_what_waits_stands_in_the_recap_and_is_told_until_it_is_done(
    own: Obet, server: Machine
) -> None:
    server.run(["sh", "-c", "chage -E -1 obet; chage -E -1 obet-read"])
    ended = datetime.now(UTC).date() - timedelta(days=2)
    ends(own, ended.isoformat())
    own.obet("vault", "apply")
    assert f"pending: {MANAGED_DEVICE}: the customer's own access is to be placed" in own.obet("due").stdout
    answer = own.play("post_warranty", "--limit", MANAGED_DEVICE)
    assert expiry(server) == day_of_hard_stop(ended)
    waits = "the customer's own access is in place; once the customer has logged in with it"
    assert f"{MANAGED_DEVICE}: pending: {waits}" in answer.stdout
    assert waits in answer.stdout.partition("CUSTOM STATS")[2]
    assert f"pending: {MANAGED_DEVICE}: {waits}" in own.obet("due").stdout
    told = json.loads(own.obet("due", "--json").stdout)["pending"]
    assert MANAGED_DEVICE in {one["device"] for one in told}


def test_on_the_day_of_the_hard_stop_an_ending_does_not_shut_us_out(own: Obet, server: Machine) -> None:
    before = expiry(server)
    instant = datetime.now(UTC) - _MONTH + timedelta(minutes=15)
    ends(own, instant.isoformat(timespec="seconds"))
    own.obet("vault", "apply")
    assert own.play("post_warranty", "--limit", MANAGED_DEVICE).returncode == 0
    hard_stop = (instant + _MONTH).date() - date(1970, 1, 1)
    assert expiry(server) in {before, str(hard_stop.days)}  # the second only where that day has not begun
    own.obet("handover", "confirm", MANAGED_DEVICE)
    answer = own.play("post_warranty", "--limit", MANAGED_DEVICE)
    assert server.run(["id", "obet"], check=False).returncode != 0
    assert "CUSTOM STATS" not in answer.stdout
    said = own.obet("due").stdout
    assert f"pending: {MANAGED_DEVICE}" not in said
    assert f"pending: {SHARED_DEVICE}" in said
