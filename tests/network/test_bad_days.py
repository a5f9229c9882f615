"""Bad days of a play on network devices: some of them away, two runs at once, few lines, work for long."""

from __future__ import annotations

import json
import subprocess

import pytest
from lab import estate
from lab.estate import NETWORK_DEVICES, ROUTER_DEVICE, SWITCH_DEVICE
from lab.provision import Obet
from lab.simulators.faults import FaultKind
from life_support import Script, fails_clearly, let_locks_expire, recap, wait_until
from network_in_service import BOTH, DEVICES, admin, manager, network, restricts, running, simulator, time_runs_out

__all__ = ["admin", "manager", "network"]
_READS_CONFIGURATION = {ROUTER_DEVICE: "/export", SWITCH_DEVICE: "show running-config"}


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


def test_who_waits_for_a_slow_device_is_told_how_far_it_is(network: Obet) -> None:
    simulator(network, SWITCH_DEVICE).control.fault(FaultKind.SLOW, "show running-config", times=1, seconds=6)
    answer = network.play("restrict_access", "--limit", BOTH)
    assert answer.stderr.startswith(("obet: restrict: 0 of 2\n", "obet: restrict: 1 of 2\n"))
    assert "WARNING" not in answer.stderr


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


def test_no_device_is_begun_when_what_a_play_holds_is_renewed_no_more(network: Obet, admin: str) -> None:
    for device in NETWORK_DEVICES:
        simulator(network, device).control.forget()
    with Script(network, _LONG_WORK, "500", *NETWORK_DEVICES) as script:
        worked = json.loads(script.go_on())
        script.go_on()
        script.end()
    for device, failure in zip(NETWORK_DEVICES, worked["failures"], strict=True):
        assert failure == f"{device}: not begun, as Vault renews our tokens no more: run the playbook again"
        assert simulator(network, device).control.offered() == []
    let_locks_expire(network.lab, admin)
