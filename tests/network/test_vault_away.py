"""Vault is sealed or falls silent while network devices are worked on: they revert, and no password is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lab.estate import NETWORK_DEVICES, SWITCH_DEVICE
from lab.provision import Obet
from lab.vault_proxy import CUT, Answer, Request, VaultProxy
from life_support import Edit, edited, fails_clearly, let_locks_expire, recap, wait_until
from network_in_service import (
    BETWEEN,
    BOTH,
    accounts,
    admin,
    manager,
    network,
    restricts,
    running,
    takes_password,
    time_runs_out,
)

__all__ = ["admin", "edited", "manager", "network"]


@contextmanager
def proxied(own: Obet, edited: Edit) -> Iterator[VaultProxy]:
    with VaultProxy(own.lab) as proxy:
        edited(own.estate / "estate.yml", own.lab.vault.address, proxy.address)
        yield proxy
        edited(own.estate / "estate.yml", proxy.address, own.lab.vault.address)


def test_a_vault_that_is_sealed_between_arming_and_confirming_means_that_the_devices_revert(
    network: Obet, manager: str, edited: Edit, admin: str
) -> None:
    before = {device: running(network, device) for device in NETWORK_DEVICES}
    vault = network.lab.vault
    sealed: list[dict[str, str]] = []

    def seal(_: Request) -> None:
        if not sealed:  # one certificate serves both, and a request waits ten seconds
            wait_until(lambda: all(manager in running(network, device) for device in NETWORK_DEVICES), 9)
            sealed.append({device: running(network, device) for device in NETWORK_DEVICES})
            vault.request("PUT", "sys/seal", {}, admin)

    with proxied(network, edited) as proxy:
        proxy.on(BETWEEN, seal)
        try:
            answer = network.play("restrict_access", "--limit", BOTH, check=False)
        finally:
            if sealed:
                vault.unseal()
    for device, text in before.items():
        assert manager in sealed[0][device], "the rules were in force"
        fails_clearly(answer, 2, device, "Vault is sealed", "takes the change back")
        time_runs_out(network, device)
        assert running(network, device) == text
    let_locks_expire(network.lab, admin)
    assert [count["changed"] for count in restricts(network).values()] == [1, 1], "nothing was told as done"


@pytest.mark.usefixtures("manager")
def test_a_vault_that_falls_silent_between_arming_and_confirming_means_that_the_devices_revert(
    network: Obet, edited: Edit, admin: str
) -> None:
    before = {device: running(network, device) for device in NETWORK_DEVICES}
    with proxied(network, edited) as proxy, silent(proxy, BETWEEN):
        answer = network.play("restrict_access", "--limit", BOTH, check=False, timeout=120)
    for device, text in before.items():
        fails_clearly(answer, 2, device, "Vault gives no answer in time", "takes the change back")
        assert recap(answer.stdout)[device]["changed"] == 0
        time_runs_out(network, device)
        assert running(network, device) == text
    let_locks_expire(network.lab, admin)
    assert [count["changed"] for count in restricts(network).values()] == [1, 1]


def test_a_vault_that_falls_silent_while_passwords_change_loses_none(network: Obet, edited: Edit, admin: str) -> None:
    """The switch takes a new password that Vault cannot be told of any more; the router is wherever it is then."""
    told = f"(POST|PUT) kv/data/access/.*/{SWITCH_DEVICE}/accounts/obet$"
    with proxied(network, edited) as proxy, silent(proxy, told, after=1):
        answer = network.play("rotate_credentials", "--limit", BOTH, check=False, timeout=120)
    known = {device: accounts(network, device, "obet") for device in NETWORK_DEVICES}
    secrets = [secret for entry in known.values() for secret in entry.values()]
    fails_clearly(answer, 2, SWITCH_DEVICE, "Vault gives no answer in time", secrets=secrets)
    assert takes_password(network, SWITCH_DEVICE, "obet", known[SWITCH_DEVICE]["next"]), "it stood in Vault before"
    for device, entry in known.items():
        passwords = [entry[field] for field in ("password", "next") if field in entry]
        assert any(takes_password(network, device, "obet", password) for password in passwords)
    let_locks_expire(network.lab, admin)
    network.play("rotate_credentials", "--limit", BOTH)
    assert [set(accounts(network, device, "obet")) for device in NETWORK_DEVICES] == [{"password", "ssh_key"}] * 2


@contextmanager
def silent(proxy: VaultProxy, pattern: str, *, after: int = 0) -> Iterator[None]:
    """From the first such request on Vault takes whatever comes, and answers nothing."""
    released = threading.Event()

    def hang(_: Request) -> Answer:
        proxy.on(".", lambda _: CUT if released.wait(120) else None)
        released.wait(120)
        return CUT

    proxy.on(pattern, hang, after=after)
    try:
        yield
    finally:
        released.set()
        proxy.forward_all()
