"""RouterOS' API over TLS: one connection, commands one after another, rows of text back.

It is the connection of librouteros, which NAPALM's driver works over. NAPALM itself sends logins in ASCII only, and
does not tell a refusal from a fault; its rows are of another kind: an account called `true` or `7` is no text there.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from importlib import import_module
from typing import Any

import librouteros
from librouteros.exceptions import ConnectionClosed, FatalError, LibRouterosError, TrapError

from obet.devices.tls import check_certificate, context
from obet.errors import DeviceError, LoginRefusedError, NotLetInError
from obet.model import Device
from obet.vault.device_secrets import Login

PATIENCE = 30.0  # seconds for one command, an import included
_LONGEST = 8 * 1024 * 1024  # bytes of one answer: a list of many thousand rules is shorter
_SHOWN = 300  # characters of what the device says
_REFUSALS = ("invalid user name or password", "cannot log in", "not allowed (9)")
Rows = list[dict[str, str]]

logging.getLogger("librouteros").disabled = True  # it logs each word that is sent, passwords too


class _RefusedError(Exception):
    """What the device says by `!trap`."""


class _Wire:
    """What librouteros reads and writes by: no answer is waited for or read for ever, however slowly it comes."""

    def __init__(self, stream: ssl.SSLSocket, patience: float) -> None:
        self._stream, self._patience = stream, patience
        self.begin()

    def begin(self) -> None:
        """Of one command."""
        self._until, self._left = time.monotonic() + self._patience, _LONGEST

    def _wait(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._stream.settimeout(left)

    def sendall(self, data: bytes) -> None:
        self._wait()
        self._stream.sendall(data)

    def recv(self, count: int) -> bytes:
        self._wait()
        if hasattr(socket, "TCP_QUICKACK"):  # or each row may wait 40 ms for the word that the one before has come
            self._stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        block = self._stream.recv(min(count, 64 * 1024))
        self._left -= len(block)
        if self._left < 0:
            raise ValueError("an answer without end")
        return block

    def close(self) -> None:
        self._stream.close()


class Api:
    """Open from the start; `DeviceError` when the device is another, cannot be reached, or does not do as told."""

    def __init__(self, device: Device, login: Login, patience: float = PATIENCE) -> None:
        self._device, self._open = device.id, True
        self._wires: list[_Wire] = []

        def pinned(plain: socket.socket) -> _Wire:
            """Before the login: the device's own certificate, or nothing is sent."""
            stream = context().wrap_socket(plain)
            try:
                check_certificate(device, stream.getpeercert(binary_form=True))
            except DeviceError:
                stream.close()
                raise
            self._wires.append(_Wire(stream, patience))
            return self._wires[0]

        try:
            self.connection: Any = librouteros.connect(
                str(device.addresses.first),
                login.user,
                login.password.reveal(),
                port=device.port("api-ssl"),
                timeout=min(patience, 10.0),
                ssl_wrapper=pinned,
                encoding="utf-8",
            )
        except DeviceError:  # which is an OSError too
            raise
        except TrapError as error:
            kind = LoginRefusedError if any(text in str(error) for text in _REFUSALS) else DeviceError
            said = str(error).replace(login.password.reveal(), "…")[:_SHOWN]
            raise kind(f"{device.id}: refuses the login of {login.user}: {said}") from None
        except (LibRouterosError, OSError, ValueError, IndexError) as error:
            closed = isinstance(error, ConnectionRefusedError | ConnectionResetError | TimeoutError)
            kind = NotLetInError if closed else DeviceError
            raise kind(f"{device.id}: cannot be logged in to: {_why(error)}") from None

    def ask(self, command: str, *words: str, hide: tuple[str, ...] = (), remedy: str = "") -> Rows:
        """The rows of the answer; what `ret` says is the last one. `hide` are secrets among the words, `remedy` what is
        to be done should the device refuse."""
        try:
            return self._ask(command, words)
        except _RefusedError as refusal:
            said = str(refusal)
            for secret in hide:
                said = said.replace(secret, "…")
            raise DeviceError(": ".join((self._device, command, said[:_SHOWN], *filter(None, [remedy])))) from None

    def try_(self, command: str, *words: str) -> Rows | None:
        """None where the device refuses it, as an older one does that has no such command or argument."""
        try:
            return self._ask(command, words)
        except _RefusedError:
            return None

    def export(self) -> str:
        """`/export`, by way of a file on the device, as NAPALM reads it (without what is sensitive)."""
        napalm = import_module("napalm_ros.ros")  # two seconds, which only a device without SSH costs
        driver = napalm.ROSDriver("", "", "")
        driver.api = self.connection
        self._begin("/export")
        try:
            return str(driver.get_config(retrieve="running", sanitized=True)["running"])
        except (TrapError, FileNotFoundError, NotImplementedError) as error:
            remedy = "an account that only looks needs SSH: name it among the device's management services"
            raise DeviceError(f"{self._device}: /export into a file: {str(error)[:_SHOWN]}: {remedy}") from None
        except (LibRouterosError, OSError, ValueError, LookupError, StopIteration) as error:
            raise self._broken("/export", error) from None

    def close(self) -> None:
        self._open = False
        self.connection.close()

    def _begin(self, command: str) -> None:
        if not self._open:
            raise DeviceError(f"{self._device}: {command}: the connection is closed")
        self._wires[0].begin()

    def _ask(self, command: str, words: tuple[str, ...]) -> Rows:
        self._begin(command)
        try:
            self.connection.protocol.writeSentence(command, *words)
            return self._answer()
        except _RefusedError:
            raise
        except (LibRouterosError, OSError, ValueError, IndexError) as error:
            raise self._broken(command, error) from None

    def _answer(self) -> Rows:
        rows: Rows = []
        refusals: list[str] = []
        while True:
            kind, words = self.connection.protocol.readSentence()
            row = {}
            for word in words:
                name, joined, value = word[1:].partition("=")
                if word[:1] != "=" or not joined:
                    raise ValueError("no sentence of the API")
                row[name] = value
            if kind == "!trap":
                refusals.append(row.get("message", "it does not say why"))
            elif kind in {"!re", "!done"} and row:
                rows.append(row)
            elif kind not in {"!re", "!done", "!empty"}:
                raise ValueError("no sentence of the API")
            if kind == "!done":
                break
        if refusals:
            raise _RefusedError("; ".join(refusals))
        return rows

    def _broken(self, command: str, error: Exception) -> DeviceError:
        """Where one answer ends and the next begins is not known any more."""
        self.close()
        return DeviceError(f"{self._device}: {command}: {_why(error)}")


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLError):
        return "no TLS with a certificate: give its service `api-ssl` one"
    if isinstance(error, FatalError):
        return "the device ends the session"
    if isinstance(error, ConnectionClosed | OSError):
        return f"the connection is cut or refused ({type(error).__name__})"
    return "the answer is none of RouterOS' API"
