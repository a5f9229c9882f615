"""A login that stays open: commands one after another, from one thread."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import asyncssh

from obet.devices.connection import Answer, connect_options, execute, failed
from obet.errors import DeviceError
from obet.model import Device

_COMMAND_TIMEOUT = 20.0  # seconds: a session that new rules cut is silent for ever


class Shell:
    """Opened as a context; DeviceError when the device cannot be reached, refuses the login, or falls silent."""

    def __init__(self, device: Device, credential: Mapping[str, Any]) -> None:
        self._device, self._credential = device, credential
        self._loop = asyncio.Runner()
        self._connection: asyncssh.SSHClientConnection | None = None

    def __enter__(self) -> Self:
        try:
            self._connection = self._loop.run(self._connect())
        except (OSError, TimeoutError, asyncssh.Error) as error:
            self._loop.close()
            raise self._broken(failed(error)) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.abort()
        self._loop.close()

    async def _connect(self) -> asyncssh.SSHClientConnection:
        device = self._device
        options = connect_options(device, self._credential)
        return await asyncssh.connect(str(device.addresses.first), device.port("ssh"), **options)

    def run(self, command: str, timeout: float = _COMMAND_TIMEOUT) -> Answer:
        """What the command prints; how it ended is in `detail`. `timeout` in seconds."""
        try:
            return self._loop.run(self._execute(command, timeout))
        except (OSError, TimeoutError, asyncssh.Error) as error:
            raise self._broken(failed(error)) from None

    async def _execute(self, command: str, timeout: float) -> Answer:
        assert self._connection is not None  # noqa: S101 - a context was entered
        async with asyncio.timeout(timeout):
            return await execute(self._connection, command)

    def _broken(self, answer: Answer) -> DeviceError:
        return DeviceError(f"{self._device.id}: {answer.outcome}: {answer.detail}")
