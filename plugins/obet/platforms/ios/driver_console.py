"""One session on an IOS device, over netmiko's connection: commands one after another, and exactly what was answered.

What does not come back as a terminal of IOS answers is a DeviceError: no echo, another prompt, silence, a flood.
"""

from __future__ import annotations

import base64
import io
import logging
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import ECONNREFUSED
from socket import SHUT_RDWR
from typing import Any

import paramiko
from netmiko import NetmikoAuthenticationException, NetmikoTimeoutException
from netmiko.cisco import CiscoIosSSH
from paramiko.ssh_exception import NoValidConnectionsError

from obet.errors import DeviceError, LoginRefusedError, NotLetInError, printable
from obet.model import Device
from obet.vault.device_secrets import Login

_LOGIN_TIMEOUT = 10.0
SILENCE = 20.0  # seconds until a device that says nothing more has fallen silent
_WHOLE = 180.0  # seconds for one answer, however steadily it comes
_LONGEST = 4 * 1024 * 1024  # bytes of one answer: the longest configurations are a tenth of that
_BLOCK = 64 * 1024
_TAIL = 256  # bytes in which the prompt stands
_SHORT = 3  # characters of a secret word that may be a part of any other
_SHOWN = 160  # characters of a device's words in a message

_KEY_KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
_RSA_KINDS = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")

_REFUSED = re.compile(r"%(?!\s?warning)|error\b|command rejected|invalid |translating ", re.IGNORECASE)
_WARNING = re.compile(r"^%?\s?warning\b", re.IGNORECASE)
_CONTROL = r"\x1b\[[0-9;?]*[A-Za-z]"
_QUESTION = re.compile(r"\[confirm\] ?\Z")

# Paramiko tells what a device has sent, with tracebacks, on the standard error stream of whoever set up no logging.
_LOG = logging.getLogger("obet.paramiko")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False


class _Connection(CiscoIosSSH):
    """Netmiko's, as NAPALM's driver makes it, which takes the pinned key alone and does nothing by itself once it is
    logged in. That driver itself is not used: its merge leaves files with secrets on flash, waits until the change has
    been taken back and answers as if it had been made, and its import brings in those of all vendors.
    """

    def __init__(self, host_key: paramiko.PKey, **options: Any) -> None:
        self._host_key = host_key
        super().__init__(**options)

    def _connect_params_dict(self) -> dict[str, Any]:
        """With a key no password goes out, not even an empty one."""
        options: dict[str, Any] = super()._connect_params_dict()
        return options | {"password": None} if self.pkey else options

    def _build_ssh_client(self) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        client.set_log_channel(_LOG.name)
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        name = self.host if self.port == paramiko.config.SSH_PORT else f"[{self.host}]:{self.port}"
        client.get_host_keys().add(name, self._host_key.get_name(), self._host_key)
        return client

    def _try_session_preparation(self, force_data: bool = True) -> None: ...

    def cleanup(self, command: str = "") -> None: ...

    def paramiko_cleanup(self) -> None:
        """Paramiko's thread would notice only after a tenth of a second that the connection is closed."""
        client, self.remote_conn, self.remote_conn_pre = self.remote_conn_pre, None, None
        if client is not None:
            if (transport := client.get_transport()) is not None:
                with suppress(OSError):
                    transport.sock.shutdown(SHUT_RDWR)
            client.close()


def _connected(device: Device, login: Login) -> _Connection:
    kind, key = device.host_key.split()[:2]
    kinds = _RSA_KINDS if kind == "ssh-rsa" else (kind,)
    return _Connection(
        paramiko.PKey.from_type_string(kind, base64.b64decode(key)),
        device_type="cisco_ios",
        host=str(device.addresses.first),
        port=device.port("ssh"),
        username=login.user,
        password="" if login.key else login.password.reveal(),
        pkey=paramiko.RSAKey.from_private_key(io.StringIO(login.key.reveal())) if login.key else None,
        use_keys=False,
        allow_agent=False,
        disabled_algorithms={"keys": [other for other in (*_KEY_KINDS, *_RSA_KINDS) if other not in kinds]},
        conn_timeout=_LOGIN_TIMEOUT,
        auth_timeout=_LOGIN_TIMEOUT,
        banner_timeout=_LOGIN_TIMEOUT,
    )


@contextmanager
def opened(device: Device, login: Login, silence: float = SILENCE) -> Iterator[Console]:
    """Checks the host key before the login is sent; LoginRefusedError when that is refused."""
    try:
        connection = _connected(device, login)
    except Exception as error:  # noqa: BLE001 - paramiko raises whatever its own thread has met
        raise _failed(device.id, login.user, error) from None
    try:
        console = Console(device.id, connection.remote_conn, silence)
        console.begin()
        yield console
    finally:
        connection.disconnect()


def _failed(device: str, user: str, error: Exception) -> DeviceError:
    wrapped = isinstance(error, NetmikoAuthenticationException | NetmikoTimeoutException)
    cause = (error.__context__ if wrapped else None) or error
    if isinstance(cause, paramiko.BadHostKeyException):
        return DeviceError(f"{device}: wrong host key: the device does not show the key that its file pins")
    if isinstance(cause, paramiko.BadAuthenticationType) or str(cause) == "Authentication failed.":
        return LoginRefusedError(f"{device}: refuses the login of {user}")
    if "no acceptable host key" in str(cause):
        return DeviceError(f"{device}: wrong host key: the device has none of the kind that its file pins")
    if isinstance(cause, NoValidConnectionsError) and all(e.errno == ECONNREFUSED for e in cause.errors.values()):
        return NotLetInError(f"{device}: takes no connection from this address")
    how = "no answer" if isinstance(cause, OSError) else "closed the connection before the login was over"
    return DeviceError(f"{device}: {how}: {type(cause).__name__}")


class Console:
    """Privileged or not, as the login is; in configuration mode between `enter` and `leave`."""

    def __init__(self, device: str, channel: Any, silence: float) -> None:
        self.device = device
        self._channel = channel
        self._silence = silence
        self._base = ""
        channel.settimeout(silence)

    def begin(self) -> None:
        """Learns the prompt and turns paging off; whatever a banner says is passed over."""
        first, somewhere = "terminal length 0", re.compile(r"[>#] ?\Z")
        self._read(somewhere, first)
        self._send(first)
        said = ""
        while first not in said:
            said += self._read(somewhere, first)
        found = re.search(r"([^\s>#]+)[>#] ?\Z", said[-_TAIL:])
        if found is None:
            raise self._strange(first, said[-_TAIL:])
        # Configuration mode shows the name's first twenty characters, its own name in brackets behind them.
        self._base = rf"{re.escape(found[1][:16])}[^\s>#()]*"
        self.ask("terminal width 511")

    def ask(self, command: str, *, confirm: bool = False) -> str:
        """What is printed for a command. With `confirm` a question of it is answered by Enter."""
        self._send(command)
        said = self._read(self._ends(question=confirm), command)
        if confirm and _QUESTION.search(said):
            self._send("")
            said += self._read(self._ends(), command)
        echo, _, answer = self._plain(said).partition("\n")
        if echo.strip() != command:
            raise self._strange(command, echo)
        return answer.rpartition("\n")[0] if "\n" in answer else ""

    @staticmethod
    def is_refused(answer: str) -> bool:
        """By its first line; below that a configuration says what it likes."""
        return bool(_REFUSED.match(first_line(answer)))

    def enter(self, command: str = "configure terminal") -> str:
        """Goes into configuration mode; DeviceError when the device stays outside."""
        self._send(command)
        said = self._plain(self._read(self._ends(), command))
        answer = said.partition("\n")[2]
        if not re.search(rf"^{self._base}\(config\)# ?\Z", answer, re.MULTILINE):
            raise DeviceError(f"{self.device}: refuses `{command}`: {first_line(answer)}")
        return said

    def take(self, lines: Iterable[str]) -> None:
        """Types lines in configuration mode at once; DeviceError at the first that is not taken without a word."""
        typed = [line.strip() for line in lines]
        if not typed:
            return
        self._send("\n".join(typed))
        tells = any(_named(command) != command for command in typed)
        pieces = re.split(rf"^{self._base}(?:\([\w.-]+\))?[>#] ?", self._answers(typed), flags=re.MULTILINE)
        for command, piece in zip(typed, pieces, strict=False):
            echo, _, said = piece.partition("\n")
            if echo.strip() != command:
                raise self._strange(_named(command), "what it repeats may be secret" if tells else echo)
            if not all(_WARNING.match(line.strip()) for line in said.splitlines() if line.strip()):
                raise DeviceError(f"{self.device}: refuses `{_named(command)}`: {first_line(_without(said, typed))}")

    def leave(self) -> None:
        self.ask("end")

    def configure(self, text: str) -> None:
        """Takes a text in, block by block: what stands behind a line that is refused is not sent."""
        if text:
            self.enter()
            try:
                self.take_text(text)
            except DeviceError:
                with suppress(DeviceError):
                    self.leave()
                raise
            self.leave()

    def take_text(self, text: str) -> None:
        for block in _blocks(text):
            self.take(block)

    def _answers(self, typed: list[str]) -> str:
        """Until as many prompts have come as lines were typed, or the device says nothing more."""
        prompt = re.compile(rf"^{self._base}(?:\([\w.-]+\))?[>#] ?", re.MULTILINE)
        said: list[str] = []
        seen = 0
        while seen < len(typed):
            said.append(self._plain(self._read(self._ends(), _named(typed[0]))))
            seen += len(prompt.findall(said[-1]))
        return "".join(said)

    def _ends(self, *, question: bool = False) -> re.Pattern[str]:
        more = rf"|{_QUESTION.pattern}" if question else ""
        return re.compile(rf"(?:\A|[\r\n]|{_CONTROL}){self._base}(?:\([\w.-]+\))?[>#] ?\Z{more}")

    def _send(self, text: str) -> None:
        try:
            self._channel.sendall(f"{text}\n".encode())
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise DeviceError(f"{self.device}: the connection has broken: {type(error).__name__}") from None

    def _read(self, ends: re.Pattern[str], asked: str) -> str:
        """Until the last of what was said matches; what is no UTF-8 comes as U+FFFD."""
        said = bytearray()
        deadline = time.monotonic() + _WHOLE
        while not ends.search(said[-_TAIL:].decode(errors="replace")):
            try:
                block = self._channel.recv(_BLOCK)
            except TimeoutError:
                raise DeviceError(
                    f"{self.device}: fell silent at `{asked}`: no answer in {self._silence:g} s"
                ) from None
            except (OSError, EOFError, paramiko.SSHException) as error:
                raise DeviceError(f"{self.device}: the connection has broken: {type(error).__name__}") from None
            said += block
            if not block:
                raise DeviceError(f"{self.device}: closed the connection at `{asked}`")
            if len(said) > _LONGEST:
                raise DeviceError(f"{self.device}: prints more than {_LONGEST // 1024 // 1024} MiB for `{asked}`")
            if time.monotonic() > deadline:
                raise DeviceError(f"{self.device}: `{asked}` has no end: nothing more is read")
        return said.decode(errors="replace")

    @staticmethod
    def _plain(said: str) -> str:
        """A sequence that moves the cursor is a line of its own, which no answer has."""
        return re.sub(_CONTROL, "\n\x1b\n", said.replace("\r", ""))

    def _strange(self, command: str, said: str) -> DeviceError:
        return DeviceError(f"{self.device}: does not answer `{command}` as a terminal does: {first_line(said)}")


def _blocks(text: str) -> Iterator[list[str]]:
    """Commands with what stands beneath them and the `exit` behind that."""
    block: list[str] = []
    for line in text.splitlines():
        if block and not line.startswith(" ") and line != "exit":
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _named(command: str) -> str:
    """A command as a message may show it."""
    return re.sub(r"\b(secret|password|community|key-hash|auth|host)\b.*", r"\1 …", command)


def _without(said: str, typed: Iterable[str]) -> str:
    """What was said without the words of these commands that may be secret."""
    words = {word for command in typed for word in set(command.split()) - set(_named(command).split())}
    for word in sorted(words, key=len, reverse=True):
        said = said.replace(word, "…") if len(word) > _SHORT else re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", "…", said)
    return said


def first_line(said: str) -> str:
    """The first line that says anything, bounded and harmless; the marker under a wrong word says nothing."""
    lines = (line.strip() for line in said[: 64 * _SHOWN].splitlines() if line.strip(" ^\r"))
    return printable(next(lines, "nothing that it says")[:_SHOWN])
