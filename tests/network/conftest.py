"""What the tests of the drivers share: a device with nothing else on its network but hosts to come from.

A test file names its device by `PLACE`, one of the topology's; it is made once for the file.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab.simulators.simulator import Simulator
from obet.secret import Secret
from obet.vault.device_secrets import Login
from simulator_support import cabled


@pytest.fixture(scope="module")
def simulator(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with cabled(request.module.PLACE) as running:
        yield running


@pytest.fixture
def login(simulator: Simulator) -> Login:
    """The one that the customer's device came with."""
    user, password = simulator.initial_login_pair
    return Login(user, Secret(password))
