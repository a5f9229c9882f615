"""The timer on a router that takes a change back: entries of its scheduler, which import the undo that lies beside.

Two for each change, named after its run: one runs after a time, again and again until the undo has come through; one
runs when the router has started, so that a reboot takes back what nobody confirmed. The first cannot do both: an entry
with an interval does not run at a start.
"""

from __future__ import annotations

import re

import msgspec

from obet.errors import DeviceError
from obet.platforms.routeros.driver_api import Api

_NAME = "obet-revert-"
_ENTRY = re.compile(rf"{_NAME}([A-Za-z0-9-]+?)(-startup)?")
_RUN = re.compile(r"[A-Za-z0-9-]{1,64}")
POLICY = "ftp,read,write,policy,test"
_PATH, _MENU = "/system/scheduler", "/system scheduler"
_LOADS = re.compile(r"backup[ /]+load|reset-configuration")


class Timer(msgspec.Struct, frozen=True):
    """The entries of one change that are there.

    `on` when any of them will run, `whole` when both will, `began` when one has run. What is off was being removed.
    """

    run: str
    numbers: tuple[str, ...]
    on: bool
    whole: bool
    began: bool


class Timers:
    def __init__(self, device: str, api: Api) -> None:
        self._device, self._api = device, api

    def all(self) -> tuple[Timer, ...]:
        found: dict[str, list[dict[str, str]]] = {}
        for row in self._rows():
            if named := _ENTRY.fullmatch(row.get("name", "")):
                found.setdefault(named[1], []).append(row)
        return tuple(
            Timer(
                run,
                tuple(row[".id"] for row in rows),
                any(row.get("disabled") != "true" for row in rows),
                [row.get("disabled") for row in rows] == ["false", "false"],
                any(row.get("run-count", "0") != "0" for row in rows),
            )
            for run, rows in sorted(found.items())
        )

    def of(self, run: str) -> Timer | None:
        return next((timer for timer in self.all() if timer.run == run), None)

    def strangers(self) -> list[str]:
        """Entries of others that would load a whole configuration: changes that wait for a colleague's word."""
        rows = self._rows("on-event")
        return [
            row.get("name", "")
            for row in rows
            if _LOADS.search(row.get("on-event", "")) and row.get("disabled") != "true" and row.get("next-run")
        ]

    def guard(self, run: str) -> str:
        """The first line of what is imported under the timer: when the timer has run by then, nothing is."""
        return f':if ([:len [{_MENU} find where name="{_NAME}{run}"]] = 0) do={{ :error "its timer is not armed" }}\n'

    def arm(self, run: str, seconds: int, undo: str, rules: str) -> None:
        """DeviceError unless both entries are there afterwards and wait."""
        event = (
            f'/import file-name="{undo}"; '
            f'{_MENU} remove [find where name~"^{_NAME}{run}"]; '
            f'/file remove [find where name="{undo}" || name="{rules}"]'
        )
        # That with a time first: should this be cut off after one, it cleans up by itself.
        for name, when in (
            (f"{_NAME}{run}", f"=interval={seconds}s"),
            (f"{_NAME}{run}-startup", "=start-time=startup"),
        ):
            self._api.ask(f"{_PATH}/add", f"=name={name}", when, f"=on-event={event}", f"=policy={POLICY}")
        rows = {row["name"]: row for row in self._rows("on-event") if row.get("name", "").startswith(f"{_NAME}{run}")}
        waits = rows.get(f"{_NAME}{run}", {}).get("next-run")
        if len(rows) != 2 or not waits or any(row.get("on-event") != event for row in rows.values()):
            raise DeviceError(f"{self._device}: has not armed its timer as told: nothing was changed")

    def switch(self, timer: Timer, *, on: bool) -> None:
        self._api.ask(f"{_PATH}/set", f"=.id={','.join(timer.numbers)}", f"=disabled={'no' if on else 'yes'}")

    def remove(self, timer: Timer) -> None:
        self._api.ask(f"{_PATH}/remove", f"=.id={','.join(timer.numbers)}")

    def _rows(self, *more: str) -> list[dict[str, str]]:
        names = ",".join((".id", "name", "disabled", "run-count", "next-run", *more))
        return self._api.ask(f"{_PATH}/print", f"=.proplist={names}")


def check_run(run: str) -> None:
    """A run's id becomes part of names and patterns on the device."""
    if not _RUN.fullmatch(run):
        raise DeviceError(f"a run cannot be called {run!r} on a router: letters, digits and dashes")
