"""Kinds of values: each takes what was typed and answers what the router keeps, or raises ValueError."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import timedelta

Kind = Callable[[str], str]
UNITS = {"w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
DURATION = re.compile(r"(\d+)(ms|[wdhms])")
CLOCK = re.compile(r"(?:(\d+)d ?)?(\d{1,2}):(\d{2})(?::(\d{2}))?")
PORTS = re.compile(r"!?\d+(-\d+)?(,\d+(-\d+)?)*")
HOPS = re.compile(r"(equal|not-equal|less-than|greater-than):\d+")
PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "gre": 47, "ospf": 89, "ipsec-esp": 50, "ipsec-ah": 51}


def text(value: str) -> str:
    """Anything."""
    return value


def switch(value: str) -> str:
    """Yes or no; kept as those words."""
    words = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}
    if value not in words:
        raise ValueError(value)
    return words[value]


def number(value: str) -> str:
    """A whole number that is not negative."""
    if not value.isascii() or not value.isdigit():
        raise ValueError(value)
    return str(int(value))


def one_of(*words: str) -> Kind:
    """One of these words."""

    def convert(value: str) -> str:
        if value not in words:
            raise ValueError(value)
        return value

    return convert


def some_of(*words: str) -> Kind:
    """Words of these, between commas, each perhaps after an exclamation mark."""

    def convert(value: str) -> str:
        for word in value.split(",") if value else []:
            if word.lstrip("!") not in words:
                raise ValueError(value)
        return value

    return convert


def ports(value: str) -> str:
    """Ports and ranges between commas, perhaps after an exclamation mark."""
    if not PORTS.fullmatch(value) or any(int(port) > 65535 for port in re.findall(r"\d+", value)):
        raise ValueError(value)
    return value


def protocol(value: str) -> str:
    """A name or a number, perhaps after an exclamation mark."""
    name = value.lstrip("!")
    if name not in PROTOCOLS and not (name.isdigit() and int(name) < 256):
        raise ValueError(value)
    return value


def hop_limit(value: str) -> str:
    """How far a packet may still go, compared: equal:1."""
    if not HOPS.fullmatch(value):
        raise ValueError(value)
    return value


def address(value: str) -> str:
    """One address of either family, or nothing."""
    return str(ipaddress.ip_address(value)) if value else value


def interface_address(version: int) -> Kind:
    """An address with its prefix length."""

    def convert(value: str) -> str:
        interface = ipaddress.ip_interface(value)
        if interface.version != version:
            raise ValueError(value)
        return str(interface)

    return convert


def matched(version: int, *, ranges: bool = True) -> Kind:
    """What a firewall rule or a list compares with: an address, a network, a range; perhaps negated.

    Of IPv4 a single address is kept without its prefix length, of IPv6 with it, as the router prints them.
    """

    def convert(value: str) -> str:
        negated, bare = value.startswith("!"), value.removeprefix("!")
        if ranges and "-" in bare:
            first, last = (ipaddress.ip_address(part) for part in bare.split("-"))
            if first.version != version or last.version != version or int(first) > int(last):
                raise ValueError(value)
            kept = f"{first}-{last}"
        else:
            network = ipaddress.ip_network(bare, strict=False)
            if network.version != version:
                raise ValueError(value)
            single = version == 4 and network.prefixlen == 32
            kept = str(network.network_address) if single else str(network)
        return "!" * negated + kept

    return convert


def networks(value: str) -> str:
    """Networks of either family between commas, kept with their prefix lengths; or nothing."""
    return ",".join(str(ipaddress.ip_network(part, strict=False)) for part in value.split(",")) if value else ""


def seconds(value: str) -> float:
    """A duration as the router takes it: 1d2h3m4s, 00:01:30, or a bare number of seconds."""
    if value.isascii() and value.isdigit():
        return float(value)
    if found := CLOCK.fullmatch(value):
        days, hours, minutes, rest = (int(part or 0) for part in found.groups())
        return days * 86400.0 + hours * 3600 + minutes * 60 + rest
    if not value or DURATION.sub("", value):
        raise ValueError(value)
    return sum(int(count) * UNITS[unit] for count, unit in DURATION.findall(value))


def written_duration(total: float) -> str:
    """How the router writes a duration."""
    left, words = timedelta(seconds=round(total)), ""
    whole = int(left.total_seconds())
    for unit in ("w", "d", "h", "m", "s"):
        count, whole = divmod(whole, int(UNITS[unit]))
        words += f"{count}{unit}" if count else ""
    return words or "0s"


def duration(value: str) -> str:
    """A duration, kept as the router writes it."""
    return written_duration(seconds(value))
