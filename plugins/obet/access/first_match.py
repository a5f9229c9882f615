"""Rules in their order, of which the first that matches decides: who is let in, surely and possibly.

Only proofs use it: what renders rules does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from obet.access.intervals import EVERYONE, Interval, Intervals, Region, both, union


class Rule(msgspec.Struct, frozen=True):
    """`verdict` is permit, deny, or anything else: may be either. Sources that surely match, and that possibly do."""

    text: str
    verdict: str
    surely: Intervals
    possibly: Intervals


class Admitted(msgspec.Struct, frozen=True):
    """Who is let in surely, who possibly, and by what: intervals beside what lets them in."""

    surely: Intervals
    possibly: Intervals
    by: tuple[tuple[str, Intervals], ...] = ()


def everybody(version: int, why: str) -> Admitted:
    return Admitted(EVERYONE[version], EVERYONE[version], ((why, EVERYONE[version]),))


def weakest(found: Sequence[Admitted]) -> Admitted:
    """Where any one of several may decide: who is let in by all, and by any. There is one at least."""
    surely = found[0].surely
    for one in found[1:]:
        surely = both(surely, one.surely)
    return Admitted(
        surely,
        union(part for one in found for part in one.possibly),
        tuple(by for one in found for by in one.by),
    )


def first_match(version: int, rules: Iterable[Rule]) -> Admitted:
    """Of IP `version`. Who matches no rule is not let in."""
    undenied, undecided = Region(EVERYONE[version]), Region(EVERYONE[version])
    surely: list[Interval] = []
    by: list[tuple[str, Intervals]] = []
    for rule in rules:
        if rule.verdict == "permit":
            surely += [part for interval in rule.surely for part in undenied.within(*interval)]
        else:
            undenied.remove(rule.possibly)
        if rule.verdict != "deny":
            parts = tuple(part for interval in rule.possibly for part in undecided.within(*interval))
            if parts:
                by.append((rule.text, parts))
        undecided.remove(rule.surely)
    return Admitted(union(surely), union(part for _, parts in by for part in parts), tuple(by))
