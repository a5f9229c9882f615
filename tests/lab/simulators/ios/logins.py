"""Who may log in, as the running configuration says: local users, lists of methods, public keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import asyncssh

from lab.simulators.users import Offered, Users, digest

from . import services, users_lines

if TYPE_CHECKING:
    from .device import Simulated

FULL = 15
LOCAL = ("local", "local-case")


class Logins(Users):
    """The users of the running configuration."""

    def __init__(self, device: Simulated) -> None:
        """Reads the device's configuration at each question."""
        super().__init__()
        self._device = device

    def _line(self, name: str) -> str:
        entry = self._device.config.root.lines.get(("username", name))
        return entry.text if entry else ""

    def _methods(self, service: str) -> list[str]:
        """What the next free line asks for: `local`, `none`, groups."""
        config, busy = self._device.config, self._device.busy
        number = services.next_line(config, busy, service)
        section = None if number is None else config.vty(number)
        if section is None:
            return []
        login = section.get("login")
        if not config.root.has("aaa new-model"):
            return ["local"] if login == "local" else []
        name = login.removeprefix("authentication ") if login.startswith("authentication ") else "default"
        named = config.root.get("aaa", "authentication", "login", name)
        return named.split() if named else (["local"] if name == "default" else [])

    def _allowed(self, method: str) -> bool:
        chosen = [e.text.split()[-1] for e in self._device.config.root.starting("ip", "ssh", "server", "authenticate")]
        return not chosen or method in chosen

    def check_password(self, name: str, password: str, service: str) -> bool:
        """Whether this password opens the account now; what was offered is noted."""
        methods = self._methods(service)
        right = (service != "ssh" or self._allowed("password")) and (
            ("none" in methods and not self._line(name))
            or (any(method in LOCAL for method in methods) and users_lines.check(self._line(name), password))
        )
        self.offered.append(Offered("password", name, digest(password), right, service))
        return right

    def check_key(self, name: str, key: asyncssh.SSHKey, service: str = "ssh") -> bool:
        """Whether this public key is one of the account's; what was offered is noted."""
        wanted = users_lines.blob_hash(key.public_data)
        right = bool(self._line(name)) and wanted in self._hashes(name) and self._allowed("publickey")
        self.offered.append(Offered("key", name, key.get_fingerprint(), right, service))
        return right

    def note_user(self, name: str, service: str) -> None:
        """Somebody named an account."""
        self.offered.append(Offered("user", name, "", accepted=bool(self._line(name)), service=service))

    def _hashes(self, name: str) -> list[str]:
        return [
            entry.text.split()[2]
            for _, chain in self._device.config.sections("ip", "ssh", "pubkey-chain")
            for entry in chain.starting("username", name)
            if entry.below
            for entry in entry.below.starting("key-hash")
        ]

    def privilege(self, name: str, line: int) -> int:
        """The level in which a session of this user begins."""
        config = self._device.config
        if config.root.has("aaa new-model"):
            execs = config.root.get("aaa", "authorization", "exec", "default").split()
            if not any(method in LOCAL for method in execs):
                return 1
        found = re.search(r" privilege (\d+)\b", self._line(name))
        if found:
            return int(found[1])
        section = config.vty(line)
        return int(section.get("privilege", "level") or 1) if section else 1

    def enable_matches(self, password: str) -> bool | None:
        """Whether a password opens privileged mode; None: none is set."""
        root = self._device.config.root
        for kind in ("secret", "password"):
            if entry := root.lines.get(("enable", kind)):
                return users_lines.check(entry.text, password)
        return None
