"""The simulated RouterOS: the real driver works on it, it enforces what it is told, it reverts, it keeps its state."""

from __future__ import annotations

import asyncio
import re
import ssl
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncssh
import librouteros
import pytest
from lab import LabError, network
from lab.simulators.control import Control
from lab.simulators.faults import FaultKind
from lab.simulators.settings import Settings
from lab.simulators.users import digest, hash_password
from lab.topology import namespace
from librouteros.exceptions import LibRouterosError, MultiTrapError, TrapError
from napalm.base.exceptions import ConnectionException, MergeConfigException
from napalm_ros.ros import ROSDriver
from simulator_support import at, cabled, reaches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lab.simulators.simulator import Simulator

TLS_API = 8729
IDENTITY = "/system identity\nset name={}\n"
BOTH = ("ipv4", "ipv6")
RESTRICTED = """\
/ip firewall filter
add action=jump chain=input comment="obet: management" dst-port=22,8729 jump-target=obet-management protocol=tcp
add chain=obet-management src-address-list=obet
add action=drop chain=obet-management
/ip firewall address-list
add address=198.51.100.11 list=obet
/ipv6 firewall filter
add action=jump chain=input comment="obet: management" dst-port=22,8729 jump-target=obet-management protocol=tcp
add chain=obet-management src-address=2001:db8:51::11
add action=drop chain=obet-management
"""
LOCKED_OUT = "/ip firewall filter add chain=input action=drop protocol=tcp dst-port=8729 src-address=198.51.100.11\n"


# Much like what RouterOS sets up by itself.
USUAL = """\
/interface list
add name=WAN
add name=LAN
/interface list member
add interface={} list=LAN
add interface={} list=WAN
/ip firewall filter
add action=accept chain=input comment="established" connection-state=established,related,untracked
add action=drop chain=input comment="invalid" connection-state=invalid
add action=accept chain=input comment="ICMP" protocol=icmp
add action=accept chain=input dst-address=127.0.0.1
add action=drop chain=input comment="not LAN" in-interface-list=!LAN
add action=fasttrack-connection chain=forward connection-state=established,related hw-offload=yes
add action=drop chain=forward connection-nat-state=!dstnat connection-state=new in-interface-list=WAN
/ipv6 firewall address-list
add address=::/128 list=bad
add address=::1/128 list=bad
add address=2001:db8::/48 list=bad
/ipv6 firewall filter
add action=accept chain=input connection-state=established,related,untracked
add action=drop chain=input connection-state=invalid
add action=accept chain=input protocol=icmpv6
add action=accept chain=input dst-port=33434-33534 protocol=udp
add action=accept chain=input dst-port=546 protocol=udp src-address=fe80::/10
add action=accept chain=input dst-port=500,4500 protocol=udp
add action=accept chain=input protocol=ipsec-ah
add action=accept chain=input ipsec-policy=in,ipsec
add action=drop chain=input src-address-list=bad
add action=drop chain=input hop-limit=equal:1 protocol=tcp
add action=drop chain=input in-interface-list=!LAN
"""


@pytest.fixture(scope="module")
def device() -> Iterator[Simulator]:
    with cabled("router1") as running:
        yield running


@pytest.fixture
def router(device: Simulator) -> Simulator:
    """As from the factory."""
    device.control.clear()
    device.control.call("factory")
    device.control.forget()
    return device


def context(certificate: str) -> ssl.SSLContext:
    """A client's, which trusts this certificate and no other."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(cadata=certificate)
    return made


def api(router: Simulator, user: str = "", password: str = "", *, host: str = "node1", port: int = TLS_API) -> Any:
    """A connection of librouteros's, logged in; as the initial user if none is named."""
    user, password = user or router.initial_login.user, password or router.initial_login.password
    pinned = context(router.control.state()["certificate"])
    wrapper = partial(pinned.wrap_socket, server_hostname=router.ipv4) if port == TLS_API else (lambda plain: plain)
    connected = partial(librouteros.connect, router.ipv4, user, password, port=port, timeout=2, ssl_wrapper=wrapper)
    return at(router, host, connected)


def driven(router: Simulator, work: Callable[[ROSDriver], Any], *, certificate: str = "") -> Any:
    """The real driver, opened on node1 with the certificate pinned."""
    pinned = context(certificate or router.control.state()["certificate"])
    options = {"ssl_wrapper": partial(pinned.wrap_socket, server_hostname=router.ipv4)}

    def run() -> Any:
        driver = ROSDriver(router.ipv4, *router.initial_login_pair, timeout=2, optional_args=options)
        driver.open()
        try:
            return work(driver)
        finally:
            driver.close()

    return at(router, "node1", run)


def over_ssh(router: Simulator, *commands: str, host: str = "node1", **login: Any) -> str:
    """What the console says to commands, each in a request of its own; the host key is pinned."""
    user, password = router.initial_login_pair
    known = asyncssh.import_known_hosts(f"{router.ipv4} {router.ssh_host_key}\n")
    options = {"username": user, "password": password, "client_keys": None, "agent_path": None} | login

    async def talk() -> str:
        said = []
        async with asyncssh.connect(router.ipv4, known_hosts=known, connect_timeout=5, **options) as connection:
            for command in commands:
                result = await connection.run(command)
                said.append(str(result.stdout))
        return "".join(said)

    return at(router, host, lambda: asyncio.run(talk()))


def running(router: Simulator) -> str:
    """Its configuration without the lines that hold the time."""
    return re.sub(r"^# .*\n", "", router.control.state()["running"], flags=re.MULTILINE)


def run(router: Simulator, script: str) -> None:
    """A script, at the router itself."""
    assert router.control.call("script", source=script) == ""


def test_the_real_driver_reads_facts_and_configuration_over_pinned_tls(router: Simulator) -> None:
    facts, configuration = driven(router, lambda driver: (driver.get_facts(), driver.get_config()["running"]))

    assert (facts["vendor"], facts["hostname"]) == ("MikroTik", "MikroTik")
    assert facts["interface_list"][0] == "ether1"
    assert "/ip service set api-ssl certificate=local" in configuration


def test_another_certificate_is_refused_before_anything_is_sent(router: Simulator) -> None:
    pinned = router.control.state()["certificate"]
    router.control.fault(FaultKind.CERTIFICATE)

    with pytest.raises(ConnectionException, match="certificate verify failed"):
        driven(router, lambda driver: driver.get_facts(), certificate=pinned)

    assert router.control.offered() == []
    router.control.clear()
    assert driven(router, lambda driver: driver.get_facts(), certificate=pinned)["vendor"] == "MikroTik"


def test_a_service_without_a_certificate_lets_no_tls_client_in(router: Simulator) -> None:
    pinned = router.control.state()["certificate"]
    run(router, "/ip service set api-ssl certificate=none")

    with pytest.raises(ConnectionException, match="SSL"):
        driven(router, lambda driver: driver.get_facts(), certificate=pinned)

    assert router.control.offered() == []


def test_another_host_key_is_refused_before_anything_is_sent(router: Simulator) -> None:
    user, password = router.initial_login_pair
    known = asyncssh.import_known_hosts(f"{router.ipv4} {router.ssh_host_key}\n")
    router.control.fault(FaultKind.HOST_KEY)

    async def connect() -> None:
        await asyncssh.connect(router.ipv4, username=user, password=password, known_hosts=known, agent_path=None)

    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        at(router, "node1", lambda: asyncio.run(connect()))

    assert router.control.offered() == []


def test_a_confirmed_commit_stays_and_leaves_no_timer(router: Simulator) -> None:
    def commit(driver: ROSDriver) -> tuple[bool, bool]:
        driver.load_merge_candidate(config=RESTRICTED)
        driver.commit_config(revert_in=60)
        pending = driver.has_pending_commit()
        driver.confirm_commit()
        return pending, driver.has_pending_commit()

    boots = router.control.state()["boots"]
    assert driven(router, commit) == (True, False)
    router.control.advance(3600)
    router.control.settled()

    state = router.control.state()
    assert (state["timers"], state["boots"]) == ({}, boots)
    assert "jump-target=obet-management" in running(router)


def test_a_commit_that_nobody_confirms_is_reverted_by_the_router_itself(router: Simulator) -> None:
    before, boots = running(router), router.control.state()["boots"]

    def commit(driver: ROSDriver) -> None:
        driver.load_merge_candidate(config=LOCKED_OUT)
        driver.commit_config(revert_in=60)  # it says nothing, though nobody gets in any more

    driven(router, commit)
    assert not reaches(router, "node1", router.ipv4, TLS_API)
    assert running(router) != before

    router.control.advance(61)
    router.control.settled()

    assert running(router) == before
    assert router.control.state()["boots"] == boots + 1
    assert reaches(router, "node1", router.ipv4, TLS_API)


def test_rollback_restores_what_was_before_the_last_commit(router: Simulator) -> None:
    before = running(router)

    def commit(driver: ROSDriver) -> None:
        driver.load_merge_candidate(config=RESTRICTED)
        driver.commit_config()
        driver.rollback()

    driven(router, commit)
    router.control.settled()

    assert running(router) == before


def test_what_cannot_be_parsed_is_refused_before_and_what_fails_later_stays_half_done(router: Simulator) -> None:
    half = "/system identity set name=half\n/ip firewall filter add chain=input src-address=nonsense\n"

    def commit(driver: ROSDriver, text: str) -> None:
        driver.load_merge_candidate(config=text)
        driver.commit_config()

    with pytest.raises(MergeConfigException, match=r"dry-run.*bad command name frewall \(line 2 column 5\)"):
        driven(router, partial(commit, text="/system identity set name=half\n/ip frewall filter add chain=input\n"))
    assert "name=half" not in running(router)

    with pytest.raises(MergeConfigException, match="invalid value for argument src-address"):
        driven(router, partial(commit, text=half))
    assert "name=half" in running(router)


def test_a_replace_leaves_nothing_of_what_was(router: Simulator) -> None:
    run(router, '/ip firewall filter add chain=forward action=drop comment="old"')
    new = "/system identity set name=replaced\n"

    def commit(driver: ROSDriver) -> None:
        driver.load_replace_candidate(config=new)
        driver.commit_config()

    driven(router, commit)
    router.control.settled()

    assert "name=replaced" in running(router)
    assert "old" not in running(router)


@pytest.mark.parametrize("family", BOTH)
def test_the_input_chain_lets_the_allowed_in_and_not_the_neighbour(router: Simulator, family: str) -> None:
    address = getattr(router, family)
    assert reaches(router, "outsider1", address, TLS_API)

    run(router, RESTRICTED)

    assert reaches(router, "node1", address, TLS_API)
    assert not reaches(router, "outsider1", address, TLS_API)
    assert not reaches(router, "node2", address, 22)
    assert reaches(router, "outsider1", address, 80)
    assert router.control.state()["denied"] > 0


@pytest.mark.parametrize("family", BOTH)
def test_a_services_own_list_lets_the_allowed_in_and_not_the_neighbour(router: Simulator, family: str) -> None:
    address = getattr(router, family)

    run(router, "/ip service set api-ssl address=198.51.100.11/32,2001:db8:51::11/128")

    assert reaches(router, "node1", address, TLS_API)
    assert not reaches(router, "outsider1", address, TLS_API)
    assert reaches(router, "outsider1", address, 22)


def test_a_list_of_one_family_lets_nobody_of_the_other_in(router: Simulator) -> None:
    run(router, "/ip service set api-ssl address=198.51.100.11/32")

    assert reaches(router, "node1", router.ipv4, TLS_API)
    assert not reaches(router, "node1", router.ipv6, TLS_API)


@pytest.mark.parametrize(
    ("rule", "reached"),
    [
        ("action=drop src-address=198.51.100.0-198.51.100.10", True),
        ("action=drop src-address=198.51.100.0-198.51.100.20", False),
        ("action=drop src-address=!198.51.100.11", True),
        ("action=drop src-address-list=unknown", True),
        ("action=drop src-address-list=!unknown", False),
        ("action=drop protocol=udp dst-port=8729", True),
        ("action=drop protocol=tcp dst-port=1-100,8729,8000-9000", False),
        ("action=drop protocol=tcp dst-port=!8729", True),
        ("action=drop in-interface=ether2", True),
        ("action=drop in-interface=ether1", False),
        ("action=drop connection-state=established", True),
        ("action=drop connection-state=new", False),
        ("action=drop disabled=yes", True),
        ("action=reject reject-with=tcp-reset protocol=tcp", False),
        ("action=jump jump-target=empty", True),
        ("action=passthrough", True),
    ],
)
def test_a_rule_matches_what_routeros_says_it_matches(router: Simulator, rule: str, *, reached: bool) -> None:
    run(router, f"/ip firewall filter add chain=input {rule}")

    assert reaches(router, "node1", router.ipv4, TLS_API) is reached


@pytest.mark.parametrize("family", BOTH)
def test_the_usual_firewall_lets_the_inside_in_and_not_the_outside(router: Simulator, family: str) -> None:
    run(router, USUAL.format("ether1", "ether2"))
    assert reaches(router, "outsider1", getattr(router, family), TLS_API)

    router.control.call("factory")
    run(router, USUAL.format("ether2", "ether1"))
    assert not reaches(router, "outsider1", getattr(router, family), TLS_API)


def test_a_rule_that_cannot_be_compared_matches_nothing(router: Simulator) -> None:
    run(router, "/ip firewall filter add chain=input action=drop limit=1,5:packet")

    assert reaches(router, "node1", router.ipv4, TLS_API)


def test_rules_are_asked_in_their_order_and_can_be_put_before_others(router: Simulator) -> None:
    run(router, '/ip firewall filter add chain=input action=drop comment="last"')
    assert not reaches(router, "node1", router.ipv4, 80)

    over = "/ip firewall filter add chain=input protocol=tcp dst-port=80 place-before=[find comment=last]"
    run(router, over)

    assert reaches(router, "node1", router.ipv4, 80)
    assert not reaches(router, "node1", router.ipv4, TLS_API)


def test_what_is_connected_survives_only_where_a_rule_spares_it(router: Simulator) -> None:
    connection = api(router)
    run(router, "/ip firewall filter add chain=input connection-state=established,related")
    run(router, "/ip firewall filter add chain=input action=drop")
    assert tuple(connection("/system/identity/print")) == ({"name": "MikroTik"},)

    run(router, "/ip firewall filter remove [find connection-state=established,related]")

    with pytest.raises((OSError, LibRouterosError)):
        tuple(connection("/system/identity/print"))


def test_a_disabled_service_closes_its_port(router: Simulator) -> None:
    assert reaches(router, "node1", router.ipv4, 23)

    run(router, "/ip service set telnet,ftp,www,api,winbox disabled=yes")

    assert [port for port in (21, 22, 23, 80, 8291, 8728, 8729) if reaches(router, "node1", router.ipv4, port)] == [
        22,
        8729,
    ]


def test_a_service_moves_to_another_port(router: Simulator) -> None:
    run(router, "/ip service set api port=18728")

    assert not reaches(router, "node1", router.ipv4, 8728)
    assert tuple(api(router, port=18728)("/system/identity/print")) == ({"name": "MikroTik"},)


def test_a_changed_password_is_the_only_one_that_works(router: Simulator) -> None:
    user, old = router.initial_login_pair
    run(router, f'/user set {user} password="the new one"')

    with pytest.raises(TrapError, match="invalid user name or password"):
        api(router)
    with pytest.raises(asyncssh.PermissionDenied):
        over_ssh(router, "/system identity print")
    assert api(router, user, "the new one")
    assert "MikroTik" in over_ssh(router, "/system identity print", password="the new one")
    assert any(one.value == digest(old) and not one.accepted for one in router.control.offered())


def test_a_key_opens_the_console_and_then_the_password_does_not(router: Simulator) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519", comment="ours")
    router.control.call(
        "script", source=f'/user ssh-keys add user=admin key="{key.export_public_key().decode().strip()}"'
    )

    with_key = {"password": None, "client_keys": [key]}
    assert "MikroTik" in over_ssh(router, "/system identity print", **with_key)
    with pytest.raises(asyncssh.PermissionDenied):
        over_ssh(router, "/system identity print")
    run(router, "/ip ssh set always-allow-password-login=yes")
    assert "MikroTik" in over_ssh(router, "/system identity print")

    run(router, '/user ssh-keys remove [find key-owner="ours"]')
    with pytest.raises(asyncssh.PermissionDenied):
        over_ssh(router, "/system identity print", **with_key)


def test_a_groups_policies_decide_what_a_user_may_do(router: Simulator) -> None:
    run(router, "/user group add name=look policy=read,api; /user add name=looker group=look password=secret")
    looker = api(router, "looker", "secret")

    assert tuple(looker("/system/identity/print")) == ({"name": "MikroTik"},)
    with pytest.raises(TrapError, match="not enough permissions"):
        tuple(looker("/system/identity/set", name="changed"))
    with pytest.raises(asyncssh.PermissionDenied):
        over_ssh(router, "/export", username="looker", password="secret")
    assert "name=looker" not in running(router)


def test_a_user_is_let_in_from_his_own_addresses_only(router: Simulator) -> None:
    run(router, "/user add name=near group=full password=secret address=198.51.100.11/32")

    assert api(router, "near", "secret")
    with pytest.raises(TrapError, match="invalid user name or password"):
        api(router, "near", "secret", host="node2")


def test_a_removed_user_is_nobody(router: Simulator) -> None:
    run(router, "/user add name=old group=full password=secret")
    connection = api(router, "old", "secret")

    run(router, "/user remove old")

    with pytest.raises(TrapError, match="invalid user name or password"):
        api(router, "old", "secret")
    with pytest.raises(TrapError, match="not enough permissions"):
        tuple(connection("/system/identity/print"))


def test_a_reboot_keeps_the_configuration_and_cuts_what_is_connected(router: Simulator) -> None:
    run(router, RESTRICTED)
    before, connection = running(router), api(router)

    router.control.reboot()

    with pytest.raises((OSError, LibRouterosError)):
        tuple(connection("/system/identity/print"))
    assert running(router) == before
    assert reaches(router, "node1", router.ipv4, TLS_API)
    assert not reaches(router, "outsider1", router.ipv4, TLS_API)
    assert api(router)


def test_what_was_exported_makes_the_same_router_again(router: Simulator) -> None:
    script = ':log info \\"said \\$x\\"\\r\\n:delay 1s\\n/ip service print'
    run(router, RESTRICTED)
    run(router, f'/system script add name=many source="{script}"')
    run(
        router, f'/ip firewall filter add chain=input comment="договор, {"дълъг " * 20}" log-prefix="\\\\ \\"quoted\\""'
    )
    run(router, "/interface list add name=WAN; /interface list member add list=WAN interface=ether1")
    run(router, "/snmp community set [find default=yes] disabled=yes; /system logging add topics=info action=remote")
    exported = over_ssh(router, "/export show-sensitive").replace("\r\n", "\n")
    once = running(router)
    router.control.call("factory")

    connection = api(router)
    fresh = "".join(line for line in exported.splitlines(keepends=True) if " address add " not in line)
    without_what_is_there = re.sub(r"/(ip|ipv6) address\nadd .*\n", "", fresh)
    tuple(connection("/file/add", name="made.rsc", contents=without_what_is_there))
    tuple(connection("/import", **{"file-name": "made.rsc"}))

    assert running(router) == once
    assert max(len(line) for line in exported.splitlines()) < 80
    assert exported.isascii()


def test_an_export_hides_secrets_unless_asked_and_never_shows_users(router: Simulator) -> None:
    run(router, "/radius add address=198.51.100.12 service=login secret=hidden; /user add name=u group=full password=p")

    assert "hidden" not in over_ssh(router, "/export")
    assert "secret=hidden" in over_ssh(router, "/export show-sensitive")
    assert "group=full" not in over_ssh(router, "/export show-sensitive verbose")
    assert over_ssh(router, "/radius export").splitlines()[-1] == "add address=198.51.100.12 service=login"


def test_the_scheduler_runs_commands_at_its_time_and_not_before(router: Simulator) -> None:
    event = '/system identity set name=reverted; /system scheduler remove [find name=\\"undo\\"]'
    run(router, f'/system scheduler add name=undo interval=5m on-event="{event}"')

    router.control.advance(290)
    router.control.settled()
    assert IDENTITY.format("reverted") not in running(router)

    router.control.advance(11)
    router.control.settled()
    assert IDENTITY.format("reverted") in running(router)
    assert "name=undo" not in running(router)


def test_the_scheduler_runs_a_startup_entry_at_boot_and_survives_a_reboot(router: Simulator) -> None:
    run(router, '/system scheduler add name=b start-time=startup on-event="/system identity set name=booted"')
    run(router, '/system scheduler add name=l interval=1h on-event="/system note set note=late"')

    router.control.reboot()
    router.control.settled()
    assert IDENTITY.format("booted") in running(router)

    router.control.advance(3600)
    router.control.settled()
    assert "\nset note=late" in running(router)


def test_the_routers_clock_can_run_faster(router: Simulator) -> None:
    run(router, '/system scheduler add name=t interval=1h on-event="/system identity set name=hour"')

    router.control.scale(36000.0)
    try:
        deadline = time.monotonic() + 10
        while IDENTITY.format("hour") not in running(router):
            assert time.monotonic() < deadline, running(router)
    finally:
        router.control.scale(1.0)


def test_a_job_may_do_no_more_than_its_policy_says(router: Simulator) -> None:
    run(router, '/system scheduler add name=weak interval=1m policy=read on-event="/system identity set name=no"')

    router.control.advance(61)
    router.control.settled()

    state = router.control.state()
    assert IDENTITY.format("no") not in state["running"]
    assert any("(weak) failed" in line["message"] for line in state["log"])


def test_device_mode_forbids_the_scheduler_until_somebody_presses_the_button(router: Simulator) -> None:
    connection = api(router)
    tuple(connection("/system/device-mode/update", scheduler=False))
    router.control.call("press-button")

    with pytest.raises(TrapError, match="not allowed by device-mode"):
        tuple(api(router)("/system/scheduler/add", name="x", interval="1m"))
    (mode,) = api(router)("/system/device-mode/print")
    assert mode["scheduler"] is False


def test_the_api_numbers_rows_answers_queries_and_knows_what_it_has_not(router: Simulator) -> None:
    connection = api(router)
    rules = connection.path("ip", "firewall", "filter")
    first = rules.add(chain="input", comment="one", **{"src-address": "198.51.100.11/32"})
    second = rules.add(chain="forward", comment="two", action="drop")
    rules.update(**{".id": second, "disabled": True})

    (row,) = connection.rawCmd("/ip/firewall/filter/print", "=.proplist=.id,src-address", "?comment=one")
    assert row == {".id": first, "src-address": "198.51.100.11"}
    found = connection.rawCmd("/ip/firewall/filter/print", "?comment=one", "?disabled=true", "?#|", "?chain=x", "?#!&")
    assert {one["comment"] for one in found} == {"one", "two"}
    assert [one["comment"] for one in connection.rawCmd("/ip/firewall/filter/print", "?-src-address")] == ["two"]
    with pytest.raises(TrapError, match="no such item"):
        rules.remove("*FF")
    with pytest.raises(TrapError, match="unknown parameter colour"):
        rules.add(chain="input", colour="red")
    with pytest.raises(TrapError, match="no such command"):
        tuple(connection("/ip/firewall/filtre/print"))
    with pytest.raises(TrapError, match="already have such entry"):
        run_twice = connection.path("ip", "firewall", "address-list")
        for _ in range(2):
            run_twice.add(list="l", address="198.51.100.11")


def test_the_console_has_menus_a_prompt_and_says_where_a_command_is_wrong(router: Simulator) -> None:
    assert over_ssh(router, "/ip frewall print") == "bad command name frewall (line 1 column 5)\r\n"
    user, password = router.initial_login_pair
    known = asyncssh.import_known_hosts(f"{router.ipv4} {router.ssh_host_key}\n")

    async def type_in() -> str:
        options = {"username": f"{user}+ct512w", "password": password, "known_hosts": known, "agent_path": None}
        async with asyncssh.connect(router.ipv4, **options) as connection:
            process = await connection.create_process(term_type="vt100")
            process.stdin.write("/system identity\rset name=typed\r:put [get name]\r/quit\r")
            return str((await process.wait()).stdout)

    said = at(router, "node1", lambda: asyncio.run(type_in()))
    assert f"[{user}@typed] /system/identity> " in said
    assert "\r\ntyped\r\n" in said


def test_a_file_that_was_copied_there_is_imported(router: Simulator) -> None:
    user, password = router.initial_login_pair
    known = asyncssh.import_known_hosts(f"{router.ipv4} {router.ssh_host_key}\n")

    async def copy() -> None:
        options = {"username": user, "password": password, "known_hosts": known, "agent_path": None}
        async with (
            asyncssh.connect(router.ipv4, **options) as connection,
            connection.start_sftp_client() as client,
            client.open("set.rsc", "w") as file,
        ):
            await file.write("/system identity set name=copied\n")

    at(router, "node1", lambda: asyncio.run(copy()))

    assert "executed successfully" in over_ssh(router, "/import file-name=set.rsc")
    assert "name=copied" in running(router)


def test_a_script_finds_decides_and_handles_errors(router: Simulator) -> None:
    run(router, """\
:local n [:len [/ip service find where disabled=no]]
:if ($n > 5) do={ /system identity set name=("many" . $n) } else={ :error "few" }
:foreach s in=[/ip service find name~"^(telnet|ftp)\\$"] do={ /ip service set $s disabled=yes }
:do { /ip service set nothing disabled=yes } on-error={ /system note set note="said" }
""")  # fmt: skip

    assert "set name=many7" in running(router)
    assert "set telnet disabled=yes" in running(router)
    assert "set ftp disabled=yes" in running(router)
    assert "set note=said" in running(router)


def test_a_certificate_is_made_on_the_router_and_the_api_takes_it_up(router: Simulator) -> None:
    run(router, f"/certificate add name=new common-name=router subject-alt-name=IP:{router.ipv4}")
    said = router.control.call("script", source="/certificate; sign new; export-certificate new file-name=new")
    assert "done" in said
    connection = api(router)
    (file,) = connection.rawCmd("/file/print", "?name=new.crt")
    (row,) = connection.rawCmd("/certificate/print", "?name=new")
    tuple(connection("/ip/service/set", **{".id": "api-ssl", "certificate": "new"}))

    assert len(row["fingerprint"]) == 64
    assert "PRIVATE" not in file["contents"]
    assert driven(router, lambda driver: driver.get_facts(), certificate=file["contents"])["vendor"] == "MikroTik"


def test_a_backup_brings_users_and_passwords_back(router: Simulator) -> None:
    connection = api(router)
    tuple(connection("/system/backup/save", name="b", password="sealed"))
    run(router, "/user set admin password=other")

    with pytest.raises(TrapError, match="wrong password"):
        tuple(api(router, "admin", "other")("/system/backup/load", name="b", password="wrong"))
    tuple(api(router, "admin", "other")("/system/backup/load", name="b", password="sealed"))
    router.control.settled()

    assert api(router)


@pytest.mark.parametrize("garbage", ["ansi", "nul", "utf8", "prompt", "flood"])
def test_garbage_comes_before_an_answer(router: Simulator, garbage: str) -> None:
    router.control.fault(FaultKind.GARBAGE, command="identity", text=garbage)

    assert over_ssh(router, "/system note print").startswith("           note:")
    assert not over_ssh(router, "/system identity print", errors="replace").startswith("  name:")


def test_a_fault_strikes_at_its_command_as_often_as_it_says(router: Simulator) -> None:
    connection = api(router)
    router.control.fault(FaultKind.REFUSE, command="/system/identity/print", times=1, text="failure: refused")
    router.control.fault(FaultKind.DROP, command="/system/note/print")

    with pytest.raises(TrapError, match="failure: refused"):
        tuple(connection("/system/identity/print"))
    assert tuple(connection("/system/identity/print"))
    with pytest.raises((OSError, LibRouterosError)):
        tuple(connection("/system/note/print"))


def test_a_full_flash_takes_no_file(router: Simulator) -> None:
    router.control.fault(FaultKind.FULL)

    with pytest.raises((TrapError, MultiTrapError), match="not enough disk space"):
        tuple(api(router)("/file/add", name="x", contents="y"))
    router.control.clear()
    assert tuple(api(router)("/file/add", name="x", contents="y"))


def test_a_reboot_between_commit_and_confirm_keeps_the_timer(router: Simulator) -> None:
    before = running(router)
    router.control.fault(FaultKind.REBOOT, command="/import", times=1)

    def commit(driver: ROSDriver) -> None:
        driver.validate_before_commit = False
        driver.load_merge_candidate(config="/system identity set name=pending\n")
        with pytest.raises((OSError, LibRouterosError)):
            driver.commit_config(revert_in=600)
            driver.confirm_commit()

    driven(router, commit)
    router.control.settled()
    assert IDENTITY.format("pending") in running(router)

    router.control.advance(601)
    router.control.settled()
    assert running(router) == before


def test_the_api_without_a_login_does_nothing(router: Simulator) -> None:
    plain = network.connect(namespace(router.lab, "node1"), router.ipv4, 8728, 5.0)
    plain.sendall(b"\x16/system/identity/print\x00")

    assert plain.recv(64) == b"\x06!fatal\x0dnot logged in\x00"


def test_a_configuration_of_thousands_of_lines_goes_in_and_comes_out(router: Simulator) -> None:
    lines = [f"add address=203.0.113.{n % 256}/32 list=many{n // 256}" for n in range(3000)]
    connection = api(router)
    tuple(connection("/file/add", name="m.rsc", contents="\n".join(["/ip firewall address-list", *lines])))
    connection.protocol.transport.sock.settimeout(60)
    tuple(connection("/import", **{"file-name": "m.rsc"}))

    configuration = driven(router, lambda driver: driver.get_config()["running"])
    assert configuration.count("/ip firewall address-list add address=203.0.113.") == 3000


def test_an_export_breaks_lines_where_routeros_does(router: Simulator) -> None:
    run(router, '/system scheduler add name=Log interval=5s on-event="/system script run Log_LTE_Stats"')
    run(router, "/user group add name=junior policy=read,test,winbox,password")
    run(router, "/ip firewall filter add action=accept chain=input dst-port=161 protocol=udp src-address=192.0.2.0/24")

    said = over_ssh(router, "/export").replace("\r\n", "\n")

    assert (
        """\
add interval=5s name=Log on-event="/system script run Log_LTE_Stats" policy=\\
    ftp,reboot,read,write,policy,test,password,sniff,sensitive,romon \\
    start-date="""
        in said
    )
    assert (
        """\
add name=junior policy="read,test,winbox,password,!local,!telnet,!ssh,!ftp,!re\\
    boot,!write,!policy,!web,!sniff,!sensitive,!api,!romon,!rest-api"
"""
        in said
    )
    assert (
        """\
add action=accept chain=input dst-port=161 protocol=udp src-address=\\
    192.0.2.0/24
"""
        in said
    )


def test_nobody_gets_more_rights_by_way_of_the_scheduler(router: Simulator) -> None:
    run(router, "/user group add name=half policy=read,write,api,test; /user add name=h group=half password=secret")
    half = api(router, "h", "secret")

    with pytest.raises(TrapError, match="not have enough rights"):
        tuple(half("/system/scheduler/add", name="x", interval="1m", policy="policy,write"))
    tuple(half("/system/scheduler/add", name="x", interval="1m", **{"on-event": "/user add name=y group=full"}))
    router.control.advance(61)
    router.control.settled()

    assert "failed" in router.control.state()["log"][-1]["message"]


def test_many_devices_share_a_process_and_each_has_rules_of_its_own(router: Simulator, tmp_path: Path) -> None:
    paths, controls = [], []
    for number in (1, 2):
        folder = tmp_path / f"many{number}"
        folder.mkdir()
        controls.append(Control(folder))
        address, hashed = f"127.0.0.1{number}", hash_password("secret")
        settings = Settings(f"many{number}", "routeros", str(folder), [address], "admin", hashed, shared=True)
        paths.append(str(settings.save()))
    place = namespace(router.lab, "server1")
    command = ["nsenter", f"--net={network.NAMESPACES / place}", sys.executable, "-m", "lab.simulators.process", *paths]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=router.environment(), text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            controls[0].call("script", source="/ip firewall filter add chain=input action=drop")

            with pytest.raises(OSError, match="timed out"):
                network.connect(place, "127.0.0.11", TLS_API, 0.5)
            network.connect(place, "127.0.0.12", TLS_API, 0.5).close()
        finally:
            process.terminate()


def test_the_control_refuses_what_it_does_not_know(router: Simulator) -> None:
    with pytest.raises(LabError, match="KeyError"):
        router.control.call("nonsense")


def dropped(router: Simulator, comment: str) -> int:
    rows = api(router)("/ip/firewall/filter/print", stats=True)
    return next(int(row["packets"]) for row in rows if row.get("comment") == comment)


def test_a_rule_that_drops_counts_what_it_drops_and_goes_on_when_others_come_and_go(router: Simulator) -> None:
    rule = '/ip firewall filter add chain=input action=drop protocol=tcp dst-port=22 src-address={} comment="{}"'
    run(router, rule.format("198.51.100.66", "outsider"))
    run(router, rule.format("198.51.100.12", "node2"))
    assert dropped(router, "outsider") == 0
    assert not reaches(router, "outsider1", router.ipv4, 22)
    seen = dropped(router, "outsider")
    run(router, "/ip firewall filter add chain=forward action=drop place-before=0")
    run(router, '/ip firewall filter remove [find where comment="node2"]')

    assert seen > 0
    assert dropped(router, "outsider") == seen
    assert not reaches(router, "outsider1", router.ipv4, 22)
    assert dropped(router, "outsider") > seen
    router.control.reboot()
    assert dropped(router, "outsider") == 0


def test_an_item_of_an_array_is_picked_and_none_past_its_end(router: Simulator) -> None:
    script = ":put [:pick [/ip service find] 1]; :put [:len [:pick [/ip service find] 99]]; :put [:pick abcdef 1 3]"
    assert router.control.call("script", source=script).split() == ["*2", "0", "bc"]


def test_an_export_into_a_file_needs_the_right_to_write(router: Simulator) -> None:
    run(router, '/user add name=looks password="a b" group=read')
    with pytest.raises(TrapError, match="not enough permissions"):
        tuple(api(router, "looks", "a b")("/export", file="x"))
    assert router.control.state()["files"] == []
