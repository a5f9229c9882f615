"""The router as a device: what listens, what runs, what is kept."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh

from ...errors import LabError
from ...processes import write_atomically
from ..device import Control, Device, Settings
from ..ssh import SshServer
from . import certificates, console
from .accounts import HASH, Accounts
from .actions import ACTIONS, export
from .api import Session
from .configuration import Configuration, Row
from .errors import RouterError
from .export import Style, exported
from .facts import FACTS
from .files import Files
from .filter import counters, translated
from .menus import JOB_POLICY, MENUS, POLICIES
from .monitoring import Monitoring
from .requests import Answer, Caller, Request, matching
from .router import COMMANDS, table
from .scheduler import Scheduler
from .script import Script
from .services import Services

CERTIFICATE = "local"
FIREWALL = {"ip/firewall/filter", "ipv6/firewall/filter", "ip/firewall/address-list", "ipv6/firewall/address-list",
            "interface/list", "interface/list/member", "interface/ethernet", "ip/service"}  # fmt: skip
ACCOUNTS = {"user", "user/group", "user/ssh-keys"}
SETTLING_SHARE = 10  # within a script, so many times as long as loading the kernel's rules took is spent on the script


class Simulated(Device):
    """A MikroTik RB5009. Options: `version`, `device_mode` (a menu's values)."""

    def __init__(self, settings: Settings) -> None:
        """Off."""
        super().__init__(settings)
        self.version: str = settings.options.get("version", "7.18.2")
        self.serial = f"HJ{zlib.crc32(settings.name.encode()):010d}"
        self.files = Files(self.directory / "files", self.faults)
        self.accounts, self.scheduler = Accounts(self), Scheduler(self)
        self.configuration = Configuration()
        self.sessions: set[Session] = set()
        self.active: list[Caller] = []
        self.log: list[dict[str, str]] = []
        self.wanted_device_mode: dict[str, str] = {}
        self.run_after_boot = ""
        self.ssh = SshServer(self, partial(console.session, self), sftp_factory=self._sftp, allow_scp=True,
                             server_version="ROSSSH")  # fmt: skip
        self.services, self.monitoring = Services(self), Monitoring(self)
        self._booted, self._next_settling = 0.0, 0.0
        self._dirty: set[str] = set()
        self._depth = 0  # of scripts that run

    @property
    def uptime(self) -> float:
        """The router's seconds since it booted."""
        return self.timers.passed - self._booted

    @property
    def _state_file(self) -> Path:
        return self.directory / "configuration.json"

    def load(self) -> None:
        """RouterOS has no other configuration than the saved one."""
        if self._state_file.exists():
            saved = json.loads(self._state_file.read_text(encoding="utf-8"))
            self.configuration = Configuration.loaded(saved["configuration"])
            self.run_after_boot = saved["run_after_boot"]
        else:
            self.configuration = self.new_configuration(certificate=True)
            self._save()
        self.log = []
        if self.enforcement:
            self.enforcement.forget()
        self.accounts.renew()
        self._booted = self.timers.passed

    def new_configuration(self, *, certificate: bool = False) -> Configuration:
        """A new router's: one user; with `certificate` also what whoever installed it did for the API over TLS."""
        fresh = Configuration()
        user = fresh.add("user", {"name": self.settings.user, "group": "full"})
        user.hidden[HASH] = self.settings.password_hash
        fresh.single_row("system/device-mode").values |= self.settings.options.get("device_mode", {})
        for address in self.settings.addresses:
            version = ipaddress.ip_address(address).version
            path, length = ("ip/address", 24) if version == 4 else ("ipv6/address", 64)
            row = fresh.add(path, {"address": f"{address}/{length}", "interface": "ether1"})
            self.fill_network(row)
        if certificate:
            made = certificates.self_signed(self.settings.name, self.settings.addresses)
            row = fresh.add("certificate", {"name": CERTIFICATE, "common-name": self.settings.name, "trusted": "yes"})
            row.hidden |= {"pem": made.certificate, "key": made.key}
            service = fresh.find("ip/service", "api-ssl")
            fresh.set("ip/service", [service], {"certificate": CERTIFICATE})
        fresh.changed.clear()
        return fresh

    def fill_network(self, row: Row) -> None:
        """The router works out an IPv4 address's network."""
        interface = ipaddress.ip_interface(row.values["address"])
        if interface.version == 4:
            row.values.setdefault("network", str(interface.network.network_address))

    def _save(self) -> None:
        content = {"configuration": self.configuration.dumped(), "run_after_boot": self.run_after_boot}
        write_atomically(self._state_file, json.dumps(content))

    async def open_services(self) -> None:
        """As after a boot."""
        self._enforce()
        await self.services.follow()
        await self.monitoring.follow()
        self.scheduler.booted()
        if self.run_after_boot:
            source, self.run_after_boot = self.run_after_boot, ""
            self._save()
            await self._run_quietly(source, frozenset(JOB_POLICY.split(",")), "run-after-reset")

    async def close_services(self) -> None:
        """Everything that is connected is cut."""
        await self.services.close()
        self.monitoring.close()
        await self.ssh.close()
        for session in list(self.sessions):
            session.end()

    def replace(self, configuration: Configuration) -> None:
        """Another configuration, saved; the reboot that must follow takes it up."""
        self.configuration = configuration
        self._dirty.clear()
        self._save()

    def _enforce(self) -> None:
        if self.enforcement:
            try:
                rules = translated(self.configuration, self.services.wanted())
                self.enforcement.apply(rules, counters(self.configuration))
            except LabError as error:
                raise RouterError(f"simulator: {error}") from error

    def _sftp(self, channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=str(self.files.root).encode())

    async def faults_changed(self) -> None:
        """Another host key, perhaps; a certificate is asked for at each handshake."""
        await self.ssh.renew_host_key()

    def is_menu(self, path: str) -> bool:
        """Whether there is such a menu, or one below it."""
        return any(known == path or known.startswith(f"{path}/") for known in (*MENUS, *FACTS, "file", "system/backup"))

    def has_command(self, path: str, command: str) -> bool:
        """Whether this menu has such a command."""
        if f"{path}/{command}".strip("/") in ACTIONS or command == "export":
            return True
        return command in COMMANDS if path in MENUS else path in FACTS and command in ("print", "getall", "get", "find")

    async def request(self, caller: Caller, request: Request) -> Answer:
        """Any command; what it changed holds when this answers."""
        try:
            return await self._request(caller, request)
        finally:
            await self._settle()

    async def _request(self, caller: Caller, request: Request) -> Answer:
        path, command = request.path, request.command
        if action := ACTIONS.get(f"{path}/{command}".strip("/")):
            return await action(self, caller, request)
        if command == "export":
            return await export(self, caller, request)
        if path == "interface" and command in ("set", "enable", "disable"):
            return await table(self, caller, replace(request, path="interface/ethernet"))
        if path in FACTS and command in ("print", "getall", "get"):
            return self._fact(caller, request)
        if path in MENUS and command in COMMANDS:
            return await table(self, caller, request)
        raise RouterError("no such command" if self.is_menu(path) else "no such command prefix", 0)

    def _fact(self, caller: Caller, request: Request) -> Answer:
        caller.need("read")
        rows = FACTS[request.path](self)
        if request.command == "get":
            return Answer(ret=rows[0].get(request.value("value-name"), ""))
        return Answer(rows=[row for row in rows if matching(row, request.conditions)])

    async def _settle(self) -> None:
        """Make what has changed hold: the kernel's rules, listeners, users, timers, and on tmpfs."""
        self._dirty |= self.configuration.changed
        self.configuration.changed.clear()
        if not self._dirty or (self._depth and time.monotonic() < self._next_settling):
            return
        began = time.monotonic()
        changed, self._dirty = self._dirty, set()
        if changed & ACCOUNTS:
            self.accounts.renew()
        if changed & FIREWALL:
            self._enforce()
        if "ip/service" in changed:
            await self.services.follow()
        if "snmp" in changed:
            await self.monitoring.follow()
        if changed & {"system/scheduler", "system/device-mode"}:
            self.scheduler.renew()
        self._save()
        self._next_settling = time.monotonic() + SETTLING_SHARE * (time.monotonic() - began)

    def script(self, caller: Caller, write: Callable[[str], Any], *, check: bool = False, menu: str = "") -> Script:
        """A script that this caller runs here."""
        bound = console.Bound(self, caller, write)
        return _Settling(bound, write, self._delay, check, menu, router=self)

    async def _delay(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.timers.scale)

    async def run_job(self, row: Row) -> None:
        """A scheduler's entry: a script's name, or a script; what goes wrong is in the log."""
        event = row.values.get("on-event", "")
        named = self.configuration.named("system/script", event)
        source = named.values.get("source", "") if named else event
        policy = self.configuration.value("system/scheduler", row, "policy") or ""
        await self._run_quietly(source, frozenset(policy.split(",")), row.values["name"])

    async def _run_quietly(self, source: str, policies: frozenset[str], name: str) -> None:
        caller = Caller("admin", policies, "scheduler")
        try:
            await self.script(caller, lambda _: None).run(source)
        except RouterError as error:
            self.note("error", f"executing script from scheduler ({name}) failed, please check it manually: {error}")

    def note(self, topic: str, message: str) -> None:
        """A line of the router's own log."""
        at = f"{self.timers.now:%Y-%m-%d %H:%M:%S}"
        self.log.append({"time": at, "topics": f"system,{topic}", "message": message})

    def header(self) -> str:
        """What every export begins with."""
        at = f"{self.timers.now:%Y-%m-%d %H:%M:%S}"
        lines = (f"# {at} by RouterOS {self.version}", "# software id = NULL-0000", "#", "# model = RB5009UG+S+",
                 f"# serial number = {self.serial}")  # fmt: skip
        return "\n".join(lines)

    def account(self, offered: str) -> str:
        """Without the console's parameters (admin+ct512w)."""
        return console.PARAMETERS.sub("", offered)

    def may_log_in(self, user: str, kind: str, service: str, address: str) -> bool:
        """What the router's groups say."""
        return self.accounts.may_log_in(user, kind, service, address)

    def controls(self) -> dict[str, Control]:
        """What a test may do beside what it may to every device."""
        return {"press-button": self._press_button, "script": self._script, "factory": self._factory}

    async def _script(self, source: str) -> str:
        """Run a script as the console at the router itself would; answers what it printed."""
        said: list[str] = []
        await self.script(Caller("admin", frozenset(POLICIES), "local"), said.append).run(source)
        return "".join(said)

    async def _factory(self) -> None:
        """As it came, with the certificate that it had and without its files."""
        await self.stop()
        self._state_file.unlink(missing_ok=True)
        for name in reversed(self.files.names()):
            self.files.remove(name)
        await self.start()

    async def _press_button(self) -> None:
        """Confirm a change of device-mode, which reboots."""
        self.configuration.single_row("system/device-mode").values |= self.wanted_device_mode
        self.wanted_device_mode = {}
        self._save()
        await self.reboot()

    def state(self) -> dict[str, Any]:
        """As the other devices tell it, and the certificate of the API."""
        held = self.configuration.named("certificate", CERTIFICATE)
        key = self.own_host_key().export_public_key().decode().split()[:2]
        return {
            "running": exported(self.configuration, Style(show_sensitive=True), self.header()),
            "ssh_host_key": " ".join(key),
            "certificate": held.hidden.get("pem", "") if held else "",
            "files": self.files.names(),
            "log": self.log,
            "listening": self.services.listening,
        }


class _Settling(Script):
    """A script whose changes are taken up now and then while it runs, and at its end."""

    def __init__(self, *arguments: Any, router: Simulated) -> None:
        super().__init__(*arguments)
        self._router = router

    async def run(self, source: str) -> None:
        self._router._depth += 1
        try:
            await super().run(source)
        finally:
            self._router._depth -= 1
            await self._router._settle()
