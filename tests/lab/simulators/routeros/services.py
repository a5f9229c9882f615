"""What listens: SSH, the API with and without TLS, and the rest of `/ip service`."""

from __future__ import annotations

import asyncio
import ssl
from functools import partial
from typing import TYPE_CHECKING

from ...processes import write_atomically
from ..faults import FaultKind
from . import certificates, other_services
from .api import Session

if TYPE_CHECKING:
    from .device import Simulated


class Services:
    """The listeners of one router; `listening` has their ports by name."""

    def __init__(self, router: Simulated) -> None:
        """None listens before `follow`."""
        self._router = router
        self._servers: dict[str, tuple[int, list[asyncio.Server]]] = {}
        self._known: tuple[str, ssl.SSLContext] | None = None  # the certificate and key that were last shown

    @property
    def listening(self) -> dict[str, int]:
        """The ports in use, by service."""
        return {name: port for name, (port, _) in self._servers.items()}

    def wanted(self) -> dict[str, int]:
        """The ports that the configuration asks for, by service."""
        rows = self._router.configuration.enabled("ip/service")
        known = ((row.values["name"], int(row.values["port"])) for row in rows)
        return {name: self._router.port(name, port) for name, port in known}

    async def follow(self) -> None:
        """Listen where the configuration says; what is connected to a service that went stays, as on the router."""
        wanted = self.wanted()
        for name, (port, _) in list(self._servers.items()):
            if wanted.get(name) != port:
                await self._stop(name)
        for name, port in wanted.items():
            if name not in self._servers:
                self._servers[name] = (port, [])
                await (self._router.ssh.open(port) if name == "ssh" else self._open(name, port))

    async def close(self) -> None:
        """None listens."""
        for name in list(self._servers):
            await self._stop(name)

    async def _open(self, name: str, port: int) -> None:
        serve = partial(self._api, name) if name in ("api", "api-ssl") else partial(other_services.serve, name)
        tls = self._tls(name) if name.endswith("-ssl") else None
        for listener in self._router.listen(port):
            self._servers[name][1].append(await asyncio.start_server(serve, sock=listener, ssl=tls))

    async def _stop(self, name: str) -> None:
        _, servers = self._servers.pop(name)
        for server in servers:
            server.close()
        if name == "ssh":
            await self._router.ssh.close(sessions=False)

    async def _api(self, service: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Session(self._router, service, reader, writer).run()

    def _tls(self, service: str) -> ssl.SSLContext:
        """A context that takes up the service's certificate of the moment at each handshake."""
        outer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

        def take_up(connection: ssl.SSLSocket | ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
            connection.context = self._tls_now(service)

        outer.sni_callback = take_up
        return outer

    def _tls_now(self, service: str) -> ssl.SSLContext:
        router, configuration = self._router, self._router.configuration
        name = configuration.value("ip/service", configuration.find("ip/service", service), "certificate") or ""
        held = configuration.named("certificate", name)
        if router.faults.active(FaultKind.CERTIFICATE):
            other = certificates.self_signed(router.settings.name, router.settings.addresses)
            return self._context(other.certificate + other.key)
        pem = held.hidden["pem"] + held.hidden["key"] if held and held.hidden else ""
        if self._known is None or self._known[0] != pem:
            self._known = pem, self._context(pem)
        return self._known[1]

    def _context(self, pem: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if not pem:
            return context
        together = self._router.directory / "tls.pem"
        write_atomically(together, pem)
        context.load_cert_chain(together)
        together.unlink()
        return context
