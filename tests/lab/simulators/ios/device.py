"""A Cisco switch: its configuration, sessions, files and services."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import asyncssh

from lab.processes import write_atomically
from lab.simulators.device import Control, Device, Settings
from lab.simulators.faults import FaultKind

from . import actions, factory, monitoring, secrets, services, shows  # noqa: F401 - two of them register commands
from .archive import Archive
from .flash import CAPACITY, RUNNING, STARTUP, FileError, Flash
from .listeners import Listeners
from .logins import Logins
from .tree import LINES, LineError, Tree

if TYPE_CHECKING:
    from .console import Console

MINUTE = 60.0
MODULUS = 2048
LATIN = "latin-1"


@lru_cache(maxsize=8)
def _parsed(private: bytes) -> asyncssh.SSHKey:
    """A host key; the check of its primes takes a twentieth of a second, and each change of a configuration asks."""
    return asyncssh.import_private_key(private)


class Simulated(Device):
    """One switch. `options` of its settings: `lines` (of configuration, after the factory's), `flash` (bytes)."""

    users: Logins

    def __init__(self, settings: Settings) -> None:
        """Nothing is loaded."""
        super().__init__(settings)
        self.users = Logins(self)
        capacity = int(settings.options.get("flash", CAPACITY))
        self.flash = Flash(self.directory / "flash", capacity, lambda: bool(self.faults.active(FaultKind.FULL)))
        self.config = Tree(self._hidden)
        self.archive = Archive(self)
        self.sessions: dict[int, Console] = {}
        self._held = 0
        self.snmp_users: dict[str, dict[str, str]] = {}
        self.engine_id = secrets.engine_id()
        self._startup = self.directory / "startup-config"
        self._private = self.directory / "private-config.json"
        self._made = self.directory / "made"  # it has been started before
        self._key_file = self.directory / "ssh_host_rsa_key"
        self._listeners = Listeners(self)
        self._changed_by = ""
        self._booted_at = 0.0

    @property
    def hostname(self) -> str:
        """Its name, as the prompt has it."""
        return self.config.root.get("hostname") or "Switch"

    @property
    def busy(self) -> Collection[int]:
        """The lines that sessions hold, or others of whom nothing else is seen."""
        return {*self.sessions, *range(LINES - self._held, LINES)}

    @property
    def uptime(self) -> float:
        """Seconds since it booted."""
        return self.timers.passed - self._booted_at

    @property
    def unsaved(self) -> bool:
        """Whether the running configuration differs from the saved one."""
        return not self._startup.exists() or self._startup.read_bytes() != self._saved_form()

    def banner(self, kind: str) -> str:
        """A banner's text."""
        return self.config.root.get("banner", kind).replace("^C", "")

    def load(self) -> None:
        """Take the saved configuration; the first time, the factory's with the customer's user."""
        self.config = Tree(self._hidden)
        self.archive = Archive(self)
        self._booted_at = self.timers.passed
        if self._private.exists():
            private = json.loads(self._private.read_text(encoding="utf-8"))
            self.snmp_users, self.engine_id = private["snmp_users"], private["engine_id"]
        if not self._made.exists():
            self._first_start()
        elif self._startup.exists():
            self.config.load(self._startup.read_bytes().decode(LATIN).splitlines())

    def _first_start(self) -> None:
        if not self.has_key:
            self.make_key(MODULUS)
        own = self.settings
        self.config = Tree(self._hidden)
        self.config.load(factory.configuration(own.name, own.user, own.password_hash, own.addresses))
        self.config.load(own.options.get("lines", []))
        self.save(own.user)
        self._made.touch()

    async def open_services(self) -> None:
        """Enforce the running configuration and listen where it says."""
        await self._listeners.follow()

    async def close_services(self) -> None:
        """End listeners and connections."""
        await self._listeners.close()
        self.sessions.clear()

    async def faults_changed(self) -> None:
        """Another host key, if that is what they say."""
        await self._listeners.renew_host_key()

    async def changed(self, user: str = "") -> None:
        """The running configuration may have changed: open, close and enforce what it says now."""
        self._changed_by = user or self._changed_by
        await self._listeners.follow()

    async def merge(self, content: bytes, user: str) -> str:
        """Take a file's lines into the running configuration; answers what is printed of those refused."""
        refused = self.config.load(content.decode(LATIN).splitlines())
        await self.changed(user)
        return "".join(f"{line}\n{' ' * 4}^\n{said}\n" for line, said in refused)

    def noted(self, user: str) -> None:
        """Somebody has left configuration mode."""
        self._changed_by = user

    def running_text(self) -> str:
        """The running configuration as a file."""
        when = self.timers.now.strftime("%H:%M:%S UTC %a %b %d %Y")
        by = f" by {self._changed_by}" if self._changed_by else ""
        head = ["!", f"! Last configuration change at {when}{by}", "!"] if by else ["!"]
        return "\n".join([*head, *self.config.rendered(), "end", ""])

    def running_file(self) -> bytes:
        """The same as bytes."""
        return self.running_text().encode(LATIN, "replace")

    def _saved_form(self) -> bytes:
        return "\n".join(["!", *self.config.rendered(), "end", ""]).encode(LATIN, "replace")

    def read(self, name: str) -> bytes:
        """Any file's content; a FileError says why not."""
        if name == RUNNING:
            return self.running_file()
        if name == STARTUP:
            if not self._startup.exists():
                raise FileError("No such file or directory")
            return self._startup.read_bytes()
        return self.flash.read(name)

    def save(self, user: str) -> None:
        """Keep the running configuration for the next start."""
        self.save_text(self._saved_form())
        section = next((section for _, section in self.config.sections("archive")), None)
        if section and section.has("write-memory") and self.archive.path:
            self.archive.save()
        self._changed_by = user

    def save_text(self, content: bytes) -> None:
        """Keep a text for the next start."""
        new = self._startup.with_suffix(".new")
        new.write_bytes(content)
        new.rename(self._startup)
        private = {"snmp_users": self.snmp_users, "engine_id": self.engine_id}
        write_atomically(self._private, json.dumps(private))

    def erase(self) -> None:
        """Forget what was kept."""
        self._startup.unlink(missing_ok=True)
        self._private.unlink(missing_ok=True)

    def reload_later(self, minutes: int) -> None:
        """Reboot in so many minutes."""
        self.timers.call_later("reload", minutes * MINUTE, self._reload)

    async def _reload(self) -> None:
        self.reboot_soon()

    def needed(self, template: str, default: int) -> int:
        """The privilege that a command needs, `privilege exec level …` counted in."""
        words = " ".join(word for word in template.split() if word[0] not in "<(")
        best, needed = 0, default
        for entry in self.config.root.starting("privilege"):
            found = re.match(r"privilege exec (all )?level (\d+) (.+)", entry.text)
            # Without `all` it is this command's own level: that of `show`, and not of all that begins with it.
            same = found and (f"{words} ".startswith(f"{found[3]} ") if found[1] else words == found[3])
            if found and same and len(found[3]) > best:
                best, needed = len(found[3]), int(found[2])
        return needed

    def idle_seconds(self, line: int) -> float | None:
        """How long a session may be silent, in real seconds; None: for ever."""
        section = self.config.vty(line)
        words = (section.get("exec-timeout") if section else "").split() or ["10", "0"]
        seconds = int(words[0]) * MINUTE + int(words[1] if len(words) > 1 else 0)
        return seconds / self.timers.scale if seconds else None

    def tell(self, text: str) -> None:
        """Print on the terminals that asked for messages, whatever they are at."""
        for session in list(self.sessions.values()):
            if session.monitors:
                session.put(text)
                session.flush()

    def end_session(self, number: int) -> None:
        """Cut the session on a line."""
        if session := self.sessions.get(number):
            session.cut()

    @property
    def has_key(self) -> bool:
        """Whether there is a host key, without which there is no SSH."""
        return self._key_file.exists()

    def make_key(self, modulus: int) -> None:
        """A new host key."""
        key = asyncssh.generate_private_key("ssh-rsa", key_size=modulus)
        write_atomically(self._key_file, key.export_private_key().decode())

    def host_key(self) -> asyncssh.SSHKey:
        """The host key; under the fault HOST_KEY a fresh one, like an impostor's."""
        if self.faults.active(FaultKind.HOST_KEY):
            return asyncssh.generate_private_key("ssh-rsa", key_size=MODULUS)
        return _parsed(self._key_file.read_bytes())

    def public_key(self) -> str:
        """The public host key as OpenSSH writes it; empty without one."""
        return _parsed(self._key_file.read_bytes()).export_public_key().decode().strip() if self.has_key else ""

    def key_data(self) -> str:
        """The public host key in hexadecimal digits."""
        return _parsed(self._key_file.read_bytes()).export_public_key("pkcs8-der").hex().upper()

    def algorithms(self) -> dict[str, tuple[str, ...]]:
        """What the SSH server offers now."""
        return self._listeners.algorithms()

    def _hidden(self, line: str, negated: bool) -> str:
        if line.startswith("snmp-server user "):
            return monitoring.user(self, line.split()[2:], negated=negated)
        words = line.split()
        if words[2:3] == ["zeroize"]:
            self._key_file.unlink(missing_ok=True)
            return "% All keys will be removed.\n% All router certs issued using these keys will also be removed."
        found = re.search(r"modulus (\d+)", line)
        if words[2:3] != ["generate"] or not found or not 2048 <= int(found[1]) <= 4096:
            raise LineError("% Invalid input detected at '^' marker.")
        self.make_key(int(found[1]))
        return f"% The key modulus size is {found[1]} bits\n% Generating {found[1]} bit RSA keys, keys will be non-exportable...\n[OK]"  # noqa: E501

    def snmp(self, datagram: bytes, source: str) -> bytes | None:
        """What the SNMP agent answers."""
        return monitoring.answer(self, datagram, source)

    def controls(self) -> Mapping[str, Control]:
        """At the console, without a login: `configure` takes lines, `save` keeps them, `restore` is factory's state.

        `hold` lets others hold so many of its virtual lines, from the last one down.
        """
        return {"configure": self._configure, "save": self._save, "restore": self._restore, "hold": self._hold}

    async def _hold(self, lines: int) -> None:
        self._held = lines
        await self.changed("console")

    async def _save(self) -> None:
        self.save("console")

    async def _restore(self) -> None:
        self.erase()
        for path in self.flash.files():
            path.unlink()
        self.snmp_users.clear()
        self._first_start()
        await self.reboot()

    async def _configure(self, lines: list[str]) -> list[tuple[str, str]]:
        refused = self.config.load(lines)
        await self.changed("console")
        return refused

    def state(self) -> dict[str, Any]:
        """What a test may want to see."""
        pending = self.archive.pending
        return {
            "running": "\n".join(self.config.rendered()),
            "startup": self._startup.read_bytes().decode(LATIN) if self._startup.exists() else "",
            "ssh_host_key": " ".join(self.public_key().split()[:2]),
            "sessions": {number: session.user for number, session in self.sessions.items()},
            "pending": pending.user if pending else None,
            "files": [str(path.relative_to(self.directory / "flash")) for path in self.flash.files()],
            "snmp_users": sorted(self.snmp_users),
        }
