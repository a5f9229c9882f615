"""The probes of a run, whichever threads ask for them: one loop in a thread of its own, and connections that are kept.

Hosts that we look from are logged in to once, not for each device; every login at a device is a new one. No more go on
at once than can be served in time: time-outs are of devices, not of this machine.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import asyncssh

from obet.devices.connection import vantage
from obet.devices.identity import Certificate
from obet.devices.probe import Probe, probe
from obet.model import Address, Device, Estate

_CERTIFICATE_USE = 60.0  # seconds for which a certificate serves further logins: it lives for minutes
_LOGINS, _KNOCKS = 16, 64  # at once
_END = 5.0  # seconds


class Lookout:
    """`certificate` asks Vault for one that hosts which we look from take. A fork begins anew: threads stay behind."""

    def __init__(self, certificate: Callable[[], Certificate]) -> None:
        self._certificate = certificate
        self._one = threading.Lock()
        self._begun: tuple[int, asyncio.AbstractEventLoop, _Kept] | None = None

    def begin(self, estate: Estate, device: Device, login: dict[str, Any]) -> Future[list[Probe]]:
        """All probes of a device; `login` is for the nodes."""
        loop, points = self._started()
        return asyncio.run_coroutine_threadsafe(probe(estate, device, login, points), loop)

    def _started(self) -> tuple[asyncio.AbstractEventLoop, _Kept]:
        with self._one:
            if self._begun is None or self._begun[0] != os.getpid():
                loop = asyncio.new_event_loop()
                threading.Thread(target=loop.run_forever, name="lookout", daemon=True).start()
                self._begun = os.getpid(), loop, _Kept(self._certificate)
            return self._begun[1:]

    def close(self) -> None:
        """Ends the connections of this process."""
        if self._begun is None or self._begun[0] != os.getpid():
            return
        _, loop, points = self._begun
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(points.close(), loop).result(_END)
        loop.call_soon_threadsafe(loop.stop)
        self._begun = None


class _Kept:
    """devices.probe.Points: one connection for each host, made anew when it has ended."""

    def __init__(self, certificate: Callable[[], Certificate]) -> None:
        self.logins, self.knocks = asyncio.Semaphore(_LOGINS), asyncio.Semaphore(_KNOCKS)
        self._ask = certificate
        self._asking = threading.Lock()
        self._certificate: tuple[float, Certificate] | None = None
        self._connections: dict[Address, asyncssh.SSHClientConnection] = {}
        self._opening: dict[Address, asyncio.Lock] = {}

    async def reach(self, address: Address, host_key: str) -> asyncssh.SSHClientConnection:
        async with self._opening.setdefault(address, asyncio.Lock()):
            kept = self._connections.get(address)
            if kept is None or kept.is_closed():
                certificate = await asyncio.to_thread(self._usable)
                kept = self._connections[address] = await vantage(address, host_key, certificate)
            return kept

    def _usable(self) -> Certificate:
        with self._asking:
            if self._certificate is None or time.monotonic() > self._certificate[0]:
                self._certificate = time.monotonic() + _CERTIFICATE_USE, self._ask()
            return self._certificate[1]

    async def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        for connection in self._connections.values():
            await connection.wait_closed()
