"""One simulated device's life: it boots, serves, reboots; the platform's folder says what it is.

A platform's package has `device.py` with a class `Simulated(Device)` that fills in what is abstract here. Everything
runs in one event loop; many devices may share it.
"""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import asyncssh

from .. import network
from ..processes import write_atomically
from .enforcement import Enforcement
from .faults import FaultKind, Faults
from .settings import Settings
from .timers import Timers
from .users import Users

__all__ = ["Control", "Device", "Settings"]

Control = Callable[..., Awaitable[Any]]


class Device(ABC):
    """A device between power on and off; `boots` counts its starts."""

    boot_seconds = 0.5  # of the device's time, in which nothing listens

    def __init__(self, settings: Settings) -> None:
        """Inside the running event loop; nothing listens before `start`."""
        self.settings = settings
        self.directory = Path(settings.directory)
        self.users, self.faults, self.timers = Users(), Faults(), Timers(settings.time_scale)
        space = str(network.NAMESPACES / settings.namespace) if settings.namespace else None
        own = settings.addresses if settings.shared else ()
        self.enforcement = Enforcement(settings.name, space, own) if settings.enforced else None
        self.boots = 0
        self._power = asyncio.Lock()
        self._rebooting: asyncio.Task[None] | None = None

    @abstractmethod
    def load(self) -> None:
        """Take the saved configuration, users included, as the running one; what was not saved is gone."""

    @abstractmethod
    async def open_services(self) -> None:
        """Enforce the running configuration and listen where it says."""

    @abstractmethod
    async def close_services(self) -> None:
        """End listeners and connections; harmless when nothing is open."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What a test may want to see, as JSON: at least `running`, the configuration as the device prints it."""

    @abstractmethod
    async def faults_changed(self) -> None:
        """A fault was set or cleared: take up another host key or certificate, if that is what it says."""

    def controls(self) -> Mapping[str, Control]:
        """More that the control socket can do, by name; called with the request's fields."""
        return {}

    def account(self, offered: str) -> str:
        """The account that an SSH client's user name stands for."""
        return offered

    def may_log_in(self, user: str, kind: str, service: str, address: str) -> bool:  # noqa: ARG002 - platforms ask
        """Whether the platform lets a right credential of this kind (password, key) in, from this address."""
        return True

    async def start(self) -> None:
        """Power on."""
        async with self._power:
            await self._boot()

    async def stop(self) -> None:
        """Power off: running configuration and timers are gone, the rules with them."""
        async with self._power:
            await self._halt()
            if self.enforcement:
                self.enforcement.remove()

    async def reboot(self) -> None:
        """Off and on again; answers once it listens."""
        async with self._power:
            await self._halt()
            await asyncio.sleep(self.boot_seconds / self.timers.scale)
            await self._boot()

    def reboot_soon(self) -> None:
        """`reboot` for whoever runs inside a connection, which the reboot ends."""
        self._rebooting = asyncio.get_running_loop().create_task(self.reboot())

    async def settled(self) -> None:
        """Wait until what is due has been done, and a reboot is over."""
        await self.timers.idle()
        while self._rebooting and not self._rebooting.done():
            await asyncio.wait([self._rebooting])
            await self.timers.idle()

    async def _boot(self) -> None:
        self.boots += 1
        self.load()
        await self.open_services()

    async def _halt(self) -> None:
        self.timers.cancel_all()
        await self.close_services()

    def port(self, service: str, default: int) -> int:
        """The port that a service has here."""
        return self.settings.ports.get(service, default)

    def listen(self, port: int) -> list[socket.socket]:
        """Listening TCP sockets in the device's namespace, one for each of its addresses."""
        listeners = []
        for address in self.settings.addresses:
            if self.settings.namespace:
                listener = network.listen(self.settings.namespace, address, port)
            else:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                listener = socket.create_server((address, port), family=family, backlog=256)
            listener.setblocking(False)
            listeners.append(listener)
        return listeners

    def host_key(self) -> asyncssh.SSHKey:
        """What an SSH client is shown: under the fault HOST_KEY a fresh key, like an impostor's."""
        if self.faults.active(FaultKind.HOST_KEY):
            return asyncssh.generate_private_key("ssh-ed25519")
        return self.own_host_key()

    def own_host_key(self) -> asyncssh.SSHKey:
        """The device's SSH host key, made once and kept."""
        path = self.directory / "ssh_host_ed25519_key"
        if not path.exists():
            write_atomically(path, asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode())
        return asyncssh.read_private_key(path)
