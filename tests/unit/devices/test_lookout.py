"""A host that we look from is waited for once by all who ask for it meanwhile, and tried anew by who asks later."""

from __future__ import annotations

import asyncio
import threading
from ipaddress import ip_address

from obet.devices.identity import Certificate
from obet.devices.lookout import _Kept
from obet.errors import DeviceError

POINT, OTHER = ip_address("198.51.100.7"), ip_address("198.51.100.8")


class Unreachable:
    """Why no connection comes about, and how often one was tried."""

    def __init__(self) -> None:
        self.tried = 0

    def __call__(self) -> Certificate:
        self.tried += 1
        raise DeviceError("vantage point: cannot be used")


async def told(kept: _Kept, *addresses: object) -> list[str]:
    reached = (kept.reach(address, "unused") for address in addresses)  # type: ignore[arg-type]
    return [str(found) for found in await asyncio.gather(*reached, return_exceptions=True)]


def test_all_who_ask_meanwhile_are_told_of_one_attempt_and_who_asks_later_of_the_next() -> None:
    host = Unreachable()

    async def work() -> None:
        kept = _Kept(host)
        assert await told(kept, *[POINT] * 50) == ["vantage point: cannot be used"] * 50
        assert host.tried == 1
        assert await told(kept, POINT) == ["vantage point: cannot be used"]
        assert host.tried == 2

    asyncio.run(work())


def test_each_host_is_tried_for_itself() -> None:
    host = Unreachable()
    asyncio.run(told(_Kept(host), POINT, OTHER, POINT))
    assert host.tried == 2


def test_what_is_still_being_opened_hinders_no_end() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Certificate:
        begun.set()
        go_on.wait()
        raise DeviceError("vantage point: cannot be used")

    async def work() -> None:
        kept = _Kept(slow)
        waiting = asyncio.create_task(kept.reach(POINT, "unused"))
        await asyncio.to_thread(begun.wait)
        await kept.close()
        go_on.set()
        assert (await asyncio.gather(waiting, return_exceptions=True))[0].__class__ is asyncio.CancelledError

    asyncio.run(work())
