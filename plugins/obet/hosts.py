"""An estate's devices as Ansible hosts: groups and variables, none of them secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from obet import estate as estates
from obet.model import Customer, Device
from obet.run_directory import DIRECTORY_VARIABLE
from obet.vault.names import ACCOUNT

# The group of all devices that no role reaches: there, whoever they are.
NETWORK = "network"
ACCOUNT_HOME = f"/var/lib/{ACCOUNT}"
# OpenSSH itself puts the run's directory in (ssh_config(5), ENVIRONMENT VARIABLES); without a run it refuses to start.
_RUN = f"${{{DIRECTORY_VARIABLE}}}"


def hosts(folder: Path) -> dict[str, tuple[tuple[str, ...], dict[str, Any]]]:
    """By device id: the groups it is in and its variables; EstateError as the loader says."""
    return {
        device.id: ((*_groups(device), customer.id.replace("-", "_")), _variables(customer, device))
        for customer in estates.load(folder).customers.values()
        for device in customer.devices.values()
    }


def _groups(device: Device) -> tuple[str, ...]:
    return ("obet", device.platform) if device.platform == "linux" else ("obet", NETWORK, device.platform)


def _variables(customer: Customer, device: Device) -> dict[str, Any]:
    return {
        "ansible_host": str(device.addresses.first),
        "ansible_port": device.management[0].port,
        "ansible_user": ACCOUNT,
        "ansible_control_path": f"{_RUN}/control-{device.id}",  # a Unix socket's path has room for 108 characters
        "ansible_ssh_common_args": _ssh_options(customer),
        "ansible_remote_tmp": f"{ACCOUNT_HOME}/remote",
        "obet_customer": customer.id,
        "obet_enforce": device.enforce,
    }


def _ssh_options(customer: Customer) -> str:
    options = {
        "IdentityAgent": f"{_RUN}/agent",
        "IdentitiesOnly": "yes",
        "IdentityFile": f"{_RUN}/key.pub",
        "CertificateFile": f"{_RUN}/{customer.id}-cert.pub",
        "UserKnownHostsFile": f"{_RUN}/known_hosts",
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "ForwardAgent": "no",
        "LogLevel": "ERROR",  # a server's banner is its own words: they belong on nobody's terminal
    }
    return "-F none " + " ".join(f"-o {key}={value}" for key, value in options.items())
