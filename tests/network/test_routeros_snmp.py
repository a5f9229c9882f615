"""SNMP on RouterOS by its driver: a user for these sources alone, while no community begins to answer."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import TypeVar

import pytest
from builders import ips
from lab.simulators.faults import FaultKind
from lab.simulators.simulator import Simulator
from network_support import Bench, described
from obet.devices import snmp
from obet.devices.snmp import Access
from obet.devices.snmp_setup import SnmpSetup
from obet.errors import DeviceError
from obet.model import ManagementService
from obet.platforms.routeros.driver import open_driver
from obet.secret import Secret
from obet.vault.device_secrets import Login
from obet.vault.snmp_passphrases import Passphrases, generate

PLACE = "router1"
Result = TypeVar("Result")
SOURCES = tuple(ips("198.51.100.11", "2001:db8:51::11"))
PAIR = generate()
PUBLIC = [Secret("public")]


@pytest.fixture
def router(simulator: Simulator, login: Login) -> Bench:
    simulator.control.clear()
    simulator.control.call("factory")
    over = (ManagementService(protocol="api-ssl"), ManagementService(protocol="ssh"))
    return Bench(simulator, described(simulator, management=over), login)


def on(router: Bench, work: Callable[[SnmpSetup], Result]) -> Result:
    def opened_and_worked() -> Result:
        with open_driver(router.device, router.login, 5.0) as driver:
            return work(driver.snmp)

    return router.at("node1", opened_and_worked)


def asked(router: Bench, pair: Passphrases = PAIR, host: str = "node1") -> set[str]:
    """What both of its addresses answer."""
    access = Access(user="obet-snmp", auth_protocol="SHA1", auth=pair.auth, priv=pair.priv)
    return {router.at(host, lambda address=a: snmp.ask(address, access)) for a in router.device.addresses.both}


def answers_public(router: Bench) -> bool:
    address = ip_address(str(router.device.addresses.first))
    return bool(router.at("node2", lambda: snmp.answered(address, PUBLIC)))


def script(router: Bench, source: str) -> None:
    assert router.control.call("script", source=source) == ""


def test_a_router_that_nobody_could_ask_answers_the_sources_and_no_community(router: Bench) -> None:
    assert on(router, lambda agent: (agent.stands(SOURCES), agent.in_clear())) == (False, 0)
    assert on(router, lambda agent: agent.put(SOURCES, PAIR)) == ("SHA1", "AES128")
    assert asked(router) == {"answered"}
    assert "answered" not in asked(router, host="node2")
    assert not answers_public(router), "as delivered it is on, and nobody was answered before"
    assert on(router, lambda agent: (agent.stands(SOURCES), agent.preview(SOURCES))) == (True, "")


def test_communities_that_are_answered_stay_until_they_are_told_to_go(router: Bench) -> None:
    script(router, "/snmp/set enabled=yes trap-target=203.0.113.5 trap-version=2")
    preview = on(router, lambda agent: agent.preview(SOURCES))
    assert "-/snmp (of version 1 and 2c: 2)\n" in preview
    on(router, lambda agent: agent.put(SOURCES, PAIR))
    assert answers_public(router)
    on(router, lambda agent: agent.drop_communities())
    assert not answers_public(router)
    assert asked(router) == {"answered"}
    assert on(router, lambda agent: agent.in_clear()) == 0


def test_a_users_address_or_right_that_was_changed_is_seen_and_put_back(router: Bench) -> None:
    on(router, lambda agent: agent.put(SOURCES, PAIR))
    for change in ("addresses=::/0", "write-access=yes", "security=authorized", "disabled=yes"):
        script(router, f"/snmp/community/set obet-snmp {change}")
        assert not on(router, lambda agent: agent.stands(SOURCES)), change
        on(router, lambda agent: agent.put(SOURCES, PAIR))
        assert on(router, lambda agent: agent.stands(SOURCES))
    assert asked(router) == {"answered"}


def test_all_of_ours_is_removed_and_an_agent_that_answers_nobody_is_off(router: Bench) -> None:
    on(router, lambda agent: agent.put(SOURCES, PAIR))
    on(router, lambda agent: agent.remove())
    on(router, lambda agent: agent.remove())
    assert "obet" not in router.control.state()["running"]
    assert asked(router) == {"silent"}
    assert "enabled=yes" not in router.control.state()["running"].partition("/snmp")[2].partition("/")[0]


def test_an_agent_that_the_customer_is_answered_by_stays_on(router: Bench) -> None:
    script(router, "/snmp/set enabled=yes")
    on(router, lambda agent: agent.put(SOURCES, PAIR))
    on(router, lambda agent: agent.remove())
    assert answers_public(router)
    assert asked(router) == {"refused"}


def test_no_passphrase_is_in_what_is_said_of_a_router_that_takes_none(router: Bench) -> None:
    said = f"{PAIR.auth.reveal()} and {PAIR.priv.reveal()} are no passwords"
    router.control.fault(FaultKind.REFUSE, "snmp/community/add", text=said)
    with pytest.raises(DeviceError, match="are no passwords") as raised:
        on(router, lambda agent: agent.put(SOURCES, PAIR))
    assert not any(secret.reveal() in str(raised.value) for secret in (PAIR.auth, PAIR.priv))


def test_what_a_long_refusal_is_cut_to_shows_no_part_of_a_passphrase(router: Bench) -> None:
    text = f"{'x' * 280} {PAIR.priv.reveal()}"
    router.control.fault(FaultKind.REFUSE, "snmp/community/add", text=text)
    with pytest.raises(DeviceError, match="x" * 200) as raised:
        on(router, lambda agent: agent.put(SOURCES, PAIR))
    assert PAIR.priv.reveal()[:8] not in str(raised.value)


def test_new_passphrases_take_the_place_of_the_old(router: Bench) -> None:
    other = generate()
    on(router, lambda agent: agent.put(SOURCES, PAIR))
    on(router, lambda agent: agent.put(SOURCES, other))
    assert asked(router, other) == {"answered"}
    assert asked(router) == {"refused"}
