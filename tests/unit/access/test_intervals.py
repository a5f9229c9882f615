"""Arithmetic of intervals against sets of numbers."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obet.access.intervals import EVERYONE, Interval, Intervals, both, minus, name_of, union, wildcard

NUMBERS = st.integers(0, 40)
DRAWN = st.lists(st.tuples(NUMBERS, NUMBERS).map(lambda ends: (min(ends), max(ends))), max_size=6)


def members(intervals: Intervals | list[Interval]) -> set[int]:
    return {n for low, high in intervals for n in range(low, high + 1)}


def apart(intervals: Intervals) -> bool:
    """Sorted, and neither touching nor overlapping."""
    return all(first[1] + 1 < second[0] for first, second in pairwise(intervals))


@given(drawn=DRAWN)
def test_a_union_has_just_the_members_of_its_parts_in_as_few_intervals_as_can_be(drawn: list[Interval]) -> None:
    assert members(union(drawn)) == members(drawn)
    assert apart(union(drawn))


@given(first=DRAWN.map(union), second=DRAWN.map(union))
def test_difference_and_section_are_those_of_sets(first: Intervals, second: Intervals) -> None:
    assert members(minus(first, second)) == members(first) - members(second)
    assert members(both(first, second)) == members(first) & members(second)
    assert apart(minus(first, second))
    assert apart(both(first, second))


def test_an_interval_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before"):
        union([(1, 2), (4, 3)])


@pytest.mark.parametrize(
    ("interval", "version", "text"),
    [
        ((0, 2**32 - 1), 4, "0.0.0.0-255.255.255.255"),
        ((3325256715, 3325256715), 4, "198.51.100.11"),
        ((0, 1), 6, "::-::1"),
        (EVERYONE[6][0], 6, "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ],
)
def test_an_interval_is_named_as_people_write_it(interval: Interval, version: int, text: str) -> None:
    assert name_of(interval, version) == text


@given(address=st.integers(0, 2**32 - 1), mask=st.integers(0, 2**32 - 1), others=st.lists(st.integers(0, 2**32 - 1)))
def test_a_wildcard_matches_what_is_the_same_but_for_its_bits(address: int, mask: int, others: list[int]) -> None:
    surely, possibly = wildcard(address, mask)
    for one in (address, address ^ mask, *(address ^ other & mask for other in others), *others):
        matches = (one ^ address) & ~mask == 0
        assert not matches or any(low <= one <= high for low, high in possibly)
        assert matches or not any(low <= one <= high for low, high in surely)
    assert surely in ((), possibly)


def test_a_wildcard_of_few_holes_is_known_exactly_and_one_of_many_is_not() -> None:
    assert wildcard(0x0A000000, 0x000000FF) == (((0x0A000000, 0x0A0000FF),),) * 2
    assert members(wildcard(0, 0b101)[0]) == {0, 1, 4, 5}
    assert wildcard(0, 0x55555555) == ((), ((0, 0x55555555),))
