"""A lab on which Obet has done its work, and what goes wrong on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab.estate import MANAGED_DEVICE, WARRANTY_DEVICE
from lab.provision import Obet
from lab.vault_proxy import VaultProxy
from life_support import Edit, Job, administrator, edited, job, provisioned, served

__all__ = ["edited", "job", "provisioned", "served"]


@pytest.fixture(scope="session")
def secrets(served: Obet) -> list[str]:
    """Every secret value of the two servers: none of them may be in what a failure says."""
    found = [Job(served).secrets(device) for device in (WARRANTY_DEVICE, MANAGED_DEVICE)]
    return [value for one in found for value in (one["login"]["password"], *one["services"].values())]


@pytest.fixture(scope="session")
def admin(served: Obet) -> str:
    """An administrator's token, for the tests to do damage with."""
    return administrator(served.lab)


@pytest.fixture
def proxied(served: Obet, edited: Edit) -> Iterator[VaultProxy]:
    """The node reaches Vault through a proxy that does what a test asks for."""
    with VaultProxy(served.lab) as proxy:
        edited(served.estate / "estate.yml", served.lab.vault.address, proxy.address)
        yield proxy
