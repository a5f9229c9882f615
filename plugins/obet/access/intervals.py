"""Sets of numbers (addresses, ports) as sorted intervals that neither touch nor overlap, both ends included.

Only proofs use it: what renders rules does not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

Interval = tuple[int, int]
Intervals = tuple[Interval, ...]

_MANY = 256

EVERYONE: dict[int, Intervals] = {4: ((0, 2**32 - 1),), 6: ((0, 2**128 - 1),)}
"""All addresses of IPv4, of IPv6."""


def union(intervals: Iterable[Interval]) -> Intervals:
    """The intervals in any order, as a set; ValueError for one whose end comes before its start."""
    merged: list[Interval] = []
    for low, high in sorted(intervals):
        if low > high:
            raise ValueError("an interval ends before it starts")
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def minus(intervals: Intervals, taken: Intervals) -> Intervals:
    """What of `intervals` is not in `taken`."""
    left: list[Interval] = []
    first = 0  # of `taken`, those before end before whatever is still to come
    for start, high in intervals:
        low = start
        while first < len(taken) and taken[first][1] < low:
            first += 1
        place = first
        while place < len(taken) and taken[place][0] <= high:
            if taken[place][0] > low:
                left.append((low, taken[place][0] - 1))
            low = taken[place][1] + 1
            place += 1
        if low <= high:
            left.append((low, high))
    return tuple(left)


def both(first: Intervals, second: Intervals) -> Intervals:
    """What is in the first and in the second."""
    found: list[Interval] = []
    one, other = 0, 0
    while one < len(first) and other < len(second):
        low, high = max(first[one][0], second[other][0]), min(first[one][1], second[other][1])
        if low <= high:
            found.append((low, high))
        if first[one][1] < second[other][1]:
            one += 1
        else:
            other += 1
    return tuple(found)


class Region:
    """What is left of a set from which much is removed, little by little."""

    def __init__(self, intervals: Intervals) -> None:
        self._lows = [low for low, _ in intervals]
        self._highs = [high for _, high in intervals]

    def within(self, low: int, high: int) -> list[Interval]:
        """What is left between two numbers, both included."""
        parts = []
        place = bisect_left(self._highs, low)
        while place < len(self._lows) and self._lows[place] <= high:
            parts.append((max(low, self._lows[place]), min(high, self._highs[place])))
            place += 1
        return parts

    def remove(self, taken: Intervals) -> None:
        for low, high in taken:
            first = last = bisect_left(self._highs, low)
            while last < len(self._lows) and self._lows[last] <= high:
                last += 1
            if first == last:
                continue
            left = []
            if self._lows[first] < low:
                left.append((self._lows[first], low - 1))
            if self._highs[last - 1] > high:
                left.append((high + 1, self._highs[last - 1]))
            self._lows[first:last] = [low for low, _ in left]
            self._highs[first:last] = [high for _, high in left]


def name_of(interval: Interval, version: int) -> str:
    """An interval of addresses of IP `version` as people write it: `first-last`, or the address alone."""
    kind = IPv4Address if version == 4 else IPv6Address
    low, high = (str(kind(end)) for end in interval)
    return low if low == high else f"{low}-{high}"


def wildcard(address: int, mask: int) -> tuple[Intervals, Intervals]:
    """What an IPv4 address and its wildcard match, surely and possibly: a set bit matches anything, wherever it stands.

    More than 256 intervals are taken as the one that holds them all.
    """
    run = ((mask + 1) & ~mask) - 1  # the bits at the end, which make one interval
    base, bits = address & ~mask, [1 << bit for bit in range(32) if mask & ~run & 1 << bit]
    if 1 << len(bits) > _MANY:
        return (), ((base, base | mask),)
    starts = [base]
    for bit in bits:
        starts += [start | bit for start in starts]
    found = union((start, start | run) for start in starts)
    return found, found
