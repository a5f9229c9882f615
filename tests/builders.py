"""Small valid values of the core's types, for tests that change one thing about them; and the example as files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any, get_args, get_type_hints

from obet import model
from obet.model import (
    Address,
    Addresses,
    AgreementRecord,
    AgreementVersion,
    Contract,
    Customer,
    CustomerAccess,
    Device,
    Estate,
    EstateSettings,
    ExecutionNode,
    Invoice,
    ManagementService,
    Moment,
    Service,
    VantagePoint,
    VaultSettings,
)

CHECKOUT = Path(__file__).resolve().parents[1]
EXAMPLE = CHECKOUT / "inventories" / "example"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINqirccz5y7J92IlKXXOuLU2yB90HnsXao9Dsl9gwwn2"
DIGEST = f"sha256:{'a' * 64}"
VERSION = "2026-01"
PLATFORMS: tuple[str, ...] = get_args(get_type_hints(Device)["platform"])
CUSTOMER, OTHER_CUSTOMER = "c-0000000001", "c-0000000002"
DEVICE, SECOND_DEVICE, OTHER_DEVICE = "d-0000000001", "d-0000000002", "d-0000000003"
SERVICE, SECOND_SERVICE = "s-0000000001", "s-0000000002"


def moment(text: str) -> Moment:
    return Moment.parse(text)


def instant(text: str) -> datetime:
    """`2026-01-31 22:00` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def addresses(ipv4: str | None = None, ipv6: str | None = None) -> Addresses:
    return Addresses(ipv4=IPv4Address(ipv4) if ipv4 else None, ipv6=IPv6Address(ipv6) if ipv6 else None)


def ips(*texts: str) -> list[Address]:
    return [ip_address(text) for text in texts]


def device(name: str = DEVICE, **changes: Any) -> Device:
    fields: dict[str, Any] = {
        "id": name,
        "platform": "linux",
        "owner": "customer",
        "addresses": addresses("198.51.100.101", "2001:db8:51::101"),
        "host_key": KEY,
        "management": (ManagementService(protocol="ssh", port=22),),
        "enforce": "restrict",
        "customer_access": CustomerAccess(account="owner", public_key=KEY),
    }
    return Device(**(fields | changes))


def device_of(platform: str) -> Device:
    """One of this platform, with what each platform asks for."""
    if platform == "routeros":
        services = (ManagementService(protocol="api-ssl"), ManagementService(protocol="ssh"))
        return device(platform=platform, management=services, certificate=DIGEST)
    return device(platform=platform)


def one_off(name: str = SERVICE, devices: Sequence[str] = (DEVICE,), **changes: Any) -> Service:
    """Work with a warranty until the end of June, which alone ends it."""
    fields: dict[str, Any] = {
        "id": name,
        "kind": "one-off",
        "started": moment("2026-02-01"),
        "devices": tuple(devices),
        "access_ends": "warranty",
        "warranty_until": moment("2026-06-30"),
    }
    return Service(**(fields | changes))


def managed(name: str = SERVICE, devices: Sequence[str] = (DEVICE,), **changes: Any) -> Service:
    fields: dict[str, Any] = {"id": name, "kind": "managed", "started": moment("2026-02-01"), "devices": tuple(devices)}
    return Service(**(fields | changes))


def invoice(state: str = "unpaid", paid: str | None = None, name: str = "i-0000000001") -> Invoice:
    fields: dict[str, Any] = {"state": state, "paid": moment(paid) if paid else None}
    return Invoice(id=name, issued=Moment(date(2026, 2, 10)), **fields)


def record(
    given: str = "2026-01-15", withdrawn: str | None = None, services: Sequence[str] = (SERVICE,)
) -> AgreementRecord:
    return AgreementRecord(
        version=VERSION,
        digest=DIGEST,
        given=moment(given),
        how="request",
        legal_basis="contract",
        services=tuple(services),
        withdrawn=moment(withdrawn) if withdrawn else None,
    )


def customer(
    services: Iterable[Service],
    records: Iterable[AgreementRecord] = (),
    devices: Iterable[Device] = (),
    name: str = CUSTOMER,
    **changes: Any,
) -> Customer:
    """A contract with one device unless others are given."""
    contract = Contract(
        id=name,
        **{"time_zone": "Europe/Sofia", "agreement": tuple(records), "services": tuple(services)} | changes,
    )
    return Customer(contract=contract, devices={d.id: d for d in devices or [device()]})


def settings(**changes: Any) -> EstateSettings:
    """Two nodes and an outsider, on both families."""
    fields: dict[str, Any] = {
        "nodes": {
            "node1": ExecutionNode(addresses=addresses("198.51.100.11", "2001:db8:51::11"), control=True),
            "node2": ExecutionNode(addresses=addresses("198.51.100.12", "2001:db8:51::12"), host_key=KEY),
        },
        "outsiders": {"outsider1": VantagePoint(addresses=addresses("203.0.113.66", "2001:db8:cb::66"), host_key=KEY)},
        "vault": VaultSettings(
            address="https://198.51.100.10:8200", ca_file="/etc/obet/vault-ca.pem", audit_files=("/a.log", "/b.log")
        ),
        "agreements": {VERSION: AgreementVersion(digest=DIGEST)},
    }
    return EstateSettings(**(fields | changes))


def estate(*customers: Customer, **changes: Any) -> Estate:
    return Estate(settings=settings(**changes), customers={c.id: c for c in customers})


def line_of(path: Path, text: str) -> int:
    """The number of the one line of `path` that holds `text`."""
    (number,) = [n for n, line in enumerate(path.read_text().split("\n"), start=1) if text in line]
    return number


def edit(path: Path, old: str, new: str) -> None:
    """Replaces the first `old`, which must be there."""
    text = path.read_text()
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new, 1))


def python(
    program: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a program in a Python of its own, with this same core and nothing else of this environment."""
    own = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "PYTHONPATH": str(Path(model.__file__).parents[1])}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=own | dict(environment or {}),
    )


def obet(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command line, in a process of its own."""
    program = "import sys; from obet.cli import main; sys.exit(main(sys.argv[1:]))"
    return python(program, *arguments, environment=environment)
