"""A login to RouterOS' API: over TLS to a certificate that is pinned, or nothing is sent."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from builders import device
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from obet.devices.api_login import try_api_login
from obet.devices.connection import Answer
from obet.model import Device, ManagementService

LOOPBACK = ip_address("127.0.0.1")
LOGIN = {"username": "obet", "password": "p" * 200}
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Router:
    """What a test's router has received, and who it is."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "router")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / "router.pem").write_bytes(private + certificate.public_bytes(pem))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "router.pem")
        self.digest = f"sha256:{hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()}"
        self.received = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not self.received.endswith(b"\0"):
            block = await reader.read(4096)
            if not block:
                break
            self.received += block
        right = f"=password={LOGIN['password']}".encode() in self.received
        writer.write(b"\x05!done\0" if right else b"\x05!trap\x12=message=no access\0")
        await writer.drain()
        writer.close()


@pytest.fixture
def router(tmp_path: Path) -> Router:
    return Router(tmp_path)


@pytest.fixture
def pinned(router: Router) -> Iterator[Device]:
    yield device(platform="routeros", management=(ManagementService(protocol="api-ssl"),), certificate=router.digest)


def answer(serve: Serve, to: Device, context: ssl.SSLContext | None, login: dict[str, str]) -> Answer:
    async def attempt() -> Answer:
        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
            return await try_api_login(to, LOOPBACK, server.sockets[0].getsockname()[1], login)

    return asyncio.run(attempt())


def test_the_right_login_is_accepted_and_its_words_are_whole(router: Router, pinned: Device) -> None:
    assert answer(router.serve, pinned, router.context, LOGIN).outcome == "accepted"
    password = f"=password={LOGIN['password']}".encode()
    assert router.received == b"\x06/login\x0a=name=obet" + b"\x80\xd2" + password + b"\0"


def test_a_wrong_password_is_refused(router: Router, pinned: Device) -> None:
    assert answer(router.serve, pinned, router.context, LOGIN | {"password": "other"}).outcome == "refused"


def test_a_router_that_shows_another_certificate_is_sent_no_login(router: Router, pinned: Device) -> None:
    other = device(platform="routeros", management=pinned.management, certificate=f"sha256:{'0' * 64}")
    found = answer(router.serve, other, router.context, LOGIN)
    assert found.outcome == "wrong host key"
    assert router.received == b""


def test_a_service_without_tls_is_sent_no_login(router: Router, pinned: Device) -> None:
    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        router.received = await reader.read(4096)
        writer.write(b"\x05!done\0")
        writer.close()

    assert answer(hear, pinned, None, LOGIN).outcome == "closed"
    assert LOGIN["password"].encode() not in router.received
    assert router.received, "it was heard"


@pytest.mark.parametrize("said", [b"", b"\x05!do", b"\xff\xff\xff\xff\xff", b"\x05!fata", b"\x00"])
def test_an_answer_that_is_none_is_no_success(router: Router, pinned: Device, said: bytes) -> None:
    async def garble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(said)
        writer.close()

    assert answer(garble, pinned, router.context, LOGIN).outcome == "closed"


def test_nobody_there_is_no_answer(pinned: Device) -> None:
    async def attempt() -> Answer:
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
        return await try_api_login(pinned, LOOPBACK, port, LOGIN)

    assert asyncio.run(attempt()).outcome == "no answer"
