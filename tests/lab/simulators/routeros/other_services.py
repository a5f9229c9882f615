"""What listens beside SSH and the API: enough to show that a port is open."""

from __future__ import annotations

import asyncio
import contextlib

PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 8\r\nConnection: close\r\n\r\nRouterOS"
GREETINGS = {"telnet": b"\xff\xfd\x18\r\nLogin: ", "ftp": b"220 MikroTik FTP server (MikroTik 7.18.2) ready\r\n"}
PATIENCE_SECONDS = 10.0


async def serve(service: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greet, hear one line, close."""
    with contextlib.suppress(ConnectionError, TimeoutError):
        writer.write(GREETINGS.get(service, b""))
        await writer.drain()
        await asyncio.wait_for(reader.read(1024), PATIENCE_SECONDS)
        writer.write(PAGE if service.startswith("www") else b"")
        await writer.drain()
    writer.close()
