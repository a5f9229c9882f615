"""What the core says in English, in another language: sentences of a closed set, with places for values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

_PLACE = re.compile(r"\{(\w+)\}")
# Places by name. Those that are not named here take a name, of a word or two: what is long is soon seen not to fit.
_COUNTS, _COUNT = {"tasks", "times", "lines", "logins"}, r"\d+"
_SENTENCES, _SENTENCE = {"answer", "what", "why"}, r".+"  # one of them in a phrase
_NAME = r"\S+(?: \S+)?(?: \(IPv[46]\))?"
_WORD = re.compile(r"\S+")
# An address that became whose it is (`evidence.addresses`).
_WHOSE = re.compile(r"(.+) (\(IPv[46]\))")
_JOINED = ("; ", ", ")
_LONGEST, _DEEPEST = 600, 2  # a page shows no more of a text; a sentence is in a sentence in a sentence at most


class Phrases:
    """`known` has the translation of each English sentence; `{…}` in both are places for values."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._whole = {english: other for english, other in known.items() if not _PLACE.search(english)}
        self._patterns = [(_pattern(english), other) for english, other in known.items() if _PLACE.search(english)]
        self.find = cache(self._find)

    def _find(self, text: str) -> str | None:
        """The sentence, or several that are joined, in the other language; None when one of them is not known."""
        if len(text) > _LONGEST:
            return None
        if (found := self._sentence(text)) is not None:
            return found
        for joint in _JOINED:
            if joint in text:
                parts = [self.find(part) for part in text.split(joint)]
                return None if None in parts else joint.join(part for part in parts if part is not None)
        return None

    def _sentence(self, text: str, depth: int = 0) -> str | None:
        if text in self._whole:
            return self._whole[text]
        for pattern, other in self._patterns:
            if found := pattern.fullmatch(text):
                values = {place: self._value(value, depth + 1) for place, value in found.groupdict().items()}
                if None not in values.values():
                    return other.format(**values)
        return None

    def _value(self, text: str, depth: int) -> str | None:
        """A value is one word, or is known itself: no sentence that nobody thought of is taken for one of these."""
        if depth <= _DEEPEST and (found := self._sentence(text, depth)) is not None:
            return found
        if whose := _WHOSE.fullmatch(text):
            name = self._value(whose[1], depth)
            return None if name is None else f"{name} {whose[2]}"
        return text if _WORD.fullmatch(text) else None


def _pattern(english: str) -> re.Pattern[str]:
    parts = _PLACE.split(english)
    text = "".join(re.escape(part) if number % 2 == 0 else _place(part) for number, part in enumerate(parts))
    return re.compile(text)


def _place(name: str) -> str:
    return f"(?P<{name}>{_COUNT if name in _COUNTS else _SENTENCE if name in _SENTENCES else _NAME})"
