"""What a device says goes into messages, and what it was told in secret does not, however it says that again."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from obet.errors import DeviceError
from obet.platforms.ios.driver_console import Console

AUTH, PRIV, COMMUNITY = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210", "Canary-1"
USER = f"snmp-server user obet-snmp OBET-SNMP v3 auth sha {AUTH} priv aes 128 {PRIV}"
SECRETS = {USER: (AUTH, PRIV), f"no snmp-server community {COMMUNITY}": (COMMUNITY,)}
# What comes in the place of `{0}`, the line that was typed: a device may wrap it, cut it, or quote it.
SAID = {
    "the line with a word of the log's before it": "%SYS-5-CONFIG_I: {0}\r\nsw1(config)#",
    "the line cut short": "{1}\r\nsw1(config)#",
    "the line quoted as it is refused": "{0}\r\n% Invalid: {0}\r\nsw1(config)#",
    "its end quoted as it is refused": "{0}\r\n% Invalid: {2}\r\nsw1(config)#",
}


@contextmanager
def console(said: str) -> Iterator[Console]:
    """One whose device is at its prompt, and answers lines in configuration mode with `said`."""
    ours, its = socket.socketpair()

    def serve() -> None:
        its.sendall(b"sw1#")
        mode = ""
        while line := its.recv(4096).decode().strip():
            if line == "configure terminal":
                mode = "(config)"
            if line in SECRETS:
                its.sendall(said.format(line, line[:-3], line.split()[-1]).encode())
            else:
                its.sendall(f"{line}\r\nsw1{mode}#".encode())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        found = Console("d-0000000001", ours, silence=2.0)
        found.begin()
        yield found
    finally:
        ours.shutdown(socket.SHUT_RDWR)
        thread.join()
        ours.close()
        its.close()


@pytest.mark.parametrize("line", SECRETS, ids=["a passphrase", "a community"])
@pytest.mark.parametrize("case", SAID)
def test_no_message_shows_a_secret_that_a_device_repeats(case: str, line: str) -> None:
    with console(SAID[case]) as opened, pytest.raises(DeviceError) as raised:
        opened.enter()
        opened.take([line])
    shown = str(raised.value)
    assert not [secret for secret in SECRETS[line] if secret[:-3] in shown]
    assert "d-0000000001: " in shown


def test_why_a_secret_was_refused_is_shown_without_it() -> None:
    with console("{0}\r\n% Invalid password 0123456789abcdef0123456789abcdef: too long\r\nsw1(config)#") as opened:
        opened.enter()
        with pytest.raises(DeviceError, match=r"v3 auth …`: % Invalid password …: too long$"):
            opened.take([USER])
