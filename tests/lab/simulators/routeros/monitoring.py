"""SNMP on the router: each community answers for itself, by its name, or as a user of version 3."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING

from .. import datagrams
from ..snmp import Agent, SnmpUser

if TYPE_CHECKING:
    from .configuration import Row
    from .device import Simulated

PORT = 161
DESCRIPTION, UPTIME, NAME, LOCATION = 1, 3, 5, 6
ENGINE = bytes.fromhex("80003a8c04")
DIGESTS = {"MD5": "md5", "SHA1": "sha"}


class Monitoring:
    """The agent of one router; `follow` opens and closes it."""

    def __init__(self, router: Simulated) -> None:
        """Closed."""
        self._router = router
        self._open: list[asyncio.DatagramTransport] = []

    async def follow(self) -> None:
        """Listen where the configuration says so. A socket of another namespace is made for TCP only."""
        router = self._router
        wanted = router.configuration.single("snmp", "enabled") == "yes" and not router.settings.namespace
        if not wanted:
            self.close()
        elif not self._open:
            self._open = await datagrams.opened(router.settings.addresses, router.port("udp 161", PORT), self._answer)

    def close(self) -> None:
        """Nothing listens."""
        for transport in self._open:
            transport.close()
        self._open = []

    def _answer(self, datagram: bytes, source: str) -> bytes | None:
        taken = [row for row in self._router.configuration.enabled("snmp/community") if self._takes(row, source)]
        communities = [row.values["name"] for row in taken if self._value(row, "security") == "none"]
        users = {row.values["name"]: self._user(row) for row in taken if self._value(row, "security") != "none"}
        seconds = self._router.uptime
        named = self._router.configuration.single("system/identity", "name")
        values: dict[int, str | int] = {DESCRIPTION: "RouterOS RB5009UG+S+", UPTIME: int(seconds * 100), NAME: named,
                  LOCATION: self._router.configuration.single("snmp", "location")}  # fmt: skip
        return Agent(ENGINE, self._router.boots, int(seconds), communities, users, values).answer(datagram)

    def _takes(self, row: Row, source: str) -> bool:
        """An empty list, or one of `::/0`, takes everybody."""
        networks = [ipaddress.ip_network(one) for one in self._value(row, "addresses").split(",") if one]
        address = ipaddress.ip_address(source)
        return self._value(row, "read-access") == "yes" and (
            not networks or any(n == ipaddress.ip_network("::/0") or address in n for n in networks)
        )

    def _user(self, row: Row) -> SnmpUser:
        private = self._value(row, "security") == "private" and self._value(row, "encryption-protocol") == "AES"
        return SnmpUser(
            auth=DIGESTS[self._value(row, "authentication-protocol")],
            auth_password=self._value(row, "authentication-password"),
            priv="aes 128" if private else "",
            priv_password=self._value(row, "encryption-password"),
        )

    def _value(self, row: Row, name: str) -> str:
        return self._router.configuration.value("snmp/community", row, name) or ""
