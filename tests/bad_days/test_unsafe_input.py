"""What would open a device to everybody, or to nobody, is refused before anything is sent."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from lab import Machine, estate
from lab.estate import MANAGED_DEVICE
from lab.provision import Obet
from life_support import Edit, fails_clearly, promises, verdict

_RULES = ["nft", "-s", "list", "ruleset"]


@pytest.fixture
def server(served: Obet) -> Machine:
    return served.lab.machine("server2")


def _refused(own: Obet, server: Machine, code: int, *words: str) -> None:
    before = server.run(_RULES).stdout
    fails_clearly(own.obet("plan", MANAGED_DEVICE, check=False), code, *words)
    answer = own.play("restrict_access", "--limit", MANAGED_DEVICE, check=False)
    said = " ".join((answer.stdout + answer.stderr).split())
    assert answer.returncode != 0
    assert "Traceback" not in said
    assert all(word in said for word in words), said
    assert server.run(_RULES).stdout == before


_ANY = str(IPv4Address(0))


@pytest.mark.parametrize("address", ["", _ANY, f"{_ANY}/0", "198.51.100.0/24", "198.51.100.12/32", "224.0.0.1"])
def test_a_fixed_address_that_is_none_or_a_network_is_refused_with_file_and_line(
    served: Obet, server: Machine, edited: Edit, address: str
) -> None:
    path = served.estate / "estate.yml"
    edited(path, "ipv4: 198.51.100.12", f"ipv4: {address}".rstrip())
    if address == "":
        edited(path, "      ipv6: 2001:db8:51::12\n", "")
    _refused(served, server, 3, f"{path}:", "node2")


@pytest.mark.parametrize("address", [f"{_ANY}/0", "203.0.113.0/24", _ANY])
def test_a_co_manager_that_is_everybody_or_a_network_is_refused_with_file_and_line(
    served: Obet, server: Machine, edited: Edit, address: str
) -> None:
    path = estate.device_file(served.estate, MANAGED_DEVICE)
    edited(path, "ipv4: 203.0.113.21", f"ipv4: {address}")
    _refused(served, server, 3, f"{path}:", "co_managers")


def test_a_policy_of_ipv4_alone_is_refused_for_a_server_that_has_both(
    served: Obet, server: Machine, edited: Edit
) -> None:
    path = served.estate / "estate.yml"
    ours = [f"ipv6: 2001:db8:51::{number}" for number in (11, 12, 19)]
    lines = path.read_text().splitlines(keepends=True)
    edited(path, "".join(lines), "".join(line for line in lines if line.strip() not in ours))
    _refused(served, server, 4, MANAGED_DEVICE, "has an IPv6 address, but no execution node has one")


def test_a_file_that_names_only_the_servers_ipv4_closes_its_ipv6_all_the_same(
    served: Obet, server: Machine, edited: Edit
) -> None:
    path = estate.device_file(served.estate, MANAGED_DEVICE)
    edited(path, "  ipv6: 2001:db8:51::102\n", "")
    served.play("restrict_access", "--limit", MANAGED_DEVICE)
    with pytest.raises(TimeoutError):
        served.lab.host("outsider2").connect(server.ipv6, 22, timeout=1)
    served.lab.host("node1").connect(server.ipv6, 22, timeout=1).close()


def test_rules_of_ipv4_alone_on_the_server_are_found_and_the_promise_is_broken(served: Obet, server: Machine) -> None:
    server.run(["nft", "delete", "table", "inet", "obet_management"])
    rule = "ip saddr != { 198.51.100.11, 198.51.100.12, 198.51.100.19, 203.0.113.21 } tcp dport 22 drop"
    chain = f"chain input {{\ntype filter hook input priority -10\n{rule}\n}}"
    server.run(["nft", "-f", "-"], input=f"table ip obet_management {{\n{chain}\n}}\n")
    try:
        code, found = promises(served, MANAGED_DEVICE)
    finally:
        server.run(["nft", "delete", "table", "ip", "obet_management"])
        server.run(["nft", "-f", "/etc/obet-management-access.nft"])
    said = [failure["what"] for failure in verdict(found, "fixed-ip")["failures"]]
    assert code == 10
    assert any("also takes ::-" in what for what in said)
    assert not any("also takes 0." in what for what in said), "IPv4 alone was closed"
    assert promises(served, MANAGED_DEVICE)[0] == 0
