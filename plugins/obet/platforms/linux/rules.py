"""A management policy as nftables text (nft(8)): a table of our own, replaced in one transaction.

The chain accepts by default and runs before the device's own filter (priority filter - 10), so it can only take away
management access and changes nothing else. It knows no connection state: a session from elsewhere is cut as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obet.access.policy import ManagementPolicy

FAMILY = "inet"
TABLE = "obet_management"
DENIED = "denied"


def render(policy: ManagementPolicy) -> str:
    """The file for `nft -f`; loading it twice gives the same table once."""
    ports = _elements(str(port) for port in policy.ports)
    rules = [
        f"{family} saddr {_elements(sources)} tcp dport {ports} accept"
        for family, version in (("ip", 4), ("ip6", 6))
        if (sources := [str(a) for a in policy.sources if a.version == version])
    ]
    lines = "\n        ".join(['iifname "lo" accept', *rules, f"tcp dport {ports} counter name {DENIED} drop"])
    return f"""\
# Management access of {policy.device}. Written by Obet; changes by hand are undone by the next run.
table {FAMILY} {TABLE}
delete table {FAMILY} {TABLE}
table {FAMILY} {TABLE} {{
    counter {DENIED} {{
    }}
    chain input {{
        type filter hook input priority filter - 10; policy accept;
        {lines}
    }}
}}
"""


def _elements(items: Iterable[str]) -> str:
    return "{ " + ", ".join(items) + " }"
