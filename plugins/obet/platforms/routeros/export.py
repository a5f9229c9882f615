"""What RouterOS 7 prints for `/export` (also `verbose`, `terse`), as entries; `rules` knows nothing of it.

Lines end in a backslash where they go on; text is in quotes with escapes; a property that is unset is `!name`. The
device leaves out what is dynamic and, unless verbose, what is as it was delivered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from obet.errors import ProofError

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_BRACKETS = rf'\[(?:[^\]"\[]|{_QUOTED})*\]'
_WORD = re.compile(rf'(?:[^\s"\[\]]+|{_QUOTED}|{_BRACKETS})+')
_ASSIGNMENT = re.compile(r"([A-Za-z0-9.*_-]+)=(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\([0-9A-F]{2}|.)", re.DOTALL)
_CONTROL = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "_": " "}
_HEADER = re.compile(r"#.* by RouterOS 7\.\d")
_INCOMPLETE = re.compile(r"#\s*(error|interrupted)", re.IGNORECASE)


class Entry(msgspec.Struct, frozen=True):
    """One `add` or `set`; `selector` is what `set` names, `number` its place among its path's entries, from 0.

    `properties` are values without quotes, `raw` the same as the device wrote them.
    """

    path: str
    verb: str
    selector: str
    properties: Mapping[str, str]
    raw: Mapping[str, str]
    number: int

    def get(self, name: str, default: str = "") -> str:
        return self.properties.get(name, default)

    @property
    def on(self) -> bool:
        return self.get("disabled", "no") not in {"yes", "true"}

    @property
    def text(self) -> str:
        """The properties as the device wrote them."""
        return " ".join(f"{name}={value}" for name, value in self.raw.items())


class Export(msgspec.Struct, frozen=True):
    """All entries, by path (`ip firewall filter`)."""

    paths: Mapping[str, tuple[Entry, ...]]

    def entries(self, path: str) -> tuple[Entry, ...]:
        return self.paths.get(path, ())

    def setting(self, path: str, name: str, default: str, selector: str = "") -> str:
        """A property that is set once for a path, or for one item of it; `default` when it was left out."""
        found = default
        for entry in self.entries(path):
            if entry.verb == "set" and (not selector or entry.selector == selector):
                found = entry.get(name, found)
        return found

    def written(self, path: str, name: str, selector: str = "") -> str | None:
        """The same as the device wrote it; None when it was left out."""
        found = None
        for entry in self.entries(path):
            if entry.verb == "set" and (not selector or entry.selector == selector):
                found = entry.raw.get(name, found)
        return found


def parse(text: str) -> Export:
    """ProofError for what is no whole export of RouterOS 7."""
    paths: dict[str, list[Entry]] = {}
    path = ""
    if not any(_HEADER.match(line) for line in text.splitlines()[:20]):
        raise ProofError("the device's answer is not an export of RouterOS 7: nothing is proven")
    for line in _lines(text):
        words = _words(line)
        if words[0].startswith("/"):
            path, words = _path(words)
        if not words:
            continue
        if words[0] not in {"add", "set"} or not path:
            raise ProofError("the device's export has a line that neither adds nor sets: nothing is proven")
        own = paths.setdefault(path, [])
        own.append(_entry(path, words, len(own)))
    return Export({path: tuple(own) for path, own in paths.items()})


def _lines(text: str) -> Iterator[str]:
    """Whole lines: those that go on are joined, comments are left out."""
    whole, goes_on = "", False
    for line in text.replace("\r\n", "\n").split("\n"):
        if not goes_on and line.lstrip().startswith("#"):
            if _INCOMPLETE.match(line.lstrip()):
                raise ProofError("the device says that its export is not whole: nothing is proven")
            continue
        if goes_on and not line.strip():
            break
        whole += line.removeprefix("    ") if goes_on else line
        goes_on = (len(line) - len(line.rstrip("\\"))) % 2 == 1
        if goes_on:
            whole = whole[:-1]
            continue
        if whole.strip():
            yield whole.strip()
        whole = ""
    if goes_on:
        raise ProofError("the device's export ends in the middle of a line: nothing is proven")


def _words(line: str) -> list[str]:
    words, place = [], 0
    while place < len(line):
        found = _WORD.match(line, place)
        if not found:
            raise ProofError("the device's export has a line with an open quote or bracket: nothing is proven")
        words.append(found.group())
        place = found.end()
        while place < len(line) and line[place].isspace():
            place += 1
    return words


def _path(words: list[str]) -> tuple[str, list[str]]:
    """The path, and the command after it when both are on one line (`terse`)."""
    end = next((n for n, word in enumerate(words) if n and word in {"add", "set"}), len(words))
    steps = [step for word in words[:end] for step in word.split("/") if step]
    if any("=" in step or step.startswith("[") for step in steps):
        raise ProofError("the device's export has a line that neither adds nor sets: nothing is proven")
    return " ".join(steps), words[end:]


def _entry(path: str, words: list[str], number: int) -> Entry:
    selector = ""
    properties: dict[str, str] = {}
    raw: dict[str, str] = {}
    for place, word in enumerate(words[1:]):
        if assignment := _ASSIGNMENT.fullmatch(word):
            name, value = assignment.groups()
            if name in properties:
                raise ProofError("the device's export says one property twice: nothing is proven")
            properties[name], raw[name] = _plain(value), value
        elif place == 0 and words[0] == "set" and not word.startswith("!"):
            selector = _plain(word)
        elif not word.startswith("!"):
            raise ProofError("the device's export has a word that is no property: nothing is proven")
    return Entry(path, words[0], selector, properties, raw, number)


def _plain(value: str) -> str:
    if not value.startswith('"'):
        return value
    return _ESCAPE.sub(_unescaped, value[1:-1])


def _unescaped(found: re.Match[str]) -> str:
    code = found.group(1)
    return chr(int(code, 16)) if len(code) == 2 else _CONTROL.get(code, code)
