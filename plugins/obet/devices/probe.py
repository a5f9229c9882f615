"""Who gets in and who does not: new connections from every execution node and every outsider, on both families."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol

import asyncssh
import msgspec

from obet.defaults import LOGINS_AT_ONCE
from obet.devices.api_login import try_api_login
from obet.devices.connection import Answer, takes_connection, try_login
from obet.errors import DeviceError
from obet.model import Address, Device, Estate, ExecutionNode, ManagementService, VantagePoint


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt: from where, to which address and port, what must come of it and what came."""

    source: str
    expected: Literal["gets in", "is refused"]
    address: str
    port: int
    passed: bool | None
    seen: str

    def __str__(self) -> str:
        return f"{self.source} to {self.address} port {self.port} {self.expected}: {self.seen}"


class Points(Protocol):
    """The hosts that we look from, and how many logins, and connections without one, may go on at once."""

    logins: asyncio.Semaphore
    knocks: asyncio.Semaphore

    async def reach(self, address: Address, host_key: str) -> asyncssh.SSHClientConnection:
        """A connection to one, which others may use as well; DeviceError when it cannot be used."""
        ...


async def probe(estate: Estate, device: Device, login: dict[str, Any], points: Points) -> list[Probe]:
    """All probes of a device, at once, but for logins: a device has few lines for those, and one is ours already.

    `login` is for the nodes; outsiders try without, as far as the greeting.
    """
    settings, few = estate.settings, asyncio.Semaphore(LOGINS_AT_ONCE)
    nodes = (_from_node(name, node, device, login, points, few) for name, node in settings.nodes.items())
    outsiders = (_from_outsider(name, host, device, points) for name, host in settings.outsiders.items())
    return [found for group in await asyncio.gather(*nodes, *outsiders) for found in group]


async def _from_node(
    name: str,
    node: ExecutionNode,
    device: Device,
    login: dict[str, Any],
    points: Points,
    few: asyncio.Semaphore,
) -> list[Probe]:
    async def attempt(
        tunnel: asyncssh.SSHClientConnection | None, address: Address, service: ManagementService
    ) -> Probe:
        async with few, points.logins:
            answer = await _log_in(device, address, service, login, tunnel)
        seen = "logged in" if answer.outcome == "accepted" else answer.outcome
        return Probe(
            source=name,
            expected="gets in",
            address=str(address),
            port=service.port,
            passed=answer.outcome == "accepted",
            seen=seen,
        )

    if node.control:
        return await _each_target(device, node.addresses.both, lambda a, p: attempt(None, a, p))
    if node.host_key is None:
        return _not_probed(name, device, node.addresses.both, "gets in", "has no host_key in estate.yml")
    try:
        tunnel = await points.reach(node.addresses.first, node.host_key)
    except DeviceError as error:
        return _not_probed(name, device, node.addresses.both, "gets in", str(error))
    return await _each_target(device, node.addresses.both, lambda a, p: attempt(tunnel, a, p))


async def _from_outsider(name: str, host: VantagePoint, device: Device, points: Points) -> list[Probe]:
    async def attempt(tunnel: asyncssh.SSHClientConnection, address: Address, service: ManagementService) -> Probe:
        async with points.knocks:
            seen = await takes_connection(tunnel, address, service)
        passed = None if seen == "not probed" else seen != "open"
        port = service.port
        return Probe(source=name, expected="is refused", address=str(address), port=port, passed=passed, seen=seen)

    try:
        tunnel = await points.reach(host.addresses.first, host.host_key)
    except DeviceError as error:
        return _not_probed(name, device, host.addresses.both, "is refused", str(error))
    return await _each_target(device, host.addresses.both, lambda a, p: attempt(tunnel, a, p))


async def _log_in(
    device: Device,
    address: Address,
    service: ManagementService,
    login: dict[str, Any],
    tunnel: asyncssh.SSHClientConnection | None,
) -> Answer:
    attempt = try_api_login if service.protocol == "api-ssl" else try_login
    return await attempt(device, address, service.port, login, tunnel)


def _targets(device: Device, own: tuple[Address, ...]) -> list[tuple[Address, ManagementService]]:
    """The device's management services on each family that the looking host has too."""
    families = {address.version for address in own}
    return [(a, service) for a in device.addresses.both if a.version in families for service in device.management]


async def _each_target(
    device: Device, own: tuple[Address, ...], attempt: Callable[[Address, ManagementService], Awaitable[Probe]]
) -> list[Probe]:
    return list(await asyncio.gather(*(attempt(address, service) for address, service in _targets(device, own))))


def _not_probed(
    name: str, device: Device, own: tuple[Address, ...], expected: Literal["gets in", "is refused"], why: str
) -> list[Probe]:
    seen = f"not probed: {why}"
    return [
        Probe(source=name, expected=expected, address=str(a), port=service.port, passed=None, seen=seen)
        for a, service in _targets(device, own)
    ]
