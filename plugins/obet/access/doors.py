"""Ways to a device's management, and what is said of one that takes others, or not all of those that it must.

Only proofs use it: what renders rules does not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

import msgspec

from obet.access.first_match import Admitted
from obet.access.intervals import Interval, Intervals, both, minus, name_of

_NAMED_AT_MOST = 10  # rules that a finding is made of, for one door and one family


class Door(msgspec.Struct, frozen=True):
    """One way to the device's management over TCP: its port, and whom it takes in each IP version."""

    name: str
    port: int
    takes: dict[int, Admitted]


def opened(door: Door, version: int, wanted: Intervals) -> Iterator[str]:
    """Whom the door takes that it must not, by what lets them in."""
    admitted_here = door.takes[version]
    too_many = minus(admitted_here.possibly, wanted)
    if not too_many:
        return
    named = 0
    for by, intervals in admitted_here.by:
        parts = _overlap(intervals, too_many)
        if parts and named < _NAMED_AT_MOST:
            named += 1
            more = f" and {len(parts) - 1} more" if len(parts) > 1 else ""
            yield f"port {door.port}: also takes {name_of(parts[0], version)}{more}: {door.name}: {by}"
    if not named:
        yield f"port {door.port}: also takes {name_of(too_many[0], version)}: {door.name}"


def _overlap(few: Intervals, many: Intervals) -> Intervals:
    """What is in both, fast where the first are few."""
    if len(few) > 8:
        return both(few, many)
    found: list[Interval] = []
    for low, high in few:
        place = bisect_left(many, low, key=lambda interval: interval[1])
        while place < len(many) and many[place][0] <= high:
            found.append((max(low, many[place][0]), min(high, many[place][1])))
            place += 1
    return tuple(found)


def shut(door: Door, version: int, wanted: Intervals) -> Iterator[str]:
    """Whom the door may not take that it must."""
    for interval in minus(wanted, door.takes[version].surely):
        yield f"port {door.port}: may refuse {name_of(interval, version)}: {door.name}"
