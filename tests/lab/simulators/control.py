"""What a test may do to a device from outside of it, over a Unix socket in the lab's tmpfs.

One JSON object a line each way: {"do": name, ...fields} is answered {"answer": …} or {"error": text}. `Control`
is the client, for tests; it opens a connection for each request, so it may be used from any thread.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import LabError
from .users import Offered

if TYPE_CHECKING:
    from .faults import FaultKind

SOCKET = "control.sock"


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
