"""SSH to a device or through a vantage point, with a pinned host key and nothing of this user's own settings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Literal

import asyncssh
import msgspec

from obet.devices.identity import Certificate
from obet.devices.key_pairs import for_login
from obet.errors import DeviceError
from obet.model import Address, Device, ManagementService
from obet.vault.device_secrets import Login
from obet.vault.names import VANTAGE_PRINCIPAL

TIMEOUT = 2.0  # seconds until "no answer": a device that drops answers never
_LOGIN_TIMEOUT = 10.0  # PAM waits two or three seconds before it refuses
_LONGEST = 4 * 1024 * 1024  # bytes of an answer that is read: a server's rules are a few thousand


class Answer(msgspec.Struct, frozen=True):
    """How a device answered a login and a command: `detail` says what went wrong, and names no secret.

    `output` is what the command printed, with U+FFFD for what is no UTF-8 in it: whole where there is no detail.
    `complaint` is what it printed on its other output.
    """

    outcome: Literal["accepted", "refused", "no answer", "closed", "wrong host key"]
    detail: str = ""
    output: str = ""
    complaint: str = ""


def pinned(host_key: str) -> dict[str, Any]:
    """Options that trust exactly this host key, and take no key, agent or file of the user's."""
    return {
        "known_hosts": ([asyncssh.import_public_key(host_key)], [], []),
        "config": None,
        "agent_path": None,
        "x509_trusted_certs": None,
        "login_timeout": _LOGIN_TIMEOUT,
        "connect_timeout": _LOGIN_TIMEOUT,
    }


async def vantage(address: Address, host_key: str, certificate: Certificate) -> asyncssh.SSHClientConnection:
    """A connection to a host that we look from; DeviceError when it cannot be used."""
    options = pinned(host_key) | {"username": VANTAGE_PRINCIPAL, "client_keys": certificate.client_keys}
    try:
        return await asyncssh.connect(str(address), **options)
    except (OSError, asyncssh.Error, TimeoutError) as error:
        raise DeviceError(f"vantage point {address}: cannot be used: {type(error).__name__}") from None


async def try_login(
    device: Device,
    address: Address,
    port: int,
    credential: Mapping[str, Any],
    tunnel: asyncssh.SSHClientConnection | None = None,
    command: str = "true",
) -> Answer:
    """One login over a new connection, and one command; `credential` is what asyncssh takes."""
    options = connect_options(device, credential) | {"tunnel": tunnel or ()}
    if tunnel is not None:
        options.pop("connect_timeout")
    try:
        async with asyncio.timeout(_LOGIN_TIMEOUT):
            async with asyncssh.connect(str(address), port, **options) as connection:
                return await execute(connection, command)
    except (OSError, TimeoutError, asyncssh.Error) as error:
        return failed(error)


def connect_options(device: Device, credential: Mapping[str, Any]) -> dict[str, Any]:
    """What asyncssh takes for a login to the device; `credential` is of one of the `with_…`."""
    return pinned(device.host_key) | {"client_keys": None} | dict(credential)


def failed(error: OSError | asyncssh.Error) -> Answer:
    """How a login or a command has failed."""
    if isinstance(error, asyncssh.PermissionDenied):
        return Answer("refused", error.reason)
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return Answer("wrong host key", "the device does not show the key that its file pins")
    return Answer("closed" if isinstance(error, asyncssh.Error) else "no answer", type(error).__name__)


async def execute(connection: asyncssh.SSHClientConnection, command: str) -> Answer:
    """Whatever a device prints, no more of it is read than a true answer could be long."""
    process = await connection.create_process(command, encoding=None)
    said, complaint = await asyncio.gather(_bounded(process.stdout), _bounded(process.stderr))
    if len(said) > _LONGEST or len(complaint) > _LONGEST:
        return Answer("accepted", f"the command prints more than {_LONGEST // 1024 // 1024} MiB")
    status = (await process.wait()).exit_status
    detail = f"the command ended with {status}" if status else ""
    return Answer("accepted", detail, said.decode(errors="replace"), complaint.decode(errors="replace"))


async def _bounded(reader: asyncssh.SSHReader[bytes]) -> bytes:
    """All of it, or more than could be true."""
    found = bytearray()
    while len(found) <= _LONGEST and (block := await reader.read(64 * 1024)):
        found += block
    return bytes(found)


def with_password(login: Login) -> dict[str, Any]:
    return {
        "username": login.user,
        "password": login.password.reveal(),
        "preferred_auth": "keyboard-interactive,password",
    }


def with_login(login: Login) -> dict[str, Any]:
    """By its key over SSH, if it has one: the password then goes only to what takes no keys."""
    if login.key is None:
        return with_password(login)
    return with_password(login) | {"client_keys": [for_login(login.key)], "preferred_auth": "publickey"}


def with_certificate(account: str, certificate: Certificate) -> dict[str, Any]:
    return {"username": account, "client_keys": certificate.client_keys, "preferred_auth": "publickey"}


async def takes_connection(
    tunnel: asyncssh.SSHClientConnection, address: Address, service: ManagementService
) -> Literal["open", "refused", "no answer", "not probed"]:
    """Whether a TCP connection through `tunnel` gets as far as the device's greeting; "not probed": it cannot look.

    A service that waits for the caller's own words is open when it takes the connection.
    """
    try:
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await tunnel.open_connection(str(address), service.port)
            try:
                return "open" if service.protocol != "ssh" or await reader.read(1) else "refused"
            finally:
                writer.close()
    except asyncssh.ChannelOpenError as error:
        failed_there = error.code == asyncssh.OPEN_CONNECT_FAILED and not tunnel.is_closed()
        return "refused" if failed_there else "not probed"
    except (TimeoutError, OSError, asyncssh.Error):
        return "not probed" if tunnel.is_closed() else "no answer"
