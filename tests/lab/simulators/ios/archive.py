"""The archive: copies of the running configuration, differences, replacement, and the change that reverts itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from .flash import FileError
from .tree import Tree

if TYPE_CHECKING:
    from .device import Simulated

TIMER = "rollback"
WARNING = "rollback warning"
MINUTE = 60.0
NOT_ON = "%Turn config archive on before using Rollback Confirmed Change"
NOTHING_PENDING = "%No Rollback Confirmed Change pending"
DEFAULT_MAXIMUM = 10
STAMP = "%b-%d-%H-%M-%S.%f"
PASSES = 5
REMOVE = "no "  # the command that takes a line away, with all under it


class ArchiveError(Exception):
    """What the archive refuses; the message is what it prints."""


@dataclass(frozen=True)
class Pending:
    """A change that reverts itself unless it is confirmed."""

    user: str
    minutes: int
    kind: str  # absolute or idle
    since: datetime
    backup: str  # the file's name
    text: str


class Archive:
    """One device's; the list of copies is lost with a reload, the files are not."""

    def __init__(self, device: Simulated) -> None:
        """Nothing is archived or pending."""
        self._device = device
        self.names: list[str] = []
        self.count = 0
        self.pending: Pending | None = None

    @property
    def path(self) -> str:
        """Where copies go; empty: the archive is not on."""
        section = next((section for _, section in self._device.config.sections("archive")), None)
        return section.get("path") if section else ""

    def _maximum(self) -> int:
        section = next((section for _, section in self._device.config.sections("archive")), None)
        return int(section.get("maximum") or DEFAULT_MAXIMUM) if section else DEFAULT_MAXIMUM

    def _name(self, stamp: str) -> str:
        path = self.path.replace("$h", self._device.hostname)
        stem = path.replace("$t", stamp) if "$t" in path else f"{path}-{stamp}"
        return f"{stem}-{self.count}"

    def save(self) -> str:
        """Copy the running configuration; answers the copy's name."""
        if not self.path:
            raise ArchiveError(NOT_ON)
        name = self._name(self._device.timers.now.strftime(STAMP)[:-3])
        try:
            self._device.flash.write(name, self._device.running_file())
        except FileError as error:
            raise ArchiveError(f"%Error opening {name} ({error})") from None
        self.count += 1
        self.names.append(name)
        while len(self.names) > self._maximum():
            oldest = self.names.pop(0)
            if self._device.flash.path(oldest).exists():
                self._device.flash.delete(oldest)
        return name

    def show(self) -> str:
        """`show archive`."""
        if not self.path:
            return "Archive feature not enabled"
        rows = [f"The maximum archive configurations allowed is {self._maximum()}.",
                f"There are currently {len(self.names)} archive configurations saved.",
                f"The next archive file will be named {self._name('<timestamp>')}", " Archive #  Name"]  # fmt: skip
        for number in range(1, self._maximum() + 1):
            name = self.names[number - 1] if number <= len(self.names) else ""
            last = " <- Most Recent" if name and number == len(self.names) else ""
            rows.append(f"   {number:<9}{name}{last}")
        return "\n".join(rows)

    def arm(self, user: str, minutes: int, kind: str = "absolute") -> str:
        """Begin a change that reverts itself; answers what is printed."""
        if self.pending:
            raise ArchiveError("%Rollback Confirmed Change is already pending")
        name = self.save()
        now = self._device.timers.now
        self.pending = Pending(user, minutes, kind, now, name, self._device.running_text())
        self._schedule(minutes)
        return f"Rollback Confirmed Change: Backing up current running config to {name}\n"

    def _schedule(self, minutes: int) -> None:
        timers = self._device.timers
        timers.call_later(TIMER, minutes * MINUTE, self._expired)
        timers.call_later(WARNING, (minutes - 1) * MINUTE, self._warn)

    def change_timer(self, user: str, minutes: int, kind: str) -> None:
        """`configure revert timer N`."""
        pending = self._own(user)
        self.pending = Pending(user, minutes, kind, self._device.timers.now, pending.backup, pending.text)
        self._schedule(minutes)

    def confirm(self, user: str) -> None:
        """Keep the change."""
        self._own(user)
        self._forget()

    async def revert(self, user: str) -> str:
        """Undo the change now."""
        self._own(user)
        return await self._roll_back()

    def _own(self, user: str) -> Pending:
        if self.pending is None:
            raise ArchiveError(NOTHING_PENDING)
        if self.pending.user != user:
            raise ArchiveError(f"%Rollback Confirmed Change was started by user {self.pending.user}")
        return self.pending

    def _forget(self) -> None:
        self.pending = None
        self._device.timers.cancel(TIMER)
        self._device.timers.cancel(WARNING)

    async def _warn(self) -> None:
        self._device.tell(
            'Rollback Confirmed Change: Rollback will begin in one minute.\nEnter "configure confirm" if you wish to '
            "keep what you've configured\n"
        )

    async def _expired(self) -> None:
        self._device.tell(await self._roll_back())

    async def _roll_back(self) -> str:
        pending = self.pending
        self._forget()
        if pending is None:
            return ""
        said = f"Rollback Confirmed Change: Rolling to: {pending.backup}\n\n"
        return said + (await self.replace(pending.text, undo_on_error=False))[0]

    def timer(self) -> str:
        """`show archive config rollback timer`."""
        if self.pending is None:
            return NOTHING_PENDING
        return "\n".join((
            f"Time configured(or reconfigured): {self.pending.since.strftime('%H:%M:%S UTC %a %b %d %Y')}",
            f"Timer type: {self.pending.kind} timer", f"Timer value: {self.pending.minutes} min",
            f"User: {self.pending.user}",
        ))  # fmt: skip

    async def replace(self, text: str, *, undo_on_error: bool) -> tuple[str, bool]:
        """Make this the running configuration; answers what is printed, and whether it holds now."""
        lines = text.splitlines()
        if not any(line.strip() == "end" for line in lines):
            raise ArchiveError("%The input file is not a valid config file.")
        wanted = Tree()
        refused = wanted.load(lines)
        if refused and undo_on_error:
            return _aborted(refused) + "\nThe original configuration has been successfully restored.\n", False
        changed = wanted.rendered() != self._device.config.rendered()
        self._device.config.root = wanted.root
        await self._device.changed()
        if refused:
            return _aborted(refused), False
        return f"Total number of passes: {1 if changed else 0}\nRollback Done\n", True


def _aborted(refused: list[tuple[str, str]]) -> str:
    listed = "\n".join(line for line, _ in refused)
    return (
        f"The rollback configlet from the last pass is listed below:\n********\n!List of Rollback Commands:\n{listed}\n"
        f"end\n********\n\n\nRollback aborted after {PASSES} passes\nThe following commands are failed to apply to the "
        f"IOS image.\n********\n{listed}\n********\n"
    )


@dataclass
class Line:
    """A line of a text with what is indented under it."""

    text: str
    below: dict[str, Line]


IGNORED = re.compile(r"^(Building configuration|Current configuration|Using \d+ |!|version |end$)")


def outline(text: str) -> dict[str, Line]:
    """A configuration's text as lines under lines, by indentation."""
    top: dict[str, Line] = {}
    open_lines: list[tuple[int, dict[str, Line]]] = [(-1, top)]
    for raw in text.splitlines():
        if not raw.strip() or IGNORED.match(raw.strip()):
            continue
        indent = len(raw) - len(raw.lstrip(" "))
        while open_lines[-1][0] >= indent:
            open_lines.pop()
        line = Line(raw.strip(), {})
        kept = open_lines[-1][1].setdefault(line.text, line)
        open_lines.append((indent, kept.below))
    return top


def differences(old: str, new: str) -> str:
    """`show archive config differences`."""
    rows = [*_only(outline(old), outline(new), "+", 0), *_only(outline(new), outline(old), "-", 0)]
    return "\n".join(["!Contextual Config Diffs:", *(rows or ["!No changes were found"])])


def _only(base: dict[str, Line], other: dict[str, Line], sign: str, depth: int) -> list[str]:
    """The lines of `other` that `base` has not, each under the line that it belongs to."""
    rows: list[str] = []
    pad = " " * depth
    for text, line in other.items():
        held = base.get(text)
        if held is None:
            rows += [f"{pad}{sign}{text}", *(_only({}, line.below, sign, depth + 1) if sign != REMOVE else [])]
        elif below := _only(held.below, line.below, sign, depth + 1):
            rows += [f"{pad}{text}", *below]
    return rows


def incremental(running: list[str], file: str) -> str:
    """`show archive config incremental-diffs`: what the lines of a file would change, as commands."""
    tree = Tree()
    tree.load(running)
    tree.load(file.splitlines())
    before, after = outline("\n".join(running)), outline("\n".join(tree.rendered()))
    rows = [*_only(after, before, REMOVE, 0), *_only(before, after, "", 0)]
    return "\n".join(["!List of Commands:", *rows, "end", *([] if rows else ["!No changes were found"])])
