"""What `show configuration | display set` of Junos prints, as statements.

These lines, not the text in braces: each says its whole path, so none can be taken for one of another place. That they
are all of them shows the reply's framing in NETCONF, not the text: whoever asks sees to it. With `display inheritance`
before `display set` the device itself says what groups add, and in which order; without it that is not known.

What is inactive is left out. Whatever cannot be read is said, never passed over.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from obet.errors import ProofError, printable
from obet.platforms.junos.groups import Statement, Words, inherited

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"(?: +|$)|([^ "]+)(?: +|$)')
_ESCAPED = re.compile(r"\\(.)")

ANY = "\n"
"""In a path: whatever name stands there. No word of a line is this."""


_DEEP = 4  # words of a path that find statements at once: `interfaces lo0 unit 0`


class Configuration(msgspec.Struct, frozen=True):
    """`unread` says what could not be read: each counts against every claim. `deep` holds them by their first words."""

    statements: tuple[Statement, ...]
    unread: tuple[str, ...]
    deep: Mapping[Words, Sequence[Statement]]

    def beneath(self, *path: str) -> Iterator[tuple[Statement, Words]]:
        """Statements at and beneath the path, each with what follows there."""
        length = len(path)
        named = [(place, word) for place, word in enumerate(path) if word != ANY]
        known = length >= _DEEP and ANY not in path[:_DEEP]
        for statement in self.deep.get(path[:_DEEP], ()) if known else self.statements:
            words = statement.words
            if len(words) >= length and all(words[place] == word for place, word in named):
                yield statement, words[length:]

    def has(self, *path: str) -> bool:
        return any(self.beneath(*path))

    def values(self, *path: str) -> list[str]:
        """The words that stand next after the path, each once."""
        return list(dict.fromkeys(rest[0] for _, rest in self.beneath(*path) if rest))


def read(running: str) -> Configuration:
    """ProofError for what is no configuration in that form."""
    stated: list[Words] = []
    inactive: set[Words] = set()
    unread: list[str] = []
    for number, line in enumerate(running.split("\n"), 1):
        text = line.rstrip("\r").strip(" ")
        if not text or text.startswith("#"):
            continue
        words = _words(text)
        if words[:1] == ("set",):
            stated.append(words[1:])
        elif words[:1] == ("deactivate",):
            inactive.add(words[1:])
        elif words[:1] != ("protect",):
            # Its first words alone: what stands behind may be a secret.
            shown = printable(" ".join(text.split(" ")[:2]))[:40]
            unread.append(f"line {number} of the configuration cannot be read: `{shown} …`")
    if not any(words[:1] == ("version",) for words in stated):
        raise ProofError("this is not what `show configuration | display set` prints: nothing is proven")
    lengths = sorted({len(words) for words in inactive})
    active = [words for words in stated if not any(words[:length] in inactive for length in lengths)]
    added, unsure = inherited(active)
    statements = [*(Statement(words) for words in active if words[:1] != ("groups",)), *added]
    deep: dict[Words, list[Statement]] = {}
    for statement in statements:
        deep.setdefault(statement.words[:_DEEP], []).append(statement)
    return Configuration(tuple(statements), (*unread, *unsure), deep)


def _words(text: str) -> Words:
    """The words of a line; none where it is not a whole line of them."""
    found: list[str] = []
    place = 0
    while place < len(text):
        match = _WORD.match(text, place)
        if match is None:
            return ()
        quoted, plain = match.groups()
        if plain is not None and not _is_plain(plain):
            return ()
        found.append(plain if plain is not None else _ESCAPED.sub(r"\1", quoted))
        place = match.end()
    return tuple(found)


def _is_plain(word: str) -> bool:
    """A list is a line each, and braces are of the other form."""
    return word not in {"[", "]", "{", "}"} and not any(unicodedata.category(c) in {"Cc", "Cf", "Zs"} for c in word)
