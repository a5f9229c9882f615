"""Bad days of a play on network devices: some of them away, Vault sealed or silent, two runs at once."""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lab import estate
from lab.estate import NETWORK_DEVICES, ROUTER_DEVICE, SWITCH_DEVICE
from lab.provision import Obet
from lab.simulators.faults import FaultKind
from lab.vault_proxy import CUT, Answer, Request, VaultProxy
from life_support import Edit, Script, edited, fails_clearly, let_locks_expire, recap, wait_until
from network_in_service import BETWEEN, BOTH, DEVICES, accounts, admin, network, running, simulator, time_runs_out

__all__ = ["admin", "edited", "network"]
_READS_CONFIGURATION = {ROUTER_DEVICE: "/export", SWITCH_DEVICE: "show running-config"}
_HOSTS = itertools.count(31)


@pytest.fixture
def manager(network: Obet) -> str:
    """The contracts name a manager of the customer's whom neither device lets in yet; his address."""
    address = f"203.0.113.{next(_HOSTS)}"
    for device in NETWORK_DEVICES:
        estate.change_device(network.estate, device, {"co_managers": [{"ipv4": address}]})
    return address


@contextmanager
def proxied(own: Obet, edited: Edit) -> Iterator[VaultProxy]:
    with VaultProxy(own.lab) as proxy:
        edited(own.estate / "estate.yml", own.lab.vault.address, proxy.address)
        yield proxy
        edited(own.estate / "estate.yml", proxy.address, own.lab.vault.address)


def restricts(own: Obet) -> dict[str, dict[str, int]]:
    """What comes of a play on both when nothing is in its way."""
    return recap(own.play("restrict_access", "--limit", BOTH).stdout)


@DEVICES
def test_a_device_that_is_away_is_one_line_and_the_other_is_worked_on_and_a_rerun_does_the_rest(
    network: Obet, manager: str, device: str
) -> None:
    (other,) = NETWORK_DEVICES.keys() - {device}
    away = simulator(network, device)
    away.stop()
    try:
        answer = network.play("restrict_access", "--limit", BOTH, check=False)
    finally:
        away.start()
    counts = recap(answer.stdout)
    fails_clearly(answer, 2, device)
    assert (counts[device]["failed"], counts[device]["changed"]) == (1, 0)
    assert (counts[other]["failed"], counts[other]["changed"]) == (0, 1)
    assert manager in running(network, other)
    assert manager not in running(network, device)
    again = restricts(network)
    assert (again[device]["changed"], again[other]["changed"]) == (1, 0)
    assert manager in running(network, device)


def test_of_two_runs_at_once_one_works_and_the_other_says_who_holds_the_devices(network: Obet, manager: str) -> None:
    for device, command in _READS_CONFIGURATION.items():
        simulator(network, device).control.fault(FaultKind.SLOW, command, times=1, seconds=10)
    first = network.lab.node1.popen(
        ["ansible-playbook", "playbooks/restrict_access.yml", "--limit", BOTH],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=network.environment,
    )
    try:
        wait_until(lambda: not any(faults(network, device) for device in NETWORK_DEVICES), 60)
        second = network.play("restrict_access", "--limit", BOTH, check=False)
        still_worked = first.poll() is None
        said = first.communicate(timeout=120)[0]
    finally:
        first.kill()
    assert still_worked, "the first was too fast to be in anybody's way"
    for device in NETWORK_DEVICES:
        fails_clearly(second, 2, device, "works on it, run", "wait for its end")
        assert recap(second.stdout)[device]["changed"] == 0
        assert recap(said)[device] | {"changed": 1, "failed": 0} == recap(said)[device]
        assert manager in running(network, device)


def faults(own: Obet, device: str) -> list[object]:
    found: list[object] = simulator(own, device).control.state()["faults"]
    return found


def test_a_vault_that_is_sealed_between_arming_and_confirming_means_that_the_devices_revert(
    network: Obet, manager: str, edited: Edit, admin: str
) -> None:
    before = {device: running(network, device) for device in NETWORK_DEVICES}
    vault = network.lab.vault
    sealed: list[dict[str, str]] = []
    both = threading.Barrier(len(NETWORK_DEVICES), timeout=9)  # a request waits ten seconds

    def seal(_: Request) -> None:
        if both.wait() == 0:
            sealed.append({device: running(network, device) for device in NETWORK_DEVICES})
            vault.request("PUT", "sys/seal", {}, admin)
        both.wait()

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
    """The devices take new passwords that Vault cannot be told of any more."""
    with proxied(network, edited) as proxy, silent(proxy, "(POST|PUT) kv/data/access/.*/accounts/obet$", after=2):
        answer = network.play("rotate_credentials", "--limit", BOTH, check=False, timeout=120)
    known = [accounts(network, device, "obet") for device in NETWORK_DEVICES]
    secrets = [password for entry in known for password in entry.values()]
    for device in NETWORK_DEVICES:
        fails_clearly(answer, 2, device, "Vault gives no answer in time", secrets=secrets)
    assert [set(entry) for entry in known] == [{"password", "next"}] * 2, "what the device took stood in Vault before"
    let_locks_expire(network.lab, admin)
    network.play("rotate_credentials", "--limit", BOTH)
    assert [set(accounts(network, device, "obet")) for device in NETWORK_DEVICES] == [{"password"}] * 2


@pytest.mark.parametrize(("free", "enough"), [(4, True), (2, False)])
def test_a_switch_with_few_free_lines_is_worked_on_and_with_too_few_it_is_left_as_it_was(
    network: Obet, manager: str, free: int, enough: bool
) -> None:
    control, before = simulator(network, SWITCH_DEVICE).control, running(network, SWITCH_DEVICE)
    control.call("hold", lines=16 - free)
    try:
        answer = network.play("restrict_access", "--limit", SWITCH_DEVICE, check=False)
    finally:
        control.call("hold", lines=0)
    if enough:
        assert recap(answer.stdout)[SWITCH_DEVICE]["changed"] == 1
        assert manager in running(network, SWITCH_DEVICE)
    else:
        fails_clearly(answer, 2, SWITCH_DEVICE, "gets in", "takes the change back")
        time_runs_out(network, SWITCH_DEVICE)
        assert running(network, SWITCH_DEVICE) == before


# Works on devices as a task's fork does, after a time in which what a play holds has grown old.
_LONG_WORK = """
import json, os, sys
from pathlib import Path
from obet.current_run import open_run
from obet.errors import ObetError
from obet.model import Purpose
from obet.network_operations import work_on_all
seconds, devices = float(sys.argv[1]), sys.argv[2:]
run = open_run(Path(os.environ["OBET_ESTATE"]))
run.begin_play(Purpose.TECHNICAL, devices)
first = run.child(devices[0]).token.accessor
run._granted -= seconds
sys.stdin.readline()
worker = os.fork()
if not worker:
    found = work_on_all(run, devices, {"do": "look", "check_mode": False})["devices"]
    told = [line.facts["accessor"] for line in run.ledger.lines() if line.run == run.id and "because" in line.facts]
    print(json.dumps({
        "failures": [found[device]["failure"] for device in devices],
        "made": sorted(set(told) - {first}),
    }), flush=True)
    os._exit(0)
os.waitpid(worker, 0)
sys.stdin.readline()
try:
    run.refresh()
    run.certificate(devices[0])
    print("goes on", flush=True)
except ObetError as error:
    print(error, flush=True)
run.close()
"""


def lock(own: Obet, admin: str, device: str) -> dict[str, object]:
    path = f"kv/data/locks/{estate.CUSTOMERS[device]}/{device}"
    found: dict[str, object] = own.lab.vault.request("GET", path, None, admin)["data"]["data"]
    return found


def test_what_a_play_holds_is_renewed_while_its_devices_are_worked_on_and_the_play_goes_on_with_it(
    network: Obet, admin: str
) -> None:
    simulator(network, SWITCH_DEVICE).control.fault(FaultKind.SLOW, "true", times=1, seconds=7)
    with Script(network, _LONG_WORK, "200", *NETWORK_DEVICES) as script:
        worked = json.loads(script.go_on())
        renewed = [lock(network, admin, device) for device in NETWORK_DEVICES]
        lives = [
            network.lab.vault.answer("POST", "auth/token/lookup-accessor", {"accessor": accessor}, admin)[0]
            for accessor in worked["made"]
        ]
        assert script.go_on() == "goes on", "the locks are still the run's, though its fork has renewed them"
        script.end()
    assert worked["failures"] == ["", ""]
    assert len(worked["made"]) == 1, "one token for both: they are one customer's"
    assert lives != [200], "it ended with the work that it was for"
    assert all(entry["holder"] for entry in renewed)
    assert [lock(network, admin, device)["holder"] for device in NETWORK_DEVICES] == ["", ""]


def test_no_device_is_begun_when_what_a_play_holds_is_renewed_no_more(network: Obet, edited: Edit, admin: str) -> None:
    for device in NETWORK_DEVICES:
        simulator(network, device).control.forget()
    with proxied(network, edited), Script(network, _LONG_WORK, "500", *NETWORK_DEVICES) as script:
        worked = json.loads(script.go_on())
        script.go_on()
        script.end()
    for device, failure in zip(NETWORK_DEVICES, worked["failures"], strict=True):
        assert failure == f"{device}: not begun, as Vault renews our tokens no more: run the playbook again"
        assert simulator(network, device).control.offered() == []
    let_locks_expire(network.lab, admin)


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
