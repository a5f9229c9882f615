"""Vault keeps so many versions of a device's secrets and no more: what a device knows is never among those that go."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from builders import CUSTOMER, DEVICE, SERVICE, customer, device, estate, managed, record
from held_kv import HeldKv
from hypothesis import given, settings
from hypothesis import strategies as st
from obet import operations
from obet.model import ServiceSecret
from obet.run import Run
from obet.secret import Secret
from obet.vault import device_secrets
from obet.vault.desired import desired
from obet.vault.session import Session

NAME = "status"
STEPS = 6
ESTATE = estate(
    customer(
        [managed(SERVICE, (DEVICE,))],
        [record()],
        [device(service_secrets=(ServiceSecret(name=NAME, path="/etc/status/token"),))],
    )
)
(KEPT,) = [resource.body["max_versions"] for resource in desired(ESTATE, ()) if resource.path == "kv/config"]


class KeepingSoMany(HeldKv):
    """As Vault does with `max_versions`: of older versions nothing is left, not even that they were."""

    def get(self, path: str) -> dict[str, Any] | None:
        place, _, version = path.partition("?version=")
        latest = super().get(place)
        if latest is None or not version:
            return latest
        number, versions = int(version), self.held[place]
        if not len(versions) - KEPT < number <= len(versions):
            return None
        return {"data": versions[number - 1], "metadata": {"version": number}}


class Server:
    """What a device knows, and the steps of `rotate_credentials.yml` that lead there."""

    def __init__(self) -> None:
        self.kv = cast(Session, KeepingSoMany())
        self.run = cast(Run, SimpleNamespace(estate=ESTATE, device=self._device, child=lambda _: self.kv))
        self.password, self.service = Secret("the customer's"), Secret("")
        login = device_secrets.Login("setup", self.password)
        device_secrets.write(self.kv, CUSTOMER, DEVICE, device_secrets.DeviceSecrets(login=login))

    def _device(self, name: str) -> Any:
        return ESTATE.customers[CUSTOMER].devices[name]

    def step(self, number: int) -> None:
        found, again = device_secrets.read(self.kv, CUSTOMER, DEVICE), {"again": True}
        if number == 0:
            operations.take_over_prepare(self.run, DEVICE, again)
        elif number == 1 and found.next_password is not None:
            self.password = found.next_password
        elif number == 2 and found.next_password is not None:
            operations.take_over_complete(self.run, DEVICE, {})
        elif number == 3:
            operations.service_secrets_prepare(self.run, DEVICE, again)
        elif number == 4:
            self.service = found.next_services[NAME]
        elif number == 5:
            operations.service_secrets_complete(self.run, DEVICE, {})

    def rotate(self, steps: int = STEPS) -> None:
        """As many steps as it came to before a kill."""
        for number in range(steps):
            self.step(number)

    def known(self) -> set[Secret]:
        """Passwords that the latest version alone knows: older ones may go at any time."""
        return {login.password for login in device_secrets.read(self.kv, CUSTOMER, DEVICE).logins}

    def services_known(self) -> set[Secret]:
        """As well of the latest version alone; what it had before the first is not ours."""
        found = device_secrets.read(self.kv, CUSTOMER, DEVICE)
        return {Secret(""), *found.services.values(), *found.next_services.values()}


@given(came_to=st.lists(st.integers(1, STEPS), min_size=40, max_size=60))
@settings(max_examples=10, deadline=None)
def test_however_often_and_wherever_rotations_are_cut_off_what_the_server_takes_is_in_the_latest_version(
    came_to: list[int],
) -> None:
    server = Server()
    for steps in came_to:
        for number in range(steps):
            server.step(number)
            assert server.password in server.known()
            assert server.service in server.services_known()


def test_more_rotations_than_vault_keeps_versions_lose_only_what_was_replaced_long_ago() -> None:
    server, passwords = Server(), []
    for _ in range(KEPT):
        passwords.append(server.password)
        server.rotate()
    tried = [login.password for login in device_secrets.every_login(server.kv, CUSTOMER, DEVICE)]
    assert tried[-1] == server.password
    assert server.service == device_secrets.read(server.kv, CUSTOMER, DEVICE).services[NAME]
    assert tried[:-1] == passwords[-(len(tried) - 1) :], "the latest of them, each"
    assert KEPT // 4 <= len(tried) < KEPT, "four versions go with a rotation"
