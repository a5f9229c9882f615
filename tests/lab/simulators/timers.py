"""A device's clock: it can run faster than the world's, or be put forward, and its timers with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Action = Callable[[], Awaitable[None]]


@dataclass
class _Timer:
    due: float
    action: Action
    handle: asyncio.TimerHandle | None = None


class Timers:
    """Named timers in the device's seconds. Use it inside the running event loop only.

    `scale`: how many of the device's seconds pass in one real one. An action's error is the process's: it is
    raised in its task, and the log shows it.
    """

    def __init__(self, scale: float = 1.0) -> None:
        """A clock that shows the world's time until it is scaled or put forward."""
        self.scale = scale
        self._loop = asyncio.get_running_loop()
        self._started = datetime.now(UTC)
        self._mark, self._passed = self._loop.time(), 0.0
        self._timers: dict[str, _Timer] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def passed(self) -> float:
        """The device's seconds since this clock was made."""
        return self._passed + (self._loop.time() - self._mark) * self.scale

    @property
    def now(self) -> datetime:
        """The device's own idea of the time (UTC)."""
        return self._started + timedelta(seconds=self.passed)

    def call_later(self, name: str, seconds: float, action: Action) -> None:
        """Run the action once after so many of the device's seconds; a timer of that name before is replaced."""
        self.cancel(name)
        self._timers[name] = _Timer(self.passed + seconds, action)
        self._schedule(name)

    def cancel(self, name: str) -> None:
        """Forget a timer; no error where there is none."""
        timer = self._timers.pop(name, None)
        if timer and timer.handle:
            timer.handle.cancel()

    def cancel_all(self) -> None:
        """As at a reboot."""
        for name in list(self._timers):
            self.cancel(name)

    def remaining(self) -> dict[str, float]:
        """The device's seconds that each timer still has."""
        return {name: timer.due - self.passed for name, timer in self._timers.items()}

    async def idle(self) -> None:
        """Wait until everything that is due has been done."""
        while self._tasks or any(timer.due <= self.passed for timer in self._timers.values()):
            await asyncio.sleep(0.001)

    def set_scale(self, scale: float) -> None:
        """Let the clock run faster or slower from now on."""
        self._passed, self._mark, self.scale = self.passed, self._loop.time(), scale
        for name in self._timers:
            self._schedule(name)

    def advance(self, seconds: float) -> None:
        """Put the clock forward: what became due runs at once."""
        self._passed += seconds
        for name in self._timers:
            self._schedule(name)

    def _schedule(self, name: str) -> None:
        timer = self._timers[name]
        if timer.handle:
            timer.handle.cancel()
        left = max(0.0, timer.due - self.passed) / self.scale
        timer.handle = self._loop.call_later(left, self._fire, name, timer)

    def _fire(self, name: str, timer: _Timer) -> None:
        if self._timers.get(name) is timer:
            del self._timers[name]
        task = self._loop.create_task(_run(timer.action))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _run(action: Action) -> None:
    await action()
