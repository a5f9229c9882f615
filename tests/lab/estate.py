"""The example estate as this lab's own: its host keys, its Vault, and contracts that end when a test says."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from .laboratory import Lab
from .this_host import CHECKOUT

EXAMPLE = CHECKOUT / "inventories" / "example"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"

# One-off work with a warranty, a managed service, and one who has not agreed to anything.
WARRANTY_CUSTOMER, WARRANTY_DEVICE = "c-qgx2np9y3d", "d-593ccz0tsv"
MANAGED_CUSTOMER, MANAGED_DEVICE = "c-hkqgde66rg", "d-nh4bbpheqk"
UNAGREED_CUSTOMER, UNAGREED_DEVICE = "c-aqj5van3ze", "d-jscb00nk6m"
SERVERS = {WARRANTY_DEVICE: "server1", MANAGED_DEVICE: "server2"}
CUSTOMERS = {
    WARRANTY_DEVICE: WARRANTY_CUSTOMER,
    MANAGED_DEVICE: MANAGED_CUSTOMER,
    UNAGREED_DEVICE: UNAGREED_CUSTOMER,
}


def write(lab: Lab) -> Path:
    """Copies the example into the lab and makes it the lab's; answers its folder."""
    folder = lab.state_directory / "estate"
    shutil.copytree(EXAMPLE, folder)
    _edit(folder / "estate.yml", lambda settings: _settings(lab, settings))
    key = " ".join(lab.customer_public_key.split()[:2])
    for device, server in SERVERS.items():
        access = {"account": "owner", "public_key": key}
        change_device(folder, device, {"host_key": _host_key(lab, server), "customer_access": access})
    return folder


def device_file(folder: Path, device: str) -> Path:
    return folder / "customers" / CUSTOMERS[device] / "devices" / f"{device}.yml"


def set_warranty_end(folder: Path, end: datetime) -> None:
    """Makes the warranty end at an instant."""

    def change(contract: dict[str, Any]) -> None:
        contract["services"][0]["warranty_until"] = end.isoformat()

    _edit(folder / "customers" / WARRANTY_CUSTOMER / "contract.yml", change)


def change_device(folder: Path, device: str, fields: Mapping[str, Any]) -> None:
    """Sets fields of a device's file."""
    _edit(device_file(folder, device), lambda found: found.update(fields))


def _settings(lab: Lab, settings: dict[str, Any]) -> None:
    settings["vault"]["ca_file"] = str(lab.vault.ca_file)
    settings["vault"]["audit_files"] = [str(lab.vault.audit_directory / f"audit-{n}.log") for n in (1, 2)]
    for group in ("nodes", "outsiders"):
        for name, host in settings[group].items():
            if "host_key" in host:
                host["host_key"] = _host_key(lab, name)


def _host_key(lab: Lab, machine: str) -> str:
    return " ".join(lab.machine(machine).run(["cat", HOST_KEY]).stdout.split()[:2])


def _edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
