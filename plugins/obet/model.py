"""The frozen types of an estate. No input or output, no defaults that decide: what is missing was refused on load."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Literal
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
# A label of ours (node, secret): safe in paths, policies and file names.
Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,30}\\Z")]
AccountName = Annotated[str, Meta(pattern="^[a-z_][a-z0-9_-]{0,30}\\Z")]
Port = Annotated[int, Meta(ge=1, le=65535)]
FilePath = Annotated[str, Meta(pattern=r"^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+\Z")]
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


# Accounts that every Debian has, and ours; a customer's own is none of them.
_SYSTEM_ACCOUNTS = {"root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp", "proxy"}
_SYSTEM_ACCOUNTS |= {"www-data", "backup", "list", "irc", "nobody", "sshd", "messagebus", "obet", "obet-read"}
_SYSTEM_FOLDERS = (
    "/etc/ssh/",
    "/etc/sudoers.d/",
    "/etc/pam.d/",
    "/etc/security/",
    "/root/",
    "/proc/",
    "/sys/",
    "/dev/",
)


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An unknown field is an error, never ignored."""


class Purpose(StrEnum):
    """What a run may be for. There is no third: Vault has no policy for one."""

    TECHNICAL = "technical"
    ENDING = "ending"


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


class ExecutionNode(Strict, frozen=True, kw_only=True):
    """A host whose fixed addresses the devices accept. `host_key` is needed to reach it from the control node."""

    addresses: Addresses
    control: bool = False
    host_key: PublicKey | None = None


class VantagePoint(Strict, frozen=True, kw_only=True):
    """A host that no device may accept: probes go out from it by SSH direct-tcpip."""

    addresses: Addresses
    host_key: PublicKey


class VaultSettings(Strict, frozen=True, kw_only=True):
    address: Url
    ca_file: FilePath
    kv_mount: Name = "kv"
    ssh_mount: Name = "ssh"
    approle_mount: Name = "approle"
    transit_mount: Name = "transit"
    audit_files: tuple[str, ...] = ()


class AgreementVersion(Strict, frozen=True, kw_only=True):
    digest: Digest


class EstateSettings(Strict, frozen=True, kw_only=True):
    """`estate.yml`: what is the company's own and the same for every customer."""

    nodes: Mapping[Name, ExecutionNode]
    outsiders: Mapping[Name, VantagePoint]
    vault: VaultSettings
    agreements: Mapping[str, AgreementVersion]

    def __post_init__(self) -> None:
        if sum(node.control for node in self.nodes.values()) != 1:
            raise ValueError("needs exactly one node with `control: true` under `nodes`")
        fixed = {a for node in self.nodes.values() for a in node.addresses.both}
        if any(a in fixed for outsider in self.outsiders.values() for a in outsider.addresses.both):
            raise ValueError("has an outsider with the address of an execution node")


class AgreementRecord(Strict, frozen=True, kw_only=True):
    """The customer's act of agreement (GDPR article 7; ISO/IEC TS 27560 comes with the consent issue)."""

    version: str
    digest: Digest
    given: Moment
    how: Literal["request", "use"]
    legal_basis: Literal["contract", "consent"]
    services: tuple[ServiceId, ...]
    withdrawn: Moment | None = None


class Invoice(Strict, frozen=True, kw_only=True):
    id: InvoiceId
    issued: Moment
    state: Literal["unpaid", "paid", "reversed"]
    paid: Moment | None = None

    def __post_init__(self) -> None:
        if (self.state == "paid") != (self.paid is not None):
            raise ValueError("needs `paid` exactly when its state is paid")


class Service(Strict, frozen=True, kw_only=True):
    """One-off work ends by payment or warranty, as `access_ends` says; a managed service by `ended`."""

    id: ServiceId
    kind: Literal["managed", "one-off"]
    started: Moment
    devices: tuple[DeviceId, ...]
    ended: Moment | None = None
    access_ends: Literal["earliest", "warranty"] | None = None
    warranty_until: Moment | None = None
    last_day: Moment | None = None
    invoices: tuple[Invoice, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.devices)) != len(self.devices):
            raise ValueError("names a device twice")
        if self.kind == "managed":
            if self.access_ends or self.warranty_until or self.last_day:
                raise ValueError("is managed: it ends by `ended`, not by access_ends, warranty_until or last_day")
        elif self.access_ends is None:
            raise ValueError("is one-off work: say `access_ends: earliest` or `access_ends: warranty`")
        elif self.access_ends == "warranty" and self.warranty_until is None:
            raise ValueError("ends with its warranty, so it needs `warranty_until`")
        elif self.warranty_until is None and self.last_day is None:
            raise ValueError("has no warranty: give `last_day`, so that it ends even if it is never paid")


class Contract(Strict, frozen=True, kw_only=True):
    """`customers/<id>/contract.yml`."""

    id: CustomerId
    time_zone: str
    agreement: tuple[AgreementRecord, ...]
    services: tuple[Service, ...]
    hard_stop_days: Annotated[int, Meta(ge=1, le=90)] = 30

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            raise ValueError("time_zone: is none of the IANA database's, such as Europe/Sofia") from None
        ids = [service.id for service in self.services]
        if len(set(ids)) != len(ids):
            raise ValueError("has two services with one id")


class ManagementService(Strict, frozen=True, kw_only=True):
    """A port that we manage the device through. Encrypted protocols only: there is no other literal."""

    protocol: Literal["ssh"]
    port: Port = 22


class ServiceSecret(Strict, frozen=True, kw_only=True):
    """A secret of the device's own, kept in Vault as `services/<name>` and put into `path` on the device."""

    name: Name
    path: FilePath
    owner: AccountName = "root"
    group: AccountName = "root"
    mode: FileMode = "0600"

    def __post_init__(self) -> None:
        if self.path.count("/") < 3 or self.path.startswith(_SYSTEM_FOLDERS):
            raise ValueError("path: is a file of the system: give the service a folder of its own, /etc/NAME/FILE")


class CustomerAccess(Strict, frozen=True, kw_only=True):
    """The access of his own that the customer has when ours has ended."""

    account: AccountName
    public_key: PublicKey

    def __post_init__(self) -> None:
        if self.account in _SYSTEM_ACCOUNTS:
            raise ValueError("account: cannot be the customer's own")


class Device(Strict, frozen=True, kw_only=True):
    """`customers/<id>/devices/<id>.yml`."""

    id: DeviceId
    platform: Literal["linux"]
    owner: Literal["customer"]
    addresses: Addresses
    host_key: PublicKey
    management: tuple[ManagementService, ...]
    enforce: Literal["observe", "restrict"]
    customer_access: CustomerAccess
    co_managers: tuple[Addresses, ...] = ()
    service_secrets: tuple[ServiceSecret, ...] = ()

    def __post_init__(self) -> None:
        if not self.management:
            raise ValueError("names no management service")


class Customer(Strict, frozen=True, kw_only=True):
    """A contract with its devices, by id."""

    contract: Contract
    devices: Mapping[str, Device]

    @property
    def id(self) -> str:
        return self.contract.id


class Estate(Strict, frozen=True, kw_only=True):
    """All that was loaded, and nothing that was decided."""

    settings: EstateSettings
    customers: Mapping[str, Customer]

    @property
    def control_node(self) -> str:
        return next(name for name, node in self.settings.nodes.items() if node.control)

    @property
    def fixed_addresses(self) -> tuple[Address, ...]:
        return tuple(a for node in self.settings.nodes.values() for a in node.addresses.both)

    def customer_of(self, device: str) -> Customer:
        """KeyError when no customer has that device."""
        for customer in self.customers.values():
            if device in customer.devices:
                return customer
        raise KeyError(device)


def is_id(kind: str, text: str) -> bool:
    """Whether `text` is an opaque id of that kind (`c`, `d`, `s` or `i`)."""
    return re.fullmatch(f"{kind}-{_ID}", text) is not None
