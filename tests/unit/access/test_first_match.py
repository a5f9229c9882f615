"""Rules in order, host by host: what is sure is so however the unknown turns out, what is possible may be so."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from obet.access.first_match import Rule, everybody, first_match, weakest
from obet.access.intervals import EVERYONE, Intervals, both, union

HOSTS = range(12)
ends = st.tuples(st.integers(0, 11), st.integers(0, 11)).map(lambda two: (min(two), max(two)))
sets = st.lists(ends, max_size=3).map(union)
# What a rule matches surely is among what it matches possibly.
rules = st.builds(
    lambda verdict, one, other: Rule("r", verdict, both(one, other), other),
    st.sampled_from(["permit", "deny", "unknown"]),
    sets,
    sets,
)


def holds(intervals: Intervals, host: int) -> bool:
    return any(low <= host <= high for low, high in intervals)


def answers(order: list[Rule], host: int) -> set[bool]:
    """All answers that this host may get."""
    for number, rule in enumerate(order):
        if holds(rule.possibly, host):
            said = {"permit": {True}, "deny": {False}}.get(rule.verdict, {True, False})
            return said if holds(rule.surely, host) else said | answers(order[number + 1 :], host)
    return {False}


@given(st.lists(rules, max_size=5))
def test_whoever_may_get_in_is_possible_and_whoever_always_does_is_sure(order: list[Rule]) -> None:
    admitted = first_match(4, order)
    for host in HOSTS:
        assert holds(admitted.possibly, host) == (True in answers(order, host))
        assert not holds(admitted.surely, host) or answers(order, host) == {True}


@given(st.lists(rules, max_size=5))
def test_whoever_may_get_in_is_so_by_a_rule_that_is_named(order: list[Rule]) -> None:
    admitted = first_match(6, order)
    assert union(part for _, parts in admitted.by for part in parts) == admitted.possibly


@given(st.lists(rules, max_size=4), st.lists(rules, max_size=4))
def test_of_two_of_which_any_may_decide_the_weaker_counts(one: list[Rule], other: list[Rule]) -> None:
    first, second = first_match(4, one), first_match(4, other)
    both_of_them = weakest([first, second])
    for host in HOSTS:
        assert holds(both_of_them.surely, host) == (holds(first.surely, host) and holds(second.surely, host))
        assert holds(both_of_them.possibly, host) == (holds(first.possibly, host) or holds(second.possibly, host))


def test_without_a_rule_nobody_is_let_in_and_everybody_is_everybody() -> None:
    assert first_match(4, []).possibly == first_match(4, []).surely == ()
    assert everybody(6, "open").by == (("open", EVERYONE[6]),)
