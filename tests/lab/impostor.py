"""A false SSH server in a machine's place: it writes down whatever a client offers it, and lets nobody in."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import asyncssh

if TYPE_CHECKING:
    import socket
    from types import TracebackType

    from .machine import Machine


class Impostor:
    """Listens on a machine's own address, with a host key of its own."""

    def __init__(self, machine: Machine, port: int) -> None:
        """Only its key: it listens from `__enter__` on."""
        self.offered: list[str] = []
        self.connections = 0
        self._machine, self._port = machine, port
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    @property
    def public_key(self) -> str:
        """Its host key, as an estate would pin it."""
        return " ".join(self._key.export_public_key().decode().split()[:2])

    def __enter__(self) -> Impostor:
        listening = self._machine.listen(self._machine.ipv4, self._port)
        listening.setblocking(False)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(listening), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self, listening: socket.socket) -> None:
        self._server = await asyncssh.listen(
            sock=listening, server_host_keys=[self._key], server_factory=lambda: _Server(self)
        )

    async def _close(self) -> None:
        self._server.close()
        await self._server.wait_closed()


class _Server(asyncssh.SSHServer):
    def __init__(self, impostor: Impostor) -> None:
        self._impostor = impostor

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:  # noqa: ARG002 - asyncssh passes it
        self._impostor.connections += 1

    def begin_auth(self, username: str) -> bool:
        self._impostor.offered.append(f"user {username}")
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002 - asyncssh passes it
        self._impostor.offered.append(f"key for {username}")
        return False

    def validate_ca_key(self, username: str, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002 - asyncssh passes it
        self._impostor.offered.append(f"certificate for {username}")
        return False

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:  # noqa: ARG002 - asyncssh passes it
        self._impostor.offered.append(f"password {password}")
        return False
