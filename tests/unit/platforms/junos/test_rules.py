"""What is sent to a Junos device: bound on every loopback unit, nothing else judged, and gone again without a trace."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from builders import ips
from hypothesis import given, settings
from hypothesis import strategies as st
from junos_device import Address, JunosDevice
from obet.access.policy import ManagementPolicy
from obet.errors import PolicyError
from obet.platforms.junos.proof import prove
from obet.platforms.junos.rules import Present, commands, remove, render

OURS = ips("198.51.100.11", "198.51.100.12", "2001:db8:51::11")
STRANGERS = ips("203.0.113.66", "0.0.0.1", "255.255.255.255", "2001:db8::66", "::")
FRESH = """\
set version 22.4R3.25
set system host-name router1
set system services ssh root-login allow
set system services ssh protocol-version v2
set system services netconf ssh
set interfaces ge-0/0/0 unit 0 family inet address 192.0.2.1/24
set interfaces lo0 unit 0 family inet address 192.0.2.255/32
"""
GUARD = """\
set interfaces lo0 unit 0 family inet filter input GUARD
set firewall family inet filter GUARD term ssh from protocol tcp
set firewall family inet filter GUARD term ssh from destination-port 22
set firewall family inet filter GUARD term ssh then accept
set firewall family inet filter GUARD term ospf from protocol ospf
set firewall family inet filter GUARD term ospf then accept
"""


def policy(
    *sources: Address, co_managers: tuple[Address, ...] = (), ports: tuple[int, ...] = (22,)
) -> ManagementPolicy:
    return ManagementPolicy(device="d-0000000001", ours=tuple(sources or OURS), co_managers=co_managers, ports=ports)


def changed(running: str, wanted: ManagementPolicy | None = None, **present: bool) -> JunosDevice:
    text = commands(wanted or policy(), Present(running=running, **present))
    return JunosDevice(running).load(text)


def test_the_filters_hold_hosts_alone_and_count_what_they_discard() -> None:
    text = commands(policy(co_managers=tuple(ips("192.0.2.7"))), Present(running=FRESH))
    start = "set firewall family inet filter OBET-MANAGEMENT-V4 term"
    assert (
        f"""\
{start} obet-allowed from source-address 192.0.2.7/32
{start} obet-allowed from source-address 198.51.100.11/32
{start} obet-allowed from source-address 198.51.100.12/32
{start} obet-allowed from protocol tcp
{start} obet-allowed from destination-port 22
{start} obet-allowed from destination-port 830
{start} obet-allowed then accept
{start} obet-denied from protocol tcp
{start} obet-denied from destination-port 22
{start} obet-denied from destination-port 830
{start} obet-denied then count obet-management-v4-denied
{start} obet-denied then discard
{start} obet-others then accept
"""
        in text
    )
    assert "set interfaces lo0 unit 0 family inet6 filter input OBET-MANAGEMENT-V6\n" in text


def test_what_is_wanted_is_said_without_the_device_and_is_the_same_for_the_same_policy() -> None:
    wanted = policy(co_managers=tuple(ips("192.0.2.7")))
    lines = set(render(wanted).splitlines())
    assert set(commands(wanted, Present(running=FRESH)).splitlines()) <= lines
    assert render(wanted) == render(policy(*reversed(OURS), co_managers=tuple(ips("192.0.2.7"))))
    assert render(wanted) != render(policy())


@pytest.mark.parametrize("payload", [True, False])
def test_only_the_sources_get_in_and_routing_protocols_are_not_judged(payload: bool) -> None:
    there = changed(FRESH, payload_protocol=payload)
    for port in (22, 830):
        assert all(there.lets_in(source, port) for source in OURS)
        assert not any(there.lets_in(stranger, port) for stranger in STRANGERS)
    assert all(there.lets_in(stranger, 179) for stranger in STRANGERS)
    assert all(there.passes(stranger, "ospf") for stranger in STRANGERS)


@pytest.mark.parametrize("payload", [True, False])
@pytest.mark.parametrize("extension", [0, 43, 44, 60, 135, 139, 140])
def test_nothing_gets_in_behind_a_header_of_ipv6(payload: bool, extension: int) -> None:
    there = changed(FRESH, payload_protocol=payload)
    assert not there.lets_in(STRANGERS[3], 22, extension=extension)


@pytest.mark.parametrize("kept", [4, 6])
def test_a_family_without_a_source_is_refused_whole(kept: int) -> None:
    there = changed(FRESH, policy(*(source for source in OURS if source.version == kept)))
    assert not any(there.lets_in(stranger) for stranger in STRANGERS)
    assert not any(there.lets_in(source) for source in OURS if source.version != kept)


def test_a_foreign_filter_goes_on_judging_all_that_is_not_management() -> None:
    before, there = JunosDevice(FRESH + GUARD), changed(FRESH + GUARD)
    assert "input-list OBET-MANAGEMENT-V4-FIRST\n" in there.running()
    assert "input-list GUARD\n" in there.running()
    assert "term obet-others" not in there.running().split("family inet6")[0]
    for source in STRANGERS[:3]:
        assert not there.lets_in(source)
        assert there.lets_in(source, 179) == before.lets_in(source, 179) is False
        assert there.passes(source, "ospf") == before.passes(source, "ospf") is True
    assert all(there.lets_in(source) for source in OURS)


INSTANCE = """\
set interfaces lo0 unit 7 family inet address 192.0.2.254/32
set routing-instances CUSTOMERS interface lo0.7
set routing-instances OTHERS interface lo0.8
"""


def test_each_loopback_unit_is_bound_also_one_that_only_an_instance_names() -> None:
    there = changed(FRESH + INSTANCE)
    for unit in ("0", "7", "8"):
        assert not any(there.lets_in(stranger, unit=unit) for stranger in STRANGERS)
        assert all(there.lets_in(source, unit=unit) for source in OURS)


def test_what_the_device_shows_already_is_not_sent_again() -> None:
    for running in (FRESH, FRESH + GUARD, FRESH + INSTANCE, FRESH + GUARD + INSTANCE):
        there = changed(running).running()
        assert commands(policy(), Present(running=there)) == ""
        assert commands(policy(*OURS[:1]), Present(running=there)) != ""


def test_addresses_are_compared_however_the_device_writes_them() -> None:
    wanted = policy(*ips("2001:db8:0:0:51::11"))
    there = changed(FRESH, wanted).running().replace("2001:db8::51:0:0:11/128", "2001:DB8::51:0:0:11/128")
    assert commands(wanted, Present(running=there)) == ""


def test_within_a_term_the_devices_own_order_is_as_good() -> None:
    lines = changed(FRESH).running().splitlines()
    start = "set firewall family inet filter OBET-MANAGEMENT-V4 term"
    allowed = [line for line in lines if line.startswith(f"{start} obet-allowed")]
    at = lines.index(allowed[0])
    turned = [*lines[:at], *reversed(allowed), *lines[at + len(allowed) :]]
    assert commands(policy(), Present(running="\n".join(turned))) == ""
    denied = [line for line in lines if line.startswith(f"{start} obet-denied")]
    others = [line for line in lines if line not in [*allowed, *denied]]
    assert commands(policy(), Present(running="\n".join([*others, *denied, *allowed]))) != ""


def test_a_new_policy_takes_the_place_of_the_old_one() -> None:
    there = changed(changed(FRESH).running(), policy(*OURS[:1]))
    assert there.lets_in(OURS[0])
    assert not there.lets_in(OURS[1])
    assert not any(there.lets_in(stranger) for stranger in STRANGERS)


def test_a_foreign_term_in_our_filter_goes_and_so_does_its_inactive_state() -> None:
    there = changed(FRESH).running()
    path = "firewall family inet filter OBET-MANAGEMENT-V4"
    spoilt = there.replace(f"set {path} term", f"set {path} term x then accept\nset {path} term", 1)
    assert JunosDevice(spoilt).lets_in(STRANGERS[0])
    assert not changed(spoilt).lets_in(STRANGERS[0])
    inactive = f"{there}deactivate {path} term obet-denied\n"
    assert "deactivate" not in changed(inactive).running()
    assert commands(policy(), Present(running=inactive)) != ""


def test_when_the_other_filter_goes_ours_accepts_all_else_again() -> None:
    there = changed(FRESH + GUARD).running()
    without = "".join(line for line in there.splitlines(keepends=True) if "GUARD" not in line)
    again = changed(without)
    assert "OBET-MANAGEMENT-V4-FIRST" not in again.running()
    assert again.passes(STRANGERS[0], "ospf")
    assert not again.lets_in(STRANGERS[0])


DOORS = {
    "telnet": "telnet",
    "telnet connection-limit 5": "telnet",
    "ftp": "ftp",
    "finger": "finger",
    "xnm-clear-text": "xnm-clear-text",
    "web-management http interface ge-0/0/0.0": "web-management http",
    "rest http port 3000": "rest http",
    "extension-service request-response grpc clear-text": "extension-service request-response grpc clear-text",
    "extension-service notification port 1883": "extension-service notification",
    "ssh allow-tcp-forwarding": "ssh allow-tcp-forwarding",
}


@pytest.mark.parametrize(("door", "shut"), DOORS.items())
def test_a_side_door_that_is_open_is_shut(door: str, shut: str) -> None:
    line = f"delete system services {shut}"
    assert line in commands(policy(), Present(running=f"{FRESH}set system services {door}\n")).splitlines()
    assert line not in commands(policy(), Present(running=FRESH)).splitlines()
    assert line in render(policy()).splitlines()


def test_a_side_door_that_is_inactive_is_left_alone() -> None:
    running = f"{FRESH}set system services telnet\ndeactivate system services telnet\n"
    assert "telnet" not in commands(policy(), Present(running=running))


@pytest.mark.parametrize(
    ("service", "port"),
    [
        ("ssh port 2222", 2222),
        ("netconf ssh port 2830", 2830),
        ("web-management https system-generated-certificate", 443),
        ("web-management https port 8443", 8443),
        ("rest https port 3444", 3444),
        ("extension-service request-response grpc ssl local-certificate C", 32767),
        ("xnm-ssl local-certificate C", 3220),
    ],
)
def test_an_encrypted_service_stays_for_the_sources_alone(service: str, port: int) -> None:
    there = changed(f"{FRESH}set system services {service}\n")
    assert f"set system services {service}\n" in there.running()
    assert there.lets_in(OURS[0], port)
    assert not there.lets_in(STRANGERS[0], port)
    assert changed(FRESH).lets_in(STRANGERS[0], port)


def test_root_is_shut_out_and_only_algorithms_of_today_are_left() -> None:
    weak = "set system services ssh ciphers 3des-cbc\nset system services ssh protocol-version v1\n"
    there = changed(FRESH + weak).running()
    assert "set system services ssh root-login deny\n" in there
    assert "root-login allow" not in there
    assert "3des" not in there
    assert "v1" not in there
    assert 'set system services ssh ciphers "aes256-gcm@openssh.com"\n' in there


def test_settings_do_not_switch_ssh_on() -> None:
    without = "".join(line for line in FRESH.splitlines(keepends=True) if "services ssh" not in line)
    assert "services ssh" not in commands(policy(), Present(running=without))


def test_forwarding_is_forbidden_where_it_was_allowed_by_default() -> None:
    line = "set system services ssh no-tcp-forwarding"
    assert line not in commands(policy(), Present(running=FRESH))
    assert line in commands(policy(), Present(running=FRESH.replace("22.4R3.25", "21.4R3-S5")))


IN_THE_WAY = {
    "a group that binds a filter": (
        "set groups G interfaces <lo*> unit <*> family inet filter input GUARD\nset apply-groups G\n",
        "group G binds a filter to lo0.0",
    ),
    "a group of a cluster's node": (
        'set groups node0 interfaces lo0 unit 0 family inet filter input GUARD\nset apply-groups "${node}"\n',
        "group node0 binds a filter to lo0.0",
    ),
    "a group for all filters": (
        "set groups G firewall family inet filter <*> term log then log\nset firewall apply-groups G\n",
        "group G adds to all filters",
    ),
    "an inactive binding": (f"{GUARD}deactivate interfaces lo0 unit 0 family inet filter input\n", "is inactive"),
    "an inactive loopback": ("deactivate interfaces lo0\n", "is inactive"),
    "an inactive firewall": (f"{GUARD}deactivate firewall\n", "`firewall` is inactive"),
    "inactive SSH": ("deactivate system services ssh\n", "`system services ssh` is inactive"),
    "a protected service": ("protect system services\n", "`system services` is protected"),
    "a protected binding": (f"{GUARD}protect interfaces lo0 unit 0 family inet filter input\n", "is protected"),
}


@pytest.mark.parametrize(("more", "why"), IN_THE_WAY.values(), ids=IN_THE_WAY)
def test_what_is_in_the_way_is_named_and_nothing_is_sent(more: str, why: str) -> None:
    with pytest.raises(PolicyError, match=why):
        commands(policy(), Present(running=FRESH + more))


@pytest.mark.parametrize(
    "more",
    [
        "set groups G interfaces <*> unit <*> family inet filter input GUARD\n",
        "set groups G interfaces <ge-*> unit <*> family inet filter input GUARD\nset apply-groups G\n",
        "set groups G system login message x\nset apply-groups G\n",
        "deactivate interfaces ge-0/0/0\n",
        "protect routing-options\n",
    ],
)
def test_what_is_not_in_the_way_changes_nothing(more: str) -> None:
    assert commands(policy(), Present(running=FRESH + more)) == commands(policy(), Present(running=FRESH))


def test_what_cannot_be_typed_is_not_sent_back() -> None:
    odd = 'set interfaces lo0 unit 0 family inet filter input "G\x1b[2J"\n'
    with pytest.raises(PolicyError, match="cannot be sent back"):
        commands(policy(), Present(running=FRESH + odd))


def test_a_policy_that_lets_nobody_in_is_refused() -> None:
    empty = ManagementPolicy(device="d-0000000001", ours=(), co_managers=(), ports=(22,))
    for attempt in (lambda: render(empty), lambda: commands(empty, Present(running=FRESH))):
        with pytest.raises(PolicyError, match="lets nobody in"):
            attempt()
    with pytest.raises(PolicyError, match="lets nobody in"):
        commands(policy(ports=()), Present(running=FRESH))


def interfaces(running: str) -> list[str]:
    return sorted(line for line in running.splitlines() if " interfaces " in line or " firewall " in line)


@pytest.mark.parametrize("running", [FRESH, FRESH + GUARD, FRESH + GUARD + INSTANCE])
def test_ours_goes_again_and_what_was_there_is_as_it_was(running: str) -> None:
    there = changed(running)
    after = there.load(remove(Present(running=there.running())))
    assert "OBET" not in after.running().upper()
    assert interfaces(after.running()) == interfaces(running)
    assert remove(Present(running=after.running())) == ""


@pytest.mark.parametrize("running", [FRESH, FRESH + GUARD])
def test_the_customers_own_sources_come_in_as_ours_go(running: str) -> None:
    there, own = changed(running), ips("192.0.2.7")
    after = there.load(remove(Present(running=there.running()), own))
    assert after.lets_in(own[0])
    assert not any(after.lets_in(source) for source in [*OURS, *STRANGERS])
    assert "obet" not in after.running().lower()
    assert not [found for found in prove(after.running(), own, [22]) if found.what.startswith("port 22")]
    assert remove(Present(running=after.running()), own) == ""


def test_a_customers_filter_of_that_name_is_not_taken_for_his_sources() -> None:
    own = f"{FRESH}set firewall family inet filter MANAGEMENT-V4 term all then accept\n"
    there = JunosDevice(own).load(remove(Present(running=own), ips("192.0.2.7")))
    assert "filter input MANAGEMENT-V4-2\n" in there.running()
    assert not there.lets_in(STRANGERS[0])


hosts = st.lists(
    st.integers(0, 5).map(lambda n: IPv4Address(f"198.51.100.{n}")) | st.integers(1, 6).map(IPv6Address),
    min_size=1,
    max_size=5,
    unique=True,
)
policies = st.builds(
    lambda ours, co, ports: policy(*ours, co_managers=tuple(co), ports=tuple(ports)),
    hosts,
    hosts | st.just([]),
    st.sampled_from([(22,), (22, 830), (22, 2222)]),
)
devices = st.sampled_from([FRESH, FRESH + GUARD, FRESH + INSTANCE, FRESH + GUARD + INSTANCE])


@settings(max_examples=40, deadline=None)
@given(policies, policies, devices, st.booleans())
def test_from_one_policy_to_the_next_just_its_sources_get_in_and_the_proof_says_so(
    before: ManagementPolicy, after: ManagementPolicy, running: str, payload: bool
) -> None:
    first = changed(running, before, payload_protocol=payload).running()
    there = changed(first, after, payload_protocol=payload)
    for unit in ("0", "7") if "unit 7" in running else ("0",):
        assert all(there.lets_in(source, unit=unit) for source in after.sources)
        assert not any(there.lets_in(stranger, unit=unit) for stranger in STRANGERS)
        assert not any(there.lets_in(source, unit=unit) for source in set(before.sources) - set(after.sources))
    assert commands(after, Present(running=there.running(), payload_protocol=payload)) == ""
    assert [finding.what for finding in prove(there.running(), after.sources, [22])] == []
