"""SNMP on an IOS device, over the driver's session. Its passphrases are typed into that session: IOS takes no hash."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from obet.devices.snmp_setup import Protocols
from obet.errors import DeviceError
from obet.model import Address
from obet.platforms.ios import snmp
from obet.platforms.ios.driver_console import Console
from obet.secret import Secret
from obet.vault.names import SNMP_USER
from obet.vault.snmp_passphrases import Passphrases

# Best first. AES-256 with a digest of 160 bits would need an extension of the key that no standard names.
_PROTOCOLS: tuple[tuple[Protocols, str, str], ...] = (
    (("SHA256", "AES256"), "sha-2 256", "aes 256"),
    (("SHA256", "AES128"), "sha-2 256", "aes 128"),
    (("SHA1", "AES128"), "sha", "aes 128"),
)
_UNKNOWN = "% Invalid input detected"
_USER = re.compile(r"^User name: (\S+)\s*$(.*?)(?=^User name: |\Z)", re.MULTILINE | re.DOTALL)


class Configuration(msgspec.Struct, frozen=True):
    """What the driver does with it: reads what runs and what is saved, sees that no change is pending, saves."""

    running: Callable[[], str]
    saved: Callable[[], str]
    must_be_settled: Callable[[], None]
    save: Callable[[], None]


class Snmp:
    def __init__(self, device: str, console: Console, configuration: Configuration) -> None:
        self._device, self._console, self._configuration = device, console, configuration

    def stands(self, sources: tuple[Address, ...]) -> bool:
        user = self._user()
        encrypted = user is not None and re.search(rf"Group-name: {snmp.GROUP}\s*$", user, re.MULTILINE)
        encrypted = encrypted and re.search(r"Privacy Protocol: AES", user or "")
        texts = (self._configuration.running(), self._configuration.saved()) if encrypted else ()
        return bool(texts) and all(text and not snmp.setup(text, sources) for text in texts)

    def preview(self, sources: tuple[Address, ...]) -> str:
        lines = []
        if not self.stands(sources):
            lines = [f"+{line}" for line in snmp.setup(self._configuration.running(), sources).splitlines()]
            lines = [*(line for line in lines if line != "+exit"), f"+snmp-server user {SNMP_USER} {snmp.GROUP} v3 …"]
        if in_clear := self.in_clear():
            lines.append(f"-snmp-server … (of version 1 and 2c: {in_clear})")
        return "".join(f"{line}\n" for line in lines)

    def put(self, sources: tuple[Address, ...], passphrases: Passphrases) -> Protocols:
        running = self._configuration.running()
        if said := tells_secrets(running):
            raise DeviceError(f"{self._device}: {said}: no passphrase of SNMP is sent to it")
        self._configuration.must_be_settled()
        self._console.configure(snmp.setup(running, sources))
        protocols = self._put_user(passphrases)
        self._console.configure(snmp.unbound(self._configuration.running()))
        self._configuration.save()
        if not self.stands(sources):
            raise DeviceError(f"{self._device}: has not made the SNMP user {SNMP_USER} as told")
        return protocols

    def communities(self) -> tuple[Secret, ...]:
        return tuple(map(Secret, snmp.communities(self._configuration.running())))

    def in_clear(self) -> int:
        return len(snmp.without_communities(self._configuration.running()).splitlines())

    def drop_communities(self) -> None:
        self._configuration.must_be_settled()
        self._console.configure(snmp.without_communities(self._configuration.running()))
        self._configuration.save()
        if self.in_clear():
            raise DeviceError(f"{self._device}: was told to answer no community of SNMP any more, and shows some on")

    def remove(self) -> None:
        text = snmp.removal(self._configuration.running(), SNMP_USER, there=self._user() is not None)
        if text:
            self._configuration.must_be_settled()
            self._console.configure(text)
            self._configuration.save()
        if self.residue():
            raise DeviceError(f"{self._device}: the SNMP user {SNMP_USER} is still there after it was removed")

    def residue(self) -> tuple[str, ...]:
        return (f"SNMP user {SNMP_USER}",) if self._user() is not None else ()

    def _user(self) -> str | None:
        """What the device tells of our user."""
        answer = self._console.ask("show snmp user")
        return None if self._console.is_refused(answer) else dict(_USER.findall(answer)).get(SNMP_USER)

    def _put_user(self, passphrases: Passphrases) -> Protocols:
        refused = ""
        for protocols, auth, priv in _PROTOCOLS:
            words = f"{auth} {passphrases.auth.reveal()}", f"{priv} {passphrases.priv.reveal()}"
            try:
                self._console.configure(snmp.user(SNMP_USER, *words))
            except DeviceError as error:
                if _UNKNOWN not in str(error):  # it knows it, or was not understood: no reason for a weaker one
                    raise
                refused = str(error)
                continue
            return protocols
        raise DeviceError(refused)


def tells_secrets(running: str) -> str:
    """Why what is typed does not stay on the device; empty where it does."""
    logged = re.search(r"^ log config\n((?:  .*\n)*)", running, re.MULTILINE)
    if logged and "logging enable" in logged[1] and "hidekeys" not in logged[1]:
        return "it logs each command as it is typed: give `archive` / `log config` its `hidekeys` first"
    if re.search(r"^aaa accounting commands 15 ", running, re.MULTILINE):
        return "it tells a server each command as it is typed: take `aaa accounting commands 15` away first"
    return ""
