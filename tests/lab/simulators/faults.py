"""The knob: how a device misbehaves, at which command, how often.

A platform calls `before(command)` before it works on a command, and asks `active(kind)` where a fault is not about a
command (HOST_KEY, CERTIFICATE, FULL). It raises or answers; the platform does what it says:

    try:
        garbage = await faults.before(line)      # sleeps when SLOW
    except DroppedError:  close the connection at once, without a word
    except RefusedError as refused:  answer the platform's own error with str(refused)
    write(garbage)                               # bytes that come before the true answer, usually none
    ...work, answer...
    if faults.reboots_after(line):  reboot the device
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

GARBAGE = {
    "ansi": b"\x1b[2J\x1b[1;31m\x1b]0;title\x07\x1b[6n",
    "nul": b"\x00\x00abc\x00\r\n",
    "utf8": b"\xff\xfe\xc3\x28 \xf0\x28\x8c\xbc\r\n",
    "prompt": b"\r\n[admin@elsewhere] > \r\nelsewhere#\r\n",
    "flood": b"0123456789abcdef" * 256 * 1024,
}


class FaultKind(StrEnum):
    """What goes wrong."""

    DROP = "drop"  # the connection ends when the command arrives, before it is done
    DROP_AFTER = "drop-after"  # the command is done, its answer never comes
    SLOW = "slow"  # the answer takes `seconds` of real time longer
    GARBAGE = "garbage"  # GARBAGE[text] comes before the answer
    REFUSE = "refuse"  # the command is refused with `text`
    REBOOT = "reboot"  # the device reboots when the command is done
    FULL = "full"  # no file can be written: no space is left
    HOST_KEY = "host-key"  # another SSH host key than the device's
    CERTIFICATE = "certificate"  # another TLS certificate than the device's


@dataclass(frozen=True)
class Fault:
    """One fault. `command` is a regular expression searched for in each command; empty: all of them.

    `times`: how often it strikes before it is over; None: until it is cleared.
    """

    kind: FaultKind
    command: str = ""
    times: int | None = None
    seconds: float = 0.0
    text: str = ""

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Fault:
        """From the control socket's JSON."""
        return cls(**fields | {"kind": FaultKind(fields["kind"])})


class DroppedError(Exception):
    """Close the connection without a word."""


class RefusedError(Exception):
    """Answer the platform's error with this text."""


class Faults:
    """The faults that are set on one device; `struck` counts what has happened, by kind."""

    def __init__(self) -> None:
        """A device without fault."""
        self.set: list[Fault] = []
        self.struck: dict[str, int] = {}

    def add(self, fault: Fault) -> None:
        """Set one more."""
        self.set.append(fault)

    def clear(self) -> None:
        """A device without fault again."""
        self.set.clear()

    def active(self, kind: FaultKind, command: str = "") -> Fault | None:
        """The first fault of this kind for this command, which has then struck once more."""
        for index, fault in enumerate(self.set):
            if fault.kind is kind and re.search(fault.command, command):
                self.struck[kind] = self.struck.get(kind, 0) + 1
                if fault.times is not None:
                    left = fault.times - 1
                    self.set[index : index + 1] = [replace(fault, times=left)] if left else []
                return fault
        return None

    async def before(self, command: str) -> bytes:
        """Strike before a command is worked on: sleep, raise, or answer what to send first."""
        if slow := self.active(FaultKind.SLOW, command):
            await asyncio.sleep(slow.seconds)
        if self.active(FaultKind.DROP, command):
            raise DroppedError
        if refused := self.active(FaultKind.REFUSE, command):
            raise RefusedError(refused.text)
        garbage = self.active(FaultKind.GARBAGE, command)
        return GARBAGE[garbage.text] if garbage else b""

    def drops_after(self, command: str) -> bool:
        """Whether the connection ends now that the command is done, without its answer."""
        return self.active(FaultKind.DROP_AFTER, command) is not None

    def reboots_after(self, command: str) -> bool:
        """Whether the device reboots now that the command is done."""
        return self.active(FaultKind.REBOOT, command) is not None

    def described(self) -> list[dict[str, Any]]:
        """What is set, as JSON."""
        return [asdict(fault) for fault in self.set]
