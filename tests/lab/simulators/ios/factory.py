"""The configuration that a customer's switch has before anybody of ours has seen it: as convenient as they are."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

PREFIX = {4: 24, 6: 64}
PORTS = 4


def configuration(name: str, user: str, secret: str, addresses: Iterable[str]) -> list[str]:
    """Lines to load; `secret` is type and hash. The management addresses are on Vlan1."""
    lines = [
        "service timestamps debug datetime msec",
        "service timestamps log datetime msec",
        f"hostname {name}",
        "ip domain name example.net",
        f"username {user} privilege 15 secret {secret}",
        "spanning-tree mode rapid-pvst",
        "ip http server",
        "ip http secure-server",
        "snmp-server community public RO",
    ]
    for number in range(1, PORTS + 1):
        lines += [f"interface GigabitEthernet1/0/{number}", " switchport mode access"]
    lines += ["interface Vlan1", *(f" {line}" for line in map(_address, addresses))]
    lines += ["line con 0", " stopbits 1", "line vty 0 15", " login local", " transport input telnet ssh"]
    return lines


def _address(address: str) -> str:
    parsed = ipaddress.ip_address(address)
    interface = ipaddress.ip_interface(f"{address}/{PREFIX[parsed.version]}")
    if parsed.version == 4:
        return f"ip address {address} {interface.netmask}"
    return f"ipv6 address {str(interface).upper()}"
