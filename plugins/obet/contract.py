"""A customer's contract: what was agreed to, which services, what they cost, what is measured, what is held."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta

from obet import defaults
from obet.fields import CustomerId, Days, DeviceId, Digest, HoldId, InvoiceId, Moment, Name, ServiceId, Strict, Version


class AgreementRecord(Strict, frozen=True, kw_only=True):
    """The customer's act of agreement (GDPR article 7; ISO/IEC TS 27560 comes with the consent issue)."""

    version: Version
    digest: Digest
    given: Moment
    how: Literal["request", "use"]
    legal_basis: Literal["contract", "consent"]
    services: tuple[ServiceId, ...]
    withdrawn: Moment | None = None

    def __post_init__(self) -> None:
        _each_once("services", self.services)


class Invoice(Strict, frozen=True, kw_only=True):
    """No amount: that is the accounting system's. It may be paid before it is issued."""

    id: InvoiceId
    issued: Moment
    state: Literal["unpaid", "paid", "reversed"]
    paid: Moment | None = None

    def __post_init__(self) -> None:
        if (self.state == "paid") != (self.paid is not None):
            raise ValueError("needs `paid` exactly when its state is paid")


class Metric(Strict, frozen=True, kw_only=True):
    """What the service measures on its devices, and for how many days a row is kept. Nothing else is collected."""

    name: Name
    keep_days: Days


class LegalHold(Strict, frozen=True, kw_only=True):
    """A duty to keep data, never access; open without `until`. The id stands for a reason that is on file elsewhere."""

    id: HoldId
    since: Moment
    until: Moment | None = None


class Service(Strict, frozen=True, kw_only=True):
    """One-off work ends by payment or warranty, as `access_ends` says; a managed service by `ended`.

    Without an invoice nothing is known to be paid, unless the service says that it is `free_of_charge`.
    """

    id: ServiceId
    kind: Literal["managed", "one-off"]
    started: Moment
    devices: tuple[DeviceId, ...]
    ended: Moment | None = None
    access_ends: Literal["earliest", "warranty"] | None = None
    warranty_until: Moment | None = None
    last_day: Moment | None = None
    invoices: tuple[Invoice, ...] = ()
    free_of_charge: bool = False
    metrics: tuple[Metric, ...] = ()
    legal_hold: LegalHold | None = None

    def __post_init__(self) -> None:
        _each_once("devices", self.devices)
        _each_once("metrics", (metric.name for metric in self.metrics))
        if self.free_of_charge and self.invoices:
            raise ValueError("free_of_charge: but it has invoices: leave out one of the two")
        if self.kind == "managed":
            if self.access_ends or self.warranty_until or self.last_day:
                raise ValueError("is managed: it ends by `ended`, not by access_ends, warranty_until or last_day")
        elif self.access_ends is None:
            raise ValueError("is one-off work: say `access_ends: earliest` or `access_ends: warranty`")
        elif self.access_ends == "warranty" and self.warranty_until is None:
            raise ValueError("ends with its warranty, so it needs `warranty_until`")
        elif self.warranty_until is None and self.last_day is None:
            raise ValueError("has no warranty: give `last_day`, so that it ends even if it is never paid")
        elif self.warranty_until is not None and self.last_day is not None:
            raise ValueError("last_day: is for work without a warranty: leave it out, or `warranty_until`")


class Contract(Strict, frozen=True, kw_only=True):
    """`customers/<id>/contract.yml`."""

    id: CustomerId
    time_zone: str
    agreement: tuple[AgreementRecord, ...]
    services: tuple[Service, ...]
    hard_stop_days: Annotated[int, Meta(ge=1, le=90)] = defaults.HARD_STOP_DAYS

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            raise ValueError("time_zone: is none of the IANA database's, such as Europe/Sofia") from None
        _each_once("services", (service.id for service in self.services))
        _each_once("services", (invoice.id for service in self.services for invoice in service.invoices))


def _each_once(field: str, names: Iterable[str]) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{field}: {name} stands there twice")
        seen.add(name)
