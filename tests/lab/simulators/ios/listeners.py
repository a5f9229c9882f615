"""What listens: SSH and its sessions, telnet, and the small services that are only open or closed."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncssh

from lab.simulators import datagrams
from lab.simulators.ssh import SshServer

from . import scp, services
from .commands import execute
from .console import Console
from .services import FINGER, HTTP, HTTPS, SSH, TELNET, Openings

if TYPE_CHECKING:
    from .device import Simulated

LOGIN_ATTEMPTS = 3
LOGIN_SECONDS = 30.0
DEFAULTS = {
    "kex": ("curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
            "ecdh-sha2-nistp521", "diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512"),
    "encryption": ("chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr",
                   "aes192-ctr", "aes256-ctr"),
    "mac": ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"),
}  # fmt: skip
OPTIONS = {"kex": "kex_algs", "encryption": "encryption_algs", "mac": "mac_algs"}
CISCO_NAMES = {"aes128-gcm": "aes128-gcm@openssh.com", "aes256-gcm": "aes256-gcm@openssh.com"}
TELNET_COMMAND, TELNET_OPTIONS = 255, range(251, 255)
WILL_ECHO = bytes((255, 251, 1, 255, 251, 3))


class Listeners:
    """All that is open on one device; `follow` makes it what the running configuration says."""

    def __init__(self, device: Simulated) -> None:
        """Nothing is open."""
        self._device = device
        self._ssh = SshServer(device, self._session, encoding=None, server_version="Cisco-1.25")
        self._tcp: dict[int, list[asyncio.Server]] = {}
        self._udp: dict[int, list[asyncio.DatagramTransport]] = {}
        self._ssh_options: Any = None
        self._now: Openings | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._following = asyncio.Lock()

    async def follow(self) -> None:
        """Open, close and enforce; what is as it was stays untouched, and so do sessions."""
        async with self._following:
            await self._follow()

    async def _follow(self) -> None:
        device = self._device
        wanted = services.openings(device.config, device.busy, has_key=device.has_key)
        if wanted == self._now:
            return
        if device.enforcement and (self._now is None or wanted.chains != self._now.chains):
            # The kernel takes its time: other devices of this process go on meanwhile.
            await asyncio.to_thread(device.enforcement.apply, dict(wanted.chains), wanted.counters)
        self._now = wanted
        await self._follow_ssh(wanted)
        for port in [port for port in self._tcp if port not in wanted.tcp]:
            for server in self._tcp.pop(port):
                server.close()
        for port in wanted.tcp - self._tcp.keys() - {SSH}:
            self._tcp[port] = [
                await asyncio.start_server(partial(self._serve, port), sock=sock)
                for sock in device.listen(device.port(str(port), port))
            ]
        await self._follow_udp(wanted.udp)

    async def _follow_ssh(self, wanted: Openings) -> None:
        options = (SSH in wanted.tcp, wanted.algorithms, self._device.public_key())
        if options == self._ssh_options:
            return
        stays = SSH in wanted.tcp and self._ssh_options is not None and self._ssh_options[0]
        self._ssh_options = options
        self._ssh.configure(**{OPTIONS[kind]: list(names) for kind, names in self.algorithms().items()})
        if stays:  # it listens all the while
            await self._ssh.renew_host_key()
            return
        await self._ssh.close(sessions=False)
        if SSH in wanted.tcp:
            await self._ssh.open(self._device.port("ssh", SSH))

    async def _follow_udp(self, wanted: frozenset[int]) -> None:
        for port in [port for port in self._udp if port not in wanted]:
            for transport in self._udp.pop(port):
                transport.close()
        if self._device.settings.namespace:
            return  # a socket of another namespace is made for TCP only
        for port in wanted - self._udp.keys():
            answer = self._device.snmp if port == services.SNMP else _nothing
            real = self._device.port(f"udp {port}", port)
            self._udp[port] = await datagrams.opened(self._device.settings.addresses, real, answer)

    def algorithms(self) -> dict[str, tuple[str, ...]]:
        """By kind; names that are unknown here are passed over."""
        named = dict(self._now.algorithms) if self._now else {}
        known = {"kex": asyncssh.kex.get_kex_algs(), "encryption": asyncssh.encryption.get_encryption_algs(),
                 "mac": asyncssh.mac.get_mac_algs()}  # fmt: skip
        chosen = {}
        for kind, usual in DEFAULTS.items():
            asked = [CISCO_NAMES.get(name, name) for name in named.get(kind, usual)]
            chosen[kind] = tuple(name for name in asked if name.encode() in known[kind]) or usual
        return chosen

    async def renew_host_key(self) -> None:
        """Use what the device answers now."""
        if self._device.has_key:
            await self._ssh.renew_host_key()

    async def close(self) -> None:
        """End everything."""
        async with self._following:
            await self._close()

    async def _close(self) -> None:
        await self._ssh.close()
        for server in [server for servers in self._tcp.values() for server in servers]:
            server.close()
        for transport in [transport for transports in self._udp.values() for transport in transports]:
            transport.close()
        for writer in list(self._writers):
            writer.close()
        self._tcp.clear()
        self._udp.clear()
        self._now = self._ssh_options = None

    async def _session(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """One SSH session: a shell, a command, or SCP."""
        number = services.next_line(self._device.config, self._device.busy, "ssh")
        connection = process.get_extra_info("connection")
        if number is None:
            connection.abort()
            return

        async def read() -> bytes:
            while True:
                try:
                    return await process.stdin.read(65536)
                except (asyncssh.TerminalSizeChanged, asyncssh.BreakReceived, asyncssh.SignalReceived):
                    continue

        address = str(process.get_extra_info("peername")[0])
        user = str(process.get_extra_info("username"))
        console = Console(self._device, read, process.stdout.write, connection.abort, user, address, number)
        async with self._on_line(console):
            if process.command is None:
                await console.run()
            elif process.command.startswith("scp "):
                await scp.serve(console, process)
            else:
                console.length = 0
                await self._one_command(console, process.command)
            console.flush()
            await process.stdout.drain()
        process.exit(0)
        await process.wait_closed()

    async def _one_command(self, console: Console, command: str) -> None:
        with contextlib.suppress(console.closed):
            await console.take_with(execute, command)

    @contextlib.asynccontextmanager
    async def _on_line(self, console: Console) -> Any:
        self._device.sessions[console.line] = console
        await self.follow()
        try:
            yield
        finally:
            if self._device.sessions.get(console.line) is console:
                del self._device.sessions[console.line]
                if self._now is not None:
                    await self.follow()

    async def _serve(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(ConnectionError, TimeoutError):
                await self._talk(port, reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _talk(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if port == TELNET:
            await self._telnet(reader, writer)
        elif port in (HTTP, HTTPS):
            await asyncio.wait_for(reader.read(4096), LOGIN_SECONDS)
            writer.write(b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="level_15_access"\r\n'
                         b"Content-Length: 0\r\nConnection: close\r\n\r\n")  # fmt: skip
        elif port == FINGER:
            names = (f"{session.user}\r\n" for session in self._device.sessions.values())
            writer.write("".join(names).encode("latin-1"))
        elif port in services.SMALL:
            writer.write(await asyncio.wait_for(reader.read(4096), LOGIN_SECONDS) if port == 7 else b"")
        else:
            await asyncio.wait_for(reader.read(1), LOGIN_SECONDS)

    async def _telnet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = services.next_line(self._device.config, self._device.busy, "telnet")
        if number is None:
            return

        async def read() -> bytes:
            while (received := await reader.read(65536)) and not (text := _without_options(received)):
                pass
            return text if received else b""

        writer.write(WILL_ECHO)
        address = str(writer.get_extra_info("peername")[0])
        console = Console(self._device, read, writer.write, writer.close, "", address, number)
        async with self._on_line(console):
            with contextlib.suppress(console.closed):
                console.put(f"{self._device.banner('motd')}\nUser Access Verification\n\n")
                for _ in range(LOGIN_ATTEMPTS):
                    name = await console.ask("Username: ")
                    password = await console.ask("Password: ", echo=False)
                    self._device.users.note_user(name, "telnet")
                    if self._device.users.check_password(name, password, "telnet"):
                        console.user, console.privilege = name, self._device.users.privilege(name, number)
                        await console.run()
                        break
                    console.print("% Login invalid\n")
                console.flush()


def _without_options(received: bytes) -> bytes:
    """What was typed, without telnet's own commands."""
    text, place = bytearray(), 0
    while place < len(received):
        if received[place] == TELNET_COMMAND:
            place += 3 if received[place + 1 : place + 2] and received[place + 1] in TELNET_OPTIONS else 2
            continue
        text.append(received[place])
        place += 1
    return bytes(text)


def _nothing(_datagram: bytes, _source: str) -> bytes | None:
    return None
