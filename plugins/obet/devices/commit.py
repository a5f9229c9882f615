"""The commit protocol, one for all platforms: no rule is kept on a device that was not seen to work.

The device arms a timer of its own before the rules come into force; new logins are tried; only then is the change
confirmed. Whatever fails before that leaves it unconfirmed, and the device takes it back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from obet.devices.driver import Change, Driver
from obet.erasure.steps import Step
from obet.errors import DeviceError, ObetError

Attempt = Callable[[], int]
Record = Callable[[Step, Mapping[str, str]], None]


def commit(driver: Driver, change: Change, *, attempt: Attempt, record: Record, is_over: Callable[[str], bool]) -> None:
    """Brings the change into force and keeps it; any ObetError means that it was not seen to be kept.

    `attempt` opens new connections, raises on any doubt, and says how many were denied. `record` writes to the journal.
    `is_over` says of another run whether it is known to have ended: what it left pending is taken back first.
    """
    _take_back(driver, is_over)
    record(Step.MANAGEMENT_CHANGE_STARTED, {"rules": change.digest})
    driver.arm(change)
    try:
        driver.check_pending(change, attempt())
    except ObetError as error:
        within = f"within {change.revert_seconds} s"
        raise type(error)(f"{error}; not confirmed: the device takes the change back {within}") from None
    driver.confirm(change)
    if not driver.is_kept(change):
        raise DeviceError("the change was confirmed, and what the device keeps is something else: look at it by hand")
    record(Step.MANAGEMENT_CHANGE_CONFIRMED, {"rules": change.digest})


def _take_back(driver: Driver, is_over: Callable[[str], bool]) -> None:
    """A change that a killed run left; one of a run that still works is left alone."""
    run = driver.pending()
    if run is None:
        return
    if not is_over(run):
        raise DeviceError(f"the change of run {run} is pending: wait until it is confirmed or the device has reverted")
    driver.revert(run)
