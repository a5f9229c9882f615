"""What an EOS device shows as running, as its rules read it: lines with what stands beneath them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

# What a banner or a script says is no command; a line `EOF` ends it, for a certificate the second one.
_TEXT = re.compile(r"banner \S+|action bash|comment|code(?: unit \S+)?")
_CERTIFICATE = "protocol https certificate"


class Shown(msgspec.Struct):
    """One line, its words one space apart."""

    text: str
    beneath: list[Shown] = []

    def lines(self) -> list[str]:
        return [one.text for one in self.beneath]

    def block(self, head: str) -> Shown:
        """All that stands beneath this line; nothing where it is not shown."""
        return Shown(head, [inner for one in self.beneath if one.text == head for inner in one.beneath])

    def named(self, word: str) -> Iterator[tuple[str, Shown]]:
        """Lines of this word and a name: the name, and the line."""
        for one in self.beneath:
            first, _, name = one.text.rpartition(" ")
            if first == word:
                yield name, one

    def everything(self) -> Iterator[Shown]:
        left = [*self.beneath]
        while left:
            one = left.pop()
            yield one
            left += one.beneath


def shown(running: str) -> Shown:
    whole = Shown("", [])
    above: list[tuple[int, Shown]] = [(-1, whole)]
    texts = 0  # whose ends are still to come
    for line in running.replace("\r", "").split("\n"):
        words = line.split()
        if texts:
            texts -= words == ["EOF"]
            continue
        if not words or words[0].startswith("!"):
            continue
        indent = len(line) - len(line.lstrip())
        while above[-1][0] >= indent:
            above.pop()
        one = Shown(" ".join(words), [])
        above[-1][1].beneath.append(one)
        above.append((indent, one))
        texts = 2 if one.text == _CERTIFICATE else int(_TEXT.fullmatch(one.text) is not None)
    return whole


def block(head: str, beneath: Sequence[str]) -> list[str]:
    """A block as it is sent; nothing for one that says nothing."""
    return [head, *(f"   {line}" for line in beneath), "exit"] if beneath else []
