"""The forms that single fields take: opaque ids, names, days and instants, addresses of hosts."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

Address = IPv4Address | IPv6Address

# Lower-case Crockford base32 (no i, l, o, u): ten characters are 50 bits, and nothing in them is a name.
_ID = "[0-9a-hjkmnp-tv-z]{10}"
CustomerId = Annotated[str, Meta(pattern=f"^c-{_ID}\\Z")]
DeviceId = Annotated[str, Meta(pattern=f"^d-{_ID}\\Z")]
ServiceId = Annotated[str, Meta(pattern=f"^s-{_ID}\\Z")]
InvoiceId = Annotated[str, Meta(pattern=f"^i-{_ID}\\Z")]
HoldId = Annotated[str, Meta(pattern=f"^h-{_ID}\\Z")]
# A label of ours (node, secret): safe in paths, policies and file names.
Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,30}\\Z")]
AccountName = Annotated[str, Meta(pattern="^[a-z_][a-z0-9_-]{0,30}\\Z")]
# Of the client agreement: a word that is safe to print.
Version = Annotated[str, Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,30}\Z")]
Days = Annotated[int, Meta(ge=1, le=3660)]
Port = Annotated[int, Meta(ge=1, le=65535)]
FilePath = Annotated[str, Meta(pattern=r"^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+\Z")]
# A word of a command line, and the name of a service as init knows it.
Argument = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,200}\Z")]
UnitName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9@._-]{0,60}\Z")]
FileMode = Annotated[str, Meta(pattern="^0[0-7]{3}\\Z")]
Digest = Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}\\Z")]
Url = Annotated[str, Meta(pattern=r"^https://[^\s/?#@]+\Z")]
PublicKey = Annotated[str, Meta(pattern=r"^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa) [A-Za-z0-9+/]+={0,2}\Z")]


class Moment:
    """A day in the contract's time zone, or an instant (RFC 3339, with its offset). Immutable by convention."""

    __slots__ = ("value",)

    def __init__(self, value: date | datetime) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moment) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"Moment({self.value.isoformat()})"

    @classmethod
    def parse(cls, text: str) -> Moment:
        """ValueError when `text` is neither a real day nor an instant with an offset."""
        if not re.match(r"(19[7-9]|2[0-9]{2})[0-9]-", text):
            raise ValueError("is no day and no instant from 1970 to 2999")
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return cls(date.fromisoformat(text))
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            raise ValueError("has a time without an offset: write 2026-11-30 or 2026-11-30T18:00:00+02:00")
        return cls(instant.astimezone(UTC))

    def start(self, zone: str) -> datetime:
        """The instant at which it begins."""
        return self._midnight(zone, days=0)

    def end(self, zone: str) -> datetime:
        """The instant at which it is over: for a day, the end of that day where the contract lives."""
        return self._midnight(zone, days=1)

    def _midnight(self, zone: str, days: int) -> datetime:
        if isinstance(self.value, datetime):
            return self.value
        day = self.value + timedelta(days=days)
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An unknown field is an error, never ignored."""


class Addresses(Strict, frozen=True, kw_only=True):
    """A host's own addresses; at least one family."""

    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None

    def __post_init__(self) -> None:
        if not self.both:
            raise ValueError("names no address: give ipv4, ipv6 or both")
        if any(
            a.is_unspecified or a.is_multicast or a.is_loopback or a.is_link_local or a.is_reserved for a in self.both
        ):
            raise ValueError("is not a fixed address of a host")
        if self.ipv6 is not None and self.ipv6.scope_id is not None:
            raise ValueError(
                "has an address that means something only on one machine: leave out the % and what follows"
            )

    @property
    def both(self) -> tuple[Address, ...]:
        return tuple(a for a in (self.ipv4, self.ipv6) if a is not None)

    @property
    def first(self) -> Address:
        return self.both[0]


def is_id(kind: str, text: str) -> bool:
    """Whether `text` is an opaque id of that kind (`c`, `d`, `s`, `i` or `h`)."""
    return re.fullmatch(f"{kind}-{_ID}", text) is not None
