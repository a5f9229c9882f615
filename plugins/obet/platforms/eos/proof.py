"""Proof of an EOS device's running configuration: exactly the allowed sources reach its management ports, in each VRF.

It shares no code with what renders the rules. Whatever it does not understand counts against the claim. Access lists of
interfaces and of the control plane can only take access away: whether an allowed source gets through those, the probes
show. They shut nobody out here, since a VRF that is made tomorrow has none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

from obet.access.doors import Door, opened, shut
from obet.access.finding import Finding
from obet.access.intervals import union
from obet.errors import ProofError, printable
from obet.platforms.eos.configuration import read
from obet.platforms.eos.listening import doors
from obet.platforms.eos.side_doors import side_doors

_LIST = re.compile(r"\s*(?:Standard |Extended )?(?:IP|IPv6) Access List (\S+)")
_DENIED = re.compile(r"\s+(?:[0-9]+ )?deny\b.*")
_MATCHED = re.compile(r"\[match ([0-9]{1,20})\b")


def prove(running: str, allowed: Iterable[IPv4Address | IPv6Address], ports: Iterable[int]) -> list[Finding]:
    """What contradicts "these ports take these sources and no other, and nothing else is a way in"; empty is the proof.

    ProofError when `running` is not what `show running-config` prints, or not all of it.
    """
    sources, wanted_ports = list(allowed), list(ports)
    if not wanted_ports:
        raise ProofError("no port to prove anything about: nothing is proven")
    configuration = read(running)
    found = list(doors(configuration))
    findings = [*configuration.unread, *side_doors(configuration)]
    for version in (4, 6):
        wanted = union((int(a), int(a)) for a in sources if a.version == version)
        for door in found:
            findings += opened(door, version, wanted)
            if door.port in wanted_ports:
                findings += shut(door, version, wanted)
    findings += _missing(wanted_ports, found)
    return [Finding(printable(what)) for what in dict.fromkeys(findings)]


def _missing(wanted_ports: Iterable[int], found: Iterable[Door]) -> Iterator[str]:
    listening = {door.port for door in found}
    for port in wanted_ports:
        if port not in listening:
            yield f"port {port}: nothing listens there, so it takes none of the allowed sources"


def counter(answer: str, name: str) -> int | None:
    """Packets that entries of an access list have refused, from what shows access lists; None without such a list.

    `answer` may be of several commands, as each service counts for itself. Without a number none was refused.
    """
    refused = None
    inside = False
    for line in answer.split("\n"):
        if heading := _LIST.match(line):
            inside = heading[1] == name
            refused = (refused or 0) if inside else refused
        elif inside and _DENIED.match(line):
            matches = _MATCHED.search(line)
            refused = (refused or 0) + (int(matches[1]) if matches else 0)
    return refused
