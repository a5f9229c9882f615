"""The commit protocol against a device that keeps to it, and one that is in doubt, or in other hands, at each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from obet.devices.commit import commit
from obet.devices.driver import Change
from obet.erasure.steps import Step
from obet.errors import DeviceError, VaultError


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class Device:
    """Rules that run and rules that are kept; `expire` is its own timer. Killed before the step that `kill` names."""

    def __init__(self) -> None:
        self.running = self.kept = self._before = "old"
        self.armed: str | None = None
        self.calls: list[str] = []
        self.kill = ""
        self.keeps_what_it_confirms = True

    def _step(self, name: str) -> None:
        if name == self.kill:
            raise Killed
        self.calls.append(name)

    def expire(self) -> None:
        if self.armed:
            self.running, self.armed = self._before, None

    def is_kept(self, change: Change) -> bool:
        self._step("is_kept")
        return self.running == self.kept == change.text

    def pending(self) -> str | None:
        self._step("pending")
        return self.armed

    def arm(self, change: Change) -> None:
        self._step("arm")
        assert self.armed is None
        self._before, self.running, self.armed = self.running, change.text, change.run

    def check_pending(self, change: Change, denied: int) -> None:
        self._step("check_pending")
        if self.armed != change.run or self.running != change.text or denied > 2:
            raise DeviceError("not as it must be")

    def confirm(self, change: Change) -> None:
        self._step("confirm")
        assert self.armed == change.run
        self.armed = None
        self.kept = change.text if self.keeps_what_it_confirms else "something else"

    def revert(self, run: str) -> None:
        self._step("revert")
        assert self.armed == run
        self.expire()


class Node:
    """Who runs the protocol: its journal, the runs that it knows to be over, and its attempts."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.journal: list[tuple[Step, Mapping[str, Any]]] = []
        self.over: set[str] = set()
        self.denied = 2
        self.trouble: Exception | None = None

    def attempt(self) -> int:
        self.device._step("attempt")
        if self.trouble:
            raise self.trouble
        return self.denied

    def commit(self, run: str = "run-1") -> Change:
        change = Change(run=run, text="new", revert_seconds=60)
        record = lambda step, detail: self.journal.append((step, detail))  # noqa: E731
        commit(self.device, change, attempt=self.attempt, record=record, is_over=self.over.__contains__)
        return change


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture
def node(device: Device) -> Node:
    return Node(device)


def test_a_change_that_works_is_kept_and_on_record_with_its_digest(node: Node, device: Device) -> None:
    change = node.commit()
    assert (device.running, device.kept, device.armed) == ("new", "new", None)
    assert [step for step, _ in node.journal] == [Step.MANAGEMENT_CHANGE_STARTED, Step.MANAGEMENT_CHANGE_CONFIRMED]
    assert {detail["rules"] for _, detail in node.journal} == {change.digest}


def test_nothing_is_confirmed_before_new_logins_were_tried_and_the_change_seen_pending(
    node: Node, device: Device
) -> None:
    node.commit()
    assert device.calls == ["pending", "arm", "attempt", "check_pending", "confirm", "is_kept"]


@pytest.mark.parametrize("trouble", [DeviceError("node2 does not get in"), VaultError("Vault is sealed")])
def test_any_doubt_leaves_the_change_to_the_devices_timer_and_says_so(
    node: Node, device: Device, trouble: Exception
) -> None:
    node.trouble = trouble
    with pytest.raises(type(trouble), match="not confirmed: the device takes the change back within 60 s"):
        node.commit()
    assert device.armed == "run-1"
    device.expire()
    assert (device.running, device.kept) == ("old", "old")


def test_a_device_that_denied_fewer_than_tried_is_not_confirmed(node: Node, device: Device) -> None:
    node.denied = 3
    with pytest.raises(DeviceError, match="not confirmed"):
        node.commit()
    assert "confirm" not in device.calls


def test_a_device_that_keeps_something_else_is_an_error_and_no_success_on_record(node: Node, device: Device) -> None:
    device.keeps_what_it_confirms = False
    with pytest.raises(DeviceError, match="keeps is something else"):
        node.commit()
    assert [step for step, _ in node.journal] == [Step.MANAGEMENT_CHANGE_STARTED]


def test_a_change_of_a_run_that_still_works_is_left_alone(node: Node, device: Device) -> None:
    device.arm(Change(run="colleague", text="his", revert_seconds=60))
    with pytest.raises(DeviceError, match="run colleague is pending"):
        node.commit()
    assert (device.armed, device.running, node.journal) == ("colleague", "his", [])


@pytest.mark.parametrize("kill", ["pending", "arm", "attempt", "check_pending", "confirm", "is_kept"])
@pytest.mark.parametrize("timer", ["runs out first", "still runs"])
def test_a_run_killed_at_any_step_leaves_a_device_that_the_next_run_brings_to_the_same_end(
    node: Node, device: Device, kill: str, timer: str
) -> None:
    device.kill = kill
    with pytest.raises(Killed):
        node.commit("killed")
    device.kill = ""
    assert node.journal or kill == "pending", "the intent is on record before anything is sent"
    if timer == "runs out first":
        device.expire()
        assert device.running == device.kept
    node.over.add("killed")
    node.commit("next")
    assert (device.running, device.kept, device.armed) == ("new", "new", None)
