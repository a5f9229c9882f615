"""The configuration as a tree: lines go in with `no` and all, and come out in the device's own order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from . import grammar, users_lines
from .access_lists import AccessList, EntryError, parse
from .templates import ACCESS_LISTS

INVALID = "% Invalid input detected at '^' marker."
INCOMPLETE = "% Incomplete command."
LINES = 16
HIDDEN = ("crypto key ", "snmp-server user ")
WHOLE_FAMILIES = (("snmp-server",), ("ntp",))  # what `no` takes back at one stroke
FIRST_BLOCK = 5  # line vty 0 4 and line vty 5 15 are always printed apart
Key = tuple[str, ...]


class LineError(Exception):
    """The device does not take a line; the message is what it prints."""


@dataclass
class Entry:
    """One line, negated (`no …`) where it is on by default; what it opens is in `below`."""

    rule: grammar.Rule
    text: str
    negated: bool = False
    below: Section | None = None


@dataclass
class Section:
    """The lines of one place; an access list's are in `entries_of`."""

    mode: str
    lines: dict[Key, Entry] = field(default_factory=dict)
    access_list: AccessList | None = None
    raw: list[str] = field(default_factory=list)

    def get(self, *identity: str) -> str:
        """The text of a line after what tells it apart; empty where it is not there."""
        entry = self.lines.get(identity)
        if entry is None or entry.negated:
            return ""
        return entry.text.removeprefix(" ".join(identity)).strip()

    def has(self, line: str) -> bool:
        """Whether a line without any variable word holds, its default counted in."""
        entry = self.lines.get(tuple(line.split()))
        if entry is not None:
            return not entry.negated
        return line in grammar.defaults(self.mode)

    def starting(self, *words: str) -> Iterator[Entry]:
        """The lines that begin with these words."""
        return (entry for key, entry in self.lines.items() if key[: len(words)] == words and not entry.negated)


@dataclass(frozen=True)
class Context:
    """Where a typed line goes: sections of one mode (several for `line vty 0 15`); `indent` is its header's."""

    mode: str
    sections: tuple[Section, ...]
    indent: int = 0


class Tree:
    """A whole configuration."""

    def __init__(self, hidden: Callable[[str, bool], str] | None = None) -> None:
        """Empty: what a device without a configuration runs on.

        `hidden` takes the lines that act and are not printed (`crypto key …`, `snmp-server user …`) and whether `no`
        stood before them, and answers what is said; without it they are passed over.
        """
        self.root = Section("global")
        self._hidden = hidden or (lambda _line, _negated: "")
        self.said: list[str] = []
        for number in range(LINES):
            self._open_line("vty", number)
        self._open_line("con", 0)

    def top(self) -> list[Context]:
        """The contexts of global configuration."""
        return [Context("global", (self.root,))]

    def load(self, lines: Iterable[str]) -> list[tuple[str, str]]:
        """Take in a file's lines; answers those that the device refuses, each with what it says."""
        refused = []
        contexts = self.top()
        source = iter(lines)
        for typed in source:
            banner = users_lines.banner_start(typed)
            line = users_lines.whole_banner(banner, source) if banner else typed
            try:
                contexts = self.enter(contexts, line)
            except LineError as error:
                refused.append((line.strip(), str(error)))
        return refused

    def enter(self, contexts: list[Context], typed: str) -> list[Context]:
        """One line, typed in these contexts; answers the contexts of the next. A LineError changes nothing."""
        line = grammar.current(typed.strip())
        if not line or line.startswith(("!", "version ")) or line == "end":
            return self.top() if line == "end" else contexts
        if contexts[-1].mode == "certificate":
            return self._certificate(contexts, line)
        if contexts[-1].mode == "pubkey-data":
            return self._key_string(contexts, line)
        if line in ("exit", "quit", "exit-address-family", "exit-vrf"):
            return contexts[:-1] if len(contexts) > 1 else contexts
        indent = len(typed) - len(typed.lstrip(" "))
        contexts = self._outdented(contexts, line, indent)
        if indent == 0 and _is_global(contexts[-1].mode, line):
            contexts = contexts[:1]
        error = LineError(INVALID)
        for depth in range(len(contexts), 0, -1):
            try:
                return self._in_context(contexts[:depth], line, indent)
            except LineError as refused:
                error = refused if str(refused) != INVALID else error
        raise error

    def _outdented(self, contexts: list[Context], line: str, indent: int) -> list[Context]:
        """In a mode that takes anything, indentation says what belongs to what; without any, a global line ends it."""
        if contexts[-1].mode != "any":
            return contexts
        if indent == 0:
            first = next(place for place, context in enumerate(contexts) if context.mode == "any")
            return contexts[:first] if _is_global("any", line) else contexts[: first + 1]
        while contexts[-1].mode == "any" and contexts[-1].indent >= indent:
            contexts = contexts[:-1]
        return contexts

    def _in_context(self, contexts: list[Context], line: str, indent: int) -> list[Context]:
        here = contexts[-1]
        negated = re.match(r"(no|default)\s+", line) is not None
        line = line.split(None, 1)[1] if negated else line
        if here.mode in ACCESS_LISTS:
            self._access_entry(here, line, negated=negated)
            return contexts
        if here.mode == "pubkey-user" and line == "key-string" and not negated:
            return [*contexts, Context("pubkey-data", (Section("pubkey-data"),))]
        if here.mode == "global" and (special := self._special(contexts, line, negated=negated)) is not None:
            return special
        if negated:
            for section in here.sections:
                self._remove(section, line)
            return contexts
        found = grammar.match(here.mode, line)
        if found is None:
            raise LineError(INVALID)
        opened = [self._put(section, found) for section in here.sections]
        if found.rule.opens:
            return [*contexts, Context(found.rule.opens, tuple(one for one in opened if one), indent)]
        return contexts

    def _put(self, section: Section, found: grammar.Match) -> Section | None:
        rule = found.rule
        key = found.identity
        if rule.sign == "=":
            return None
        if rule.on_by_default:
            section.lines.pop(key, None)
            return None
        try:
            text = users_lines.kept(found.text, section.get(*key), conceal=self.root.has("service password-encryption"))
        except users_lines.SecretError as refused:
            raise LineError(str(refused)) from None
        entry = section.lines.get(key) or section.lines.setdefault(key, Entry(rule, text))
        entry.text = text
        if rule.opens and entry.below is None:
            entry.below = Section(rule.opens)
            if rule.opens in ACCESS_LISTS:
                entry.below.access_list = AccessList(rule.opens)
        return entry.below

    def _remove(self, section: Section, line: str) -> None:
        found = grammar.match(section.mode, line)
        words = grammar.prefixes(section.mode, line)
        if found is not None and found.rule.on_by_default and found.rule.sign != "=":
            section.lines[found.identity] = Entry(found.rule, found.text, negated=True)
            return
        keys = [found.identity] if found is not None and found.identity in section.lines else []
        if not keys and words is not None:
            keys = [key for key, entry in section.lines.items() if _begins(key, entry, words)]
        if not keys and found is None and words is None:
            raise LineError(INVALID)
        for key in keys:
            del section.lines[key]

    def _access_entry(self, here: Context, line: str, *, negated: bool) -> None:
        for section in here.sections:
            if section.access_list is None:
                raise LineError(INVALID)
            try:
                if negated:
                    section.access_list.remove(line)
                else:
                    section.access_list.add(parse(here.mode, line))
            except EntryError as refused:
                text = str(refused)
                raise LineError(INVALID if text == "% Invalid input detected" else text) from None

    def _special(self, contexts: list[Context], line: str, *, negated: bool) -> list[Context] | None:
        """What global configuration does in ways of its own; None for an ordinary line."""
        first = line.split(maxsplit=1)[0]
        if line.startswith(HIDDEN):
            self.said.append(self._hidden(line, negated))
            return contexts
        if len(first) >= 3 and "line".startswith(first[:4]) and (asked := users_lines.line_range(line)):
            return self._lines(contexts, *asked, negated=negated)
        if len(first) >= 3 and "interface".startswith(first):
            return self._interface(contexts, line.partition(" ")[2], negated=negated)
        if "access-list".startswith(first) and len(first) > 6:
            return self._numbered(contexts, line, negated=negated)
        if line.startswith("ip access-list resequence "):
            return self._resequence(contexts, line.split()[3:])
        return None

    def _lines(self, contexts: list[Context], kind: str, first: int, last: int, *, negated: bool) -> list[Context]:
        if (kind == "vty" and last >= LINES) or first > last or (kind != "vty" and last):
            raise LineError(INVALID)
        if negated:
            for number in range(first, last + 1):
                self.root.lines.pop(("line", kind, str(number)), None)
            return contexts
        sections = tuple(self._open_line(kind, number) for number in range(first, last + 1))
        return [*contexts, Context("line", sections)]

    def _open_line(self, kind: str, number: int) -> Section:
        found = grammar.match("global", f"line {kind} {number}")
        opened = self._put(self.root, found) if found else None
        if opened is None:
            raise LineError(INVALID)
        return opened

    def _interface(self, contexts: list[Context], typed: str, *, negated: bool) -> list[Context]:
        name = grammar.interface_name(typed)
        found = grammar.match("global", f"interface {name}") if name else None
        if found is None:
            raise LineError(INVALID)
        if negated:
            self.root.lines.pop(found.identity, None)
            return contexts
        opened = self._put(self.root, found)
        return [*contexts, Context("interface", (opened,) if opened else ())]

    def _numbered(self, contexts: list[Context], line: str, *, negated: bool) -> list[Context]:
        """A line of the old form, which is kept, and printed, as a named list with that number as its name."""
        words = line.split(None, 2)
        if len(words) < 2 or not words[1].isdigit():
            raise LineError(INVALID)
        number = int(words[1])
        kind = "standard" if number < 100 or 1300 <= number < 2000 else "extended"
        if negated:
            self._remove(self.root, f"ip access-list {kind} {number}")
            return contexts
        found = grammar.match("global", f"ip access-list {kind} {number}")
        opened = self._put(self.root, found) if found else None
        if opened is None or len(words) < 3:
            raise LineError(INCOMPLETE)
        self._access_entry(Context(kind, (opened,)), words[2], negated=False)
        return contexts

    def _resequence(self, contexts: list[Context], words: list[str]) -> list[Context]:
        found = self.access_list("ip", words[0] if words else "")
        if found is None or len(words) != 3 or not all(word.isdigit() for word in words[1:]):
            raise LineError(INVALID)
        found.resequence(int(words[1]), int(words[2]))
        return contexts

    def _certificate(self, contexts: list[Context], line: str) -> list[Context]:
        for section in contexts[-1].sections:
            section.raw.append(f"  {line}")
        return contexts[:-1] if line == "quit" else contexts

    def _key_string(self, contexts: list[Context], line: str) -> list[Context]:
        """The lines of a public key; what is kept of it is its MD5 hash."""
        typed = contexts[-1].sections[0].raw
        if line != "exit":
            typed.append(line)
            return contexts
        key = users_lines.key_hash(" ".join(typed))
        if key is None:
            self.said.append("%SSH: Failed to decode the Key Value")
            return contexts[:-1]
        return self._in_context(contexts[:-1], f"key-hash {key}", 0)

    def access_list(self, family: str, name: str) -> AccessList | None:
        """A list by name (`ip` or `ipv6`); None where there is none."""
        kinds = (("ip", "access-list", "standard"), ("ip", "access-list", "extended"))
        for kind in kinds if family == "ip" else (("ipv6", "access-list"),):
            entry = self.root.lines.get((*kind, name))
            if entry and entry.below:
                return entry.below.access_list
        return None

    def sections(self, *words: str) -> Iterator[tuple[str, Section]]:
        """The sections whose line begins with these words, by what follows the words."""
        for entry in self.root.starting(*words):
            if entry.below is not None:
                yield entry.text.removeprefix(" ".join(words)).strip(), entry.below

    def vty(self, number: int) -> Section | None:
        """The settings of one line; None if it does not exist."""
        entry = self.root.lines.get(("line", "vty", str(number)))
        return entry.below if entry else None

    def rendered(self) -> list[str]:
        """The lines as they are printed, without the header and without `end`."""
        return [part for line in _global(self.root) for part in line.split("\n")]


def _begins(key: Key, entry: Entry, words: Key) -> bool:
    """Whether `no` and these words mean an entry: what stands before its first variable word, and its name, if any."""
    variable = next((n for n, word in enumerate(entry.rule.words) if word[0] in "<("), len(entry.rule.words))
    first = entry.rule.words[variable] if variable < len(entry.rule.words) else "("
    needed = variable + (first[0] == "<" and (not first.endswith("...>") or variable < 2))
    named = len(words) >= needed or words in WHOLE_FAMILIES
    return named and words in (key[: len(words)], tuple(entry.text.split()[: len(words)]))


def _is_global(mode: str, line: str) -> bool:
    """Whether a line that is not indented is rather global configuration's than this mode's."""
    if mode in ("global", *ACCESS_LISTS):
        return False
    line = re.sub(r"^(no|default)\s+", "", line)
    return grammar.spelt_out("global", line) > max(grammar.spelt_out(mode, line), 0)


def _global(root: Section) -> Iterator[str]:
    by_rank: dict[int, list[Entry]] = {}
    for entry in root.lines.values():
        by_rank.setdefault(entry.rule.rank, []).append(entry)
    for rule in grammar.rules("global"):
        if rule.sign == "!":
            yield "!"
        elif rule.words[:1] == ("line",):
            yield from _printed_lines(root)
        else:
            yield from _of_rule(rule, by_rank.get(rule.rank, []), indent=0)


def _of_rule(rule: grammar.Rule, entries: list[Entry], indent: int) -> Iterator[str]:
    if not entries and rule.always_printed:
        yield f"{' ' * indent}{'' if rule.on_by_default else 'no '}{rule.text}"
    for entry in sorted(entries, key=_order) if rule.words[:1] in (("interface",), ("vlan",)) else entries:
        pad = " " * (indent + 1 if rule.opens == "pubkey-user" else indent)
        yield f"{pad}{'no ' if entry.negated else ''}{entry.text}"
        if entry.below is not None:
            yield from _section(entry.below, len(pad) + 1)
            if indent == 0 and rule.opens not in ACCESS_LISTS:
                yield "!"


def _order(entry: Entry) -> tuple[int, list[int]]:
    kinds = ("Loopback", "Port-channel", "Tunnel", "FastEthernet", "Gigabit", "TenGigabit", "Vlan")
    name = entry.text.removeprefix("interface ")
    kind = next((place for place, start in enumerate(kinds) if name.startswith(start)), len(kinds))
    return kind, [int(number) for number in re.findall(r"\d+", name)]


def _section(section: Section, indent: int) -> Iterator[str]:
    pad = " " * indent
    yield from section.raw
    if section.access_list is not None:
        yield from (pad + line for line in section.access_list.lines())
        return
    by_rank: dict[int, list[Entry]] = {}
    for entry in section.lines.values():
        by_rank.setdefault(entry.rule.rank, []).append(entry)
    for rule in grammar.rules(section.mode):
        if rule.sign != "!":
            yield from _of_rule(rule, by_rank.get(rule.rank, []), indent)


def _printed_lines(root: Section) -> Iterator[str]:
    """The lines of the console and of remote sessions; neighbours that are alike are printed as one."""
    for kind in ("con", "aux"):
        for entry in root.starting("line", kind):
            yield entry.text
            yield from _section(entry.below or Section("line"), 1)
    blocks: list[tuple[int, int, list[str]]] = []
    for entry in sorted(root.starting("line", "vty"), key=lambda one: int(one.text.split()[2])):
        number, body = int(entry.text.split()[2]), list(_section(entry.below or Section("line"), 1))
        if blocks and blocks[-1][1] == number - 1 and blocks[-1][2] == body and number != FIRST_BLOCK:
            blocks[-1] = (blocks[-1][0], number, body)
        else:
            blocks.append((number, number, body))
    for first, last, body in blocks:
        yield f"line vty {first} {last}" if first != last else f"line vty {first}"
        yield from body
    yield "!"
