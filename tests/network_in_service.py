"""A lab's router and switch in service, and what may be seen of them from outside of Obet."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from lab import estate
from lab.estate import NETWORK_DEVICES, ROUTER_DEVICE
from lab.provision import Obet, provision
from lab.simulators.simulator import Simulator
from life_support import Job, administrator, new_lab, recap, secret_path
from network_support import described
from obet.devices.own_login import takes
from obet.model import ManagementService, Protocol
from obet.secret import Secret
from obet.vault.device_secrets import Login
from simulator_support import at

OURS = ("obet", "obet-read")
BOTH = ",".join(NETWORK_DEVICES)
DEVICES = pytest.mark.parametrize("device", NETWORK_DEVICES, ids=NETWORK_DEVICES.get)
# Between "the rules are in force" and "the change is confirmed" the node asks Vault for the probes' certificate.
BETWEEN = "sign/obet-vantage"


@pytest.fixture(scope="module")
def network() -> Iterator[Obet]:
    """A router and a switch in service: taken over and restricted. Tests leave them as they found them."""
    with new_lab() as lab:
        own = provision(lab, NETWORK_DEVICES)
        own.play("onboard", "--limit", BOTH)
        own.play("restrict_access", "--limit", BOTH, "-e", "obet_mend=true")
        yield own


@pytest.fixture(scope="module")
def admin(network: Obet) -> str:
    return administrator(network.lab)


def simulator(own: Obet, device: str) -> Simulator:
    return own.lab.simulator(NETWORK_DEVICES[device])


def running(own: Obet, device: str) -> str:
    """What it runs, without the line that tells the time."""
    text = str(simulator(own, device).control.state()["running"])
    return text.partition("\n")[2] if device == ROUTER_DEVICE else text


def reaches(own: Obet, host: str, address: str, port: int) -> bool:
    try:
        own.lab.host(host).connect(address, port, timeout=1).close()
    except OSError:
        return False
    return True


_HOSTS = itertools.count(31)


@pytest.fixture
def manager(network: Obet) -> str:
    """The contracts name a manager of the customer's whom neither device lets in yet; his address."""
    address = f"203.0.113.{next(_HOSTS)}"
    for device in NETWORK_DEVICES:
        estate.change_device(network.estate, device, {"co_managers": [{"ipv4": address}]})
    return address


def restricts(own: Obet) -> dict[str, dict[str, int]]:
    """What comes of a play on both when nothing is in its way."""
    return recap(own.play("restrict_access", "--limit", BOTH).stdout)


def accounts(own: Obet, device: str, account: str, purpose: str = "technical") -> dict[str, str]:
    """The login of an account of ours, as a job of that purpose reads it."""
    job = Job(own)
    status, answer = job.call(job.token(device, purpose), "GET", f"{secret_path(device)}/accounts/{account}")
    assert status == 200, answer
    found: dict[str, str] = answer["data"]["data"]
    return found


def takes_password(own: Obet, device: str, account: str, password: str) -> bool:
    """Over the protocol that takes passwords whatever keys there are: the router's API, the switch's SSH."""
    return _logs_in(own, device, Login(account, Secret(password)))


def takes_key(own: Obet, device: str, account: str, key: str) -> bool:
    return _logs_in(own, device, Login(account, Secret("none"), key=Secret(key)))


def _logs_in(own: Obet, device: str, login: Login) -> bool:
    router = simulator(own, device)
    protocols: tuple[Protocol, ...] = ("ssh", "api-ssl") if device == ROUTER_DEVICE else ("ssh",)
    found = described(router, management=tuple(ManagementService(protocol=protocol) for protocol in protocols))
    return at(router, "node1", lambda: takes(found, login))


def time_runs_out(own: Obet, device: str) -> None:
    control = simulator(own, device).control
    control.advance(3600)
    control.settled()
