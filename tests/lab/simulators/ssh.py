"""A device's SSH server: its users, its host key, its faults; the platform gives what a session is.

    server = SshServer(device, handle)        # handle(process): a coroutine, once for each session
    await server.open(22)
    await server.renew_host_key()             # in `faults_changed`
    await server.close()

`process` is asyncssh's: `process.command` is an exec's line or None, `process.stdin` gives the input. A server that
takes SCP is given asyncssh's `sftp_factory` and `allow_scp=True`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import asyncssh

if TYPE_CHECKING:
    from .device import Device

Handler = Callable[["asyncssh.SSHServerProcess[Any]"], Awaitable[None]]
logging.getLogger("asyncssh").setLevel(logging.CRITICAL)  # its log would say who came with which user


class SshServer:
    """One SSH service on all of a device's addresses; `connections` are those that are open."""

    def __init__(self, device: Device, handle: Handler, **options: Any) -> None:
        """`options` are asyncssh's: `encoding=None` for bytes, `sftp_factory`, `allow_scp`, `line_editor`, …"""
        self.device = device
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self.banner_version = options.pop("server_version", "simulated")
        self._options: dict[str, Any] = {"line_editor": False, "encoding": "utf-8", "errors": "replace"} | options
        self._handle = handle
        self._acceptors: list[asyncssh.SSHAcceptor] = []

    def configure(self, **options: Any) -> None:
        """Other options of asyncssh, for new connections."""
        self._options |= options
        for acceptor in self._acceptors:
            acceptor.update(**options)

    async def open(self, port: int) -> None:
        """Listen on all of the device's addresses."""
        for listener in self.device.listen(port):
            acceptor = await asyncssh.listen(
                sock=listener,
                server_host_keys=[self.device.host_key()],
                server_factory=lambda: _Login(self),
                process_factory=self._session,
                server_version=self.banner_version,
                login_timeout=30,
                **self._options,
            )
            self._acceptors.append(acceptor)

    async def renew_host_key(self) -> None:
        """Use what `device.host_key()` answers now, for new connections."""
        for acceptor in self._acceptors:
            acceptor.update(server_host_keys=[self.device.host_key()])

    async def close(self, *, sessions: bool = True) -> None:
        """Stop listening; with `sessions`, cut what is connected as well."""
        for acceptor in self._acceptors:
            acceptor.close()
        self._acceptors.clear()
        if sessions:
            for connection in list(self.connections):
                connection.abort()

    async def _session(self, process: asyncssh.SSHServerProcess[Any]) -> None:
        gone = (asyncssh.Error, ConnectionError, BrokenPipeError, asyncssh.BreakReceived, asyncssh.TerminalSizeChanged)
        with contextlib.suppress(*gone):
            await self._handle(process)


class _Login(asyncssh.SSHServer):
    def __init__(self, server: SshServer) -> None:
        self._server, self._users = server, server.device.users

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._server.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncssh passes it
        self._server.connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        self._users.note_user(self._server.device.account(username), "ssh")
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        account = self._server.device.account(username)
        return self._users.check_key(account, key) and self._may(account, "key")

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        account = self._server.device.account(username)
        return self._users.check_password(account, password, "ssh") and self._may(account, "password")

    def _may(self, account: str, kind: str) -> bool:
        address = self._connection.get_extra_info("peername")[0]
        return self._server.device.may_log_in(account, kind, "ssh", address)
