"""What a device answers to SNMP: for one value that every agent has, by a user of version 3 or by a community.

PySNMP asks, in this process: no passphrase is on a command line. It is loaded when it is first needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any, Literal

import msgspec

from obet.model import Address
from obet.secret import Secret

AuthProtocol = Literal["SHA1", "SHA256"]
PrivProtocol = Literal["AES128", "AES256"]
Outcome = Literal["answered", "refused", "silent"]

PORT = 161
_LIBRARY = "pysnmp.hlapi.v3arch.asyncio"
_PATIENCE = 1.0  # seconds for one request; agents answer in milliseconds
_AGAIN = 2  # times that a lost datagram is sent again
_UPTIME = "1.3.6.1.2.1.1.3.0"  # sysUpTime: it names neither the device nor its owner


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """A user of version 3. Without `priv` the request is signed and not encrypted."""

    user: str
    auth_protocol: AuthProtocol
    auth: Secret
    priv_protocol: PrivProtocol = "AES128"
    priv: Secret | None = None


def ask(address: Address, access: Access) -> Outcome:
    """What comes of one request: a value, the agent's own refusal, or nothing."""
    return ask_all(address, [access])[0]


def ask_all(address: Address, accesses: Iterable[Access], port: int = PORT) -> list[Outcome]:
    """The same for each, all at once."""
    return asyncio.run(_asked(address, port, map(_user, accesses), _AGAIN))


def answered(address: Address, communities: Sequence[Secret], port: int = PORT) -> int:
    """How many of these communities the agent answers, by version 1 or 2c: its silence is waited for once."""
    named = import_module(_LIBRARY).CommunityData
    credentials = (
        named(f"c{number}", community.reveal(), mpModel=version)
        for number, community in enumerate(communities)
        for version in (0, 1)
    )
    found = asyncio.run(_asked(address, port, credentials, again=0))
    return sum("answered" in found[place : place + 2] for place in range(0, len(found), 2))


async def _asked(address: Address, port: int, credentials: Iterable[Any], again: int) -> list[Outcome]:
    # What the library cannot read it raises where nobody waits for it: that is no answer, and nothing to print.
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    return await asyncio.gather(*(_ask(address, port, credential, again) for credential in credentials))


async def _ask(address: Address, port: int, credential: Any, again: int) -> Outcome:
    library, errors = import_module(_LIBRARY), import_module("pysnmp.proto.errind")
    engine = library.SnmpEngine()  # each credential's own: one keeps what it has learned of a user
    kind = library.UdpTransportTarget if address.version == 4 else library.Udp6TransportTarget
    try:
        where = await kind.create((str(address), port), timeout=_PATIENCE, retries=again)
        wanted = library.ObjectType(library.ObjectIdentity(_UPTIME))
        error, status, _, values = await library.get_cmd(engine, credential, where, library.ContextData(), wanted)
    except (import_module("pysnmp.error").PySnmpError, OSError):
        return "silent"  # what cannot be read is no answer; the library's words may hold what was asked with
    finally:
        engine.close_dispatcher()
    if isinstance(error, errors.RequestTimedOut):
        return "silent"
    return "refused" if error or status or not values else "answered"


def _user(access: Access) -> Any:
    library = import_module(_LIBRARY)
    auth = {"SHA1": library.usmHMACSHAAuthProtocol, "SHA256": library.usmHMAC192SHA256AuthProtocol}
    priv = {"AES128": library.usmAesCfb128Protocol, "AES256": library.usmAesCfb256Protocol}
    words = {"authKey": access.auth.reveal(), "authProtocol": auth[access.auth_protocol]}
    if access.priv:
        words |= {"privKey": access.priv.reveal(), "privProtocol": priv[access.priv_protocol]}
    return library.UsmUserData(access.user, **words)
