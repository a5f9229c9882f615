"""What an agent says is told as it is: a value, a refusal, or nothing; no fault of an agent becomes an answer."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import msgspec
import pytest
from lab.simulators.snmp import Agent, SnmpUser
from obet.devices import snmp
from obet.devices.snmp import Access
from obet.secret import Secret

HERE = ip_address("127.0.0.1")
RIGHT = Access(
    user="obet-snmp",
    auth_protocol="SHA1",
    auth=Secret("Canary-auth-1"),
    priv_protocol="AES128",
    priv=Secret("Canary-2"),
)
KNOWN = {"obet-snmp": SnmpUser("sha", "Canary-auth-1", "aes 128", "Canary-2")}


def agent() -> Agent:
    return Agent(
        bytes.fromhex("80003a8c04"), 1, int(time.monotonic()), ["public"], KNOWN, {3: int(time.monotonic() * 100)}
    )


@contextmanager
def listening(answer: Callable[[bytes], bytes | None]) -> Iterator[int]:
    """The port at which each datagram is answered so."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((str(HERE), 0))

        def serve() -> None:
            while (received := listener.recvfrom(65535))[0] != b"end":
                if said := answer(received[0]):
                    listener.sendto(said, received[1])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.sendto(b"end", listener.getsockname())
            thread.join()


def test_a_user_is_answered_and_whoever_is_not_quite_he_is_refused() -> None:
    others = [
        msgspec.structs.replace(RIGHT, auth=Secret("Canary-other")),
        msgspec.structs.replace(RIGHT, priv=Secret("Canary-other")),
        msgspec.structs.replace(RIGHT, priv=None),
        msgspec.structs.replace(RIGHT, user="somebody"),
        msgspec.structs.replace(RIGHT, auth_protocol="SHA256"),
    ]
    with listening(lambda asked: agent().answer(asked)) as port:
        assert snmp.ask_all(HERE, [RIGHT, *others], port) == ["answered", *["refused"] * len(others)]


def test_of_communities_those_that_are_answered_are_counted() -> None:
    with listening(lambda asked: agent().answer(asked)) as port:
        assert snmp.answered(HERE, [Secret("public"), Secret("another")], port) == 1
        assert snmp.answered(HERE, [], port) == 0


def test_silence_is_silence() -> None:
    with listening(lambda _: None) as port:
        assert snmp.ask_all(HERE, [RIGHT], port) == ["silent"]
        assert snmp.answered(HERE, [Secret("public")], port) == 0


@pytest.mark.parametrize(
    "garbage",
    [b"\x00" * 8, b"\x30\x84\xff\xff\xff\xff", b"0" * 2000, b"\x30\x03\x02\x01\x03"],
    ids=["nul", "endless", "long", "cut off"],
)
def test_garbage_is_no_answer_and_nothing_is_printed(garbage: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with listening(lambda _: garbage) as port:
        assert snmp.ask_all(HERE, [RIGHT], port) == ["silent"]
        assert snmp.answered(HERE, [Secret("public")], port) == 0
    assert capfd.readouterr() == ("", "")
