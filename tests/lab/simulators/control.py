"""What a test may do to a device from outside of it, over a Unix socket in the lab's tmpfs.

One JSON object a line each way: {"do": name, ...fields} is answered {"answer": …} or {"error": text}. `Control` is the
client, for tests; it opens a connection for each request, so it may be used from any thread.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import LabError
from .faults import Fault, FaultKind
from .users import Offered

if TYPE_CHECKING:
    from .device import Control as Action
    from .device import Device

SOCKET = "control.sock"


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


class Control:
    """A test's hand on one device, which may be in another process."""

    def __init__(self, directory: Path) -> None:
        """The device's folder."""
        self._path = directory / SOCKET

    def call(self, do: str, **fields: Any) -> Any:
        """One request; a LabError says what the device did not take."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(str(self._path))
            connection.sendall(json.dumps({"do": do, **fields}).encode() + b"\n")
            answer = json.loads(connection.makefile("rb").readline() or b'{"error": "the device has gone"}')
        if "error" in answer:
            raise LabError(f"{self._path.parent.name}: {do}: {answer['error']}")
        return answer["answer"]

    def fault(self, kind: FaultKind, command: str = "", **more: Any) -> None:
        """Set a fault; `more` are Fault's other fields (times, seconds, text)."""
        self.call("fault", kind=kind, command=command, **more)

    def clear(self) -> None:
        """End all faults."""
        self.call("clear")

    def reboot(self) -> None:
        """Reboot it, and wait until it listens."""
        self.call("reboot")

    def settled(self) -> None:
        """Wait until its due timers have done their work, and a reboot is over."""
        self.call("settled")

    def scale(self, scale: float) -> None:
        """Let its clock run faster."""
        self.call("scale", scale=scale)

    def advance(self, seconds: float) -> None:
        """Put its clock forward."""
        self.call("advance", seconds=seconds)

    def state(self) -> dict[str, Any]:
        """Its running configuration, timers, faults, counted denials."""
        return dict(self.call("state"))

    def offered(self) -> list[Offered]:
        """Every credential that has reached it, since its start or `forget`."""
        return [Offered(**fields) for fields in self.call("offered")]

    def forget(self) -> None:
        """Begin a new list of what was offered."""
        self.call("forget")
