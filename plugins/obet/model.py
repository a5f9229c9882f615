"""The frozen types of an estate. No input or output; what is missing means what `defaults` says, or is refused.

What a single file can contradict itself in is refused here, what files contradict each other in by `contradictions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from obet import defaults
from obet.contract import AgreementRecord, Contract, Invoice, LegalHold, Metric, Service
from obet.fields import (
    AccountName,
    Address,
    Addresses,
    Argument,
    CustomerId,
    Days,
    DeviceId,
    Digest,
    FileMode,
    FilePath,
    Moment,
    Name,
    Port,
    PublicKey,
    ServiceId,
    Strict,
    UnitName,
    Url,
    Version,
    is_id,
)

__all__ = [
    "AccountName",
    "Address",
    "Addresses",
    "AgreementRecord",
    "AgreementVersion",
    "Approval",
    "Collector",
    "Contract",
    "Customer",
    "CustomerAccess",
    "CustomerId",
    "Device",
    "DeviceId",
    "Estate",
    "EstateSettings",
    "ExecutionNode",
    "Invoice",
    "KeepTimes",
    "LegalHold",
    "ManagementService",
    "Metric",
    "Moment",
    "Operator",
    "Purpose",
    "SecretCheck",
    "Service",
    "ServiceId",
    "ServiceSecret",
    "VantagePoint",
    "VaultSettings",
    "is_id",
]

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


class Purpose(StrEnum):
    """What a run may be for. There is no third: Vault has no policy for one."""

    TECHNICAL = "technical"
    ENDING = "ending"


class ExecutionNode(Strict, frozen=True, kw_only=True):
    """A host whose fixed addresses the devices accept. `host_key` is needed to reach it from the control node.

    `uplink` names the line that it is behind, for people who must know what fails together.
    """

    addresses: Addresses
    control: bool = False
    host_key: PublicKey | None = None
    uplink: Name | None = None


class VantagePoint(Strict, frozen=True, kw_only=True):
    """A host that no device may accept: probes go out from it by SSH direct-tcpip."""

    addresses: Addresses
    host_key: PublicKey


class Collector(Strict, frozen=True, kw_only=True):
    """A fixed host of ours that devices send logs, flows, traps or backups to: their only target, when monitored."""

    addresses: Addresses


class VaultSettings(Strict, frozen=True, kw_only=True):
    address: Url
    ca_file: FilePath
    kv_mount: Name = defaults.KV_MOUNT
    ssh_mount: Name = defaults.SSH_MOUNT
    approle_mount: Name = defaults.APPROLE_MOUNT
    transit_mount: Name = defaults.TRANSIT_MOUNT
    operators_mount: Name = defaults.OPERATORS_MOUNT
    oidc_mount: Name = defaults.OIDC_MOUNT
    audit_files: tuple[FilePath, ...] = ()

    def __post_init__(self) -> None:
        if len(self.audit_files) == 1 or len(set(self.audit_files)) != len(self.audit_files):
            raise ValueError(
                "audit_files: with a single one that cannot be written Vault stops: name two, or none where an "
                "administrator keeps the audit devices"
            )


class AgreementVersion(Strict, frozen=True, kw_only=True):
    digest: Digest


class Approval(Strict, frozen=True, kw_only=True):
    """How many persons must approve what, the one who does it included: what opens a run's policy in Vault asks."""

    looking: Annotated[int, Meta(ge=defaults.APPROVE_LOOKING, le=3)] = defaults.APPROVE_LOOKING
    access_change: Annotated[int, Meta(ge=defaults.APPROVE_ACCESS_CHANGE, le=3)] = defaults.APPROVE_ACCESS_CHANGE
    manual_erasure: Annotated[int, Meta(ge=defaults.APPROVE_MANUAL_ERASURE, le=3)] = defaults.APPROVE_MANUAL_ERASURE
    due_erasure: Annotated[int, Meta(ge=defaults.APPROVE_DUE_ERASURE, le=3)] = defaults.APPROVE_DUE_ERASURE


class KeepTimes(Strict, frozen=True, kw_only=True):
    """For how many days each is kept: what prunes the ledger, Vault's audit logs and the evidence asks.

    `erasures` is what was erased and when; `backups` are snapshots of Vault, which hold what was erased since.
    """

    ledger: Days = defaults.KEEP_LEDGER
    audit: Days = defaults.KEEP_AUDIT
    evidence: Days = defaults.KEEP_EVIDENCE
    certificates: Days = defaults.KEEP_CERTIFICATES
    erasures: Days = defaults.KEEP_ERASURES
    backups: Days = defaults.KEEP_BACKUPS

    def __post_init__(self) -> None:
        if self.erasures <= self.backups:
            raise ValueError("erasures: must be kept longer than backups, or a restored one is not erased again")


class Operator(Strict, frozen=True, kw_only=True):
    """A person who works with Obet, under a short name of no meaning elsewhere, and how he logs in to Vault."""

    login: Literal["userpass", "oidc"]


class EstateSettings(Strict, frozen=True, kw_only=True):
    """`estate.yml`: what is the company's own and the same for every customer.

    `reserve` is an address that no host has now and that each device accepts: for the day when nodes or lines are gone.
    """

    nodes: Mapping[Name, ExecutionNode]
    outsiders: Mapping[Name, VantagePoint]
    vault: VaultSettings
    agreements: Mapping[Version, AgreementVersion]
    reserve: Addresses | None = None
    collectors: Mapping[Name, Collector] = {}
    operators: Mapping[Name, Operator] = {}
    approval: Approval = Approval()
    keep: KeepTimes = KeepTimes()

    def __post_init__(self) -> None:
        if sum(node.control for node in self.nodes.values()) != 1:
            raise ValueError("nodes: needs exactly one node with `control: true`")


Protocol = Literal["ssh", "api-ssl"]


class ManagementService(Strict, frozen=True, kw_only=True):
    """A port that we manage the device through. Encrypted protocols only: there is no other literal.

    `api-ssl` is RouterOS' own API over TLS. Without a port, it is the protocol's usual one.
    """

    protocol: Protocol
    port: Port = 0

    def __post_init__(self) -> None:
        if self.port == 0:
            msgspec.structs.force_setattr(self, "port", defaults.MANAGEMENT_PORTS[self.protocol])


class SecretCheck(Strict, frozen=True, kw_only=True):
    """A command on the device that says by its exit code whether the service takes the secret on its standard input.

    0: it does. 1: it refuses it. Anything else is no answer. For `seconds` it is tried until it says what it must.
    """

    command: tuple[Argument, ...]
    account: AccountName = defaults.CHECK_ACCOUNT
    seconds: Annotated[int, Meta(ge=1, le=300)] = defaults.CHECK_SECONDS

    def __post_init__(self) -> None:
        if not self.command or not self.command[0].startswith("/"):
            raise ValueError("command: begins with the program's whole path")
        if self.account == "root":
            raise ValueError("account: a check needs no rights on the server: name one without")


class ServiceSecret(Strict, frozen=True, kw_only=True):
    """A secret of the device's own, kept in Vault as `services/<name>` and put into `path` on the device.

    `reload` names the service that is to read it anew; without a `check` nobody sees whether it takes it.
    """

    name: Name
    path: FilePath
    owner: AccountName = defaults.FILE_OWNER
    group: AccountName = defaults.FILE_OWNER
    mode: FileMode = defaults.FILE_MODE
    reload: UnitName | None = None
    check: SecretCheck | None = None

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


_SERVED = ("linux", "routeros", "ios")
# What each platform must be reached by; SSH where nothing is said.
_NEEDED: Mapping[str, Protocol] = {"routeros": "api-ssl"}


class Device(Strict, frozen=True, kw_only=True):
    """`customers/<id>/devices/<id>.yml`. Where `reach` is not direct, the device sees us come from `seen_as`.

    `snmp_collectors` are those of estate.yml that ask it by SNMP: it gets a user of version 3 for them, and its
    communities go once that was shown to answer. Without them nothing of SNMP on it is touched.
    `host_key` and `certificate` pin who it is: its SSH host key, and the digest of its TLS certificate (DER).
    """

    id: DeviceId
    platform: Literal["linux", "routeros", "ios", "eos", "junos"]
    owner: Literal["customer", "provider"]
    addresses: Addresses
    host_key: PublicKey
    management: tuple[ManagementService, ...]
    certificate: Digest | None = None
    enforce: Literal["observe", "restrict"]
    customer_access: CustomerAccess | None = None
    reach: Literal["direct", "tunnel", "jump"] = defaults.REACH
    seen_as: tuple[Addresses, ...] = ()
    co_managers: tuple[Addresses, ...] = ()
    service_secrets: tuple[ServiceSecret, ...] = ()
    snmp_collectors: tuple[Name, ...] = ()

    def __post_init__(self) -> None:
        self._check_management()
        if self.owner == "customer" and self.customer_access is None:
            raise ValueError("is the customer's: say by `customer_access` what he logs in with when ours has ended")
        if self.owner == "provider" and self.customer_access is not None:
            raise ValueError("customer_access: is for the customer's own devices, and this is the provider's")
        if self.reach != "direct" and not self.seen_as:
            raise ValueError(f"is reached by {self.reach}: name the addresses that it sees by `seen_as`")
        if self.reach == "direct" and self.seen_as:
            raise ValueError("seen_as: a device that is reached directly sees the execution nodes' own addresses")
        if self.service_secrets and self.platform != "linux":
            raise ValueError("service_secrets: are files on Linux, and this is another platform")
        if self.snmp_collectors and self.platform == "linux":
            raise ValueError("snmp_collectors: is for network devices, and this is a server")
        for field, places in (
            ("service_secrets", [secret.name for secret in self.service_secrets]),
            ("service_secrets", [secret.path for secret in self.service_secrets]),
            ("snmp_collectors", list(self.snmp_collectors)),
        ):
            if len(set(places)) != len(places):
                raise ValueError(f"{field}: names one thing twice")

    def _check_management(self) -> None:
        if not self.management:
            raise ValueError("management: names no service")
        protocols = {service.protocol for service in self.management}
        needed: Protocol = _NEEDED.get(self.platform, "ssh")
        if needed not in protocols:
            raise ValueError(f"management: {self.platform} is managed over {needed}: name it")
        if "api-ssl" in protocols and self.platform != "routeros":
            raise ValueError("management: api-ssl is RouterOS' own")
        if any(s.protocol == "api-ssl" and s.port != defaults.MANAGEMENT_PORTS["api-ssl"] for s in self.management):
            raise ValueError("management: api-ssl: is served on its usual port only")
        if ("api-ssl" in protocols) != (self.certificate is not None):
            raise ValueError("certificate: pins what a TLS service shows: name it with one, and only with one")

    def port(self, protocol: Protocol) -> int:
        """Where it offers that protocol; KeyError when it does not."""
        return {service.protocol: service.port for service in reversed(self.management)}[protocol]

    @property
    def not_served(self) -> str:
        """Why no plan can be made for this device yet; empty where one can."""
        if self.platform not in _SERVED:
            served = ", ".join(_SERVED)
            return f"{self.id}: platform {self.platform}: is not served yet, only {served} are: nothing is done on it"
        if self.owner == "provider":
            return f"{self.id}: owner provider: is not served yet, only customers' devices are: nothing is done on it"
        if self.reach == "jump":
            return f"{self.id}: reach jump: is not served yet, only direct and tunnel are: nothing is done on it"
        return ""


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
        """The execution nodes' and the reserve: what every device that is reached directly accepts."""
        reserve = self.settings.reserve.both if self.settings.reserve else ()
        return (*(a for node in self.settings.nodes.values() for a in node.addresses.both), *reserve)

    def sources(self, device: Device) -> tuple[Address, ...]:
        """The addresses of ours that this device sees."""
        return tuple(a for host in device.seen_as for a in host.both) or self.fixed_addresses

    def snmp_sources(self, device: Device) -> tuple[Address, ...]:
        """The addresses that may ask this device by SNMP, each once."""
        hosts = (self.settings.collectors[name].addresses for name in device.snmp_collectors)
        return tuple(dict.fromkeys(address for host in hosts for address in host.both))

    def customer_of(self, device: str) -> Customer:
        """KeyError when no customer has that device."""
        for customer in self.customers.values():
            if device in customer.devices:
                return customer
        raise KeyError(device)
