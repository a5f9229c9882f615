"""UDP services of a device: one socket for each of its addresses, and whatever answers what comes in."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Any, cast

Answer = Callable[[bytes, str], bytes | None]


async def opened(addresses: Iterable[str], port: int, answer: Answer) -> list[asyncio.DatagramTransport]:
    """Listens on these addresses; `answer` is given a datagram and whom it is from."""
    return [await _opened(address, port, answer) for address in addresses]


async def _opened(address: str, port: int, answer: Answer) -> asyncio.DatagramTransport:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Datagrams(answer), local_addr=(address, port), family=family
    )
    return transport


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if answer := self._answer(data, str(addr[0])):
            self._transport.sendto(answer, addr)
