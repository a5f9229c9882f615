"""What our keys sign is never signed with SHA-1, whatever a device offers; a device that knows better lets us in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import TypeVar

import asyncssh
import msgspec
import pytest
from builders import addresses, device
from obet.devices import key_pairs
from obet.devices.connection import try_login, with_login
from obet.errors import LoginRefusedError, ObetError
from obet.model import Device, ManagementService
from obet.platforms.ios import driver_console
from obet.secret import Secret
from obet.vault.device_secrets import Login

HERE = ip_address("127.0.0.1")
HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")
LOGIN = Login("obet", Secret("Canary-password"), key=key_pairs.generate("ssh-rsa"))
Seen = TypeVar("Seen")


class Keys(asyncssh.SSHServer):
    """Lets in whoever can sign for a key, and answers any command."""

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002 - asyncssh's
        return True


def prompt(process: asyncssh.SSHServerProcess[str]) -> None:
    if process.command is not None:
        process.exit(0)
    else:
        process.stdout.write("sw1#")


def tried(offered: list[str], attempt: Callable[[Device], Awaitable[Seen]]) -> Seen:
    """What comes of an attempt at a device that takes signatures of these kinds."""

    async def work() -> Seen:
        server = await asyncssh.listen(
            str(HERE),
            0,
            server_factory=Keys,
            server_host_keys=[HOST_KEY],
            signature_algs=offered,
            process_factory=prompt,
        )
        async with server:
            service = ManagementService(protocol="ssh", port=server.get_port())
            pinned = HOST_KEY.export_public_key().decode().strip()
            at = device(platform="ios", management=(service,), host_key=pinned, addresses=addresses("198.51.100.1"))
            msgspec.structs.force_setattr(at.addresses, "ipv4", HERE)  # which no contract may name
            return await attempt(at)

    return asyncio.run(work())


async def over_asyncssh(at: Device) -> str:
    return (await try_login(at, HERE, at.port("ssh"), with_login(LOGIN))).outcome


async def over_paramiko(at: Device) -> str:
    def attempt() -> str:
        try:
            with driver_console.opened(at, LOGIN, silence=1.0):
                return "accepted"
        except LoginRefusedError:
            return "refused"
        except ObetError as error:
            # The prompt was seen and the test's device says no more: the login was over by then.
            return "accepted" if "fell silent at" in str(error) else "not logged in"

    return await asyncio.to_thread(attempt)


WAYS = (over_asyncssh, over_paramiko)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("offered", [["rsa-sha2-256"], ["rsa-sha2-512"], ["ssh-rsa", "rsa-sha2-512"]], ids=str)
def test_a_device_that_knows_sha_2_lets_an_rsa_key_in(
    way: Callable[[Device], Awaitable[str]], offered: list[str]
) -> None:
    assert tried(offered, way) == "accepted"


@pytest.mark.parametrize("offered", [["rsa-sha2-512"], ["ssh-rsa", "rsa-sha2-512"], ["ssh-rsa"]], ids=str)
def test_nothing_is_signed_with_sha_1_though_a_device_takes_nothing_else(
    offered: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG", "asyncssh"):
        tried(offered, over_asyncssh)
    signed = re.findall(r"Signing request with (\S+) key", caplog.text)
    assert signed
    assert set(signed) <= {"rsa-sha2-256", "rsa-sha2-512"}


def test_a_device_that_takes_sha_1_alone_gets_no_session_of_paramiko() -> None:
    assert tried(["ssh-rsa"], over_paramiko) == "not logged in"
