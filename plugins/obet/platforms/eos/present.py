"""What an EOS device shows as running, as its rules read it: lines with what stands beneath them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

import msgspec

from obet.errors import PolicyError

# What a banner or a script says is no command; a line `EOF` ends it, for a certificate the second one.
_TEXT = re.compile(r"banner \S+|action bash|comment|code(?: unit \S+)?")
_CERTIFICATE = "protocol https certificate"
# Ports as EOS shows them.
_PORTS = {"ssh": "22", "telnet": "23", "www": "80", "https": "443", "netconf-ssh": "830"}
_COUNTED = "counters per-entry"


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


def access_list(head: str, wanted: list[str], there: Shown) -> list[str]:
    """A list with exactly these entries, by number, that counts; made anew line by line where it is another.

    One of the other kind, standard or not, makes way.
    """
    said = there.block(head).lines()
    other = (
        head.replace(" standard ", " ")
        if " standard " in head
        else head.replace("access-list ", "access-list standard ")
    )
    text = [f"no {other}"] if other in there.lines() else []
    if [_plain(line) for line in said] == [_plain(line) for line in [_COUNTED, *wanted]]:
        return text
    gone = [f"no {line.split()[0] if line.split()[0].isdecimal() else line}" for line in said if line != _COUNTED]
    return [*text, *block(head, [_COUNTED, *gone, *wanted])]


def _plain(line: str) -> str:
    """An entry with ports as numbers and addresses as Python writes them."""
    words = [_PORTS.get(word, word) for word in line.lower().split()]
    return " ".join(_address(word) for word in words)


def _address(word: str) -> str:
    try:
        return str(ip_address(word))
    except ValueError:
        return word


def joined(text: Sequence[str]) -> str:
    """PolicyError for what cannot be typed."""
    if bad := [line for line in text if not line.isprintable()]:
        raise PolicyError(
            f"the device shows what cannot be sent back to it: {ascii(bad[0])[:60]}; take it away by hand"
        )
    return "".join(f"{line}\n" for line in text)
