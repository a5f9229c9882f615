"""The only reader of contracts: a folder becomes an `Estate`, or one line says why not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from obet import contradictions, documents
from obet.errors import EstateError
from obet.model import Contract, Customer, Device, Estate, EstateSettings, is_id


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
    contradictions.between_customers(folder, settings, customers)
    return Estate(settings=settings, customers=customers)


def load_readable(folder: Path) -> tuple[Estate, frozenset[str]]:
    """What can be read of an estate, and the names of customers' folders that cannot: for closing, and nothing else.

    EstateError when estate.yml itself is not valid. What customers contradict each other in is not looked at.
    """
    settings = documents.read(folder / "estate.yml", EstateSettings)
    customers: dict[str, Customer] = {}
    unread: set[str] = set()
    for place in _entries(folder / "customers"):
        try:
            customers[place.name] = _customer(place, settings)
        except EstateError:
            unread.add(place.name)
    return Estate(settings=settings, customers=customers), frozenset(unread)


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
    contradictions.in_contract(path, contract, devices, settings)
    return Customer(contract=contract, devices=devices)


def _device(path: Path) -> Device:
    device = documents.read(path, Device)
    if path.name != f"{device.id}.yml":
        raise EstateError(f"{path}: id: is {device.id}, so the file must be {device.id}.yml")
    return device


def _entries(folder: Path) -> list[Path]:
    """What is in `folder`, sorted, without hidden files; nothing when there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
