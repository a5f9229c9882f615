"""Proof of a Junos device's configuration: exactly the allowed sources reach its management ports.

It shares no code with what renders the rules. Whatever it does not understand counts against the claim. Packets to the
device itself pass the filters of a loopback unit, that of their routing instance or `lo0.0`'s; filters of interfaces,
zones and forwarding tables can only take access away: whether an allowed source gets through those, the probes show.

Not seen, as no configuration tells it: platforms that do not ask `lo0.0`'s filter for instances without a loopback
unit (ACX1000 to ACX5000).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

import msgspec

from obet.access.finding import Finding
from obet.access.intervals import Interval, Intervals, both, minus, name_of, union
from obet.errors import ProofError, printable
from obet.platforms.junos.configuration import Configuration, read
from obet.platforms.junos.filters import Admitted, Filters, units
from obet.platforms.junos.side_doors import side_doors

_NAMED_AT_MOST = 10  # terms that a finding is made of, for one door and one family
# What listens for management over an encrypted protocol: its switch, its port, what changes that.
_SERVERS = (
    ("SSH", ("ssh",), 22),
    ("NETCONF over SSH", ("netconf", "ssh"), 830),
    ("NETCONF over TLS", ("netconf", "tls"), 6513),
    ("HTTPS", ("web-management", "https"), 443),
    ("REST over TLS", ("rest", "https"), 3443),
    ("gRPC over TLS", ("extension-service", "request-response", "grpc", "ssl"), 32767),
    ("Junos XML over TLS", ("xnm-ssl",), 3220),
)
_SSH = {"SSH", "NETCONF over SSH"}


class Door(msgspec.Struct, frozen=True):
    """One way to the device's management over TCP, through one loopback unit."""

    name: str
    port: int
    unit: str


def prove(running: str, allowed: Iterable[IPv4Address | IPv6Address], ports: Iterable[int]) -> list[Finding]:
    """What contradicts "these ports take these sources and no other, and nothing else is a way in"; empty is the proof.

    ProofError when `running` is not what `show configuration | display set` prints.
    """
    sources, wanted_ports = list(allowed), list(ports)
    if not wanted_ports:
        raise ProofError("no port to prove anything about: nothing is proven")
    configuration = read(running)
    filters = Filters(configuration)
    listening = list(_listening(configuration))
    findings = [*configuration.unread, *side_doors(configuration)]
    for version in (4, 6):
        wanted = union((int(a), int(a)) for a in sources if a.version == version)
        for unit in units(configuration):
            for name, port in listening:
                door = Door(name, port, unit)
                taken = filters.admitted(unit, version, port)
                findings += _open(door, taken, version, wanted)
                if port in wanted_ports:
                    findings += _shut(door, taken, version, wanted)
    taking_ssh = {port for name, port in listening if name in _SSH}
    findings += [
        f"port {port}: nothing takes SSH there, so it takes none of the allowed sources"
        for port in wanted_ports
        if port not in taking_ssh
    ]
    return [Finding(printable(what)) for what in dict.fromkeys(findings)]


def counter(answer: str, name: str) -> int | None:
    """Packets that a counter has counted on all units, from `show firewall`; None where there is no such counter.

    Of a filter that is bound by a list, or for one interface, the device adds the interface's name.
    """
    pattern = re.compile(rf"{re.escape(name)}(?:-lo0\.[0-9]+-i)?\s+[0-9]{{1,20}}\s+([0-9]{{1,20}})\s*")
    found = [int(match[1]) for line in answer.split("\n") if (match := pattern.fullmatch(line.strip()))]
    return sum(found) if found else None


def _listening(configuration: Configuration) -> Iterator[tuple[str, int]]:
    for name, path, usual in _SERVERS:
        if configuration.has("system", "services", *path):
            ports = configuration.values("system", "services", *path, "port")
            for port in ports or [str(usual)]:
                yield name, int(port) if re.fullmatch(r"[0-9]{1,5}", port) else 0


def _open(door: Door, taken: Admitted, version: int, wanted: Intervals) -> Iterator[str]:
    """Whom the door takes that it must not, by what lets them in."""
    too_many = minus(taken.possibly, wanted)
    if not too_many:
        return
    named = 0
    for by, intervals in taken.by:
        parts = _overlap(intervals, too_many)
        if parts and named < _NAMED_AT_MOST:
            named += 1
            more = f" and {len(parts) - 1} more" if len(parts) > 1 else ""
            whom = f"{name_of(parts[0], version)}{more}"
            yield f"port {door.port}: also takes {whom}: {door.name} by lo0.{door.unit}: {by}"


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


def _shut(door: Door, taken: Admitted, version: int, wanted: Intervals) -> Iterator[str]:
    for interval in minus(wanted, taken.surely):
        yield f"port {door.port}: may refuse {name_of(interval, version)}: {door.name} by lo0.{door.unit}"
