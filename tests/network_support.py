"""One simulated device as a test of its driver meets it: what an estate says of it, and code that runs as a node."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from builders import addresses, ips
from builders import device as any_device
from lab.simulators.control import Control
from lab.simulators.simulator import Simulator
from obet.access.policy import ManagementPolicy
from obet.model import Device
from obet.vault.device_secrets import Login
from simulator_support import at

Result = TypeVar("Result")
OURS = ("198.51.100.11", "198.51.100.12", "2001:db8:51::11", "2001:db8:51::12")


@dataclass
class Bench:
    """`over`: the runs that the node's ledger knows to have ended."""

    simulator: Simulator
    device: Device
    login: Login
    over: set[str] = field(default_factory=set)

    @property
    def control(self) -> Control:
        return self.simulator.control

    def at(self, host: str, work: Callable[[], Result]) -> Result:
        """As a host of the network: its sockets, in a thread of its own."""
        return at(self.simulator, host, work)

    def policy(self, *sources: str) -> ManagementPolicy:
        """For the device's own management ports; from all nodes if none is named."""
        return ManagementPolicy(
            device=self.device.id,
            ours=tuple(ips(*(sources or OURS))),
            co_managers=(),
            ports=tuple(sorted(service.port for service in self.device.management)),
        )


def described(simulator: Simulator, **more: Any) -> Device:
    """As its owner's contract would pin it."""
    state = simulator.control.state()
    own = addresses(simulator.ipv4, simulator.ipv6)
    fields = {"platform": simulator.platform, "addresses": own, "host_key": state["ssh_host_key"]} | more
    if pem := state.get("certificate"):
        fields["certificate"] = f"sha256:{hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()}"
    return any_device(**fields)


def nothing() -> None:
    """No login is tried."""
