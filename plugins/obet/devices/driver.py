"""What a platform must be able to do for a change of its management rules; one small driver each, under platforms/.

A driver is one device over one connection, opened for one change and used in one thread. It raises DeviceError, and
nothing else, when the device cannot be reached or does not do as told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Literal, Protocol, cast

import msgspec

from obet.access.policy import ManagementPolicy
from obet.devices.key_pairs import Kind
from obet.devices.snmp_setup import SnmpSetup
from obet.model import CustomerAccess, Device
from obet.secret import Secret
from obet.vault.device_secrets import Login

Rights = Literal["full", "read"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """New management rules for a device, and the run whose change it is: the device knows it by that id.

    Where commands depend on what is on the device, its driver makes them of the policy; `text` is what is wanted.
    """

    run: str
    text: str
    revert_seconds: int
    policy: ManagementPolicy | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class Driver(Protocol):
    def is_kept(self, change: Change) -> bool:
        """Whether the device runs exactly these rules, and has kept them for its next start."""
        ...

    def pending(self) -> str | None:
        """The run whose change waits for its confirmation; None when none does."""
        ...

    def arm(self, change: Change) -> None:
        """Arms the device's own timer, then puts the rules in force."""
        ...

    def check_pending(self, change: Change, denied: int) -> None:
        """DeviceError unless the change still waits, its rules run as loaded, and have denied so many attempts."""
        ...

    def confirm(self, change: Change) -> None:
        """Keeps the change and disarms the timer; DeviceError when it is pending no more."""
        ...

    def revert(self, run: str) -> None:
        """Takes the change of that run back now, as the timer would."""
        ...


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """What a device lacks for the commit protocol, and what is to be done about it."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}"


class NetworkDriver(Driver, Protocol):
    """A network device: its rules and its accounts are in one configuration; no role reaches it."""

    def running(self) -> str:
        """The running configuration as the platform's proof reads it. It may hold hashes: it is shown to nobody."""
        ...

    def denied(self) -> int | None:
        """How many packets or connections our rules have refused so far; None where nothing counts them."""
        ...

    def gaps(self) -> tuple[Gap, ...]:
        """What must be mended before management rules may be changed: without a timer on the device none is."""
        ...

    def mend(self) -> None:
        """Mends the gaps that configuration can mend."""
        ...

    def preview(self, change: Change) -> str:
        """What the change would do, as a diff of the device's own lines; empty for nothing. Changes nothing."""
        ...

    @property
    def snmp(self) -> SnmpSetup:
        """Its SNMP agent, over the same connection."""
        ...

    def accounts(self) -> Mapping[str, Rights]:
        """The local accounts and what they may do."""
        ...

    def put_account(self, name: str, password: Secret, rights: Rights) -> None:
        """Makes the account, or gives it this password and these rights; saved for the next start."""
        ...

    def key_kind(self) -> Kind | None:
        """The kind of key that opens an account of ours over SSH; None where the device takes none."""
        ...

    def put_keys(self, name: str, public_keys: tuple[str, ...]) -> None:
        """Makes these the account's only keys, two at the most; saved, and seen to be there, or DeviceError."""
        ...

    def put_customer(self, access: CustomerAccess) -> None:
        """The customer's own account with full rights, which his public key opens; saved for the next start."""
        ...

    def remove_ours(self, accounts: tuple[str, ...], refused: Callable[[], None]) -> None:
        """Our rules, files and what else names us, and the accounts; saved, and seen to be gone, or DeviceError.

        `refused` is called when the accounts are gone, or opened by nothing that anybody knows, and the device would
        still let us in; it raises when one of our logins is taken. Done twice is no error.
        """
        ...

    def leave(self) -> str:
        """After `remove_ours`: has the device do what nobody of ours may see done, as it shuts us out.

        Says what of that was not seen; usually nothing.
        """
        ...

    def residue(self, accounts: tuple[str, ...]) -> tuple[str, ...]:
        """What of ours is still there: names of accounts, rules and files."""
        ...


class Platform(Protocol):
    """A platform's module `driver`."""

    def open_driver(self, device: Device, login: Login) -> AbstractContextManager[NetworkDriver]: ...


def open_driver(device: Device, login: Login) -> AbstractContextManager[NetworkDriver]:
    """Checks the host's identity before the login is sent; LoginRefusedError when that is refused."""
    return cast(Platform, import_module(f"obet.platforms.{device.platform}.driver")).open_driver(device, login)
