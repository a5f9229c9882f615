"""What was done towards the end of access to a device: append-only, fsynced, opaque ids only, no secrets.

It stands once, on the control node, and makes every step resumable: a run that is killed goes on where this one ends.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from obet.append_only import AppendOnlyFile, state_folder
from obet.erasure.steps import Entry, Step
from obet.errors import ObetError


class Journal:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = AppendOnlyFile(path)

    @classmethod
    def of_this_node(cls, environment: Mapping[str, str]) -> Journal:
        return cls(state_folder(environment) / "journal.jsonl")

    def append(self, run: str, device: str, step: Step, detail: Mapping[str, str | int] | None = None) -> None:
        """On disk when this returns."""
        entry = Entry(at=datetime.now(UTC), run=run, device=device, step=step, detail=detail or {})
        self._file.append(lambda _: [msgspec.json.encode(entry)])

    def entries(self, device: str | None = None) -> list[Entry]:
        """All entries, or those of one device. A last line cut short by a power cut is no entry."""
        found = [self._entry(number, line) for number, line in enumerate(self._file.lines(), start=1) if line]
        return [entry for entry in found if device in {None, entry.device}]

    def last(self, device: str) -> dict[Step, Entry]:
        """The latest entry of each step since the device was last taken into service: an earlier ending is another."""
        return self.latest().get(device, {})

    def latest(self) -> dict[str, dict[Step, Entry]]:
        """The same of each device that is on record."""
        found: dict[str, dict[Step, Entry]] = {}
        for entry in self.entries():
            if entry.step is Step.ONBOARDED:
                found[entry.device] = {}
            found.setdefault(entry.device, {})[entry.step] = entry
        return found

    def steps(self, device: str) -> frozenset[Step]:
        return frozenset(self.last(device))

    def ended(self) -> frozenset[str]:
        """The devices whose ending is done: no ending is granted for them any more."""
        return frozenset(device for device, done in self.latest().items() if Step.SECRETS_DESTROYED in done)

    def _entry(self, number: int, line: bytes) -> Entry:
        try:
            return msgspec.convert(json.loads(line), Entry)
        except (ValueError, msgspec.ValidationError):
            raise ObetError(f"{self.path}:{number}: is damaged: restore the journal before going on") from None
