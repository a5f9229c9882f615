"""The device's end of its control socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .control import SOCKET
from .faults import Fault

if TYPE_CHECKING:
    from .device import Control as Action
    from .device import Device


class ControlServer:
    """Listens for one device; it goes on through reboots."""

    def __init__(self, device: Device) -> None:
        """Nothing listens before `open`."""
        self._device = device
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen in the device's folder."""
        path = self._device.directory / SOCKET
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, path)

    async def close(self) -> None:
        """Stop listening."""
        if self._server:
            self._server.close()

    def _actions(self) -> Mapping[str, Action]:
        return {
            "fault": self._fault,
            "clear": self._clear,
            "reboot": self._device.reboot,
            "stop": self._device.stop,
            "start": self._device.start,
            "settled": self._device.settled,
            "scale": self._scale,
            "advance": self._advance,
            "offered": self._offered,
            "forget": self._forget,
            "state": self._state,
            **self._device.controls(),
        }

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = json.loads(await reader.readline())
        try:
            answer = {"answer": await self._actions()[request.pop("do")](**request)}
        except Exception as error:  # noqa: BLE001 - whatever it is, the test that asked is told
            answer = {"error": f"{type(error).__name__}: {error}"}
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
        writer.close()

    async def _fault(self, **fields: Any) -> None:
        self._device.faults.add(Fault.of(fields))
        await self._device.faults_changed()

    async def _clear(self) -> None:
        self._device.faults.clear()
        await self._device.faults_changed()

    async def _scale(self, scale: float) -> None:
        self._device.timers.set_scale(scale)

    async def _advance(self, seconds: float) -> None:
        self._device.timers.advance(seconds)

    async def _offered(self) -> list[dict[str, Any]]:
        return [asdict(offered) for offered in self._device.users.offered]

    async def _forget(self) -> None:
        self._device.users.offered.clear()

    async def _state(self) -> dict[str, Any]:
        device = self._device
        denied = device.enforcement.denied() if device.enforcement else 0
        common = {"boots": device.boots, "timers": device.timers.remaining(), "struck": device.faults.struck}
        return common | {"faults": device.faults.described(), "denied": denied} | device.state()
