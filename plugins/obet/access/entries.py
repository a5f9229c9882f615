"""The entries of access lists of IOS and EOS, which are the same, by Aerleon: one address family of a policy.

Aerleon's terms are used, not its `api`: that keeps a policy's addresses in a global of its module, so that two threads
could get each other's, loads every platform, and writes `no ip access-list …` before each list, while a list that is
missing lets everybody in. Terms work in memory alone; importing them loads modules and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from aerleon.lib.cisco import ExtendedTerm
from aerleon.lib.nacaddr import IP
from aerleon.lib.policy import Term, VarType

from obet.errors import PolicyError
from obet.model import Address

_ANY_OF = {4: "ip", 6: "ipv6"}


def entries(sources: Sequence[Address], ports: Sequence[int], version: int) -> list[str]:
    """TCP from these hosts of IP `version` to these ports, and a last entry that refuses and counts all else."""
    written = _written([source for source in sources if source.version == version], ports, version)
    refused = f"deny {_ANY_OF[version]} any any"
    # No source must never become any source.
    if any(" any any" in entry for entry in written):
        raise PolicyError("Aerleon wrote an entry without a source: nothing was sent")
    return [*written, refused]


def _written(sources: Sequence[Address], ports: Sequence[int], version: int) -> list[str]:
    if not sources:
        return []
    term = Term([VarType(VarType.PROTOCOL, "tcp")])
    term.action = ["accept"]
    term.source_address = [IP(str(source)) for source in sources]
    term.destination_port = [(port, port) for port in ports]
    return [line.strip() for line in str(ExtendedTerm(term, af=version, verbose=False)).splitlines() if line.strip()]
