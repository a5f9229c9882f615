"""What an IOS device's lines were bound to before ours, kept by the device itself: remarks in the list of ours.

Nothing of it is kept on our side. Each new list of ours takes the remarks of the one before along, and at the ending
the lines are bound as they were, where that list is still there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

_LONGEST = 100  # characters of a remark
_LINES = re.compile(r"line vty ([0-9]{1,4})(?: ([0-9]{1,4}))?")
_BINDING = re.compile(r"(ipv6 )?access-class (\S+) in\b.*")
_REMARK = re.compile(r"(?:sequence )?(?:\d+ )?(remark was ([0-9]{1,4})-([0-9]{1,4}) (.*))")
_LIST = re.compile(r"(?:ip access-list (?:standard|extended)|ipv6 access-list|access-list) (\S+)(?: .*)?")

Sections = Sequence[tuple[str, Sequence[str]]]


def remarks(shown: Sections, ours: re.Pattern[str]) -> list[str]:
    """For a list of ours that is to be bound; `ours` is what such lists are called."""
    found: list[str] = []
    kept: list[tuple[bool, range]] = []
    for first, last, binding in _bindings(shown):
        if not ours.fullmatch(binding[2]):
            kept.append((bool(binding[1]), range(first, last + 1)))
            found.append(f"remark was {first}-{last} {binding[0]}")
    for remark in _remarks(shown, ours):
        if was := _BINDING.fullmatch(remark[4]):
            newer = {line for six, lines in kept if six == bool(was[1]) for line in lines}
            lines = set(range(int(remark[2]), int(remark[3]) + 1))
            found += [f"remark was {first}-{last} {remark[4]}" for first, last in _ranges(lines - newer)]
    return [remark for remark in dict.fromkeys(found) if len(remark) <= _LONGEST]


def bindings(shown: Sections, ours: re.Pattern[str]) -> list[tuple[str, str]]:
    """Each range of lines and the command that binds it as it was; none to a list that is gone."""
    there = {found[1] for head, _ in shown if (found := _LIST.fullmatch(head))}
    return [
        (f"line vty {remark[2]} {remark[3]}", remark[4])
        for remark in _remarks(shown, ours)
        if (binding := _BINDING.fullmatch(remark[4])) and binding[2] in there
    ]


def _ranges(lines: Iterable[int]) -> list[tuple[int, int]]:
    """Line numbers as ranges, both ends included."""
    numbers = set(lines)
    firsts = sorted(line for line in numbers if line - 1 not in numbers)
    lasts = sorted(line for line in numbers if line + 1 not in numbers)
    return list(zip(firsts, lasts, strict=True))


def is_one(entry: str) -> bool:
    return _REMARK.fullmatch(entry) is not None


def _bindings(shown: Sections) -> Iterator[tuple[int, int, re.Match[str]]]:
    for head, beneath in shown:
        if lines := _LINES.fullmatch(head):
            for line in beneath:
                if binding := _BINDING.fullmatch(line):
                    yield int(lines[1]), int(lines[2] or lines[1]), binding


def _remarks(shown: Sections, ours: re.Pattern[str]) -> Iterable[re.Match[str]]:
    """Of lists of ours that lines are bound to."""
    bound = {binding[2] for _, _, binding in _bindings(shown) if ours.fullmatch(binding[2])}
    found = [
        remark
        for head, beneath in shown
        if (named := _LIST.fullmatch(head)) and named[1] in bound
        for entry in beneath
        if (remark := _REMARK.fullmatch(entry))
    ]
    return {remark[1]: remark for remark in found}.values()
