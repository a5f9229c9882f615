"""What no single file shows: ids given twice, dates and addresses that cannot both be, names that lead nowhere.

Each function raises EstateError with file and line for the first contradiction; a place is looked up only then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from obet import documents
from obet.errors import EstateError
from obet.model import Address, AgreementRecord, Contract, Customer, Device, EstateSettings, Service

Owners = dict[Address, str]


def in_contract(path: Path, contract: Contract, devices: Mapping[str, Device], settings: EstateSettings) -> None:
    """Whether services, devices and agreement of one contract belong together, and its dates can be."""
    for number, service in enumerate(contract.services):
        for position, device in enumerate(service.devices):
            if device not in devices:
                at = f"$.services[{number}].devices[{position}]"
                raise _refused(path, at, f"service {service.id}: names {device}, which has no file under devices/")
        _dates(path, number, service, contract.time_zone)
    known = {service.id for service in contract.services}
    for number, record in enumerate(contract.agreement):
        _record(path, number, record, contract.time_zone, settings)
        for position, name in enumerate(record.services):
            if name not in known:
                at = f"$.agreement[{number}].services[{position}]"
                raise _refused(path, at, f"agreement: names service {name}, which the contract has not")


def between_customers(folder: Path, settings: EstateSettings, customers: Mapping[str, Customer]) -> None:
    """Whether each id was given once, and each address means one host."""
    _ids(folder, customers)
    ours = _hosts_of_ours(folder / "estate.yml", settings)
    outside = {address for host in settings.outsiders.values() for address in host.addresses.both}
    taken: dict[tuple[Address, int], str] = {}
    for customer in customers.values():
        for device in customer.devices.values():
            path = _device_file(folder, customer.id, device.id)
            _device(path, device, ours, outside)
            _collectors(path, device, settings)
            for way in ((address, service.port) for address in device.addresses.both for service in device.management):
                if way in taken and taken[way] != device.id:
                    # Two devices behind one address and port would share a host key.
                    raise _refused(
                        path, "$.addresses", f"{way[0]} port {way[1]} is {taken[way]}'s already", "addresses"
                    )
                taken[way] = device.id


def _contract_file(folder: Path, customer: str) -> Path:
    return folder / "customers" / customer / "contract.yml"


def _device_file(folder: Path, customer: str, device: str) -> Path:
    return folder / "customers" / customer / "devices" / f"{device}.yml"


def _refused(path: Path, where: str, message: str, field: str = "") -> EstateError:
    return EstateError(f"{documents.place(path, where)}: {f'{field}: ' if field else ''}{message}")


def _dates(path: Path, number: int, service: Service, zone: str) -> None:
    start = service.started.start(zone)
    for field in ("ended", "warranty_until", "last_day"):
        end = getattr(service, field)
        if end is not None and end.end(zone) <= start:
            at = f"$.services[{number}].{field}"
            raise _refused(path, at, f"service {service.id}: {field} is before it started")
    hold = service.legal_hold
    if hold is not None and hold.until is not None and hold.until.end(zone) <= hold.since.start(zone):
        at = f"$.services[{number}].legal_hold.until"
        raise _refused(path, at, f"service {service.id}: legal_hold: until is before since")


def _record(path: Path, number: int, record: AgreementRecord, zone: str, settings: EstateSettings) -> None:
    version, agreement = record.version, settings.agreements.get(record.version)
    if agreement is None:
        at = f"$.agreement[{number}].version"
        raise _refused(path, at, f"agreement: version {version!r} is not under `agreements` in estate.yml")
    if agreement.digest != record.digest:
        at = f"$.agreement[{number}].digest"
        raise _refused(path, at, f"agreement: the digest is not that of version {version!r} in estate.yml")
    if record.withdrawn is not None and record.withdrawn.end(zone) <= record.given.start(zone):
        at = f"$.agreement[{number}].withdrawn"
        raise _refused(path, at, "agreement: withdrawn is before it was given")


def _ids(folder: Path, customers: Mapping[str, Customer]) -> None:
    seen: dict[str, Path] = {}
    for customer in customers.values():
        for name, path, where in _given(folder, customer):
            if name in seen:
                raise _refused(path, where, f"{name} stands in {seen[name]} too: ids are given once", "id")
            seen[name] = path


def _given(folder: Path, customer: Customer) -> Iterator[tuple[str, Path, str]]:
    """Each id that a customer's files give, in which file, and where in it."""
    for device in customer.devices:
        yield device, _device_file(folder, customer.id, device), "$.id"
    path = _contract_file(folder, customer.id)
    for number, service in enumerate(customer.contract.services):
        yield service.id, path, f"$.services[{number}].id"
        for position, invoice in enumerate(service.invoices):
            yield invoice.id, path, f"$.services[{number}].invoices[{position}].id"


def _hosts_of_ours(path: Path, settings: EstateSettings) -> Owners:
    """Whose each address of estate.yml is. Only a collector may stand where an execution node does."""
    owners: Owners = {}
    for where, who, addresses in _named(settings):
        for address in addresses:
            other = owners.get(address)
            if other is not None and not (who.startswith("collector") and other.startswith(("collector", "node"))):
                raise _refused(path, where, f"{address} is that of {other} already", who)
            owners.setdefault(address, who)
    return owners


def _named(settings: EstateSettings) -> Iterator[tuple[str, str, tuple[Address, ...]]]:
    for name, node in settings.nodes.items():
        yield f"$.nodes.{name}.addresses", f"node {name}", node.addresses.both
    if settings.reserve is not None:
        yield "$.reserve", "reserve", settings.reserve.both
    for name, collector in settings.collectors.items():
        yield f"$.collectors.{name}.addresses", f"collector {name}", collector.addresses.both
    for name, outsider in settings.outsiders.items():
        yield f"$.outsiders.{name}.addresses", f"outsider {name}", outsider.addresses.both


def _collectors(path: Path, device: Device, settings: EstateSettings) -> None:
    for number, name in enumerate(device.snmp_collectors):
        if name not in settings.collectors:
            at = f"$.snmp_collectors[{number}]"
            raise _refused(path, at, f"{name} is not under `collectors` in estate.yml", "snmp_collectors")


def _device(path: Path, device: Device, ours: Owners, outside: set[Address]) -> None:
    """A device is no host of ours, its co-managers neither ours nor outsiders, what it sees us as no outsider."""
    own = set(device.addresses.both)
    for address in device.addresses.both:
        if address in ours:
            raise _refused(path, "$.addresses", f"{address} is that of {ours[address]}", "addresses")
    seen_as = {address for host in device.seen_as for address in host.both}
    for number, host in enumerate(device.seen_as):
        for address in host.both:
            if address in own | outside:
                whose = "the device's own" if address in own else f"that of {ours[address]}"
                raise _refused(path, f"$.seen_as[{number}]", f"{address} is {whose}", "seen_as")
    others: set[Address] = set()
    for number, host in enumerate(device.co_managers):
        for address in host.both:
            if address in own | seen_as | others or address in ours:
                whose = f"that of {ours[address]}" if address in ours else "named by this device already"
                raise _refused(path, f"$.co_managers[{number}]", f"{address} is {whose}", "co_managers")
        others |= set(host.both)
