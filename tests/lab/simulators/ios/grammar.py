"""How a line of configuration, or a command, is recognised by its template."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from .templates import MODES


@dataclass(frozen=True)
class Rule:
    """One template; `rank` is its place in print."""

    rank: int
    sign: str
    words: tuple[str, ...]
    opens: str = ""

    @property
    def on_by_default(self) -> bool:
        """Whether it holds where nothing is said."""
        return self.sign in ("+", "#", "=")

    @property
    def always_printed(self) -> bool:
        """Whether it is printed, with or without `no`, where nothing is said."""
        return self.sign in ("*", "#", "=")

    @property
    def text(self) -> str:
        """The line, for a template without any variable word."""
        return " ".join(self.words)


@dataclass(frozen=True)
class Match:
    """A recognised line: what tells it apart, and how it is printed."""

    rule: Rule
    identity: tuple[str, ...]
    text: str


@cache
def rules(mode: str) -> tuple[Rule, ...]:
    """The templates of a mode, separators included (their sign is `!`)."""
    found = []
    for rank, line in enumerate(MODES[mode][0].strip().splitlines()):
        sign, _, rest = line.partition(" ")
        template, _, opens = rest.partition(" > ")
        found.append(Rule(rank, sign, tuple(template.split()), opens.strip()))
    return tuple(found)


@cache
def _by_first_word(mode: str) -> dict[str, tuple[Rule, ...]]:
    index: dict[str, list[Rule]] = {}
    for rule in rules(mode):
        if rule.words:
            index.setdefault(rule.words[0].lower(), []).append(rule)
    return {word: tuple(found) for word, found in index.items()}


def _candidates(mode: str, first: str) -> list[Rule]:
    index = _by_first_word(mode)
    first = first.lower()
    if first in index:
        return [*index[first], *index.get("<rest...>", ())]
    return [rule for word, found in index.items() if word.startswith((first, "<")) for rule in found]


@lru_cache(4096)
def match(mode: str, line: str) -> Match | None:
    """The best template for a line: the one with most of its words spelt out; None for no line of this mode."""
    best, best_score = None, (-1, -1)
    words = line.split()
    for rule in _candidates(mode, words[0]) if words else ():
        if len(words) > 1 and len(rule.words) > 1 and not _may_be(rule.words[1], words[1]):
            continue
        found = _match_one(rule, line)
        if found and (score := _score(rule, words)) > best_score:
            best, best_score = found, score
    return best


def spelt_out(mode: str, line: str) -> int:
    """How many words of the best template stand in a line unabbreviated, if all do; -1: not all, or none matches."""
    found = match(mode, line)
    if found is None:
        return -1
    literals = [word for word in found.rule.words if word[0] not in "<("]
    return len(literals) if all(word in line.split() for word in literals) else -1


def prefixes(mode: str, line: str) -> tuple[str, ...] | None:
    """The canonical words of a line that is the beginning of some template, as `no` takes it; None for nonsense."""
    words = line.split()
    for rule in _candidates(mode, words[0]) if words else ():
        canonical = []
        for word, wanted in zip(words, rule.words, strict=False):
            if wanted[0] in "<(":
                canonical.append(word)
            elif wanted.lower().startswith(word.lower()):
                canonical.append(wanted)
            else:
                break
        else:
            if len(words) <= len(rule.words):
                return tuple(canonical)
    return None


def _may_be(wanted: str, word: str) -> bool:
    return wanted[0] in "<(" or wanted.lower().startswith(word.lower())


@cache
def defaults(mode: str) -> frozenset[str]:
    """The lines that hold in a mode where nothing is said."""
    return frozenset(rule.text for rule in rules(mode) if rule.on_by_default)


def _match_one(rule: Rule, line: str) -> Match | None:
    printed: list[str] = []
    identity: list[str] = []
    rest = line.strip()
    for wanted in rule.words:
        word, _, after = rest.partition(" ")
        if wanted.endswith(("...>", "...)")):
            if not rest and not wanted.endswith("?...)"):
                return None
            printed += [rest] if rest else []
            identity += [rest] if wanted[0] == "<" else []
            rest = ""
            continue
        if not word:
            return None
        if wanted[0] not in "<(":
            if not wanted.lower().startswith(word.lower()):
                return None
            word = wanted
        printed.append(word)
        identity += [] if wanted[0] == "(" else [word]
        rest = after.lstrip()
    return None if rest else Match(rule, tuple(identity), " ".join(printed))


def _score(rule: Rule, words: list[str]) -> tuple[int, int]:
    literals = [(wanted, word) for wanted, word in zip(rule.words, words, strict=False) if wanted[0] not in "<("]
    return sum(wanted.lower() == word.lower() for wanted, word in literals), len(literals)


OLD_FORMS = (
    (re.compile(r"^(no )?ip domain-name\b"), r"\1ip domain name"),
    (re.compile(r"^(no )?ip domain-lookup\b"), r"\1ip domain lookup"),
    (re.compile(r"^(no )?logging (?=\d+\.\d+\.\d+\.\d+)"), r"\1logging host "),
)


def current(line: str) -> str:
    """A line in an old form as it is written today."""
    for old, new in OLD_FORMS:
        line = old.sub(new, line)
    return line


def arguments(template: str, line: str) -> list[str] | None:
    """The variable words of a command of this template, or None; the words of a missing rest are an empty text."""
    found, rest = [], line.strip()
    for wanted in template.split():
        word, _, after = rest.partition(" ")
        if wanted.endswith(("...>", "...)")):
            if not rest and not wanted.endswith("?...)"):
                return None
            found.append(rest)
            return found
        if not word or (wanted[0] not in "<(" and not wanted.lower().startswith(word.lower())):
            return None
        if wanted[0] in "<(":
            found.append(word)
        rest = after.lstrip()
    return None if rest else found


INTERFACES = ("GigabitEthernet", "TenGigabitEthernet", "FastEthernet", "Ethernet", "Loopback", "Vlan", "Port-channel",
              "Tunnel", "Management", "Dialer", "Serial", "Null", "range")  # fmt: skip


def interface_name(typed: str) -> str | None:
    """The full name of an interface, `gi1/0/1` or `Vlan 10` as it may be typed; None for no kind of interface."""
    found = re.fullmatch(r"([A-Za-z-]+)\s*([0-9][0-9/.:]*)", typed.strip())
    if not found:
        return None
    for kind in INTERFACES:
        if kind.lower().startswith(found[1].lower()):
            return kind + found[2]
    return None
