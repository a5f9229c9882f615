"""Many simulated switches in one process, in the namespace where the lab has its one; their processor time apart.

They share a host key, as making hundreds would take longer than the benchmark; nothing that is measured depends on it.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from secrets import token_urlsafe
from typing import TYPE_CHECKING

import asyncssh
from lab import LabError, this_host
from lab.processes import Process, spawn, wait_readable
from lab.simulators.control import Control
from lab.simulators.ios.secrets import hash_password, hashed
from lab.simulators.settings import Settings
from lab.topology import MGMT, PLACES

from .usage import cpu_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab import Lab
    from lab.simulators.simulator import Simulator

NETWORK = (ipaddress.IPv4Network("10.64.0.0/16"), ipaddress.IPv6Network("2001:db8:f1::/64"))
START_SECONDS = 300.0
ACCOUNTS = ("obet", "obet-read")
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_PORTS = 24
# As onboarding leaves a switch: an archive for the timer, an account that only looks; nothing of what is not asked.
_LINES = (
    "no ip http server",
    "no ip http secure-server",
    "no snmp-server community public RO",
    "archive",
    " path flash:obet-archive",
    " maximum 2",
    "privilege exec level 14 show running-config view full",
    "privilege exec level 1 show",
    "line vty 0 15",
    " transport input ssh",
)


@dataclass(frozen=True)
class Switch:
    """One of them: `secrets` are the passwords of our accounts, by name."""

    number: int
    directory: Path
    secrets: dict[str, str]

    @property
    def id(self) -> str:
        """Its opaque id in the contract."""
        digits = "".join(_CROCKFORD[self.number >> 5 * place & 31] for place in reversed(range(4)))
        return f"d-bench0{digits}"

    @property
    def addresses(self) -> tuple[str, str]:
        """IPv4 and IPv6."""
        return str(NETWORK[0][self.number + 1]), str(NETWORK[1][self.number + 1])

    @property
    def control(self) -> Control:
        """A hand on it."""
        return Control(self.directory)


class Fleet:
    """The switches, which are there between `start` and the lab's end."""

    def __init__(self, lab: Lab, size: int) -> None:
        """Nothing runs yet."""
        self._lab, self._place = lab, lab.simulator("switch1")
        self._directory = lab.state_directory / "fleet"
        self.switches = [
            Switch(number, self._directory / str(number), {name: token_urlsafe(18) for name in ACCOUNTS})
            for number in range(size)
        ]
        self._process: Process | None = None

    @cached_property
    def host_key(self) -> str:
        """The public one of all of them, as a device's file pins it."""
        return " ".join(asyncssh.import_private_key(self._key).export_public_key().decode().split()[:2])

    @cached_property
    def _key(self) -> bytes:
        return asyncssh.generate_private_key("ssh-rsa", key_size=2048).export_private_key()

    def start(self) -> None:
        """Make and cable them; returns when all of them listen."""
        self._place.stop()
        self._unfilter()
        self._cable()
        with ThreadPoolExecutor(4) as pool:
            settings = list(pool.map(self._made, self.switches))
        self._process = self._started(settings)

    @property
    def cpu(self) -> float:
        """Seconds of processor time that they have used so far."""
        return cpu_seconds(self._process.pid) if self._process else 0.0

    def reset(self, switches: Iterable[Switch]) -> None:
        """As they were made: no rules of ours, and none that a peer has pushed."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda switch: switch.control.call("restore"), switches))

    def _unfilter(self) -> None:
        """The rules of the one switch that was there would hold for all."""
        this_host.command("ip", "netns", "exec", self._place.namespace, this_host.tool("nft"), "flush", "ruleset")

    def _cable(self) -> None:
        own = "".join(f"address add {address} dev lo\n" for s in self.switches for address in s.addresses)
        this_host.command("ip", "-n", self._place.namespace, "-batch", "-", text=own)
        for place in PLACES:
            if place.network is MGMT and place.name != self._place.name:
                self._route(self._lab.host(place.name).namespace)
        self._route(f"{self._lab.name}-net")

    def _route(self, namespace: str) -> None:
        text = f"route add {NETWORK[0]} via {self._place.ipv4}\nroute add {NETWORK[1]} via {self._place.ipv6}\n"
        this_host.command("ip", "-n", namespace, "-batch", "-", text=text)

    def _made(self, switch: Switch) -> Path:
        """Passwords are kept as MD5 crypt: scrypt's cost would be the simulators' alone, and would hide all else."""
        switch.directory.mkdir(mode=0o700, parents=True)
        (switch.directory / "ssh_host_rsa_key").write_bytes(self._key)
        rights = {"obet": 15, "obet-read": 14}
        users = [f"username {n} privilege {rights[n]} secret 5 {hashed(s, 5)}" for n, s in switch.secrets.items()]
        settings = Settings(
            name=f"sw{switch.number}", platform="ios", directory=str(switch.directory),
            addresses=list(switch.addresses), user="admin", password_hash=_UNKNOWN, shared=True,
            options={"lines": [*_LINES, *users, *_interfaces()]},
        )  # fmt: skip
        return settings.save()

    def _started(self, settings: list[Path]) -> Process:
        reader, writer = os.pipe()
        log = self._directory / "process.log"
        place: Simulator = self._place
        command = place.entered([sys.executable, "-m", "lab.simulators.process", *map(str, settings)], None)
        try:
            process = spawn(command, place.environment(), log, writer)
        finally:
            os.close(writer)
        with os.fdopen(reader, encoding="utf-8", errors="replace") as said:
            if not wait_readable([reader], START_SECONDS) or said.readline().strip() != "ready":
                raise LabError(f"the switches do not start: {log.read_text(encoding='utf-8').strip()[-500:]}")
        return process


_UNKNOWN = hash_password(token_urlsafe(18))


def _interfaces() -> list[str]:
    """So that a configuration has the length of a real one."""
    lines = []
    for number in range(1, _PORTS + 1):
        lines += [f"interface GigabitEthernet1/0/{number}", f" description port {number}", " switchport access vlan 10"]
        lines += [" spanning-tree portfast", "exit"]
    return lines
