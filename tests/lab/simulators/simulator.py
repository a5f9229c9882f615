"""The lab's handle on one network device, which runs in a process of its own (`process`)."""

from __future__ import annotations

import importlib
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .. import network, this_host
from ..errors import LabError
from ..initial_login import HandedOver, Login
from ..processes import Process, spawn, wait_readable
from .control import Control
from .settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..topology import Place

START_SECONDS = 30.0
STOP_SECONDS = 3.0
FIRST_USER = {"routeros": "admin", "ios": "admin"}
HASHING = {"routeros": "users", "ios": "ios.secrets"}  # the module with each platform's `hash_password`


def first_hash(platform: str, password: str) -> str:
    """The first user's password as this platform's configuration keeps it."""
    return str(importlib.import_module(f".{HASHING[platform]}", __package__).hash_password(password))


class Simulator(HandedOver):
    """A network device of the lab in a process of its own, in its place's namespace."""

    def __init__(self, lab: str, place: Place, directory: Path, platform: str) -> None:
        """Only names; its folder is on the lab's tmpfs."""
        super().__init__(lab, place)
        self.directory = directory
        self.platform = platform
        self.control = Control(directory)

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        process = Process.load(self._process_file)
        return process is not None and process.alive

    @property
    def ssh_host_key(self) -> str:
        """Its public SSH host key, as an estate pins it."""
        return str(self.control.state()["ssh_host_key"])

    @property
    def _process_file(self) -> Path:
        return self.directory / "process.json"

    def create(self) -> None:
        """Make it as the factory does, with a first user of a random password, and start it."""
        self.directory.mkdir(mode=0o700, parents=True)
        self._login = Login(FIRST_USER[self.platform], secrets.token_urlsafe(18))
        Settings(
            name=self.name, platform=self.platform, directory=str(self.directory), addresses=[self.ipv4, self.ipv6],
            user=self._login.user, password_hash=first_hash(self.platform, self._login.password),
        ).save()  # fmt: skip
        self.start()

    def start(self) -> None:
        """Power on; returns when it listens."""
        reader, writer = os.pipe()
        module = [sys.executable, "-m", "lab.simulators.process", str(self.directory / "settings.json")]
        log = self.directory / "process.log"
        try:
            spawn(self.entered(module, None), self.environment(), log, writer).save(self._process_file)
        finally:
            os.close(writer)
        with os.fdopen(reader, encoding="utf-8", errors="replace") as said:
            if not wait_readable([reader], START_SECONDS) or said.readline().strip() != "ready":
                self.stop()
                raise LabError(f"{self.name} does not start: {log.read_text(encoding='utf-8').strip()[-500:]}")

    def stop(self) -> None:
        """Power off; what was saved stays."""
        if process := Process.load(self._process_file):
            process.stop(STOP_SECONDS)
            self._process_file.unlink()

    def environment(self) -> dict[str, str]:
        """A minimal one."""
        return {"PATH": this_host.SYSTEM_PATH, "LANG": "C.UTF-8", "PYTHONPATH": str(Path(__file__).parents[2])}

    def entered(self, arguments: Sequence[str], cwd: Path | None) -> list[str]:
        """In its namespace, on the machine's own file tree."""
        where = [f"--net={network.NAMESPACES / self.namespace}", f"--wd={cwd or '/'}", "--"]
        return [this_host.tool("nsenter"), *where, *arguments]
