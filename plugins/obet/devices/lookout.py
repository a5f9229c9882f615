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
        self._connections: dict[Address, asyncio.Task[asyncssh.SSHClientConnection]] = {}

    async def reach(self, address: Address, host_key: str) -> asyncssh.SSHClientConnection:
        """Who comes while it is being opened gets what comes of that: a host that is silent is waited for once."""
        kept = self._connections.get(address)
        if kept is None or (kept.done() and _connection(kept) is None):
            kept = self._connections[address] = asyncio.create_task(self._open(address, host_key))
        return await asyncio.shield(kept)

    async def _open(self, address: Address, host_key: str) -> asyncssh.SSHClientConnection:
        return await vantage(address, host_key, await asyncio.to_thread(self._usable))

    def _usable(self) -> Certificate:
        with self._asking:
            if self._certificate is None or time.monotonic() > self._certificate[0]:
                self._certificate = time.monotonic() + _CERTIFICATE_USE, self._ask()
            return self._certificate[1]

    async def close(self) -> None:
        kept = tuple(self._connections.values())
        connections = [connection for task in kept if task.done() and (connection := _connection(task))]
        for task in kept:
            task.cancel()  # what is still being opened
        for connection in connections:
            connection.close()
        for connection in connections:
            await connection.wait_closed()


def _connection(opened: asyncio.Task[asyncssh.SSHClientConnection]) -> asyncssh.SSHClientConnection | None:
    """The connection that was opened, while it is one."""
    failed = opened.cancelled() or opened.exception() is not None
    return None if failed or opened.result().is_closed() else opened.result()
