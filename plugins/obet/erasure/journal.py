"""What was done towards the end of access to a device: append-only, fsynced, opaque ids only, no secrets.

It stands once, on the control node, and makes every step resumable: a run that is killed goes on where this one ends.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import BinaryIO

import msgspec

from obet.erasure.steps import Entry, Step
from obet.errors import ObetError


class Journal:
    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of_this_node(cls, environment: Mapping[str, str]) -> Journal:
        """Under systemd's STATE_DIRECTORY, else XDG_STATE_HOME/obet, else ~/.local/state/obet."""
        state = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        return cls(Path(environment.get("STATE_DIRECTORY") or f"{state}/obet") / "journal.jsonl")

    def append(self, run: str, device: str, step: Step, detail: Mapping[str, str | int] | None = None) -> None:
        """On disk when this returns."""
        entry = Entry(at=datetime.now(UTC), run=run, device=device, step=step, detail=detail or {})
        line = msgspec.json.encode(entry) + b"\n"
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = not self.path.exists()
        with self.path.open("a+b") as file:
            flock(file, LOCK_EX)
            self._drop_torn_line(file)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            _sync_folder(self.path.parent)  # or a power cut could lose the file with its name

    def entries(self, device: str | None = None) -> list[Entry]:
        """All entries, or those of one device. A last line cut short by a power cut is no entry."""
        if not self.path.exists():
            return []
        lines = self.path.read_bytes().split(b"\n")
        found = [self._entry(number, line) for number, line in enumerate(lines[:-1], start=1) if line]
        return [entry for entry in found if device in {None, entry.device}]

    def last(self, device: str) -> dict[Step, Entry]:
        """The latest entry of each step since the device was last taken into service: an earlier ending is another."""
        found: dict[Step, Entry] = {}
        for entry in self.entries(device):
            if entry.step is Step.ONBOARDED:
                found.clear()
            found[entry.step] = entry
        return found

    def steps(self, device: str) -> frozenset[Step]:
        return frozenset(self.last(device))

    def ended(self) -> frozenset[str]:
        """The devices whose ending is done: no ending is granted for them any more."""
        devices = {entry.device for entry in self.entries()}
        return frozenset(device for device in devices if Step.SECRETS_DESTROYED in self.steps(device))

    @staticmethod
    def _drop_torn_line(file: BinaryIO) -> None:
        """What a power cut left half written was never on record."""
        file.seek(0)
        whole = file.read()
        file.truncate(whole.rfind(b"\n") + 1)

    def _entry(self, number: int, line: bytes) -> Entry:
        try:
            return msgspec.convert(json.loads(line), Entry)
        except (ValueError, msgspec.ValidationError):
            raise ObetError(f"{self.path}:{number}: is damaged: restore the journal before going on") from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
