"""What proofs say of what a device sends: in clear, or to somewhere that is no collector."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from obet.access.finding import Finding
from obet.errors import printable

Collectors = Collection[IPv4Address | IPv6Address]


def sent(what: str, host: str, encrypted: bool, collectors: Collectors) -> Iterator[str]:
    """Why `what`, which goes to `host`, is not as it must be: nothing, or up to two reasons."""
    if not encrypted:
        yield f"{what} in clear to {host}"
    if why := _whither(host, collectors):
        yield f"{what}: {why}"


def _whither(host: str, collectors: Collectors) -> str:
    """Why a host is not one to send to; empty for a collector."""
    try:
        address = ip_address(host)
    except ValueError:
        return f"{host} is a name, and a collector is an address"
    return "" if address in collectors else f"{address} is no collector"


def findings(said: Iterable[str]) -> list[Finding]:
    """Each once, in its order, harmless to a terminal."""
    return [Finding(printable(what)) for what in dict.fromkeys(said)]
