"""What the playbooks do on network devices, with the same words as on servers: on a simulated router and switch."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from lab import estate
from lab.estate import NETWORK_DEVICES, ROUTER_DEVICE, SWITCH_DEVICE
from lab.network import NAMESPACES
from lab.processes import in_namespaces
from lab.provision import Obet
from lab.vault_proxy import Request, VaultProxy
from lab.visitors import customer_may_do_everything, password_login
from life_support import (
    Edit,
    Job,
    edited,
    fails_clearly,
    files_under,
    let_locks_expire,
    promises,
    recap,
    secret_path,
    verdict,
)
from network_in_service import (
    BETWEEN,
    BOTH,
    DEVICES,
    OURS,
    accounts,
    admin,
    network,
    reaches,
    running,
    simulator,
    takes_key,
    takes_password,
    time_runs_out,
)

__all__ = ["admin", "edited", "network"]
_MANAGEMENT = {ROUTER_DEVICE: (8729, 22), SWITCH_DEVICE: (22,)}


@DEVICES
def test_the_customers_initial_password_is_taken_over_and_refused(network: Obet, device: str) -> None:
    router = simulator(network, device)
    login = router.initial_login
    refused = password_login(network.lab, router, login.user, login.password)
    assert refused.returncode != 0
    assert "Permission denied" in refused.stderr
    ours = Job(network).secrets(device)["login"]
    assert (ours["user"], ours["taken_over"]) == (login.user, True)
    assert password_login(network.lab, router, ours["user"], ours["password"]).returncode == 0


@DEVICES
def test_our_accounts_have_passwords_and_keys_of_their_own(network: Obet, device: str) -> None:
    full, read = (accounts(network, device, account) for account in OURS)
    assert len({full["password"], read["password"], Job(network).secrets(device)["login"]["password"]}) == 3
    assert full["ssh_key"] != read["ssh_key"]
    assert takes_password(network, device, "obet", full["password"])
    assert not takes_password(network, device, "obet", read["password"])
    assert takes_key(network, device, "obet", full["ssh_key"])
    assert not takes_key(network, device, "obet", read["ssh_key"])


@DEVICES
def test_over_ssh_the_password_opens_our_account_only_where_the_platform_cannot_refuse_it(
    network: Obet, device: str
) -> None:
    password = accounts(network, device, "obet")["password"]
    opened = password_login(network.lab, simulator(network, device), "obet", password).returncode == 0
    assert opened == (device == SWITCH_DEVICE)


@DEVICES
def test_everyday_work_sends_a_password_only_to_what_takes_no_keys(network: Obet, device: str) -> None:
    control = simulator(network, device).control
    control.forget()
    network.play("onboard", "--limit", device)
    network.play("verify_access", "--limit", device)
    promises(network, device)
    ours = [one for one in control.offered() if one.user in OURS and one.kind in {"password", "key"}]
    assert {one.kind for one in ours if one.service == "ssh"} == {"key"}
    assert {one.service for one in ours if one.kind == "password"} <= {"api-ssl"}
    assert all(one.accepted for one in ours)


@DEVICES
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_the_fixed_addresses_and_the_customers_get_in_and_their_neighbours_do_not(
    network: Obet, device: str, family: str
) -> None:
    address = getattr(simulator(network, device), family)
    for port in _MANAGEMENT[device]:
        for allowed in ("node1", "node2", "customer1"):
            assert reaches(network, allowed, address, port), (allowed, port)
        for refused in ("outsider1", "outsider2", "server1"):
            assert not reaches(network, refused, address, port), (refused, port)


def test_a_second_run_changes_nothing(network: Obet) -> None:
    for playbook in ("onboard", "restrict_access"):
        counts = recap(network.play(playbook, "--limit", BOTH).stdout)
        assert set(counts) == set(NETWORK_DEVICES)
        assert all(count["changed"] == 0 and count["failed"] == 0 for count in counts.values())


def test_verify_says_that_the_promise_holds_on_both(network: Obet) -> None:
    code, found = promises(network, *NETWORK_DEVICES)
    assert verdict(found, "fixed-ip")["failures"] == []
    assert code == 0
    assert verdict(found, "fixed-ip")["holds"] is True


@DEVICES
def test_check_mode_shows_a_diff_and_changes_nothing(network: Obet, device: str, edited: Edit) -> None:
    before = running(network, device)
    edited(estate.device_file(network.estate, device), "203.0.113.21", "203.0.113.22")
    answer = network.play("restrict_access", "--check", "--diff", "--limit", device)
    assert recap(answer.stdout)[device]["changed"] >= 1
    assert "203.0.113.22" in answer.stdout
    assert running(network, device) == before


@DEVICES
def test_new_rules_come_and_go_with_the_contract(network: Obet, device: str, edited: Edit) -> None:
    address = simulator(network, device).ipv4
    path = estate.device_file(network.estate, device)
    text = path.read_text()
    edited(path, "203.0.113.21", "203.0.113.22")
    network.play("restrict_access", "--limit", device)
    assert not reaches(network, "customer1", address, 22)
    path.write_text(text)
    network.play("restrict_access", "--limit", device)
    assert reaches(network, "customer1", address, 22)


def test_a_community_of_snmp_is_found_as_what_goes_in_clear(network: Obet) -> None:
    control = simulator(network, SWITCH_DEVICE).control
    control.call("configure", lines=["snmp-server community public RO"])
    code, found = promises(network, SWITCH_DEVICE)
    control.call("configure", lines=["no snmp-server community public RO"])
    (failure,) = verdict(found, "fixed-ip")["failures"]
    assert (code, "an SNMP community" in failure["what"]) == (10, True)


def test_an_entry_of_somebody_elses_that_opens_the_door_is_found_and_named(network: Obet) -> None:
    control = simulator(network, ROUTER_DEVICE).control
    rule = "/ip/firewall/filter/add chain=input src-address=198.51.100.66 action=accept place-before=0 comment=theirs"
    control.call("script", source=rule)
    code, found = promises(network, ROUTER_DEVICE)
    control.call("script", source="/ip/firewall/filter/remove [find comment=theirs]")
    said = [failure["what"] for failure in verdict(found, "fixed-ip")["failures"]]
    assert code == 10
    assert any("theirs" in what for what in said), said
    assert any("also takes outsider1" in what for what in said), said


@DEVICES
def test_a_node_that_fails_after_arming_means_that_the_device_reverts(network: Obet, device: str, edited: Edit) -> None:
    before = running(network, device)
    edited(estate.device_file(network.estate, device), "203.0.113.21", "203.0.113.22")
    node2 = network.lab.machine("node2")
    node2.shut_down()
    try:
        answer = network.play("restrict_access", "--limit", device, check=False)
    finally:
        node2.boot()
    fails_clearly(answer, 2, device, "node2", "takes the change back")
    time_runs_out(network, device)
    assert running(network, device) == before


@DEVICES
def test_a_run_killed_between_arming_and_confirming_is_taken_back_and_the_next_one_brings_the_rules(
    network: Obet, device: str, edited: Edit, admin: str
) -> None:
    path = estate.device_file(network.estate, device)
    text = path.read_text()
    edited(path, "203.0.113.21", "203.0.113.22")
    armed: list[str] = []

    def kill(_: Request) -> None:
        armed.append(running(network, device))
        for process in in_namespaces([NAMESPACES / network.lab.node1.namespace]):
            if b"ansible-playbook" in Path(f"/proc/{process.pid}/cmdline").read_bytes():
                process.signal(signal.SIGKILL)

    with VaultProxy(network.lab) as proxy:
        edited(network.estate / "estate.yml", network.lab.vault.address, proxy.address)
        proxy.on(BETWEEN, kill)
        assert network.play("restrict_access", "--limit", device, check=False).returncode == -signal.SIGKILL
        proxy.forward_all()
        let_locks_expire(network.lab, admin)
        network.obet("verify", device, check=False)  # whatever it finds: it tells of the run that was killed
        # Its own change is pending on the device, which has not run out of time: it is over, and is taken back at once.
        network.play("restrict_access", "--limit", device)
        assert "203.0.113.22" in armed[0]
        assert "203.0.113.22" in running(network, device)
        path.write_text(text)
        let_locks_expire(network.lab, admin)
        network.play("restrict_access", "--limit", device)
    assert "203.0.113.22" not in running(network, device)


def test_no_password_and_no_key_of_a_device_stands_in_a_file_of_the_node(network: Obet) -> None:
    logins = [accounts(network, device, account) for device in NETWORK_DEVICES for account in OURS]
    passwords = [line for login in logins for line in (login["password"], login["ssh_key"].splitlines()[-2])]
    passwords += [Job(network).secrets(device)["login"]["password"] for device in NETWORK_DEVICES]
    folders = [network.lab.node1.directory, network.lab.node1.home, network.estate]
    control = network.lab.node1.home / "planted"
    control.write_text(f"x {passwords[0]} y")
    try:
        found = [p for folder in folders for p in files_under(folder) if any(_holds(p, word) for word in passwords)]
    finally:
        control.unlink()
    assert set(found) == {control}


def _holds(path: Path, word: str) -> bool:
    return word.encode() in path.read_bytes()


def test_rotated_credentials_work_and_the_old_are_refused(network: Obet) -> None:
    before = {(device, account): accounts(network, device, account) for device in NETWORK_DEVICES for account in OURS}
    network.play("rotate_credentials", "--limit", BOTH)
    for (device, account), old in before.items():
        new = accounts(network, device, account)
        assert set(new) == {"password", "ssh_key"}
        assert set(new.values()).isdisjoint(old.values())
        assert [takes_password(network, device, account, one["password"]) for one in (old, new)] == [False, True]
        assert [takes_key(network, device, account, one["ssh_key"]) for one in (old, new)] == [False, True]


@DEVICES
def test_the_ending_waits_for_the_customer_then_leaves_nothing_of_ours(network: Obet, device: str) -> None:
    """The last test: it ends the access of both."""
    own, router = network, simulator(network, device)
    if device == next(iter(NETWORK_DEVICES)):
        estate.end_warranty_now(own.estate)
        own.obet("vault", "apply")
    known = {account: accounts(own, device, account, "ending") for account in OURS}
    answer = own.play("post_warranty", "--limit", device)
    assert "pending" in answer.stdout
    for account, login in known.items():  # nothing of ours is removed before he confirmed
        assert takes_password(own, device, account, login["password"])
        assert takes_key(own, device, account, login["ssh_key"])
    assert customer_may_do_everything(own.lab, router)
    own.obet("handover", "confirm", device)
    router.control.forget()
    own.play("post_warranty", "--limit", device)
    offered = router.control.offered()
    assert customer_may_do_everything(own.lab, router)
    for account, login in known.items():
        assert password_login(own.lab, router, account, login["password"]).returncode != 0
    assert {one.user for one in offered if one.kind == "key" and not one.accepted} == set(OURS)
    assert "obet" not in json.dumps(router.control.state()["running"]).lower()
    job = Job(own)
    assert job.call(job.token(device, "ending"), "GET", secret_path(device))[0] in {403, 404}
    own.obet("vault", "apply")
    _, found = promises(own, device)
    assert [f for f in verdict(found, "post-warranty")["failures"] if f["where"] == device] == []
