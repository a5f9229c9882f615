"""The lab as one object: made, attached to, looked at, taken down."""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import machine_accounts, network, state, this_host
from .base_image import ensure_base
from .errors import LabError
from .hosts import Host, Node
from .initial_login import Login
from .machine import Machine
from .processes import Process, spawn, write_atomically
from .simulators.simulator import Simulator
from .state import State
from .topology import MACHINES, NODE1, PLACES, SIMULATED, SIMULATORS
from .vault_binary import ensure_vault
from .vault_server import VaultServer

if TYPE_CHECKING:
    from types import TracebackType

DEFAULT_NAME = "lab"


class Lab:
    """Several machines, a node and a Vault, each in network namespaces of its own."""

    def __init__(self, name: str, base: Path, *, made_here: bool = False) -> None:
        """Only names: use `up` or `attach`."""
        self.name = name
        self.made_here = made_here
        self.state_directory = state.directory(name)
        self.node1 = Node(name, NODE1, self.state_directory / NODE1.name)
        self.vault = VaultServer(name, self.state_directory / "vault")
        self.machines = {
            place.name: Machine(name, place, self.state_directory / "machines" / place.name, base) for place in MACHINES
        }

        self.simulators = {
            place.name: Simulator(name, place, self.state_directory / "simulators" / place.name, SIMULATED[place.kind])
            for place in SIMULATORS
        }

    @classmethod
    def up(cls, name: str = DEFAULT_NAME, *, owner_pid: int | None = None, vault: bool = True) -> Lab:
        """Make a lab, or answer the one of this name that runs.

        With an owner, the lab is gone when that process is, however it ends, and its secrets (Vault's keys, the
        servers' passwords) are in this object only. Without, it stays until `down`, and they are in a 0600 file
        on the lab's tmpfs.
        """
        this_host.require_host()
        state.check_name(name)
        clear_abandoned()
        base = ensure_base()
        if vault:
            ensure_vault()
        with this_host.locked(state.lock_file(name)):
            running = cls._running(name, vault=vault)
            return running or cls._make(name, base, owner_pid, vault=vault)

    @classmethod
    def attach(cls, name: str = DEFAULT_NAME) -> Lab:
        """The lab that another process made."""
        found = state.load(name)
        if found is None or not found.ready:
            raise LabError(f"no lab {name} is up; start it with: scripts/lab up --name {name}")
        lab = cls(name, Path(found.base))
        lab._load_secrets()
        return lab

    @classmethod
    def _running(cls, name: str, *, vault: bool) -> Lab | None:
        found = state.load(name)
        if found is None or not found.ready or found.abandoned:
            return None
        lab = cls.attach(name)
        if not lab.healthy:
            return None
        if vault and not found.vault:
            raise LabError(f"lab {name} runs without a Vault: take it down first")
        return lab

    @classmethod
    def _make(cls, name: str, base: Path, owner_pid: int | None, *, vault: bool) -> Lab:
        owner = None if owner_pid is None else _process(owner_pid)
        making = State(Process.of(os.getpid()), owner, vault=vault, base=str(base))
        lab = cls(name, base, made_here=True)
        state.destroy(name)  # what a killed one may have left
        try:
            state.mount(name)
            state.save(name, making)
            _start_watchdog(name)
            lab._create(vault=vault)
            if owner is None:
                lab._save_secrets()
            state.save(name, replace(making, ready=True))
        except BaseException:
            state.destroy(name)
            raise
        return lab

    def _create(self, *, vault: bool) -> None:
        """Make the network, then everything on it at once."""
        network.create(self.name)
        self.node1.create()
        works = [host.create for host in self._with_logins]
        if vault:
            works.insert(0, self.vault.create)
        with ThreadPoolExecutor(len(works)) as pool:
            for done in [pool.submit(work) for work in works]:
                done.result()

    @property
    def hosts(self) -> dict[str, Host]:
        """Everything that a command can run on, in the topology's order."""
        known: dict[str, Host] = {"vault": self.vault, "node1": self.node1, **self.machines, **self.simulators}
        return {place.name: known[place.name] for place in PLACES}

    def host(self, name: str) -> Host:
        """Any host by name."""
        try:
            return self.hosts[name]
        except KeyError:
            raise LabError(f"no host {name!r}: there are {', '.join(self.hosts)}") from None

    def machine(self, name: str) -> Machine:
        """A full machine by name."""
        try:
            return self.machines[name]
        except KeyError:
            raise LabError(f"no machine {name!r}: there are {', '.join(self.machines)}") from None

    def simulator(self, name: str) -> Simulator:
        """A network device by name."""
        try:
            return self.simulators[name]
        except KeyError:
            raise LabError(f"no network device {name!r}: there are {', '.join(self.simulators)}") from None

    @cached_property
    def customer_public_key(self) -> str:
        """The key that the customer logs in with; its private half never leaves customer1."""
        return self._customers_key(machine_accounts.CUSTOMER_KEY)

    @cached_property
    def customer_rsa_public_key(self) -> str:
        """The same, for devices that take RSA keys only."""
        return self._customers_key(machine_accounts.CUSTOMER_RSA_KEY)

    def _customers_key(self, private: str) -> str:
        return self.machine("customer1").run(["cat", f"{private}.pub"]).stdout.strip()

    def trust(self, machine: Machine, ca_public_key: str, principal: str) -> None:
        """Let certificates of this SSH CA forward TCP through a vantage point; the last CA given holds."""
        machine_accounts.trust(machine, ca_public_key, principal)

    @property
    def healthy(self) -> bool:
        """Whether all of it runs."""
        return network.exists(self.name) and all(row["running"] for row in self.status())

    def status(self) -> list[dict[str, Any]]:
        """One row for each host."""
        found = state.load(self.name)
        has_vault = found is not None and found.vault
        rows = []
        for place in PLACES:
            known = self.hosts[place.name]
            if known is self.vault and not has_vault:
                continue
            running = (
                known.running if isinstance(known, (Machine, Simulator, VaultServer)) else network.exists(self.name)
            )
            rows.append({"host": place.name, "kind": str(place.kind), "network": place.network.name,
                         "ipv4": place.ipv4, "ipv6": place.ipv6, "running": running})  # fmt: skip
        return rows

    def down(self) -> None:
        """Remove all of it; nothing is left, and doing it twice is no error."""
        take_down(self.name)

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    @property
    def _with_logins(self) -> list[Machine | Simulator]:
        return [*self.simulators.values(), *self.machines.values()]

    @property
    def _secrets_file(self) -> Path:
        return self.state_directory / "secrets.json"

    def _save_secrets(self) -> None:
        logins = {m.name: [m.initial_login.user, m.initial_login.password]
                  for m in self._with_logins if m.has_login}  # fmt: skip
        keys = [self.vault.root_token, self.vault.unseal_key] if self.vault.has_keys else None
        write_atomically(self._secrets_file, json.dumps({"logins": logins, "vault": keys}))

    def _load_secrets(self) -> None:
        if not self._secrets_file.exists():
            return
        secrets = json.loads(self._secrets_file.read_text(encoding="utf-8"))
        for name, login in secrets["logins"].items():
            host = self.simulators.get(name) or self.machine(name)
            host.remember_login(Login(*login))
        if secrets["vault"]:
            self.vault.remember_keys(*secrets["vault"])


def _process(pid: int) -> Process:
    try:
        return Process.of(pid)
    except ProcessLookupError:
        raise LabError(f"no process {pid} to own the lab") from None


def take_down(name: str) -> None:
    """Remove a lab by name, whole or half made."""
    this_host.require_host()
    state.check_name(name)
    with this_host.locked(state.lock_file(name)):
        state.destroy(name)
    state.tidy()


def clear_abandoned() -> None:
    """Remove the labs whose owner is gone, should their watchdog have been killed as well."""
    for name in state.names():
        found = state.load(name)
        if found is not None and not found.abandoned:
            continue
        with this_host.locked(state.lock_file(name)):
            found = state.load(name)
            if found is None or found.abandoned:
                state.destroy(name)


def _start_watchdog(name: str) -> None:
    environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "PATH": this_host.SYSTEM_PATH}
    log = state.directory(name) / "watchdog.log"
    watchdog = spawn([sys.executable, "-m", "lab.watchdog", name], environment, log)
    watchdog.save(state.directory(name) / "watchdog.json")
