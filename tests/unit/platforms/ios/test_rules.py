"""What is sent to an IOS device: bound everywhere, never a moment open, and gone again without a trace."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from builders import ips
from hypothesis import given, settings
from hypothesis import strategies as st
from ios_device import Address, IosDevice
from obet.access.entries import entries
from obet.access.policy import ManagementPolicy
from obet.errors import PolicyError
from obet.platforms.ios.proof import prove
from obet.platforms.ios.rules import Present, commands, remove, remove_unbound, render

LINES = ((0, 4), (5, 15))
OURS = ips("198.51.100.11", "198.51.100.12", "2001:db8:51::11")
STRANGERS = ips("203.0.113.66", "0.0.0.1", "255.255.255.255", "2001:db8::66", "::")
ANSWER = """\
SSH Enabled - version 1.99
Authentication methods:publickey,keyboard-interactive,password
Hostkey Algorithms:x509v3-ssh-rsa,rsa-sha2-512,rsa-sha2-256,ssh-rsa
Encryption Algorithms:aes128-ctr,aes192-ctr,aes256-ctr,aes128-cbc,3des-cbc
MAC Algorithms:hmac-sha1,hmac-sha2-256,hmac-sha2-512
KEX Algorithms:ecdh-sha2-nistp256,diffie-hellman-group14-sha1
Authentication timeout: 120 secs; Authentication retries: 3
"""
FRESH = """\
hostname switch1
no ip http server
no ip http secure-server
line vty 0 4
 login local
 transport input ssh
line vty 5 15
 login local
 transport input ssh
end
"""


def policy(
    *sources: Address, co_managers: tuple[Address, ...] = (), ports: tuple[int, ...] = (22,)
) -> ManagementPolicy:
    return ManagementPolicy(device="d-0000000001", ours=tuple(sources or OURS), co_managers=co_managers, ports=ports)


def present(running: str, **changes: object) -> Present:
    return Present(running=running, **{"lines": LINES, **changes})  # type: ignore[arg-type]


def merged(running: str, text: str) -> IosDevice:
    device = IosDevice(running)
    for _ in device.merge(text):
        pass
    return device


def confirmed(device: IosDevice) -> IosDevice:
    """The device after what nothing names is taken away as well."""
    return merged(device.running(), remove_unbound(device.running()))


def test_the_lists_hold_hosts_alone_and_refuse_all_else_by_an_entry_that_counts() -> None:
    text = commands(policy(co_managers=tuple(ips("192.0.2.7"))), present(FRESH))
    assert text.startswith("""\
ip access-list extended OBET-MANAGEMENT-V4
 permit tcp host 192.0.2.7 any eq 22
 permit tcp host 198.51.100.11 any eq 22
 permit tcp host 198.51.100.12 any eq 22
 deny ip any any
exit
ipv6 access-list OBET-MANAGEMENT-V6
 permit tcp host 2001:db8:51::11 any eq 22
 deny ipv6 any any
exit
""")


def test_what_is_wanted_is_said_without_the_device_and_is_the_same_for_the_same_policy() -> None:
    text = render(policy(co_managers=tuple(ips("192.0.2.7"))))
    for line in commands(policy(co_managers=tuple(ips("192.0.2.7"))), present(FRESH)).splitlines():
        assert line in text.splitlines() or line.startswith("line vty ")
    assert text == render(policy(*reversed(OURS), co_managers=tuple(ips("192.0.2.7"))))
    assert text != render(policy())


def test_every_door_that_is_shut_on_a_device_is_among_what_is_wanted() -> None:
    for line in render(policy()).splitlines():
        if line.startswith("no ") and line != "no vstack":
            assert line in commands(policy(), present(f"{line.removeprefix('no ')}\n{FRESH}")).splitlines()


@pytest.mark.parametrize(("kept", "other"), [(4, 6), (6, 4)])
def test_a_family_without_a_source_is_refused_whole(kept: int, other: int) -> None:
    text = commands(policy(*(source for source in OURS if source.version == kept)), present(FRESH))
    device = merged(FRESH, text)
    assert entries([source for source in OURS if source.version == kept], [22], other) == [
        f"deny {'ipv6' if other == 6 else 'ip'} any any"
    ]
    assert all(device.lets_in(stranger) == {False} for stranger in STRANGERS)


def test_each_range_of_lines_is_bound_in_both_families_and_takes_ssh_alone() -> None:
    text = commands(policy(), present(FRESH.replace("transport input ssh", "transport input all")))
    for first, last in LINES:
        assert (
            f"""\
line vty {first} {last}
 access-class OBET-MANAGEMENT-V4 in vrf-also
 ipv6 access-class OBET-MANAGEMENT-V6 in
 transport input ssh
exit
"""
            in text
        )


def test_lists_stand_whole_before_a_line_is_bound_to_them() -> None:
    lines = commands(policy(), present(FRESH)).splitlines()
    assert lines.index(" deny ipv6 any any") < lines.index("line vty 0 4")


def test_what_the_device_shows_already_is_not_sent_again() -> None:
    device = merged(FRESH, commands(policy(), present(FRESH, ssh=ANSWER)))
    assert commands(policy(), present(device.running(), ssh=ANSWER)) == ""
    assert commands(policy(), present(device.running(), ssh=ANSWER, lines=((0, 15),))) == ""
    assert "line vty 0 16" in commands(policy(), present(device.running(), ssh=ANSWER, lines=((0, 16),)))


def test_a_bound_list_is_never_changed_but_replaced_under_a_name_that_is_free() -> None:
    first = merged(FRESH, commands(policy(), present(FRESH))).running()
    changed = policy(*OURS[:1])
    text = commands(changed, present(first))
    assert text.index("ip access-list extended OBET-MANAGEMENT-V4-2") < text.index("line vty 0 4")
    assert "no ip" not in text, "the way back of the device needs the list that was bound"
    second = merged(first, text).running()
    assert (
        remove_unbound(second)
        == "no ip access-list extended OBET-MANAGEMENT-V4\nno ipv6 access-list OBET-MANAGEMENT-V6\n"
    )
    assert commands(changed, present(second)) == ""
    third = confirmed(IosDevice(second)).running()
    assert commands(changed, present(third)) == ""
    assert remove_unbound(third) == ""
    assert "ip access-list extended OBET-MANAGEMENT-V4\n" in commands(policy(), present(third))


@pytest.mark.parametrize("foreign", [" permit ip any any", " permit tcp host 203.0.113.66 any eq 22"])
def test_a_foreign_entry_in_our_list_makes_a_new_one(foreign: str) -> None:
    spoilt = merged(FRESH, commands(policy(), present(FRESH))).running()
    entry = " permit tcp host 198.51.100.11 any eq 22"
    spoilt = spoilt.replace(entry, f"{foreign}\n{entry}")
    device = confirmed(merged(spoilt, commands(policy(), present(spoilt))))
    assert foreign not in device.running()
    assert device.lets_in(STRANGERS[0]) == {False}


def test_a_list_of_ours_that_something_else_names_stays() -> None:
    first = merged(FRESH, commands(policy(), present(FRESH))).running()
    second = merged(first, commands(policy(*OURS[:1]), present(first))).running()
    gone = "no ip access-list extended OBET-MANAGEMENT-V4\n"
    assert gone in remove_unbound(second)
    named = "interface Vlan1\n ip access-group OBET-MANAGEMENT-V4 in\n"
    assert gone not in remove_unbound(named + second)


def test_a_list_that_only_a_banner_speaks_of_is_not_there() -> None:
    """The lines would be bound to nothing, which lets everybody in."""
    first = merged(FRESH, commands(policy(), present(FRESH))).running()
    start, end = first.index("ip access-list extended"), first.index("line vty")
    spoken = f"banner motd ^C\n{first[start:end]}^C\n{FRESH}"
    assert commands(policy(), present(spoken)) == commands(policy(), present(FRESH))
    assert remove_unbound(spoken) == ""


DOORS = {
    "ip http server": "no ip http server",
    "ip http secure-server": "no ip http secure-server",
    "ip finger": "no ip finger",
    "ip finger rfc-compliant": "no ip finger",
    "service finger": "no service finger",
    "service tcp-small-servers": "no service tcp-small-servers",
    "service udp-small-servers max-servers no-limit": "no service udp-small-servers",
    "service config": "no service config",
    "ip rcmd rcp-enable": "no ip rcmd rcp-enable",
    "ip rcmd rsh-enable": "no ip rcmd rsh-enable",
    "tftp-server flash:image.bin": "no tftp-server flash:image.bin",
    "ftp-server enable": "no ftp-server enable",
    "vstack": "no vstack",
    "netconf-yang": "no netconf-yang",
    "restconf": "no restconf",
}


@pytest.mark.parametrize(("door", "shut"), DOORS.items())
def test_a_side_door_that_is_open_is_shut(door: str, shut: str) -> None:
    assert shut in commands(policy(), present(f"{door}\n{FRESH}")).splitlines()
    assert shut not in commands(policy(), present(FRESH)).splitlines()


def test_smart_install_is_shut_where_the_device_has_it() -> None:
    assert "no vstack" in commands(policy(), present(FRESH, smart_install=True)).splitlines()
    assert "vstack" not in commands(policy(), present(FRESH))
    assert "vstack" not in commands(policy(), present(f"no vstack\n{FRESH}", smart_install=True))


def test_the_remote_console_of_an_interface_is_shut() -> None:
    text = commands(policy(), present(f"interface Vlan1\n mop enabled\n{FRESH}"))
    assert "interface Vlan1\n no mop enabled\nexit\n" in text


def test_only_algorithms_of_today_that_the_device_offers_are_asked_for() -> None:
    text = commands(policy(), present(FRESH, ssh=ANSWER))
    assert "ip ssh server algorithm encryption aes256-ctr aes192-ctr aes128-ctr\n" in text
    assert "ip ssh server algorithm mac hmac-sha2-512 hmac-sha2-256\n" in text
    assert "ip ssh server algorithm kex ecdh-sha2-nistp256\n" in text
    assert "ip ssh server algorithm hostkey rsa-sha2-512 rsa-sha2-256\n" in text
    assert "ip ssh version 2\n" in text
    assert "cbc" not in text
    assert "sha1" not in text


def test_algorithms_are_not_asked_for_where_the_device_offers_nothing_else() -> None:
    of_today = "MAC Algorithms:hmac-sha2-256,hmac-sha2-512\nKEX Algorithms:curve25519-sha256\n"
    assert "algorithm" not in commands(policy(), present(FRESH, ssh=of_today))


def test_a_device_that_offers_none_of_today_is_not_asked_for_them() -> None:
    assert "algorithm" not in commands(policy(), present(FRESH, ssh="MAC Algorithms:hmac-sha1,hmac-sha1-96\n"))
    assert "algorithm" not in commands(policy(), present(FRESH))


def test_what_is_not_ours_is_not_touched() -> None:
    foreign = """\
ip access-list extended WATCH
 permit ip any any
ip access-list extended OBETS
 permit ip any any
ipv6 access-list OBET-MANAGEMENT-V6-OTHER
 permit ipv6 any any
interface Vlan1
 ip access-group WATCH in
"""
    device = merged(foreign + FRESH, commands(policy(), present(foreign + FRESH)))
    for line in (*foreign.splitlines(), "hostname switch1", " login local"):
        assert line in device.running().splitlines()
    after = confirmed(merged(device.running(), remove(present(device.running()))))
    assert (
        after.running()
        == IosDevice(foreign + merged(FRESH, "\n".join(c for c in device.commands if "ssh" in c)).running()).running()
    )


def test_a_policy_that_lets_nobody_in_is_refused() -> None:
    empty = ManagementPolicy(device="d-0000000001", ours=(), co_managers=(), ports=(22,))
    with pytest.raises(PolicyError, match="lets nobody in"):
        commands(empty, present(FRESH))
    with pytest.raises(PolicyError, match="lets nobody in"):
        commands(policy(ports=()), present(FRESH))
    with pytest.raises(PolicyError, match="lets nobody in"):
        render(empty)


@pytest.mark.parametrize("lines", [(), ((0, 4),), ((0, 4), (6, 15))])
def test_lines_that_are_not_all_of_the_devices_are_refused(lines: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(PolicyError, match="lines"):
        commands(policy(), present(FRESH, lines=lines))
    with pytest.raises(PolicyError, match="lines"):
        remove(present(FRESH, lines=lines))


def test_what_cannot_be_typed_is_not_sent_back() -> None:
    with pytest.raises(PolicyError, match="cannot be sent back"):
        commands(policy(), present(f"tftp-server flash:a\x1b[2J\n{FRESH}"))


def test_ours_goes_again_and_the_lines_name_nothing_that_is_gone() -> None:
    there = merged(FRESH, commands(policy(), present(FRESH))).running()
    device = confirmed(merged(there, remove(present(there))))
    assert "OBET" not in device.running()
    assert "access-class" not in device.running()


HIS = """\
access-list 23 permit 192.0.2.0 0.0.0.255
ipv6 access-list Hosts
 permit ipv6 host 2001:DB8::7 any
line vty 0 4
 access-class 23 in
 ipv6 access-class Hosts in
"""


def test_the_lines_are_bound_afterwards_as_they_were_before_ours_however_often_ours_changed() -> None:
    first = confirmed(merged(HIS + FRESH, commands(policy(), present(HIS + FRESH)))).running()
    other = policy(*OURS, co_managers=tuple(ips("192.0.2.9")))
    device = confirmed(merged(first, commands(other, present(first))))
    there = device.running()
    assert commands(other, present(there)) == "", "remembering changes nothing when done again"
    assert "access-class 23 in" not in bound(there)
    ended = confirmed(merged(there, remove(present(there)))).running()
    assert "OBET" not in ended
    assert bound(ended) == ["access-class 23 in", "ipv6 access-class Hosts in"]


def test_lines_are_not_bound_again_to_a_list_that_is_gone() -> None:
    there = confirmed(merged(HIS + FRESH, commands(policy(), present(HIS + FRESH)))).running()
    there = there.replace("access-list 23 permit 192.0.2.0 0.0.0.255\n", "")
    assert bound(merged(there, remove(present(there))).running()) == ["ipv6 access-class Hosts in"]


def test_what_somebody_bound_over_ours_is_what_is_remembered() -> None:
    there = confirmed(merged(HIS + FRESH, commands(policy(), present(HIS + FRESH)))).running()
    device = merged(there, "access-list 24 permit 192.0.2.8\nline vty 0 4\n access-class 24 in\nexit\n")
    there = confirmed(merged(device.running(), commands(policy(), present(device.running())))).running()
    assert "access-class 24 in" in bound(merged(there, remove(present(there))).running())


def test_where_somebody_bound_some_lines_of_a_range_anew_the_others_keep_what_they_were_bound_to() -> None:
    remembered = "remark was 0-15 access-class 23 in"
    there = confirmed(merged(HIS + FRESH, commands(policy(), present(HIS + FRESH)))).running()
    there = there.replace("remark was 0-4 access-class 23 in", remembered)
    assert remembered in there
    device = merged(there, "access-list 24 permit 192.0.2.8\nline vty 0 4\n access-class 24 in\nexit\n")
    there = confirmed(merged(device.running(), commands(policy(), present(device.running())))).running()
    text = remove(present(there))
    assert "line vty 0 4\n access-class 24 in\n" in text
    assert "line vty 5 15\n access-class 23 in\n" in text, "not bound to nothing, which lets everybody in"
    assert text.count("access-class 23 in") == 1


def test_a_remark_that_names_more_lines_than_there_may_be_is_none_of_ours() -> None:
    there = confirmed(merged(HIS + FRESH, commands(policy(), present(HIS + FRESH)))).running()
    there = there.replace("remark was 0-4 access-class 23 in", "remark was 0-99999 access-class 23 in")
    assert "99999" not in commands(policy(*OURS[:1]), present(there)) + remove(present(there))


def bound(running: str) -> list[str]:
    """What lines are bound to."""
    return [line.strip() for line in running.splitlines() if "access-class" in line and "remark" not in line]


def test_the_customers_own_sources_come_in_before_ours_go() -> None:
    there = merged(FRESH, commands(policy(), present(FRESH))).running()
    own = ips("192.0.2.7")
    device = IosDevice(there)
    for line in device.merge(remove(present(there), own)):
        assert all(device.lets_in(stranger) == {False} for stranger in STRANGERS), line
    assert device.lets_in(own[0]) == {True}
    assert all(device.lets_in(source) == {False} for source in OURS)
    device = confirmed(device)
    assert "OBET" not in device.running()
    assert not [found for found in prove(device.running(), own, [22]) if "port 22" in found.what]
    assert remove(present(device.running()), own) == ""


def test_a_customers_list_of_that_name_is_not_taken_for_his_sources() -> None:
    there = f"ip access-list extended MANAGEMENT-V4\n permit ip any any\n{FRESH}"
    text = remove(present(there), ips("192.0.2.7"))
    assert "access-class MANAGEMENT-V4-2 in vrf-also" in text


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
    st.sampled_from([(22,), (22, 2222)]),
)
foreign_lists = st.sampled_from(
    [
        "",
        "ip access-list extended OBET-MANAGEMENT-V4\n permit ip any any\n",
        "ip access-list extended OBET-MANAGEMENT-V4-2\n permit ip any any\nipv6 access-list OBET-MANAGEMENT-V6\n",
        "ip access-list standard OTHER\n permit host 203.0.113.66\n",
    ]
)


@settings(max_examples=40, deadline=None)
@given(policies, policies, foreign_lists, st.integers(0, 40))
def test_no_moment_is_open_and_none_of_both_policies_is_shut_out(
    before: ManagementPolicy, after: ManagementPolicy, foreign: str, cut: int
) -> None:
    """From one policy to the next, and again after a run that was cut off at any line."""
    started = merged(foreign + FRESH, commands(before, present(foreign + FRESH)))
    assert all(started.lets_in(stranger) == {False} for stranger in STRANGERS)
    text = commands(after, present(started.running()))
    staying = set(before.sources) & set(after.sources)
    half = IosDevice(started.running())
    for number, line in enumerate(half.merge(text)):
        assert all(half.lets_in(stranger) == {False} for stranger in STRANGERS), line
        assert all(half.lets_in(source) == {True} for source in staying), line
        if number == cut:
            break
    again = IosDevice(half.running())
    for line in again.merge(commands(after, present(half.running()))):
        assert all(again.lets_in(stranger) == {False} for stranger in STRANGERS), line
    assert all(again.lets_in(source) == {True} for source in after.sources)
    assert all(again.lets_in(source) == {False} for source in set(before.sources) - set(after.sources))
    assert commands(after, present(again.running())) == ""
    for line in again.merge(remove_unbound(again.running())):
        assert all(again.lets_in(stranger) == {False} for stranger in STRANGERS), line
    assert again.running().count("access-list") == 2 + foreign.count(" OTHER")
    assert commands(after, present(again.running())) == ""
    found = prove(again.running(), after.sources, [22])
    assert [finding.what for finding in found] == []
