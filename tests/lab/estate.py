"""The example estate as this lab's own: its host keys, its Vault, and contracts that end when a test says."""

from __future__ import annotations

import hashlib
import shutil
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from .laboratory import Lab
from .this_host import CHECKOUT

EXAMPLE = CHECKOUT / "inventories" / "example"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"

# One-off work with a warranty, and the same unpaid and under a legal hold.
WARRANTY_CUSTOMER, WARRANTY_DEVICE, HELD_DEVICE = "c-qgx2np9y3d", "d-593ccz0tsv", "d-291m8gq0b9"
# Two network devices of the same work.
ROUTER_DEVICE, SWITCH_DEVICE = "d-p1vd6gxw0m", "d-e9k4t2s7rb"
# A managed service; one server of two services.
MANAGED_CUSTOMER, MANAGED_DEVICE, SHARED_DEVICE = "c-hkqgde66rg", "d-nh4bbpheqk", "d-4jmtzhs00w"
# One-off work without a warranty, which ends when it is paid.
PAID_CUSTOMER, PAID_DEVICE, SECOND_PAID_DEVICE = "c-mbr7ba2cby", "d-skqf5xe0yz", "d-a8gfp81xga"
# One who has not agreed to anything.
UNAGREED_CUSTOMER, UNAGREED_DEVICE = "c-aqj5van3ze", "d-jscb00nk6m"
SERVERS = {
    WARRANTY_DEVICE: "server1",
    MANAGED_DEVICE: "server2",
    SHARED_DEVICE: "server3",
    HELD_DEVICE: "server4",
    PAID_DEVICE: "server5",
    SECOND_PAID_DEVICE: "server6",
}
NETWORK_DEVICES = {ROUTER_DEVICE: "router1", SWITCH_DEVICE: "switch1"}
CUSTOMERS = {
    ROUTER_DEVICE: WARRANTY_CUSTOMER,
    SWITCH_DEVICE: WARRANTY_CUSTOMER,
    WARRANTY_DEVICE: WARRANTY_CUSTOMER,
    HELD_DEVICE: WARRANTY_CUSTOMER,
    MANAGED_DEVICE: MANAGED_CUSTOMER,
    SHARED_DEVICE: MANAGED_CUSTOMER,
    PAID_DEVICE: PAID_CUSTOMER,
    SECOND_PAID_DEVICE: PAID_CUSTOMER,
    UNAGREED_DEVICE: UNAGREED_CUSTOMER,
}


def write(lab: Lab) -> Path:
    """Copies the example into the lab and makes it the lab's; answers its folder."""
    folder = lab.state_directory / "estate"
    shutil.copytree(EXAMPLE, folder)
    _edit(folder / "estate.yml", lambda settings: _settings(lab, settings))
    access = {"account": "owner", "public_key": _key(lab.customer_public_key)}
    for device, server in SERVERS.items():
        change_device(folder, device, {"host_key": _host_key(lab, server), "customer_access": access})
    router, switch = lab.simulator("router1"), lab.simulator("switch1")
    pinned = {"host_key": _key(router.ssh_host_key), "certificate": _digest(router.control.state()["certificate"])}
    change_device(folder, ROUTER_DEVICE, {**pinned, "customer_access": access})
    access = {"account": "owner", "public_key": _key(lab.customer_rsa_public_key)}
    change_device(folder, SWITCH_DEVICE, {"host_key": _key(switch.ssh_host_key), "customer_access": access})
    _before_it_was_over(folder)
    return folder


def device_file(folder: Path, device: str) -> Path:
    return folder / "customers" / CUSTOMERS[device] / "devices" / f"{device}.yml"


def set_warranty_end(folder: Path, end: datetime) -> None:
    """Makes the warranty end at an instant."""
    change_service(folder, WARRANTY_CUSTOMER, 0, {"warranty_until": _instant(end)})


def end_warranty_now(folder: Path) -> None:
    """The warranty has just ended."""
    set_warranty_end(folder, datetime.now(UTC) - timedelta(seconds=1))


def set_paid(folder: Path, when: datetime) -> None:
    """The work of the third customer is paid at an instant, which ends it."""
    paid = {"id": "i-564wqgwtm2", "issued": "2026-05-29", "state": "paid", "paid": _instant(when)}
    change_service(folder, PAID_CUSTOMER, 0, {"invoices": [paid]})


def set_held(folder: Path, started: datetime, warranty_until: datetime) -> None:
    """When the work that is under a legal hold goes on."""
    dates = {"started": _instant(started), "warranty_until": _instant(warranty_until)}
    change_service(folder, WARRANTY_CUSTOMER, 1, dates)


def _instant(moment: datetime) -> str:
    """In whole seconds, as Vault tells its time: what is over now is over for Vault too."""
    return moment.isoformat(timespec="seconds")


def change_service(folder: Path, customer: str, number: int, fields: Mapping[str, Any]) -> None:
    """Sets fields of a contract's service, counted from 0."""
    path = folder / "customers" / customer / "contract.yml"
    _edit(path, lambda contract: contract["services"][number].update(fields))


def change_device(folder: Path, device: str, fields: Mapping[str, Any]) -> None:
    """Sets fields of a device's file."""
    _edit(device_file(folder, device), lambda found: found.update(fields))


def _before_it_was_over(folder: Path) -> None:
    """What is over in the example is yet to be paid, or to begin, in a lab: each test ends what it is about itself."""
    unpaid = {"id": "i-564wqgwtm2", "issued": "2026-05-29", "state": "unpaid"}
    a_year = timedelta(days=365)
    last_day = (datetime.now(UTC) + a_year).date().isoformat()
    change_service(folder, PAID_CUSTOMER, 0, {"invoices": [unpaid], "last_day": last_day})
    set_held(folder, datetime.now(UTC) + a_year, datetime.now(UTC) + 2 * a_year)


def _settings(lab: Lab, settings: dict[str, Any]) -> None:
    settings["vault"]["ca_file"] = str(lab.vault.ca_file)
    settings["vault"]["audit_files"] = [str(lab.vault.audit_directory / f"audit-{n}.log") for n in (1, 2)]
    for group in ("nodes", "outsiders"):
        for name, host in settings[group].items():
            if "host_key" in host:
                host["host_key"] = _host_key(lab, name)


def _host_key(lab: Lab, machine: str) -> str:
    return _key(lab.machine(machine).run(["cat", HOST_KEY]).stdout)


def _key(line: str) -> str:
    """Without its comment."""
    return " ".join(line.split()[:2])


def _digest(certificate: str) -> str:
    """Of a certificate (PEM), as an estate pins it."""
    return f"sha256:{hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()}"


def _edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
