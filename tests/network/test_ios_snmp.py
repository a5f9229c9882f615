"""SNMP on IOS by its driver: the best protocols that it has, for these sources alone, and it tells nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import TypeVar

import msgspec
import pytest
from builders import ips
from lab.simulators.faults import FaultKind
from lab.simulators.simulator import Simulator
from network_support import described
from obet.devices import snmp
from obet.devices.snmp import Access
from obet.devices.snmp_setup import Protocols, SnmpSetup
from obet.errors import DeviceError
from obet.platforms.ios.driver import open_driver
from obet.secret import Secret
from obet.vault.device_secrets import Login
from obet.vault.snmp_passphrases import Passphrases, generate
from simulator_support import at

PLACE = "switch1"
Result = TypeVar("Result")
SOURCES = tuple(ips("198.51.100.11", "2001:db8:51::11"))
PAIR = generate()
INVALID = "% Invalid input detected at '^' marker."


@pytest.fixture
def switch(simulator: Simulator) -> Iterator[Simulator]:
    yield simulator
    simulator.control.clear()
    simulator.control.scale(100)
    simulator.control.call("restore")
    simulator.control.scale(1)


def on(switch: Simulator, work: Callable[[SnmpSetup], Result]) -> Result:
    user, password = switch.initial_login_pair
    target = described(switch)

    def opened_and_worked() -> Result:
        with open_driver(target, Login(user, Secret(password))) as driver:
            return work(driver.snmp)

    return at(switch, "node1", opened_and_worked)


def asked(switch: Simulator, protocols: Protocols, pair: Passphrases = PAIR, host: str = "node1") -> set[str]:
    """What both of its addresses answer."""
    auth, priv = protocols
    access = Access(user="obet-snmp", auth_protocol=auth, auth=pair.auth, priv_protocol=priv, priv=pair.priv)
    addresses = [ip_address(text) for text in (switch.ipv4, switch.ipv6)]
    return {at(switch, host, lambda address=address: snmp.ask(address, access)) for address in addresses}


def test_the_sources_are_answered_by_both_families_also_after_a_reboot(switch: Simulator) -> None:
    assert not on(switch, lambda agent: agent.stands(SOURCES))
    protocols = on(switch, lambda agent: agent.put(SOURCES, PAIR))
    assert protocols == ("SHA256", "AES256")
    assert asked(switch, protocols) == {"answered"}
    assert "answered" not in asked(switch, protocols, host="node2")
    switch.control.scale(100)
    switch.control.reboot()
    switch.control.scale(1)
    assert asked(switch, protocols) == {"answered"}
    assert on(switch, lambda agent: agent.stands(SOURCES))
    assert on(switch, lambda agent: agent.stands(SOURCES[:1])) is False


def test_a_line_that_came_back_garbled_is_no_reason_for_weaker_protocols(switch: Simulator) -> None:
    switch.control.fault(FaultKind.GARBAGE, "snmp-server user", times=1, text="nul")
    with pytest.raises(DeviceError, match="refuses `snmp-server user") as raised:
        on(switch, lambda agent: agent.put(SOURCES, PAIR))
    assert not any(secret.reveal() in str(raised.value) for secret in (PAIR.auth, PAIR.priv))
    assert on(switch, lambda agent: agent.put(SOURCES, PAIR)) == ("SHA256", "AES256")


@pytest.mark.parametrize(
    ("unknown", "protocols"), [("aes 256", ("SHA256", "AES128")), ("sha-2|aes 256", ("SHA1", "AES128"))]
)
def test_a_switch_that_knows_less_gets_the_best_that_it_knows(
    switch: Simulator, unknown: str, protocols: Protocols
) -> None:
    switch.control.fault(FaultKind.REFUSE, unknown, text=INVALID)
    assert on(switch, lambda agent: agent.put(SOURCES, PAIR)) == protocols
    assert asked(switch, protocols) == {"answered"}


def test_other_sources_take_the_place_of_the_old_ones(switch: Simulator) -> None:
    protocols = on(switch, lambda agent: agent.put(SOURCES, PAIR))
    on(switch, lambda agent: agent.put(tuple(ips("198.51.100.12", "2001:db8:51::12")), PAIR))
    assert "answered" not in asked(switch, protocols)
    assert asked(switch, protocols, host="node2") == {"answered"}
    assert switch.control.state()["running"].count("list standard OBET-SNMP-V4") == 1


def test_no_passphrase_is_in_what_is_said_of_a_switch_that_takes_none(switch: Simulator) -> None:
    said = f"% {PAIR.auth.reveal()} {PAIR.priv.reveal()} is not taken"
    switch.control.fault(FaultKind.REFUSE, "snmp-server user", text=said)
    with pytest.raises(DeviceError, match="refuses `snmp-server user obet-snmp OBET-SNMP v3 auth …`") as raised:
        on(switch, lambda agent: agent.put(SOURCES, PAIR))
    assert not any(secret.reveal() in str(raised.value) for secret in (PAIR.auth, PAIR.priv))


def test_a_switch_that_logs_commands_as_they_are_typed_gets_no_passphrase(switch: Simulator) -> None:
    switch.control.call("configure", lines=["archive", " log config", "  logging enable"])
    with pytest.raises(DeviceError, match="hidekeys"):
        on(switch, lambda agent: agent.put(SOURCES, PAIR))
    assert switch.control.state()["snmp_users"] == []
    switch.control.call("configure", lines=["archive", " log config", "  hidekeys"])
    on(switch, lambda agent: agent.put(SOURCES, PAIR))
    assert switch.control.state()["snmp_users"] == ["obet-snmp"]


def test_communities_go_and_no_name_of_theirs_is_shown(switch: Simulator) -> None:
    switch.control.call("configure", lines=["snmp-server host 198.51.100.11 version 2c public"])
    preview, names = on(switch, lambda agent: (agent.preview(SOURCES), agent.communities()))
    assert names == (Secret("public"),)
    assert "-snmp-server … (of version 1 and 2c: 2)\n" in preview
    assert "public" not in preview
    address = ip_address(switch.ipv4)
    assert at(switch, "node2", lambda: snmp.answered(address, names)) == 1
    on(switch, lambda agent: (agent.put(SOURCES, PAIR), agent.drop_communities()))
    assert at(switch, "node2", lambda: snmp.answered(address, names)) == 0
    state = switch.control.state()
    assert "public" not in state["running"] + state["startup"]
    assert on(switch, lambda agent: agent.preview(SOURCES)) == ""


def test_all_of_ours_is_removed_and_what_is_the_customers_stays(switch: Simulator) -> None:
    own = "snmp-server group THEIRS v3 priv"
    switch.control.call("configure", lines=[own, "snmp-server user them THEIRS v3 auth sha Their-own-1"])
    protocols = on(switch, lambda agent: agent.put(SOURCES, PAIR))
    on(switch, lambda agent: agent.remove())
    on(switch, lambda agent: agent.remove())
    state = switch.control.state()
    assert "OBET" not in state["running"] + state["startup"]
    assert state["snmp_users"] == ["them"]
    assert own in state["running"]
    assert asked(switch, protocols) == {"refused"}


def test_a_colleagues_pending_change_is_left_alone(switch: Simulator) -> None:
    before = switch.control.state()["snmp_users"]

    def two(agent: SnmpSetup) -> None:
        console = agent._console  # type: ignore[attr-defined]
        console.configure("archive\n path flash:archive\nexit\n")
        console.enter("configure terminal revert timer 5")
        console.leave()
        agent.put(SOURCES, PAIR)

    with pytest.raises(DeviceError, match="is pending"):
        on(switch, two)
    assert switch.control.state()["snmp_users"] == before


def test_new_passphrases_take_the_place_of_the_old(switch: Simulator) -> None:
    protocols, other = on(switch, lambda agent: agent.put(SOURCES, PAIR)), generate()
    on(switch, lambda agent: agent.put(SOURCES, other))
    assert asked(switch, protocols, other) == {"answered"}
    assert asked(switch, protocols, msgspec.structs.replace(other, priv=PAIR.priv)) == {"refused"}
    assert asked(switch, protocols) == {"refused"}
