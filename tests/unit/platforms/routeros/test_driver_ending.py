"""What is seen of a router that is to shut us out by itself: that it has, or that nobody could see it."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any, cast

import pytest
from obet.platforms.routeros import driver_ending
from obet.platforms.routeros.driver_ending import Ending


class Told:
    """A router that takes whatever it is told."""

    def ask(self, *_: str) -> list[dict[str, str]]:
        return [{".id": "*1", "name": "obet-end", "next-run": "2026-11-23 10:00:00"}]

    def folder(self) -> str:
        return ""

    def put(self, *_: str) -> None: ...
    def check(self, *_: str) -> None: ...


def unseen(address: str, port: int) -> str:
    device = SimpleNamespace(id="d-0000000001", addresses=SimpleNamespace(first=address), port=lambda _: port)
    ending = Ending(cast(Any, device), cast(Any, Told()), cast(Any, Told()))
    ending.arm("")
    return ending.go_on()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_ending, "_LONGEST", 0.0)


def test_a_router_that_takes_no_connection_has_shut_us_out_and_one_that_does_has_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert "not seen" in unseen("127.0.0.1", port)
    assert unseen("127.0.0.1", port) == ""


def test_a_node_that_can_send_no_packet_has_seen_nothing() -> None:
    assert "not seen" in unseen("255.255.255.255", 8729)
