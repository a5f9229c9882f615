"""Many devices in one Nornir run: each has a result of its own, and nobody's trouble is another's."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from builders import EXAMPLE, customer, device, estate, managed
from nornir import InitNornir
from obet.devices import fleet
from obet.errors import DeviceError
from obet.model import Device, Estate

IDS = [f"d-000000000{n}" for n in range(1, 7)]


@pytest.fixture
def whole() -> Estate:
    return estate(customer([managed(devices=tuple(IDS))], devices=[device(name, platform="ios") for name in IDS]))


def test_the_job_is_done_on_the_devices_that_were_named_and_on_no_other(whole: Estate) -> None:
    seen: list[str] = []
    found = fleet.work(whole, IDS[:2], "restrict", lambda d: seen.append(d.id) or {"changed": True})
    assert sorted(seen) == sorted(found) == IDS[:2]
    assert {outcome.result["changed"] for outcome in found.values()} == {True}


def test_devices_that_cannot_be_worked_on_have_one_line_each_and_the_others_are_done(whole: Estate) -> None:
    def job(of: Device) -> dict[str, Any]:
        if of.id == IDS[0]:
            raise DeviceError("no answer")
        if of.id == IDS[1]:
            raise ValueError("a secret of the driver's library")
        return {"changed": False}

    found = fleet.work(whole, IDS, "look", job)
    assert (found[IDS[0]].failure, found[IDS[1]].failure) == ("no answer", f"{IDS[1]}: ValueError")
    assert all(found[name] == fleet.Outcome(result={"changed": False}) for name in IDS[2:])


def test_nothing_of_a_failure_is_logged(whole: Estate, caplog: pytest.LogCaptureFixture) -> None:
    def job(_: Device) -> dict[str, Any]:
        raise ValueError("a secret of the driver's library")

    fleet.work(whole, IDS, "look", job)
    assert "secret" not in caplog.text


def test_devices_are_worked_on_at_once(whole: Estate) -> None:
    together = threading.Barrier(len(IDS), timeout=20)

    def job(_: Device) -> dict[str, Any]:
        together.wait()  # breaks unless all of them are under way
        return {}

    assert {outcome.failure for outcome in fleet.work(whole, IDS, "look", job).values()} == {""}


def test_meanwhile_the_caller_has_something_to_do_in_its_own_thread_and_nothing_when_all_are_done(
    whole: Estate,
) -> None:
    called, threads = threading.Event(), set()

    def meanwhile() -> None:
        threads.add(threading.current_thread())
        called.set()

    def job(_: Device) -> dict[str, Any]:
        return {"waited": called.wait(20)}

    found = fleet.work(whole, IDS, "look", job, workers=2, meanwhile=meanwhile, pause=0.01)
    assert {outcome.result["waited"] for outcome in found.values()} == {True}
    assert threads == {threading.current_thread()}
    threads.clear()
    fleet.work(whole, IDS, "look", lambda _: {}, meanwhile=meanwhile, pause=20)
    assert threads == set()


def test_who_is_interrupted_begins_no_further_device_and_those_that_are_worked_on_are_done(whole: Estate) -> None:
    begun, interrupted, seen = threading.Event(), threading.Event(), list[str]()

    def job(of: Device) -> dict[str, Any]:
        begun.set()
        assert interrupted.wait(10)
        seen.append(of.id)
        return {}

    def meanwhile() -> None:
        assert begun.wait(10)
        threading.Timer(0.5, interrupted.set).start()  # by when the others were taken off the list
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fleet.work(whole, IDS, "look", job, workers=2, meanwhile=meanwhile, pause=0.01)
    assert len(seen) <= 2


def test_no_device_is_no_work(whole: Estate) -> None:
    assert fleet.work(whole, [], "look", lambda _: {}) == {}


def test_nornir_finds_the_estate_by_name_with_groups_and_without_secrets() -> None:
    found = InitNornir(
        inventory={"plugin": "obet", "options": {"folder": str(EXAMPLE)}}, logging={"enabled": False}
    ).inventory
    host = found.hosts["d-593ccz0tsv"]
    assert (host.hostname, host.platform, [str(g) for g in host.groups]) == (
        "198.51.100.101",
        "linux",
        ["linux", "c-qgx2np9y3d"],
    )
    assert all(h.username is None and h.password is None for h in found.hosts.values())
    assert set(found.groups) >= {"linux", "c-qgx2np9y3d"}
