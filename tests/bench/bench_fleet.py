"""The runs: each party a whole process on the lab's control node, in turn; what each used, and others beside it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from lab import LabError, this_host
from lab.processes import Process

from .company import Company
from .fleet import Fleet
from .peers import Command, Environment, Peers, served
from .usage import Use, cpu_seconds, used

if TYPE_CHECKING:
    from lab import Lab

    from .fleet import Switch

WARM = 4  # devices of a run that is not counted
SLOW_FORKS, SLOW = 5, 10  # Ansible as it comes is given fewer devices still

Run = Callable[[Sequence["Switch"]], Command]


@dataclass(frozen=True)
class Options:
    """What is asked for: `bearable` is how many devices Ansible is given at most, `push` how many get rules at once."""

    devices: int
    rounds: int
    peers: tuple[str, ...]
    scale: tuple[int, ...]
    bearable: int = 50
    push: int = 200


@dataclass
class Party:
    """One of those that are compared, and what its counted runs used."""

    name: str
    command: Run
    devices: int
    uses: list[Use] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        """Devices a second, of whole processes."""
        return [self.devices / use.wall for use in self.uses]


@dataclass(frozen=True)
class Found:
    """All that was measured."""

    options: Options
    reads: list[Party]
    pushes: list[Party]
    scale: list[Party]
    versions: dict[str, str]
    notes: list[str]


class Bench:
    """On a lab of its own."""

    def __init__(self, lab: Lab, options: Options) -> None:
        """Makes company and devices."""
        self._lab, self._options = lab, options
        self._fleet = Fleet(lab, options.devices)
        self._environment = Environment()
        if options.peers:
            self._environment.ensure()
        self._company = Company(lab, self._fleet)
        self._say(f"{options.devices} switches are made")
        self._fleet.start()
        self._company.serve(self._fleet.switches)
        self._company.hand_over(self._fleet.switches)
        self._peers = Peers(self._company, self._environment)
        self._notes: list[str] = []

    def run(self) -> Found:
        """Warm-up, the rounds of each kind, Obet alone at several sizes."""
        ssh = self._faster_ssh() if "ansible" in self._options.peers else "paramiko"
        self._say("Obet restricts all of them: not counted")
        at_once = self._options.push or self._options.devices
        for first in range(0, self._options.devices, at_once):
            switches = self._fleet.switches[first : first + at_once]
            self._once(Party("obet_push", self._restrict, len(switches)), switches)
        reads = self._parties(push=False, ssh=ssh)
        self._rounds(reads)
        scale = [Party(f"obet_read_{n}", self._prove, n) for n in self._options.scale if n <= self._options.devices]
        self._rounds(scale)
        pushes = self._parties(push=True, ssh=ssh) if self._options.push else []
        self._rounds(pushes, reset=True)
        versions = self._environment.versions() if self._options.peers else {}
        return Found(self._options, reads, pushes, scale, versions, self._notes)

    def _parties(self, *, push: bool, ssh: str) -> list[Party]:
        peers, kind = self._options.peers, "push" if push else "read"
        size = min(self._options.push, self._options.devices) if push else self._options.devices
        found = [Party(f"obet_{kind}", self._restrict if push else self._prove, size)]
        if "nornir_netmiko" in peers:
            party = Party(f"nornir_netmiko_{kind}", lambda s: self._peers.nornir_netmiko(s, push=push), size)
            found.append(party)
        if "asyncssh" in peers and not push:
            found.append(Party("asyncssh_read", self._peers.asyncssh, size))
        if "ansible" in peers:
            few = min(size, self._options.bearable)
            found.append(Party(f"ansible_{kind}", lambda s: self._peers.ansible(s, 50, ssh, push=push), few))
            fewer, forks = min(size, SLOW), SLOW_FORKS
            slow = Party(f"ansible_5_forks_{kind}", lambda s: self._peers.ansible(s, forks, ssh, push=push), fewer)
            found.append(slow)
        return found

    def _rounds(self, parties: Sequence[Party], *, reset: bool = False) -> None:
        """One after another, again and again: what drifts drifts for all."""
        for party in parties:
            if "obet" not in party.name:
                self._once(party, self._fleet.switches[: min(WARM, party.devices)])
        for number in range(1, self._options.rounds + 1):
            for party in parties:
                switches = self._fleet.switches[: party.devices]
                if reset:
                    self._fleet.reset(switches)
                use = self._once(party, switches)
                party.uses.append(use)
                rate = f"{party.devices / use.wall:.1f} devices a second"
                self._say(f"round {number}: {party.name}: {party.devices} in {use.wall:.1f} s, {rate}")

    def _once(self, party: Party, switches: Sequence[Switch]) -> Use:
        command = party.command(switches)
        vault = Process.load(self._lab.vault.directory / "process.json")
        clocks = {"switches": lambda: self._fleet.cpu, "vault": lambda: cpu_seconds(vault.pid) if vault else 0.0}

        def start() -> subprocess.Popen[str]:
            return self._lab.node1.popen(
                command.arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=command.environment
            )

        use, code = used(start, clocks)
        served(command, code, use.output)
        return use

    def _prove(self, switches: Sequence[Switch]) -> Command:
        """The product as its users run it."""
        return Command(
            ["obet", "verify", "--rules", *(switch.id for switch in switches)], self._company.own.environment
        )

    def _restrict(self, switches: Sequence[Switch]) -> Command:
        limit = ",".join(switch.id for switch in switches)
        arguments = ["ansible-playbook", "playbooks/restrict_access.yml", "--limit", limit]
        return Command(arguments, self._company.own.environment)

    def _faster_ssh(self) -> str:
        """Of the two SSH libraries that network_cli takes, on a few devices."""
        took: dict[str, float] = {}
        switches = self._fleet.switches[: min(SLOW, self._options.devices)]
        for ssh in ("libssh", "paramiko"):
            party = Party(ssh, partial(self._peers.ansible, forks=50, ssh=ssh), len(switches))
            try:
                self._once(party, switches[:WARM])
                took[ssh] = self._once(party, switches).wall
            except LabError as error:
                self._notes.append(f"Ansible over {ssh} was left out: {error}")
        if not took:
            raise LabError(f"Ansible reads no switch: {'; '.join(self._notes)}")
        faster = min(took, key=lambda ssh: took[ssh])
        seconds = ", ".join(f"{ssh} {wall:.1f} s" for ssh, wall in took.items())
        self._notes.append(f"Ansible's network_cli over {faster}, the faster on {len(switches)} devices: {seconds}")
        self._say(self._notes[-1])
        return faster

    def _say(self, text: str) -> None:
        this_host.say(f"{time.strftime('%H:%M:%S')} {text}")
