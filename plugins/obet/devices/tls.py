"""TLS to a device whose certificate is pinned by its digest: no authority vouches for it, its file does."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl

import asyncssh

from obet.errors import DeviceError
from obet.model import Device

_BLOCK = 64 * 1024


def context() -> ssl.SSLContext:
    """For `check_certificate` to judge whom it reached; TLS 1.2 and newer."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def check_certificate(device: Device, shown: bytes | None) -> None:
    """DeviceError unless `shown` (DER) is the certificate that the device's file pins; before anything is sent."""
    digest = f"sha256:{hashlib.sha256(shown or b'').hexdigest()}"
    if not hmac.compare_digest(digest, device.certificate or ""):
        raise DeviceError(f"{device.id}: wrong certificate: the device does not show the one that its file pins")


class TlsStream:
    """TLS over a pair of streams, whatever carries them: a socket, or a channel through a vantage point."""

    def __init__(
        self,
        reader: asyncio.StreamReader | asyncssh.SSHReader[bytes],
        writer: asyncio.StreamWriter | asyncssh.SSHWriter[bytes],
    ) -> None:
        self._reader, self._writer = reader, writer
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context().wrap_bio(self._in, self._out)

    async def handshake(self, device: Device) -> None:
        """DeviceError when it is not the device; ssl.SSLError or OSError when there is no TLS."""
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._exchange()
        await self._flush()
        check_certificate(device, self._tls.getpeercert(binary_form=True))

    async def write(self, data: bytes) -> None:
        self._tls.write(data)
        await self._flush()

    async def read(self, count: int) -> bytes:
        """Exactly so many bytes; EOFError when the device closes before."""
        found = bytearray()
        while len(found) < count:
            try:
                block = self._tls.read(count - len(found))
            except ssl.SSLWantReadError:
                await self._exchange()
                continue
            if not block:
                raise EOFError
            found += block
        return bytes(found)

    async def _exchange(self) -> None:
        await self._flush()
        block = await self._reader.read(_BLOCK)
        if not block:
            raise EOFError
        self._in.write(block)

    async def _flush(self) -> None:
        if data := self._out.read():
            self._writer.write(data)
            await self._writer.drain()
