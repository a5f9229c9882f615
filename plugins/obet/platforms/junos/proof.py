"""Proof of a Junos device's configuration: exactly the allowed sources reach its management ports.

It shares no code with what renders the rules. Whatever it does not understand counts against the claim. Packets to the
device itself pass the filters of a loopback unit, that of their routing instance or `lo0.0`'s; filters of interfaces,
zones and forwarding tables can only take access away: whether an allowed source gets through those, the probes show.

Not seen, as no configuration tells it: platforms that do not ask `lo0.0`'s filter for instances without a loopback
unit (ACX1000 to ACX5000).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

from obet.access.doors import Door, opened, shut
from obet.access.finding import Finding
from obet.access.intervals import union
from obet.errors import ProofError, printable
from obet.platforms.junos.configuration import Configuration, read
from obet.platforms.junos.filters import Filters, units
from obet.platforms.junos.side_doors import side_doors

# What listens for management over an encrypted protocol: its switch, its port, what changes that.
_SERVERS = (
    ("SSH", ("ssh",), 22),
    ("NETCONF", ("netconf", "ssh"), 830),
    ("NETCONF-TLS", ("netconf", "tls"), 6513),
    ("HTTPS", ("web-management", "https"), 443),
    ("REST", ("rest", "https"), 3443),
    ("gRPC", ("extension-service", "request-response", "grpc", "ssl"), 32767),
    ("XNM-SSL", ("xnm-ssl",), 3220),
)
_SSH = {"SSH", "NETCONF"}


def prove(running: str, allowed: Iterable[IPv4Address | IPv6Address], ports: Iterable[int]) -> list[Finding]:
    """What contradicts "these ports take these sources and no other, and nothing else is a way in"; empty is the proof.

    ProofError when `running` is not what `show configuration | display set` prints.
    """
    sources, wanted_ports = list(allowed), list(ports)
    if not wanted_ports:
        raise ProofError("no port to prove anything about: nothing is proven")
    configuration = read(running)
    doors = list(_doors(configuration))
    findings = [*configuration.unread, *side_doors(configuration)]
    for version in (4, 6):
        wanted = union((int(a), int(a)) for a in sources if a.version == version)
        for door in doors:
            findings += opened(door, version, wanted)
            if door.port in wanted_ports:
                findings += shut(door, version, wanted)
    taking_ssh = {port for name, port in _listening(configuration) if name in _SSH}
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


def _doors(configuration: Configuration) -> Iterator[Door]:
    """Each service through each loopback unit."""
    filters = Filters(configuration)
    for unit in units(configuration):
        for name, port in _listening(configuration):
            takes = {version: filters.admitted(unit, version, port) for version in (4, 6)}
            yield Door(f"{name} by lo0.{unit}", port, takes)


def _listening(configuration: Configuration) -> Iterator[tuple[str, int]]:
    for name, path, usual in _SERVERS:
        if configuration.has("system", "services", *path):
            ports = configuration.values("system", "services", *path, "port")
            for port in ports or [str(usual)]:
                yield name, int(port) if re.fullmatch(r"[0-9]{1,5}", port) else 0
