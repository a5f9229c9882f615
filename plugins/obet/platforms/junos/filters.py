"""The filters of Junos that a loopback unit passes its packets through: whom they let in to one port of the device.

Where a unit has none, everybody is let in. Filters of a list are one after another; whom no term accepts is discarded.
A unit without filters of its own takes those of no other: only an instance that has no loopback unit takes `lo0.0`'s.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from obet.access.first_match import Admitted, Rule, everybody, first_match
from obet.access.intervals import union
from obet.platforms.junos.configuration import ANY, Configuration
from obet.platforms.junos.groups import Statement
from obet.platforms.junos.matching import Case, Prefixes, matches, prefix_lists

_FAMILY = {4: "inet", 6: "inet6"}
_ENDING = {"accept", "discard", "reject"}
# What is done beside the verdict, and changes nothing of it.
_BESIDE = {"count", "log", "syslog", "sample", "forwarding-class", "loss-priority", "packet-mode", "port-mirror"}
# What a filter may say beside its terms.
_SAYS_NOTHING = {"interface-specific", "accounting-profile", "enhanced-mode", "instance-shared", "apply-macro"}
_SAYS_NOTHING |= {"apply-groups", "apply-groups-except", "fast-filter-lookup"}
_DEEPEST, _MOST = 8, 10_000  # filters within filters, and terms of all of them


class Term(msgspec.Struct):
    """`verdict` is permit, deny, next, or unknown: may be any."""

    filter: str
    name: str
    conditions: dict[str, list[tuple[str, ...]]]
    actions: list[tuple[str, ...]]
    nested: list[str]

    @property
    def where(self) -> str:
        return f"filter {self.filter}, term {self.name}"

    @property
    def verdict(self) -> str:
        ends = {action[0] for action in self.actions if action and action[0] in _ENDING | {"next"}}
        unknown = any(action and action[0] not in _ENDING | _BESIDE | {"next"} for action in self.actions)
        if len(ends) > 1 or unknown:
            return "unknown"
        return {"accept": "permit", "next": "next"}.get(ends.pop() if ends else "accept", "deny")


def not_known(version: int, why: str) -> Admitted:
    return msgspec.structs.replace(everybody(version, why), surely=())


class Filters:
    """All filters of a configuration, with what their terms name."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._disabled = configuration.has("interfaces", "lo0", "disable")
        self._prefixes: Prefixes = prefix_lists(configuration)
        self._own: dict[tuple[int, str], list[Term] | str] = {}
        self._chains: dict[tuple[int, tuple[str, ...]], list[Term] | str] = {}
        self._judged: dict[tuple[tuple[str, ...], Case], Admitted] = {}

    def admitted(self, unit: str, version: int, port: int, protocol: str = "tcp") -> Admitted:
        """Whom the filters of this unit of lo0 let in, also behind extension headers of IPv6."""
        if self._disabled or self._configuration.has("interfaces", "lo0", "unit", unit, "disable"):
            return not_known(version, "it is disabled")
        bound = self._bound(unit, version)
        if isinstance(bound, Admitted):
            return bound
        terms = self._chain(bound, version)
        if isinstance(terms, str):
            return not_known(version, terms)
        found = self._judge(bound, terms, Case(version, port, protocol))
        if version == 4:
            return found
        hidden = self._judge(bound, terms, Case(version, port, protocol, hidden=True))
        more = tuple((f"{why}, behind an extension header", whom) for why, whom in hidden.by)
        return Admitted(found.surely, union([*found.possibly, *hidden.possibly]), (*found.by, *more))

    def _bound(self, unit: str, version: int) -> tuple[str, ...] | Admitted:
        """The names of the filters in order, or whom the unit lets in without them."""
        path = ("interfaces", "lo0", "unit", unit, "family", _FAMILY[version], "filter")
        single: list[str] = []
        listed: list[str] = []
        for statement, rest in self._configuration.beneath(*path):
            if not rest or rest[0] in {"output", "output-list", "group"}:
                continue
            if statement.group:
                return not_known(version, f"group {statement.group} may bind a filter, in no known place")
            if len(rest) != 2 or rest[0] not in {"input", "input-list"}:
                return not_known(version, f"`{statement.text}` is not understood")
            (single if rest[0] == "input" else listed).append(rest[1])
        if single and (listed or len(single) > 1):
            return not_known(version, "a filter and a list of filters are bound")
        return tuple(single or listed) or everybody(version, "no filter is bound, which lets everybody in")

    def _judge(self, names: tuple[str, ...], terms: list[Term], case: Case) -> Admitted:
        if (names, case) not in self._judged:
            self._judged[names, case] = _judge(terms, case, self._prefixes)
        return self._judged[names, case]

    def _chain(self, names: tuple[str, ...], version: int) -> list[Term] | str:
        """The terms of these filters, or why they are not known."""
        if (version, names) not in self._chains:
            terms: list[Term] = []
            why = ""
            for name in names:
                why = why or self._add_terms(terms, name, version, 0)
            self._chains[version, names] = why or terms
        return self._chains[version, names]

    def _add_terms(self, terms: list[Term], name: str, version: int, depth: int) -> str:
        """Why the filter is not known; empty when its terms were added, those of filters within at their place."""
        if (version, name) not in self._own:
            self._own[version, name] = self._terms(name, version)
        found = self._own[version, name]
        if isinstance(found, str):
            return found
        if depth > _DEEPEST or len(terms) > _MOST:
            return f"filter {name} is within filters too deep: what it lets in is not known"
        for term in found:
            if not term.nested:
                terms.append(term)
            elif term.conditions or term.actions or len(term.nested) > 1:
                return f"{term.where}: names a filter and more, which is not understood"
            elif why := self._add_terms(terms, term.nested[0], version, depth + 1):
                return why
        return ""

    def _terms(self, name: str, version: int) -> list[Term] | str:
        """The filter's own terms, or why they are not known."""
        found: dict[str, Term] = {}
        places = set()
        for place, statement, rest in self._statements(name, version):
            places.add(place)
            if statement.group:
                return f"group {statement.group} may add to filter {name}, in no known place"
            if not rest or rest[0] in _SAYS_NOTHING:
                continue
            if rest[0] != "term" or len(rest) < 2:
                return f"filter {name}: `{rest[0]}` is not understood"
            _add_to(found.setdefault(rest[1], Term(name, rest[1], {}, [], [])), rest[2:])
        if not found or len(places) > 1:
            return f"filter {name} {'is there twice' if found else 'has no term'}: what it lets in is not known"
        return list(found.values())

    def _statements(self, name: str, version: int) -> Iterator[tuple[str, Statement, tuple[str, ...]]]:
        """Filters of IPv4 may also stand outside of any family."""
        for statement, rest in self._configuration.beneath("firewall", "family", _FAMILY[version], "filter", name):
            yield "family", statement, rest
        if version == 4:
            for statement, rest in self._configuration.beneath("firewall", "filter", name):
                yield "none", statement, rest


def units(configuration: Configuration) -> list[str]:
    """The loopback units that there are; unit 0 always is, in effect."""
    found = {"0", *configuration.values("interfaces", "lo0", "unit")}
    for name in configuration.values("routing-instances", ANY, "interface"):
        if name.startswith("lo0."):
            found.add(name.removeprefix("lo0."))
    return sorted(found, key=lambda unit: (len(unit), unit))


def _add_to(term: Term, rest: tuple[str, ...]) -> None:
    if not rest or rest[0].startswith("apply-"):
        return
    kind, said = rest[0], rest[1:]
    if kind == "from" and said:
        term.conditions.setdefault(said[0], []).append(said[1:])
    elif kind == "then" and said:
        term.actions.append(said)
    elif kind == "filter" and len(said) == 1:
        term.nested.append(said[0])
    elif kind not in {"from", "then"}:
        term.actions.append(("unknown",))


def _judge(terms: list[Term], case: Case, prefixes: Prefixes) -> Admitted:
    rules = []
    for term in terms:
        if term.verdict != "next":
            surely, possibly = matches(term.conditions, case, prefixes)
            rules.append(Rule(term.where, term.verdict, surely, possibly))
    return first_match(case.version, rules)
