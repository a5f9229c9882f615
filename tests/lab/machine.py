"""A full machine: own file tree, users, host key, rules and processes; it can be rebooted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from . import machine_accounts, network, this_host
from .errors import LabError
from .initial_login import HandedOver
from .processes import Process, spawn, wait_readable
from .topology import Kind, Place

if TYPE_CHECKING:
    from collections.abc import Sequence


HERE = Path(__file__).parent
START_SECONDS = 30.0
STOP_SECONDS = 3.0
PROGRAMS = "usr/local/lib/lab"
# Root in a machine is root of this kernel; see machine_boot.sh.
DROPPED = "--bounding-set=-sys_module,-sys_boot,-sys_time,-sys_rawio"


class Machine(HandedOver):
    """One machine; its upper file tree is in `directory`, on the lab's tmpfs."""

    def __init__(self, lab: str, place: Place, directory: Path, base: Path) -> None:
        """Only names and paths."""
        super().__init__(lab, place)
        self.directory = directory
        self.base = base

    @property
    def running(self) -> bool:
        """Whether its PID 1 runs."""
        process = Process.load(self._init_file)
        return process is not None and process.alive

    @property
    def _init_file(self) -> Path:
        return self.directory / "init.json"

    @property
    def _supervisor_file(self) -> Path:
        return self.directory / "supervisor.json"

    def create(self) -> None:
        """Make its file tree, boot it, add the accounts of its kind."""
        for folder in ("work", "root"):
            (self.directory / folder).mkdir(parents=True)
        self._place(f"{PROGRAMS}/machine_init.py", _ours("machine_init.py"))
        if self.place.kind is Kind.SERVER:
            self._place(f"{PROGRAMS}/status_service.py", _ours("status_service.py"))
            self._place("etc/init.d/status", _ours("status_init.sh"), 0o755)
            self._place("usr/local/bin/status-takes", _ours("status_takes.py"), 0o755)
        hosts = f"127.0.0.1 localhost\n::1 localhost\n{self.ipv4} {self.name}\n{self.ipv6} {self.name}\n"
        self._place("etc/hosts", hosts)
        self._place("etc/hostname", f"{self.name}\n")
        self.boot()
        self._login = machine_accounts.create(self)

    def _place(self, name: str, text: str, mode: int = 0o644) -> None:
        """Write a file before the first boot; an upper folder's mode is the machine's, whatever our umask is."""
        upper = self.directory / "upper"
        path = upper / name
        for folder in reversed([path.parent, *path.parent.parents]):
            if folder.is_relative_to(upper) and not folder.exists():
                folder.mkdir()
                folder.chmod(0o755)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)

    def boot(self) -> None:
        """Start its PID 1 and wait until its services accept connections."""
        reader, writer = os.pipe()
        try:
            supervisor = spawn(self._boot_command(), self.environment(), self.directory / "boot.log", writer)
        finally:
            os.close(writer)
        supervisor.save(self._supervisor_file)
        said = _read_line(reader, START_SECONDS)
        if said != "ready":
            supervisor.stop(STOP_SECONDS)
            log = (self.directory / "boot.log").read_text(encoding="utf-8").strip()
            raise LabError(f"{self.name} does not start: {said or log or 'it says nothing'}")
        supervisor.children()[0].save(self._init_file)

    def _boot_command(self) -> list[str]:
        namespaces = ["--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
        boot = ["/bin/sh", str(HERE / "machine_boot.sh"), str(self.base), str(self.directory), self.name]
        net = f"--net={network.NAMESPACES / self.namespace}"
        return [this_host.tool("nsenter"), net, "--wd=/", "--", this_host.tool("unshare"), *namespaces, "--", *boot]

    def shut_down(self) -> None:
        """End every process in it; its files stay."""
        for file in (self._init_file, self._supervisor_file):
            if process := Process.load(file):
                process.stop(STOP_SECONDS)
                file.unlink()

    def restart(self) -> None:
        """Reboot: processes, /run, /tmp and the kernel's rules go, files stay."""
        self.shut_down()
        self.boot()

    def environment(self) -> dict[str, str]:
        """What a root login would have."""
        environment = {"PATH": this_host.SYSTEM_PATH, "LANG": "C.UTF-8", "HOME": "/root"}
        if terminal := os.environ.get("TERM"):
            environment["TERM"] = terminal
        return environment

    def entered(self, arguments: Sequence[str], cwd: Path | None) -> list[str]:
        """As root inside; setpriv ends the command together with the process outside that stands for it."""
        init = Process.load(self._init_file)
        if init is None or not init.alive:
            raise LabError(f"{self.name} is not running")
        where = ["--mount", "--uts", "--ipc", "--net", "--pid", "--root", f"--wdns={cwd or '/'}"]
        inside = ["/usr/bin/setpriv", "--pdeathsig=KILL", DROPPED, "--", *arguments]
        return [this_host.tool("nsenter"), f"--target={init.pid}", *where, "--", *inside]

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Put a root-owned file into it, in one step for whoever reads it."""
        temporary = f"{path}.new"
        script = 'umask 022; mkdir -p "$(dirname "$1")"; umask 077; cat > "$1"; chmod "$2" "$1"; mv "$1" "$3"'
        self.run(["sh", "-euc", script, "sh", temporary, f"{mode:o}", path], input=text)


def _read_line(descriptor: int, timeout: float) -> str:
    """One line from a pipe, or what came before its end or the deadline."""
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as reader:
        return reader.readline().strip() if wait_readable([descriptor], timeout) else "no word in time"


def _ours(name: str) -> str:
    """A program that stands beside this module."""
    return (HERE / name).read_text(encoding="utf-8")
