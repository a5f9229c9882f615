"""What `show running-config` of IOS and IOS-XE prints, as commands with what stands beneath them.

Free text that may hold anything (banners, macros) is left out. Whatever cannot be read is said, never passed over.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import msgspec

from obet.errors import ProofError, printable

# What prints a text between two delimiters. IOS shows its own, whatever was typed, as `^C`.
_TEXT = re.compile(r"(?:banner \S+|aaa authentication (?:banner|fail-message)|menu \S+ (?:title|prompt))(?: (.*))?$")
_MACRO = re.compile(r"macro name \S+")
_FREE = re.compile(r"(?:no )?(?:\d+ )?(?:description|remark|snmp-server (?:location|contact)|name|hostname)\b")
_REMARK = re.compile(r"access-list \S+ remark\b")
_BLANK = re.compile(r"[ \t]+")  # and no other: what else looks like a space is not one to the device
_MARK = re.compile(r"\^C|\x03")


class Command(msgspec.Struct, frozen=True):
    """One line, its words one space apart, and the lines that stand indented beneath it."""

    text: str
    beneath: tuple[str, ...] = ()


class Configuration(msgspec.Struct, frozen=True):
    """`unread` says what could not be read: each counts against every claim."""

    commands: tuple[Command, ...]
    unread: tuple[str, ...]

    def matching(self, pattern: str) -> Iterator[tuple[Command, re.Match[str]]]:
        """Commands whose whole line is of the pattern."""
        compiled = re.compile(pattern)
        for command in self.commands:
            if found := compiled.fullmatch(command.text):
                yield command, found

    def has(self, pattern: str) -> bool:
        return any(self.matching(pattern))


def read(running: str) -> Configuration:
    """ProofError for what is no running configuration, or not all of one."""
    lines = [line.rstrip("\r") for line in running.split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines or lines[-1].strip() != "end":
        raise ProofError("the running configuration does not end with `end`: it was cut off, nothing is proven")
    commands: list[tuple[str, list[str]]] = []
    unread: list[str] = []
    place = 0
    while place < len(lines):
        line = lines[place]
        place += 1
        text = " ".join(word for word in _BLANK.split(line) if word)
        indented = line.startswith((" ", "\t"))
        if not text or text.startswith("!"):
            continue
        if not indented and (opened := _TEXT.match(line)):
            place = _behind_text(lines, place, opened[1] or "")
        elif not indented and _MACRO.match(line):
            place = _behind_macro(lines, place)
        elif not _is_free(text) and (reason := _unreadable(text, 1 if indented else 2)):
            # Its first word alone: what stands behind may be a secret.
            unread.append(f"line {place} of the configuration {reason}: `{printable(text.split(' ')[0])[:40]} …`")
        if indented and commands:
            commands[-1][1].append(text)
        else:
            commands.append((text, []))
    if not any(text.startswith("line vty ") for text, _ in commands):
        raise ProofError("the running configuration has no `line vty`: nothing is proven")
    return Configuration(tuple(Command(text, tuple(beneath)) for text, beneath in commands), tuple(unread))


def _is_free(text: str) -> bool:
    return bool(_FREE.match(text) or _REMARK.match(text))


def _unreadable(text: str, words: int) -> str:
    """Why a line cannot be read, whose first words are a command's own: those are ASCII."""
    if _MARK.search(text):
        return "holds the mark at which a banner ends"
    if any(unicodedata.category(character) == "Cc" for character in text):
        return "holds control characters"
    if not "".join(text.split(" ", words)[:words]).isascii():
        return "is no command"
    return ""


def _behind_text(lines: list[str], place: int, rest: str) -> int:
    """The number of the line after the text that begins with `rest`."""
    if not rest:
        raise ProofError(f"line {place} of the configuration is a banner without a delimiter: nothing is proven")
    delimiter = "^C" if rest.startswith("^C") else rest[0]
    if delimiter in rest[len(delimiter) :]:
        return place
    for number in range(place, len(lines)):
        if delimiter in lines[number]:
            return number + 1
    raise ProofError(f"the banner at line {place} of the configuration does not end: nothing is proven")


def _behind_macro(lines: list[str], place: int) -> int:
    for number in range(place, len(lines)):
        if lines[number].strip() == "@":
            return number + 1
    raise ProofError(f"the macro at line {place} of the configuration does not end: nothing is proven")
