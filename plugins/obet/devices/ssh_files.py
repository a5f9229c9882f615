"""What OpenSSH is told of an estate, and what this machine's routes say: nothing secret, nothing sent."""

from __future__ import annotations

import socket

from obet.model import Address, Estate


def known_hosts(estate: Estate) -> str:
    """The pinned host keys of all devices (ssh-known-hosts, sshd(8))."""
    lines = [
        f"{address if service.port == 22 else f'[{address}]:{service.port}'} {device.host_key}\n"
        for customer in estate.customers.values()
        for device in customer.devices.values()
        for address in device.addresses.both
        for service in device.management
        if service.protocol == "ssh"
    ]
    return "".join(lines)


def source_towards(address: Address, port: int) -> Address | None:
    """The address that this machine's routes would connect from; nothing is sent. None without a route."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), port))
        except OSError:
            return None
        return type(address)(probe.getsockname()[0])
