"""The only reader of contracts: a folder becomes an `Estate`, or one line says why not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from obet import documents
from obet.errors import EstateError
from obet.model import Address, AgreementRecord, Contract, Customer, Device, Estate, EstateSettings, is_id


def load(folder: Path) -> Estate:
    """The estate under `folder` (estate.yml, customers/<id>/contract.yml, customers/<id>/devices/<id>.yml).

    EstateError names file and line of the first thing that is wrong; nothing is loaded then.
    """
    settings = documents.read(folder / "estate.yml", EstateSettings)
    customers: dict[str, Customer] = {}
    for place in _entries(folder / "customers"):
        if not place.is_dir() or not is_id("c", place.name):
            raise EstateError(
                f"{place}: is not a customer's folder: c- and ten characters of 0-9 a-z without i, l, o, u"
            )
        customers[place.name] = _customer(place, settings)
    _each_device_once(folder, customers)
    _each_address_once(folder, settings, customers)
    return Estate(settings=settings, customers=customers)


def folder_among(sources: Iterable[str]) -> Path | None:
    """The estate's folder among Ansible's inventory sources: where one names, or holds, an obet.yml."""
    for source in map(Path, sources):
        if source.name == "obet.yml":
            return source.parent
        if (source / "obet.yml").is_file():
            return source
    return None


def _customer(place: Path, settings: EstateSettings) -> Customer:
    path = place / "contract.yml"
    contract = documents.read(path, Contract)
    if contract.id != place.name:
        raise EstateError(f"{documents.place(path, '$.id')}: id: is {contract.id}, but its folder is {place.name}")
    devices = {device.id: device for device in map(_device, _entries(place / "devices"))}
    for number, service in enumerate(contract.services):
        for position, device in enumerate(service.devices):
            if device not in devices:
                at = documents.place(path, f"$.services[{number}].devices[{position}]")
                raise EstateError(f"{at}: service {service.id}: names {device}, which has no file under devices/")
        for field in ("ended", "warranty_until", "last_day"):
            end = getattr(service, field)
            if end is not None and end.end("UTC") <= service.started.start("UTC"):
                at = documents.place(path, f"$.services[{number}].{field}")
                raise EstateError(f"{at}: service {service.id}: {field} is before it started")
    known = {service.id for service in contract.services}
    for number, record in enumerate(contract.agreement):
        _agreement_is_known(path, number, record, settings)
        for position, service_id in enumerate(record.services):
            if service_id not in known:
                at = documents.place(path, f"$.agreement[{number}].services[{position}]")
                raise EstateError(f"{at}: agreement: names service {service_id}, which the contract has not")
    return Customer(contract=contract, devices=devices)


def _device(path: Path) -> Device:
    device = documents.read(path, Device)
    if path.name != f"{device.id}.yml":
        raise EstateError(f"{path}: id: is {device.id}, so the file must be {device.id}.yml")
    return device


def _agreement_is_known(path: Path, number: int, record: AgreementRecord, settings: EstateSettings) -> None:
    version, agreement = record.version, settings.agreements.get(record.version)
    if agreement is None:
        at = documents.place(path, f"$.agreement[{number}].version")
        raise EstateError(f"{at}: agreement: version {version!r} is not under `agreements` in estate.yml")
    if agreement.digest != record.digest:
        at = documents.place(path, f"$.agreement[{number}].digest")
        raise EstateError(f"{at}: agreement: the digest is not that of version {version!r} in estate.yml")


def _each_device_once(folder: Path, customers: dict[str, Customer]) -> None:
    seen: dict[str, str] = {}
    for customer in customers.values():
        for device in customer.devices:
            if device in seen:
                first, second = (
                    folder / "customers" / owner / "devices" / f"{device}.yml" for owner in (seen[device], customer.id)
                )
                raise EstateError(f"{documents.place(second, '$.id')}: id: stands in {first} too: ids are given once")
            seen[device] = customer.id


def _each_address_once(folder: Path, settings: EstateSettings, customers: dict[str, Customer]) -> None:
    """Two devices behind one address would share a host key; an outsider that may come in proves nothing."""
    taken: dict[tuple[Address, int], str] = {}
    outside = {address: name for name, host in settings.outsiders.items() for address in host.addresses.both}
    for customer in customers.values():
        for device in customer.devices.values():
            at = documents.place(folder / "customers" / customer.id / "devices" / f"{device.id}.yml", "$.addresses")
            for address in (a for host in device.co_managers for a in host.both if a in outside):
                raise EstateError(f"{at}: co_managers: {address} is the address of {outside[address]}, an outsider")
            for way in ((address, service.port) for address in device.addresses.both for service in device.management):
                if way in taken:
                    raise EstateError(f"{at}: addresses: {way[0]} port {way[1]} is {taken[way]}'s already")
                taken[way] = device.id


def _entries(folder: Path) -> list[Path]:
    """What is in `folder`, sorted, without hidden files; nothing when there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
