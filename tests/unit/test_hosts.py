"""An estate's devices as Ansible hosts: the way to reach each, and nothing secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from builders import EXAMPLE, edit
from obet.errors import EstateError
from obet.hosts import hosts

DEVICE = "d-593ccz0tsv"
FILE = Path("customers/c-qgx2np9y3d/devices") / f"{DEVICE}.yml"
FOUND = hosts(EXAMPLE)


def variables(folder: Path) -> dict[str, Any]:
    return hosts(folder)[DEVICE][1]


def options(found: dict[str, Any]) -> dict[str, str]:
    words = found["ansible_ssh_common_args"].split()
    return dict(word.split("=", 1) for word in words if "=" in word)


def test_each_device_is_a_host_in_the_groups_of_all_of_its_platform_and_of_its_customer() -> None:
    assert {host: groups for host, (groups, _) in FOUND.items()} == {
        "d-jscb00nk6m": ("obet", "linux", "c_aqj5van3ze"),
        "d-nh4bbpheqk": ("obet", "linux", "c_hkqgde66rg"),
        "d-4jmtzhs00w": ("obet", "linux", "c_hkqgde66rg"),
        "d-skqf5xe0yz": ("obet", "linux", "c_mbr7ba2cby"),
        "d-a8gfp81xga": ("obet", "linux", "c_mbr7ba2cby"),
        "d-593ccz0tsv": ("obet", "linux", "c_qgx2np9y3d"),
        "d-p1vd6gxw0m": ("obet", "network", "routeros", "c_qgx2np9y3d"),
        "d-e9k4t2s7rb": ("obet", "network", "ios", "c_qgx2np9y3d"),
        "d-291m8gq0b9": ("obet", "linux", "c_qgx2np9y3d"),
    }


def test_a_host_is_reached_at_its_own_address_and_first_port_as_our_account(example: Path) -> None:
    found = variables(EXAMPLE)
    assert (found["ansible_host"], found["ansible_port"], found["ansible_user"]) == ("198.51.100.101", 22, "obet")
    edit(example / FILE, "ipv4: 198.51.100.101, ", "")
    edit(example / FILE, "port: 22}", "port: 2222}\n  - {protocol: ssh, port: 22}")
    assert (variables(example)["ansible_host"], variables(example)["ansible_port"]) == ("2001:db8:51::101", 2222)


def test_openssh_trusts_the_pinned_keys_alone_and_learns_none() -> None:
    found = options(FOUND[DEVICE][1])
    assert found["StrictHostKeyChecking"] == "yes"
    assert found["UserKnownHostsFile"] == "${OBET_RUN}/known_hosts"
    assert found["GlobalKnownHostsFile"] == "/dev/null"
    assert found["UpdateHostKeys"] == found["ForwardAgent"] == "no"
    assert FOUND[DEVICE][1]["ansible_ssh_common_args"].startswith("-F none ")


def test_openssh_logs_in_with_the_runs_key_and_its_customers_certificate_alone() -> None:
    for host, customer in (("d-593ccz0tsv", "c-qgx2np9y3d"), ("d-nh4bbpheqk", "c-hkqgde66rg")):
        found = options(FOUND[host][1])
        assert found["CertificateFile"] == f"${{OBET_RUN}}/{customer}-cert.pub"
        assert (found["IdentityAgent"], found["IdentitiesOnly"]) == ("${OBET_RUN}/agent", "yes")


def test_no_two_devices_share_a_connection() -> None:
    paths = [found["ansible_control_path"] for _, found in FOUND.values()]
    assert len(set(paths)) == len(paths)
    assert all(path.startswith("${OBET_RUN}/") for path in paths)


def test_a_variable_says_whether_rules_are_enforced(example: Path) -> None:
    assert variables(example)["obet_enforce"] == "restrict"
    edit(example / FILE, "enforce: restrict", "enforce: observe")
    assert variables(example)["obet_enforce"] == "observe"


def test_no_variable_is_a_key_a_password_or_a_value_that_json_does_not_know() -> None:
    text = json.dumps(FOUND)
    assert "ssh-ed25519" not in text
    assert not any("pass" in name or "secret" in name for _, found in FOUND.values() for name in found)


def test_an_estate_that_does_not_load_gives_no_hosts(example: Path) -> None:
    edit(example / FILE, "platform: linux", "platform: amiga")
    with pytest.raises(EstateError, match="platform"):
        hosts(example)


def test_what_no_role_reaches_is_in_the_group_of_network_devices(example: Path) -> None:
    edit(example / FILE, "platform: linux", "platform: ios")
    text = (example / FILE).read_text()
    (example / FILE).write_text(text[: text.index("service_secrets:")])
    assert hosts(example)[DEVICE][0] == ("obet", "network", "ios", "c_qgx2np9y3d")
