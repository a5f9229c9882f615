"""What is loaded into an EOS device's session: bound in each VRF, never a moment open, and gone without a trace."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from builders import ips
from eos_device import Address, EosDevice
from hypothesis import given, settings
from hypothesis import strategies as st
from obet.access.policy import ManagementPolicy
from obet.errors import PolicyError
from obet.platforms.eos.proof import prove
from obet.platforms.eos.rules import commands, remove, render

OURS = ips("198.51.100.11", "198.51.100.12", "2001:db8:51::11")
STRANGERS = ips("203.0.113.66", "0.0.0.1", "255.255.255.255", "2001:db8::66", "::")
FRESH = """\
! Command: show running-config
! device: leaf1 (DCS-7050SX3-48YC8, EOS-4.30.5M)
!
no aaa root
!
management api http-commands
   no shutdown
!
hostname leaf1
!
vrf instance MGMT
!
interface Ethernet1
   description to the core
   no switchport
   ip address 10.0.0.1/31
!
interface Management1
   vrf MGMT
   ip address 198.51.100.113/24
!
end
"""


def policy(
    *sources: Address, co_managers: tuple[Address, ...] = (), ports: tuple[int, ...] = (22, 443)
) -> ManagementPolicy:
    return ManagementPolicy(device="d-0000000001", ours=tuple(sources or OURS), co_managers=co_managers, ports=ports)


def merged(running: str, text: str) -> EosDevice:
    device = EosDevice(running)
    for _ in device.merge(text):
        pass
    return device


def with_lines(head: str, *lines: str) -> str:
    """The fresh device, with a block more."""
    return FRESH.replace(
        "hostname leaf1\n", "\n".join([head, *(f"   {line}" for line in lines), "!", "hostname leaf1\n"])
    )


def test_the_lists_hold_hosts_alone_and_refuse_all_else_by_an_entry_that_counts() -> None:
    text = commands(policy(co_managers=tuple(ips("192.0.2.7")), ports=(22,)), FRESH)
    assert text.startswith("""\
ip access-list OBET-MANAGEMENT-V4
   counters per-entry
   10 permit tcp host 192.0.2.7 any eq 22
   20 permit tcp host 198.51.100.11 any eq 22
   30 permit tcp host 198.51.100.12 any eq 22
   40 deny ip any any
exit
ipv6 access-list OBET-MANAGEMENT-V6
   counters per-entry
   10 permit tcp host 2001:db8:51::11 any eq 22
   20 deny ipv6 any any
exit
""")


def test_what_is_wanted_is_said_without_the_device_and_is_the_same_for_the_same_policy() -> None:
    text = render(policy(co_managers=tuple(ips("192.0.2.7"))))
    for line in commands(policy(co_managers=tuple(ips("192.0.2.7"))), FRESH).splitlines():
        assert line in text.splitlines() or "MGMT" in line or line.endswith("no shutdown")
    assert text == render(policy(*reversed(OURS), co_managers=tuple(ips("192.0.2.7"))))
    assert text != render(policy())


@pytest.mark.parametrize(("kept", "other"), [(4, 6), (6, 4)])
def test_a_family_without_a_source_is_refused_whole(kept: int, other: int) -> None:
    device = merged(FRESH, commands(policy(*(source for source in OURS if source.version == kept)), FRESH))
    assert f"10 deny {'ipv6' if other == 6 else 'ip'} any any" in device.running()
    assert all(device.lets_in(stranger, port) == {False} for stranger in STRANGERS for port in (22, 443))


def test_ssh_is_bound_in_each_vrf_and_each_family_and_eapi_in_each_that_it_names() -> None:
    lines = commands(policy(), FRESH).splitlines()
    for line in (
        "   ip access-group OBET-MANAGEMENT-V4 in",
        "   ip access-group OBET-MANAGEMENT-V4 vrf MGMT in",
        "   ipv6 access-group OBET-MANAGEMENT-V6 in",
        "   ipv6 access-group OBET-MANAGEMENT-V6 vrf MGMT in",
        "      ip access-group OBET-MANAGEMENT-V4",
        "      ipv6 access-group OBET-MANAGEMENT-V6",
    ):
        assert line in lines
    named = FRESH.replace("   no shutdown\n!\nhostname", "   no shutdown\n   vrf MGMT\n      no shutdown\n!\nhostname")
    assert commands(policy(), named).count("      ip access-group OBET-MANAGEMENT-V4\n") == 2


@pytest.mark.parametrize(
    "vrf", ["vrf definition OLD", "router bgp 1\n   vrf OLD", "interface Et2\n   vrf forwarding OLD"]
)
def test_a_vrf_is_found_wherever_it_is_spoken_of(vrf: str) -> None:
    assert "ip access-group OBET-MANAGEMENT-V4 vrf OLD in" in commands(policy(), with_lines(vrf))


def test_eapi_in_the_default_vrf_stays_on_when_its_block_is_made() -> None:
    assert "   vrf default\n      no shutdown\n      ip access-group" in commands(policy(), FRESH)
    named = FRESH.replace("   no shutdown\n!\nhostname", "   no shutdown\n   vrf MGMT\n      no shutdown\n!\nhostname")
    assert "      no shutdown" not in commands(policy(), named), "a VRF that it is perhaps off in is not opened"


def test_lists_stand_whole_before_a_service_is_bound_to_them() -> None:
    lines = commands(policy(), FRESH).splitlines()
    assert lines.index("ipv6 access-list OBET-MANAGEMENT-V6") < lines.index("management ssh")


def test_what_the_device_shows_already_is_not_sent_again() -> None:
    running = merged(FRESH, commands(policy(), FRESH)).running()
    assert "any eq ssh" in running
    assert commands(policy(), running) == ""
    later = running.replace("vrf instance MGMT\n", "vrf instance MGMT\n!\nvrf instance NEW\n")
    assert (
        commands(policy(), later)
        == """\
management ssh
   ip access-group OBET-MANAGEMENT-V4 vrf NEW in
   ipv6 access-group OBET-MANAGEMENT-V6 vrf NEW in
exit
"""
    )


@pytest.mark.parametrize("foreign", ["15 permit ip any any", "5 permit tcp host 203.0.113.66 any eq 22"])
def test_a_foreign_entry_in_our_list_goes(foreign: str) -> None:
    running = merged(FRESH, commands(policy(), FRESH)).running()
    spoilt = running.replace("   10 permit tcp host 198", f"   {foreign}\n   10 permit tcp host 198", 1)
    assert commands(policy(), spoilt).count("\n   no ") == 6, "each entry goes by its number, and ours come"
    device = merged(spoilt, commands(policy(), spoilt))
    assert foreign not in device.running()
    assert device.running() == running


def test_a_list_of_another_kind_with_our_name_makes_way() -> None:
    there = with_lines("ip access-list standard OBET-MANAGEMENT-V4", "10 permit host 203.0.113.66")
    assert commands(policy(), there).startswith("no ip access-list standard OBET-MANAGEMENT-V4\n")
    assert merged(there, commands(policy(), there)).lets_in(STRANGERS[0]) == {False}


DOORS = {
    "Telnet": (("management telnet", "no shutdown"), "management telnet\n   shutdown\nexit\n"),
    "XMPP": (("management xmpp", "no shutdown"), "management xmpp\n   shutdown\nexit\n"),
    "Telnet in a VRF": (
        ("management telnet", "vrf MGMT", "   no shutdown"),
        "management telnet\n   vrf MGMT\n      shutdown\n   exit\nexit\n",
    ),
    "gNMI": (
        ("management api gnmi", "transport grpc default", "   ssl profile X"),
        "management api gnmi\n   transport grpc default\n      shutdown\n   exit\nexit\n",
    ),
    "NETCONF": (
        ("management api netconf", "transport ssh default"),
        "management api netconf\n   transport ssh default\n      shutdown\n   exit\nexit\n",
    ),
    "RESTCONF": (
        ("management api restconf", "transport https default"),
        "management api restconf\n   transport https default\n      shutdown\n   exit\nexit\n",
    ),
    "empty passwords": (
        ("management ssh", "authentication empty-passwords permit"),
        "   authentication empty-passwords deny\n",
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_side_door_that_is_open_is_shut(door: str) -> None:
    (head, *lines), shut = DOORS[door]
    there = with_lines(head, *lines)
    assert shut in commands(policy(), there)
    assert shut not in commands(policy(), FRESH)
    assert commands(policy(), merged(there, commands(policy(), there)).running()) == ""


def test_eapi_is_shut_where_nobody_is_to_manage_by_it_and_started_where_somebody_is() -> None:
    assert "management api http-commands\n   shutdown\nexit\n" in commands(policy(ports=(22,)), FRESH)
    off = FRESH.replace("management api http-commands\n   no shutdown\n", "")
    assert "http-commands" not in commands(policy(ports=(22,)), off)
    device = merged(off, commands(policy(), off))
    assert device.lets_in(OURS[0], 443) == {True}
    assert device.lets_in(STRANGERS[0], 443) == {False}


@pytest.mark.parametrize(
    ("shown", "sent"),
    [("protocol http", "no protocol http"), ("protocol http port 8080", "no protocol http port 8080")],
)
def test_eapi_is_left_with_tls_alone(shown: str, sent: str) -> None:
    there = FRESH.replace("http-commands\n", f"http-commands\n   {shown}\n")
    assert f"   {sent}\n" in commands(policy(), there)
    local = FRESH.replace("http-commands\n", "http-commands\n   protocol http localhost\n   protocol unix-socket\n")
    assert "protocol" not in commands(policy(), local)
    without = FRESH.replace("http-commands\n", "http-commands\n   no protocol https\n")
    assert "   protocol https\n" in commands(policy(), without)


def test_the_profile_of_eapi_takes_tls_of_today() -> None:
    there = FRESH.replace("http-commands\n", "http-commands\n   protocol https ssl profile WEB\n")
    shut = "management security\n   ssl profile WEB\n      tls versions 1.2\n   exit\nexit\n"
    assert shut in commands(policy(), there)
    profile = "management security\n   ssl profile WEB\n      tls versions {}\n!\nhostname"
    assert shut in commands(policy(), there.replace("hostname", profile.format("1.0 1.2")))
    assert "tls versions" not in commands(policy(), there.replace("hostname", profile.format("1.2 1.3")))
    assert "tls versions" not in commands(policy(), FRESH)


def test_ssh_is_told_algorithms_of_today_unless_it_has_stricter_ones() -> None:
    text = commands(policy(), FRESH)
    assert "   cipher aes256-gcm@openssh.com aes128-gcm@openssh.com" in text
    assert "   mac hmac-sha2-512-etm@openssh.com" in text
    assert "   key-exchange curve25519-sha256@libssh.org" in text
    assert "   idle-timeout 15\n" in text
    assert "cbc" not in text
    assert "sha1" not in text
    strict = with_lines("management ssh", "idle-timeout 5", "cipher aes256-ctr", "fips restrictions")
    assert not {"cipher", "mac", "key-exchange", "idle-timeout"} & set(commands(policy(), strict).split())
    weak = with_lines("management ssh", "idle-timeout 0", "cipher aes256-ctr aes128-cbc")
    assert "   cipher aes256-gcm" in commands(policy(), weak)
    assert "   idle-timeout 15\n" in commands(policy(), weak)


def test_other_ports_of_ssh_and_eapi_are_known_by_what_the_device_shows() -> None:
    there = with_lines("management ssh", "server-port 2222").replace(
        "http-commands\n", "http-commands\n   protocol https port 8443\n"
    )
    text = commands(policy(ports=(2222, 8443)), there)
    assert "any eq 2222" in text
    assert "any eq 8443" in text
    with pytest.raises(PolicyError, match="port 443: neither SSH nor eAPI"):
        commands(policy(ports=(2222, 443)), there)
    with pytest.raises(PolicyError, match="port 830"):
        commands(policy(ports=(22, 830)), FRESH)


def test_what_a_banner_or_a_script_says_is_not_there() -> None:
    ours = commands(policy(), FRESH)
    spoken = FRESH.replace("hostname", f"banner motd\n{ours}EOF\n!\nhostname")
    script = FRESH.replace("hostname", f"event-handler X\n   action bash\n{ours}      EOF\n   delay 1\n!\nhostname")
    assert commands(policy(), spoken) == ours == commands(policy(), script)
    key = f"http-commands\n   protocol https certificate\nPEM\n   EOF\n{ours}   EOF\n"
    assert commands(policy(), FRESH.replace("http-commands\n", key)) == ours
    assert remove(spoken) == ""


def test_what_is_not_ours_is_not_touched() -> None:
    foreign = with_lines("ip access-list WATCH", "10 permit ip any any").replace(
        "interface Ethernet1\n", "interface Ethernet1\n   ip access-group WATCH in\n"
    )
    device = merged(foreign, commands(policy(), foreign))
    for line in (*foreign.splitlines(), "   description to the core"):
        assert line in device.running().splitlines() or line.strip().startswith("!")
    after = merged(device.running(), remove(device.running()))
    left = {line.strip() for line in after.running().splitlines() if line not in foreign.splitlines()}
    stays = {line.strip() for line in render(policy()).splitlines() if "-" in line.split()[0] or "@" in line}
    assert left - stays == {"!", "management ssh", "vrf default", "no shutdown"}


def test_a_policy_that_lets_nobody_in_is_refused() -> None:
    empty = ManagementPolicy(device="d-0000000001", ours=(), co_managers=(), ports=(22,))
    for write in (lambda: commands(empty, FRESH), lambda: render(empty), lambda: commands(policy(ports=()), FRESH)):
        with pytest.raises(PolicyError, match="lets nobody in"):
            write()


def test_what_cannot_be_typed_is_not_sent_back() -> None:
    with pytest.raises(PolicyError, match="cannot be sent back"):
        commands(policy(), with_lines("vrf instance a\x1b[2J"))


def test_ours_goes_again_and_nothing_names_what_is_gone() -> None:
    there = merged(FRESH, commands(policy(), FRESH)).running()
    device = merged(there, remove(there))
    assert "OBET" not in device.running()
    assert "access-group" not in device.running()
    assert remove(device.running()) == ""


def test_a_list_of_ours_that_something_else_names_stays() -> None:
    there = merged(FRESH, commands(policy(), FRESH)).running()
    named = there.replace("interface Ethernet1\n", "interface Ethernet1\n   ip access-group OBET-MANAGEMENT-V4 in\n")
    assert "no ip access-list OBET-MANAGEMENT-V4\n" in remove(there)
    assert "no ip access-list OBET-MANAGEMENT-V4\n" not in remove(named)
    assert "no ipv6 access-list OBET-MANAGEMENT-V6\n" in remove(named)


def test_the_customers_own_sources_come_in_before_ours_go() -> None:
    there = merged(FRESH, commands(policy(), FRESH)).running()
    own = ips("192.0.2.7")
    device = EosDevice(there)
    for line in device.merge(remove(there, own, (22, 443))):
        assert all(False in device.lets_in(stranger, port) for stranger in STRANGERS for port in (22, 443)), line
        assert all(True not in device.lets_in(stranger, port) for stranger in STRANGERS for port in (22, 443)), line
    assert device.lets_in(own[0], 443) == {True}
    assert all(device.lets_in(source) == {False} for source in OURS)
    assert "OBET" not in device.running()
    assert [finding.what for finding in prove(device.running(), own, [22, 443])] == []
    assert remove(device.running(), own, (22, 443)) == ""


def test_a_customers_list_of_that_name_is_not_taken_for_his_sources() -> None:
    there = with_lines("ip access-list MANAGEMENT-V4", "10 permit ip any any")
    assert "ip access-group MANAGEMENT-V4-2 in" in remove(there, ips("192.0.2.7"))


hosts = st.lists(
    st.integers(0, 5).map(lambda n: IPv4Address(f"198.51.100.{n}")) | st.integers(1, 6).map(IPv6Address),
    min_size=1,
    max_size=5,
    unique=True,
)
policies = st.builds(
    lambda ours, co: policy(*ours, co_managers=tuple(co)),
    hosts,
    hosts | st.just([]),
)
foreign_blocks = st.sampled_from(
    [
        ("router bgp 1", "vrf CORE"),
        ("ip access-list OBET-MANAGEMENT-V4", "10 permit ip any any"),
        (
            "ip access-list OBET-MANAGEMENT-V4",
            "5 remark ours once",
            "10 permit tcp any any eq ssh",
            "20 deny ip any any",
        ),
        ("management ssh", "ip access-group WATCH in", "ip access-group WATCH vrf MGMT in"),
        ("ip access-list standard OTHER", "10 permit host 203.0.113.66"),
        ("management telnet", "no shutdown"),
    ]
)


@settings(max_examples=40, deadline=None)
@given(policies, policies, foreign_blocks, st.integers(0, 40))
def test_no_moment_is_open_and_none_of_both_policies_is_shut_out(
    before: ManagementPolicy, after: ManagementPolicy, foreign: tuple[str, ...], cut: int
) -> None:
    """From one policy to the next, even line by line outside of a session, and again after one that was cut off."""
    fresh = with_lines(*foreign)
    started = merged(fresh, commands(before, fresh))
    assert all(started.lets_in(stranger, port) == {False} for stranger in STRANGERS for port in (22, 443))
    half = EosDevice(started.running())
    staying = set(before.sources) & set(after.sources)
    for number, line in enumerate(half.merge(commands(after, started.running()))):
        assert all(half.lets_in(stranger, port) == {False} for stranger in STRANGERS for port in (22, 443)), line
        assert all(half.lets_in(source, port) == {True} for source in staying for port in (22, 443)), line
        if number == cut:
            break
    half.leave()
    again = merged(half.running(), commands(after, half.running()))
    assert all(again.lets_in(source, port) == {True} for source in after.sources for port in (22, 443))
    assert all(again.lets_in(source) == {False} for source in set(before.sources) - set(after.sources))
    assert commands(after, again.running()) == ""
    assert [finding.what for finding in prove(again.running(), after.sources, [22, 443])] == []
