"""One login to RouterOS' API over TLS (MikroTik's manual, "API"): words with a length before them, in sentences."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

import asyncssh

from obet.devices.connection import Answer
from obet.devices.tls import TlsStream
from obet.errors import DeviceError
from obet.model import Address, Device

_TIMEOUT = 10.0
_LONGEST_WORD = 4096  # of an answer to a login


async def try_api_login(
    device: Device,
    address: Address,
    port: int,
    credential: Mapping[str, Any],
    tunnel: asyncssh.SSHClientConnection | None = None,
) -> Answer:
    """A new connection, the certificate compared with the pinned one, and only then the login."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            open_ = tunnel.open_connection if tunnel else asyncio.open_connection
            reader, writer = await open_(str(address), port)
            try:
                return await _log_in(TlsStream(reader, writer), device, credential)
            finally:
                writer.close()
    except DeviceError as error:
        return Answer("wrong host key", str(error))
    except (ssl.SSLError, EOFError, asyncssh.Error) as error:
        return Answer("closed", type(error).__name__)
    except (OSError, TimeoutError) as error:
        return Answer("no answer", type(error).__name__)


async def _log_in(stream: TlsStream, device: Device, credential: Mapping[str, Any]) -> Answer:
    await stream.handshake(device)
    words = ["/login", f"=name={credential['username']}", f"=password={credential['password']}", ""]
    await stream.write(b"".join(map(_encoded, words)))
    answer = await _word(stream)
    if answer == b"!done":
        return Answer("accepted")
    return Answer("refused" if answer == b"!trap" else "closed", "the device refuses the login")


def _encoded(word: str) -> bytes:
    """The word behind its length; a login's words are shorter than the 2^14 bytes that two bytes of length can say."""
    data = word.encode()
    length = len(data)
    return (bytes([length]) if length < 0x80 else (length | 0x8000).to_bytes(2, "big")) + data


async def _word(stream: TlsStream) -> bytes:
    length = (await stream.read(1))[0]
    if length & 0x80:
        length = (length & 0x3F) << 8 | (await stream.read(1))[0] if length & 0xC0 == 0x80 else _LONGEST_WORD + 1
    if length > _LONGEST_WORD:
        raise EOFError
    return await stream.read(length)
