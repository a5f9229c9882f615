"""The benchmark runs end to end, small: what it says of three devices is whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from lab.this_host import CHECKOUT


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *arguments]
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT / "tests")}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=250, env=environment)


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    done = bench("fleet", "--devices", "3", "--rounds", "1", "--peers", "none", "--scale", "1,3", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_each_party_is_measured_on_the_devices_that_it_was_given(measured: dict[str, Any]) -> None:
    given = {name: party["devices"] for name, party in measured["results"].items()}
    assert given == {"obet_read": 3, "obet_read_1": 1, "obet_read_3": 3, "obet_push": 3}
    for party in measured["results"].values():
        assert party["runs"] == 1
        assert 0 < party["min"] <= party["median"] <= party["max"]


def test_the_simulators_time_is_told_apart_from_the_products(measured: dict[str, Any]) -> None:
    for name, spent in measured["where_time_goes"].items():
        assert spent["own"] > 0, name
        assert spent["switches"] > 0, name
    assert measured["where_time_goes"]["obet_push"]["vault"] > 0


def test_without_a_peer_there_is_nothing_to_compare_with(measured: dict[str, Any]) -> None:
    assert measured["ratios"] == {}


def test_what_cannot_be_measured_is_refused_before_anything_is_made() -> None:
    assert bench("fleet", "--devices", "0").returncode == 2
    refused = bench("fleet", "--peers", "telnet")
    assert (refused.returncode, "no peer telnet" in refused.stderr) == (2, True)
