"""What is to be done on one device, finished: roles receive it and decide nothing. Pure; no secret is in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import rfc8785

from obet.access.policy import management_policy
from obet.defaults import REVERT_SECONDS
from obet.erasure.steps import Entry, Step
from obet.errors import PolicyError
from obet.model import Address, CustomerAccess, Device, Estate, Purpose, ServiceSecret
from obet.obligations import Grant, Obligation, Requirement
from obet.offboarding import Offboarding, offboarding
from obet.platforms import served
from obet.vault import names


class Management(msgspec.Struct, frozen=True, kw_only=True):
    """The management rules as text, and how long the device waits for a confirmation."""

    text: str
    revert_seconds: int
    sources: tuple[str, ...]
    ports: tuple[int, ...]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account of ours on a device: who may log in to it, and what it may run as root."""

    name: str
    principal: str
    commands: tuple[str, ...]


class DevicePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Ids, texts and digests only; `purposes` are those that Vault grants now."""

    customer: str
    device: str
    purposes: tuple[Purpose, ...]
    due: str | None
    hard_stop: str | None
    enforce: str
    management: Management
    accounts: tuple[Account, ...]
    ca_public_key: str
    accounts_expire: int
    customer_access: CustomerAccess
    customer_key: str
    customer_confirmed: bool
    service_secrets: tuple[ServiceSecret, ...]
    snmp_sources: tuple[str, ...]
    offboarding: Offboarding
    done: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the plan's canonical JSON (RFC 8785)."""
        return hashlib.sha256(rfc8785.dumps(self.variables())).hexdigest()

    def variables(self) -> dict[str, Any]:
        """The plan as plain values, for a playbook."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def device_plan(
    estate: Estate,
    device: Device,
    found: Iterable[Obligation],
    *,
    granted: Iterable[Grant],
    ca_public_key: str,
    our_source: Address | None,
    done: Mapping[Step, Entry],
) -> DevicePlan:
    """The plan of `device`; PolicyError when it is not served, or its management policy would be unsafe."""
    if device.not_served or device.customer_access is None:
        raise PolicyError(device.not_served)
    found, customer = tuple(found), estate.customer_of(device.id)
    own = [o for o in found if o.device == device.id]
    policy = management_policy(estate, device, our_source)
    return DevicePlan(
        customer=customer.id,
        device=device.id,
        purposes=tuple(sorted(grant.purpose for grant in granted if grant.device == device.id)),
        due=_time(_until(own, Purpose.TECHNICAL)),
        hard_stop=_time(_until(own, Purpose.ENDING)),
        enforce=device.enforce,
        management=Management(
            text=served.rules(device.platform).render(policy),
            revert_seconds=REVERT_SECONDS[device.platform],
            sources=tuple(map(str, policy.sources)),
            ports=policy.ports,
        ),
        accounts=_accounts(device),
        ca_public_key=ca_public_key,
        accounts_expire=_expiry(_until(own, Purpose.ENDING)),
        customer_access=device.customer_access,
        customer_key=customer_key(device),
        customer_confirmed=confirmed(device, done),
        service_secrets=device.service_secrets,
        snmp_sources=tuple(map(str, estate.snmp_sources(device))),
        offboarding=offboarding(customer.contract, found),
        done=tuple(sorted(done.keys())),
    )


def customer_key(device: Device) -> str:
    """The digest by which the journal knows the customer's key; PolicyError for a device that is not handed over."""
    if device.customer_access is None:
        raise PolicyError(f"{device.id}: is the provider's own: the customer gets no access of his own to it")
    return hashlib.sha256(device.customer_access.public_key.encode()).hexdigest()


def confirmed(device: Device, done: Mapping[Step, Entry]) -> bool:
    """Whether the key that the contract names now is the one that was placed last and confirmed last."""
    keys = {done[step].detail.get("key") for step in _HANDOVER if step in done}
    return done.keys() >= _HANDOVER and keys == {customer_key(device)}


_HANDOVER = {Step.CUSTOMER_ACCESS_PLACED, Step.CUSTOMER_ACCESS_CONFIRMED}


def _expiry(hard_stop: datetime | None) -> int:
    """When our accounts end by themselves: the day of the hard stop (shadow(5) counts days); -1 for never."""
    return -1 if hard_stop is None else int(hard_stop.timestamp()) // 86400 * 86400


def _accounts(device: Device) -> tuple[Account, ...]:
    """One that works and one that only looks: the verifier needs no more than the rules' text."""
    return (
        Account(name=names.ACCOUNT, principal=device.id, commands=("ALL",)),
        Account(name=names.READ_ACCOUNT, principal=names.read_principal(device.id), commands=READ_COMMANDS),
    )


READ_COMMANDS = ("/usr/sbin/nft -j list ruleset", "/usr/sbin/sshd -T")


def _until(own: Iterable[Obligation], purpose: Purpose) -> datetime | None:
    return next((o.until for o in own if o.requirement is Requirement.ACCESS_ALLOWED and o.purpose is purpose), None)


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
