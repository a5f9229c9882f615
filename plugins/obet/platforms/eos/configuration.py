"""What `show running-config` of EOS prints, as commands with what stands beneath them, as deep as it goes.

Free text that may hold anything (banners, scripts, keys) is left out. Whatever cannot be read is said.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import msgspec

from obet.errors import ProofError, printable

_FIRST, _LAST = "! Command: show running-config", "end"
# What prints a text that ends with a line of its own: how many such texts it has.
_TEXTS = (
    (re.compile(r"banner (?:login|motd)"), 1),
    (re.compile(r"action bash|comment"), 1),
    (re.compile(r"protocol https certificate"), 2),
    (re.compile(r"code(?: unit \S+)?"), 1),
)
_END_OF_TEXT = "EOF"
_DEEPEST = 20
_FREE = re.compile(r"(?:no )?(?:\d+ )?(?:description|remark|snmp-server (?:location|contact)|name|hostname|alias)\b")
_BLANK = re.compile(r"[ \t]+")  # and no other: what else looks like a space is not one to the device


class Command(msgspec.Struct, frozen=True):
    """One line, its words one space apart, and the commands that stand indented beneath it."""

    text: str
    beneath: tuple[Command, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """What stands directly beneath it."""
        return tuple(command.text for command in self.beneath)

    def matching(self, pattern: str) -> Iterator[tuple[Command, re.Match[str]]]:
        """Commands directly beneath whose whole line is of the pattern."""
        return _matching(self.beneath, pattern)


class Configuration(msgspec.Struct, frozen=True):
    """`unread` says what could not be read: each counts against every claim."""

    commands: tuple[Command, ...]
    unread: tuple[str, ...]

    def matching(self, pattern: str) -> Iterator[tuple[Command, re.Match[str]]]:
        """Commands of the outermost level whose whole line is of the pattern."""
        return _matching(self.commands, pattern)

    def has(self, pattern: str) -> bool:
        return any(self.matching(pattern))


def everything(commands: tuple[Command, ...], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Command]]:
    """All commands, however deep, each with those it stands beneath."""
    for command in commands:
        yield above, command
        yield from everything(command.beneath, (*above, command.text))


def read(running: str) -> Configuration:
    """ProofError for what is no running configuration, or not all of one."""
    lines = [line.rstrip("\r") for line in running.split("\n")]
    shown = [line.strip() for line in lines if line.strip()]
    if not shown or shown[0] != _FIRST:
        raise ProofError(f"the running configuration does not begin with `{_FIRST}`: nothing is proven")
    if shown[-1] != _LAST:
        raise ProofError("the running configuration does not end with `end`: it was cut off, nothing is proven")
    return _Reader(lines).read()


class _Open(msgspec.Struct):
    """A command that more may stand beneath."""

    indent: int
    text: str
    beneath: list[Command]


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._unread: list[str] = []
        self._open = [_Open(-1, "", [])]

    def read(self) -> Configuration:
        place = 0
        while place < len(self._lines):
            line = self._lines[place]
            place += 1
            text = " ".join(word for word in _BLANK.split(line) if word)
            if not text or text.startswith("!"):
                continue
            indent = len(line) - len(line.lstrip(" \t"))
            if reason := _unreadable(text, line[:indent]):
                # Its first word alone: what stands behind may be a secret.
                said = printable(text.split(" ")[0])[:40]
                self._unread.append(f"line {place} of the configuration {reason}: `{said} …`")
            self._take(indent, text)
            place = self._behind_texts(text, place)
        while len(self._open) > 1:
            self._close()
        return Configuration(tuple(self._open[0].beneath), tuple(self._unread))

    def _take(self, indent: int, text: str) -> None:
        while self._open[-1].indent >= indent:
            self._close()
        if len(self._open) > _DEEPEST:
            raise ProofError("the running configuration is deeper than EOS prints any: nothing is proven")
        self._open.append(_Open(indent, text, []))

    def _close(self) -> None:
        closed = self._open.pop()
        self._open[-1].beneath.append(Command(closed.text, tuple(closed.beneath)))

    def _behind_texts(self, text: str, place: int) -> int:
        """The number of the line after the texts that this command prints, if it does."""
        started = place
        for pattern, texts in _TEXTS:
            for _ in range(texts if pattern.fullmatch(text) else 0):
                while place < len(self._lines) and self._lines[place].strip() != _END_OF_TEXT:
                    place += 1
                if place == len(self._lines):
                    raise ProofError(f"the text at line {started} of the configuration does not end: nothing is proven")
                place += 1
        return place


def _matching(commands: tuple[Command, ...], pattern: str) -> Iterator[tuple[Command, re.Match[str]]]:
    compiled = re.compile(pattern)
    for command in commands:
        if found := compiled.fullmatch(command.text):
            yield command, found


def _unreadable(text: str, indent: str) -> str:
    """Why a line cannot be read, whose first words are a command's own: those are ASCII."""
    if text == _END_OF_TEXT:
        return "holds the mark at which a text ends"
    if "\t" in indent:
        return "is indented by a tab"
    if _FREE.match(text):
        return ""
    if any(unicodedata.category(character) == "Cc" for character in text):
        return "holds control characters"
    if not "".join(text.split(" ", 2)[:2]).isascii():
        return "is no command"
    return ""
