"""`/system/scheduler`: its entries run, also after a reboot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from .configuration import Row
from .errors import RouterError
from .requests import Caller
from .values import seconds

if TYPE_CHECKING:
    from .device import Simulated

PATH = "system/scheduler"
STARTUP = "startup"


class Scheduler:
    """The timers of one router; each entry's is named after its id."""

    def __init__(self, router: Simulated) -> None:
        """No timer runs before `renew`."""
        self._router = router
        self._runs: dict[str, int] = {}
        self._armed: dict[str, tuple[str, ...]] = {}

    def check(self, caller: Caller, given: Mapping[str, str]) -> None:
        """Refuse what device-mode forbids, and a policy that the caller has not himself."""
        if self._router.configuration.single("system/device-mode", "scheduler") != "yes":
            raise RouterError("failure: not allowed by device-mode")
        if "policy" in given:
            wanted = {name for name in given["policy"].split(",") if name and not name.startswith("!")}
            if not caller.policies.issuperset(wanted):
                raise RouterError("failure: user does not have enough rights for this policy")

    def booted(self) -> None:
        """Forget all timers, and start anew."""
        self._armed.clear()
        self._runs.clear()
        self.renew(starting=True)

    def renew(self, *, starting: bool = False) -> None:
        """Arm what was added or changed, disarm what has gone or was disabled."""
        configuration = self._router.configuration
        allowed = configuration.single("system/device-mode", "scheduler") == "yes"
        wanted = {row.id: row for row in configuration.enabled(PATH)} if allowed else {}
        for number in [number for number in self._armed if number not in wanted]:
            self._router.timers.cancel(f"scheduler {number}")
            del self._armed[number]
        for number, row in wanted.items():
            timing = tuple(row.values.get(name, "") for name in ("interval", "start-date", "start-time"))
            if self._armed.get(number) != timing:
                self._armed[number] = timing
                self._arm(row, starting=starting)

    def _arm(self, row: Row, *, starting: bool = False) -> None:
        left = self.next_run(row, starting=starting)
        if left is None:
            return

        async def fire() -> None:
            self._runs[row.id] = self._runs.get(row.id, 0) + 1
            if seconds(row.values.get("interval", "0s")):
                self._arm(row)
            await self._router.run_job(row)

        self._router.timers.call_later(f"scheduler {row.id}", left, fire)

    def next_run(self, row: Row, *, starting: bool = False) -> float | None:
        """In how many of the router's seconds an entry runs; None: never again."""
        interval = seconds(row.values.get("interval", "0s"))
        if row.values.get("start-time") == STARTUP:
            if starting:
                return 0.0
            return interval or None
        started = self._started(row)
        passed = (self._router.timers.now - started).total_seconds()
        if passed < 0:
            return -passed
        if not interval:
            return None
        left = interval - passed % interval
        return left if left > 0.1 or not self._runs.get(row.id) else left + interval  # it has just run

    def _started(self, row: Row) -> datetime:
        now = self._router.timers.now
        time = timedelta(seconds=seconds(row.values.get("start-time", "0s")))
        day = row.values.get("start-date") or f"{now:%Y-%m-%d}"
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) + time

    def shown(self, row: Row) -> dict[str, str]:
        """What `print` knows beside the configuration."""
        left = self._router.timers.remaining().get(f"scheduler {row.id}")
        printed = {"run-count": str(self._runs.get(row.id, 0)), "owner": "admin"}
        if left is not None:
            printed["next-run"] = f"{self._router.timers.now + timedelta(seconds=left):%Y-%m-%d %H:%M:%S}"
        return printed
