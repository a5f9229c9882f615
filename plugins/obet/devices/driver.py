"""What a platform must be able to do for a change of its management rules; one small driver each, under platforms/.

A driver is one device over one connection, opened for one change and used in one thread. It raises DeviceError, and
nothing else, when the device cannot be reached or does not do as told.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

import msgspec


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """New management rules for a device, and the run whose change it is: the device knows it by that id."""

    run: str
    text: str
    revert_seconds: int

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class Driver(Protocol):
    def is_kept(self, change: Change) -> bool:
        """Whether the device runs exactly these rules, and has kept them for its next start."""
        ...

    def pending(self) -> str | None:
        """The run whose change waits for its confirmation; None when none does."""
        ...

    def arm(self, change: Change) -> None:
        """Arms the device's own timer, then puts the rules in force."""
        ...

    def check_pending(self, change: Change, denied: int) -> None:
        """DeviceError unless the change still waits, its rules run as loaded, and have denied so many attempts."""
        ...

    def confirm(self, change: Change) -> None:
        """Keeps the change and disarms the timer; DeviceError when it is pending no more."""
        ...

    def revert(self, run: str) -> None:
        """Takes the change of that run back now, as the timer would."""
        ...
