"""The proof of an IOS device: what was rendered is proven, each way to spoil it is found and named."""

from __future__ import annotations

import time

import pytest
from builders import ips
from ios_device import IosDevice
from obet.access.policy import ManagementPolicy
from obet.errors import ProofError
from obet.platforms.ios.proof import counter, prove
from obet.platforms.ios.rules import Present, render

SOURCES = ips("198.51.100.11", "198.51.100.12", "2001:db8:51::11")
FRESH = """\
hostname switch1
no ip http server
no ip http secure-server
line con 0
line aux 0
line vty 0 4
 login local
 transport input ssh
line vty 5 15
 login local
 transport input ssh
end
"""
POLICY = ManagementPolicy(device="d-0000000001", ours=tuple(SOURCES), co_managers=(), ports=(22,))


def proven() -> str:
    device = IosDevice(FRESH)
    for _ in device.merge(render(POLICY, Present(running=FRESH, lines=((0, 4), (5, 15))))):
        pass
    return device.running()


TEXT = proven()
ENTRY = " permit tcp host 198.51.100.11 any eq 22\n"
LAST = " deny   ip any any\n"
LAST6 = " deny   ipv6 any any\n"
LIST = "ip access-list extended OBET-MANAGEMENT-V4\n"
LIST6 = "ipv6 access-list OBET-MANAGEMENT-V6\n"
BOUND = " access-class OBET-MANAGEMENT-V4 in vrf-also\n"
BOUND6 = " ipv6 access-class OBET-MANAGEMENT-V6 in\n"
STRANGER = "port 22: also takes 203.0.113.66: "
ALL4, ALL6 = "port 22: also takes 0.0.0.0-198.51.100.10", "port 22: also takes ::-2001:db8:51::10"


def findings(running: str, ports: tuple[int, ...] = (22,)) -> list[str]:
    return [finding.what for finding in prove(running, SOURCES, ports)]


def instead(old: str, new: str) -> str:
    assert old in TEXT, old
    return TEXT.replace(old, new)


def before(old: str, new: str) -> str:
    return instead(old, new + old)


def first_lines(old: str, new: str) -> str:
    """Changed on the first range of lines alone."""
    head, separator, rest = TEXT.partition("line vty 5 15")
    assert old in head, old
    return head.replace(old, new) + separator + rest


def entry(text: str) -> str:
    """The text with an entry before all of ours."""
    return instead(LIST, f"{LIST} {text}\n")


def entry6(text: str) -> str:
    return instead(LIST6, f"{LIST6} {text}\n")


def also(*commands: str) -> str:
    return before("line vty 0 4\n", "".join(f"{command}\n" for command in commands))


def bound_to(*lists: str) -> str:
    """The first range of lines bound to another list, `DOOR`."""
    changed = first_lines(BOUND, " access-class DOOR in vrf-also\n")
    return changed.replace("line vty 0 4\n", "".join(f"{line}\n" for line in lists) + "line vty 0 4\n")


LOOSER = {
    "one host more": (entry("permit tcp host 203.0.113.66 any eq 22"), STRANGER),
    "one host more by number": (entry("5 permit tcp host 203.0.113.66 any eq 22"), STRANGER),
    "a network": (entry("permit tcp 203.0.113.0 0.0.0.255 any eq 22"), "takes 203.0.113.0-203.0.113.255"),
    "a wildcard with a hole": (entry("permit ip 203.0.113.64 0.0.0.2 any"), "takes 203.0.113.64 and 1 more"),
    "a wildcard with many holes": (entry("permit ip 0.0.0.0 85.85.85.85 any"), "port 22: also takes 0.0.0.0"),
    "everybody by IP": (entry("permit ip any any"), ALL4),
    "everybody by number": (entry("permit 6 any any"), ALL4),
    "everybody by a number that may be any": (entry("permit 0 any any"), ALL4),
    "everybody by a range of ports": (entry("permit tcp any any range ftp telnet"), ALL4),
    "everybody by ports above": (entry("permit tcp any any gt telnet\n permit tcp any any gt 21"), ALL4),
    "everybody by ports below": (entry("permit tcp any any lt telnet"), ALL4),
    "everybody by all ports but one": (entry("permit tcp any any neq www"), ALL4),
    "everybody by one of several ports": (entry("permit tcp any any eq www 22 443"), ALL4),
    "a port of a name that is not known": (entry("permit tcp any any eq unheard-of"), ALL4),
    "a port of a name that is not known among others": (entry("permit tcp any any eq telnet unheard-of"), ALL4),
    "a source port": (entry("permit tcp any eq 22 any"), ALL4),
    "established": (entry("permit tcp any any established"), ALL4),
    "a time": (entry("permit tcp any any eq 22 time-range NIGHT"), ALL4),
    "a group of hosts": (entry("permit tcp object-group HOSTS any eq 22"), ALL4),
    "a group of services": (entry("permit object-group SERVICES any any"), ALL4),
    "a destination": (entry("permit tcp any host 198.51.100.112 eq 22"), ALL4),
    "a protocol that is not known": (entry("permit unheard-of any any"), ALL4),
    "a deny that is perhaps": (entry("deny ip any any time-range NIGHT\n permit ip any any"), ALL4),
    "a deny of a port that is not known": (entry("deny tcp any any eq unheard-of\n permit ip any any"), ALL4),
    "a deny of a destination": (entry("deny ip any host 198.51.100.112\n permit ip any any"), ALL4),
    "a deny of a group": (entry("deny ip object-group HOSTS any\n permit ip any any"), ALL4),
    "a deny of a source port": (entry("deny tcp any gt 1023 any\n permit ip any any"), ALL4),
    "a deny with many holes": (entry("deny ip 0.0.0.0 255.85.85.85 any\n permit ip any any"), "also takes 0.0.0.0-"),
    "a reflexive list": (entry("evaluate SEEN"), ALL4),
    "lock and key": (entry("dynamic KEY permit ip any any"), ALL4),
    "an entry that is not understood": (entry("pass everybody"), ALL4),
    "an address that is none": (entry("permit tcp host 203.0.113.666 any"), ALL4),
    "a list that is missing": (instead(LIST, "ip access-list extended OTHER\n"), "does not exist, which lets"),
    "a list with nothing but a remark": (
        bound_to("ip access-list extended DOOR", " remark closed"),
        "access list DOOR is empty",
    ),
    "a list shown twice": (before("line vty 0 4\n", LIST + ENTRY), "shown twice"),
    "lines bound to another list": (bound_to("ip access-list standard DOOR", " permit 203.0.113.66"), STRANGER),
    "a standard list whose numbers say another order": (
        bound_to("ip access-list standard DOOR", " 20 deny any", " 10 permit any"),
        "access list DOOR, `10 permit any`",
    ),
    "a standard list by number": (bound_to("access-list 10 permit 1.1.1.1").replace("DOOR", "10"), "takes 1.1.1.1"),
    "a standard list of a network": (
        bound_to("ip access-list standard DOOR", " 10 permit 203.0.113.0 0.0.0.255 log"),
        "takes 203.0.113.0-203.0.113.255",
    ),
    "an extended list by number": (
        bound_to("access-list 101 permit tcp any any").replace("DOOR", "101"),
        "access list 101, `permit tcp any any`",
    ),
    "one range of lines without a list": (first_lines(BOUND, ""), "line vty 0 4: no `access-class`"),
    "one range of lines without a list of IPv6": (first_lines(BOUND6, ""), "line vty 0 4: no `ipv6 access-class`"),
    "more lines than we bound": (before("!\nend\n", "line vty 16 31\n transport input ssh\n"), "line vty 16 31: no"),
    "lines that do not say what they take": (
        before("!\nend\n", "line vty 16 31\n"),
        "line vty 16 31: no `access-class`",
    ),
    "lines that take everything": (
        before("!\nend\n", "line vty 16 31\n transport input all\n"),
        "line vty 16 31: no `access-class`",
    ),
    "a list that is bound outwards": (first_lines(BOUND, " access-class OBET-MANAGEMENT-V4 out\n"), ALL4),
    "a list of one VRF": (
        first_lines(BOUND, BOUND + " access-class OBET-MANAGEMENT-V4 in vrfname Mgmt\n"),
        "vrfname Mgmt` is not understood",
    ),
    "one host more of IPv6": (entry6("permit tcp host 2001:DB8::66 any eq 22"), "also takes 2001:db8::66: "),
    "a prefix of IPv6": (entry6("sequence 5 permit ipv6 2001:DB8::/126 any"), "takes 2001:db8::-2001:db8::3"),
    "everybody of IPv6": (entry6("permit ipv6 any any"), ALL6),
    "what comes behind a header of IPv6": (entry6("permit 60 any any"), ALL6),
    "another port of SSH": (
        also("ip ssh port 2022 rotary 1").replace("line vty 5 15\n", "line vty 5 15\n rotary 1\n").replace(BOUND, ""),
        "port 2022: also takes",
    ),
    "a range of other ports of SSH": (
        also("ip ssh port 2022 rotary 3 5").replace("line vty 5 15\n", "line vty 5 15\n rotary 5\n").replace(BOUND, ""),
        "port 2024: also takes",
    ),
    "through a VRF": (
        also("vrf definition Mgmt").replace(" in vrf-also", " in"),
        "has no `vrf-also`: whom it takes through a VRF is not known",
    ),
    "HTTPS": (also("ip http secure-server"), "port 443: also takes 0.0.0.0"),
    "HTTPS on another port": (also("ip http secure-server", "ip http secure-port 8443"), "port 8443: also takes"),
    "HTTPS for everybody of IPv6": (
        also("ip http secure-server", "ip http access-class ipv4 OBET-MANAGEMENT-V4"),
        "port 443: also takes ::",
    ),
    "NETCONF": (also("netconf-yang"), "port 830: also takes 0.0.0.0"),
    "NETCONF on another port": (also("netconf-yang", "netconf-yang ssh port 8830"), "port 8830: also takes"),
    "NETCONF of before": (also("netconf ssh"), "NETCONF over SSH: no access list"),
    "RESTCONF": (also("restconf"), "port 443: also takes"),
    "gNMI": (also("gnxi", "gnxi secure-server"), "port 9339: also takes"),
}
STRICTER = {
    "a source missing": (instead(ENTRY, ""), "port 22: may refuse 198.51.100.11: line vty 0 4"),
    "a deny before": (entry("deny tcp host 198.51.100.12 any"), "may refuse 198.51.100.12"),
    "a deny of a network": (entry("deny ip 198.51.100.0 0.0.0.255 any log"), "may refuse 198.51.100.11-198.51.100.12"),
    "a deny that is perhaps": (entry("deny tcp any any time-range NIGHT"), "may refuse 198.51.100.11"),
    "a permit that is perhaps": (instead(ENTRY, ENTRY.rstrip() + " time-range DAY\n"), "may refuse 198.51.100.11"),
    "all of IPv6": (entry6("deny ipv6 any any"), "may refuse 2001:db8:51::11"),
    "one range of lines": (
        bound_to("ip access-list extended DOOR", " permit ip host 198.51.100.11 any"),
        "may refuse 198.51.100.12: line vty 0 4",
    ),
    "a standard list whose numbers say another order": (
        bound_to("ip access-list standard DOOR", " 20 permit 198.51.100.11", " 10 deny any"),
        "may refuse 198.51.100.11-198.51.100.12: line vty 0 4",
    ),
    "a permit that is perhaps, and logs": (
        instead(ENTRY, ENTRY.rstrip() + " log time-range DAY\n"),
        "may refuse 198.51.100.11",
    ),
    "through a VRF": (
        also("vrf definition Mgmt").replace(" in vrf-also", " in"),
        "may refuse 198.51.100.11-198.51.100.12",
    ),
    "no line that takes SSH": (instead("transport input ssh", "transport input none"), "nothing takes SSH there"),
    "a wildcard that is taken as larger": (entry("deny ip 0.0.0.0 213.85.85.85 any"), "may refuse 198.51.100.11"),
}
SIDE_DOORS = {
    "Telnet": (first_lines("transport input ssh", "transport input telnet ssh"), "Telnet or the like: `line vty 0 4`"),
    "every protocol": (first_lines("transport input ssh", "transport input all"), "`transport input all`"),
    "no word of protocols": (first_lines(" transport input ssh\n", ""), "Telnet may be taken: `line vty 0 4`"),
    "no login": (first_lines(" login local\n", " no login\n"), "a login without a password"),
    "a login that asks nothing": (also("aaa authentication login default none"), "a login without a password"),
    "a user without a password": (also("username guest nopassword"), "a login without a password"),
    "reverse Telnet": (instead("line aux 0\n", "line aux 0\n transport input all\n"), "a way to a line: `line aux 0`"),
    "a modem": (instead("line aux 0\n", "line aux 0\n modem InOut\n"), "dial-in: `line aux 0`"),
    "HTTP": (also("ip http server"), "HTTP without TLS"),
    "finger": (also("ip finger"), "finger"),
    "small servers": (also("service tcp-small-servers"), "small servers"),
    "rsh": (also("ip rcmd rsh-enable"), "rcp and rsh"),
    "a TFTP server": (also("tftp-server flash:image.bin"), "a TFTP server"),
    "an FTP server": (also("ftp-server enable"), "an FTP server"),
    "Smart Install": (also("vstack"), "Smart Install"),
    "Smart Install that is not shown": (also("spanning-tree mode rapid-pvst"), "Smart Install may be on"),
    "a fetched configuration": (also("service config"), "configuration fetched"),
    "a persistent Telnet": (also("transport type persistent telnet input X"), "a persistent transport"),
    "gNMI in clear": (also("gnmi-yang", "gnmi-yang server"), "gNMI without TLS"),
    "a TR-069 agent": (also("cwmp agent"), "TR-069"),
    "MOP": (also("interface Vlan1", " mop enabled"), "`interface Vlan1`, `mop enabled`"),
    "rewritten sources": (also("ip nat outside source static 203.0.113.66 198.51.100.11"), "sources are rewritten"),
    "SSH of version 1": (instead("ip ssh version 2\n", ""), "SSH version 1"),
    "a range of lines that is not shown": (instead("line vty 0 4\n", "line vty 2 4\n"), "virtual line 0 is not shown"),
    "lines that are not understood": (instead("line vty 0 4\n", "line vty zero\n"), "virtual lines that are not"),
    "a command that is none": (also("ip h\ufffdtp server"), "is no command: `ip …`"),
    "control characters": (also("tftp-ser\x00ver flash:x"), "holds control characters: `tftp-ser\\x00ver …`"),
    "a second end of a banner": (also("banner motd ^C", "a ^C", "line ^C"), "the mark at which a banner ends"),
}
HARMLESS = {
    "as rendered": TEXT,
    "with the line ends of a terminal": TEXT.replace("\n", "\r\n"),
    "numbered": instead(ENTRY, "  10 permit tcp host 198.51.100.11 any eq 22\n"),
    "a host twice": entry("permit tcp host 198.51.100.11 any eq 22"),
    "a port of another name": entry("permit tcp any any eq telnet"),
    "other ports": entry("permit tcp any any range www 443\n permit tcp any any gt 22\n permit tcp any any lt 22"),
    "other protocols": entry("permit udp any any\n permit 17 any any\n permit icmp any any echo"),
    "other protocols of IPv6": entry6("permit icmp any any nd-ns\n permit udp any any\n permit 17 any any"),
    "a deny that says more": entry("deny ip host 203.0.113.66 any log COOKIE"),
    "a deny that is perhaps, of others": entry("deny ip 203.0.113.0 0.0.0.255 any time-range NIGHT"),
    "what stands behind the last deny": instead(LAST, LAST + " permit ip any any\n"),
    "what IPv6 has behind the last deny": instead(LAST6, LAST6 + " permit ipv6 any any\n"),
    "the last deny gone, as it is implied": instead(LAST, ""),
    "our sources by IP": entry("permit ip host 198.51.100.11 any\n permit tcp 198.51.100.12 0.0.0.0 any log"),
    "an open list that is bound outwards": first_lines(BOUND, BOUND + " access-class OPEN out\n"),
    "an open list that is bound to nothing": also("ip access-list extended OPEN", " permit ip any any"),
    "lists of other things": also("ipv6 access-list X", " permit ipv6 any any", "mac access-list extended M"),
    "lines that take nothing": before("!\nend\n", "line vty 16 31\n transport input none\n"),
    "a VRF that is ruled as well": also("vrf definition Mgmt"),
    "a filter of an interface": also("interface Vlan1", " ip access-group OTHER in"),
    "HTTPS with lists": also(
        "ip http secure-server",
        "ip http access-class ipv4 HOSTS",
        "ip http access-class ipv6 HOSTS6",
        "ip access-list standard HOSTS",
        " permit 198.51.100.11",
        "ipv6 access-list HOSTS6",
        " deny ipv6 any any",
    ),
    "HTTPS with a list by number": also(
        "ip http secure-server",
        "ip http access-class 10",
        "ip http access-class ipv6 HOSTS6",
        "access-list 10 permit 198.51.100.11",
        "access-list 10 remark ours",
        "ipv6 access-list HOSTS6",
        " deny ipv6 any any",
    ),
    "NETCONF with lists": also(
        "netconf-yang",
        "netconf-yang ssh ipv4 access-list name HOSTS",
        "netconf-yang ssh ipv6 access-list name HOSTS6",
        "ip access-list standard HOSTS",
        " 20 permit 198.51.100.12",
        " 10 permit 198.51.100.11",
        "ipv6 access-list HOSTS6",
        " deny ipv6 any any",
    ),
    "a switch without Smart Install": also("spanning-tree mode rapid-pvst", "no vstack"),
    "a switch that never had it": also("spanning-tree mode rapid-pvst").replace("version 15.2", "version 17.9"),
    "a banner that looks like an open door": also(
        "banner motd ^C", "line vty 0 4", " no login", "ip http server", "\x1b[31mred\x00", "^C"
    ),
    "a banner in one line": also("banner login ^Cno entry^C", "banner exec #line vty 0 4 transport input telnet#"),
    "a banner of another delimiter": also("banner motd #", "ip http server", "end", "it ends here #"),
    "an authentication's banner": also("aaa authentication banner ^C", "ip http server", "^C"),
    "a macro": also("macro name door", "ip http server", "line vty 0 4", "@"),
    "names that are not in ASCII": also("ip access-list extended СКЛАД", " permit ip any any", "vlan 7", " name Склад"),
    "words in a description": also("interface Vlan1", " description ip http server ^C \x07 връзка \ufffd\ufffd"),
    "a certificate": also("crypto pki certificate chain X", " certificate self-signed 01", "  3082 0201", "  \tquit"),
    "a login with a method": also("aaa authentication login default group tacacs+ local"),
}


@pytest.mark.parametrize("case", LOOSER)
def test_a_door_that_is_open_is_found_and_named(case: str) -> None:
    text, expected = LOOSER[case]
    assert any(expected in what for what in findings(text)), findings(text)


@pytest.mark.parametrize("case", STRICTER)
def test_a_source_that_is_shut_out_is_found(case: str) -> None:
    text, expected = STRICTER[case]
    assert any(expected in what for what in findings(text)), findings(text)


@pytest.mark.parametrize("case", SIDE_DOORS)
def test_a_side_door_is_found_and_named(case: str) -> None:
    text, expected = SIDE_DOORS[case]
    assert any(expected in what for what in findings(text)), findings(text)


@pytest.mark.parametrize("case", HARMLESS)
def test_what_changes_nothing_is_proven(case: str) -> None:
    assert findings(HARMLESS[case]) == []


def test_the_entry_that_opens_is_named_with_its_number_and_list() -> None:
    assert findings(entry("15 permit tcp host 203.0.113.66 any eq 22")) == [
        f"port 22: also takes 203.0.113.66: line vty {lines}: access list OBET-MANAGEMENT-V4, "
        "`15 permit tcp host 203.0.113.66 any eq 22`"
        for lines in ("0 4", "5 15")
    ]


def test_a_finding_holds_no_password() -> None:
    found = findings(also("username guest privilege 15 nopassword", "username a password 0 Canary-1 nopassword"))
    found += findings(
        also("snmp-server community Canary-1\x00 RO", "netconf beep initiator 1.1.1.1 9 user a password Canary-1")
    )
    found += findings(also("enable secret 0 Canary-1^C", "key \ufffd Canary-1"))
    assert len(found) == 6
    assert "Canary-1" not in "".join(found)


def test_a_port_that_nothing_listens_on_is_found() -> None:
    assert "port 2222: nothing takes SSH there, so it takes none of the allowed sources" in findings(TEXT, (22, 2222))
    listening = also("ip ssh port 2222 rotary 1").replace("line vty 5 15\n", "line vty 5 15\n rotary 1\n")
    assert any(what.startswith("port 2222: may refuse") for what in findings(listening, (22, 2222)))
    both = listening.replace(ENTRY, ENTRY + ENTRY.replace("eq 22", "eq 2222"))
    both = both.replace(" permit tcp host 198.51.100.12 any eq 22\n", " permit tcp host 198.51.100.12 any eq 22 2222\n")
    both = both.replace("2001:DB8:51::11 any eq 22", "2001:DB8:51::11 any eq 22 2222")
    assert findings(both, (22, 2222)) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "does not end"),
        ("\x00" * 100, "does not end"),
        (TEXT.removesuffix("end\n"), "does not end"),
        (TEXT[: len(TEXT) // 2], "does not end"),
        ("% Invalid input detected at '^' marker.\n", "does not end"),
        ("version 15.2\nend\n", "no `line vty`"),
        (also("banner motd ^C", "for ever"), "does not end"),
        (also("macro name x", "for ever"), "does not end"),
        (also("banner motd"), "without a delimiter"),
    ],
)
def test_what_is_not_all_of_a_configuration_proves_nothing(text: str, why: str) -> None:
    with pytest.raises(ProofError, match=why):
        prove(text, SOURCES, [22])


def test_no_port_proves_nothing() -> None:
    with pytest.raises(ProofError, match="no port"):
        prove(TEXT, SOURCES, [])


@pytest.mark.parametrize("noise", ["\x00", "\x1b[2J", "\ufffd", "\x08", "\u2028", "\u00a0", "\x1f", "\x85", "\x0c"])
def test_noise_never_makes_a_proof(noise: str) -> None:
    """In any line that the proof stands on, within a word or instead of a space."""
    lines = ("access-class OBET", "ipv6 access-class OBET", "transport input ssh", "ip ssh version 2")
    for line in (*lines, ENTRY.strip(), "line vty 0 4"):
        for spoilt in (line[:8] + noise + line[8:], line.replace(" ", noise, 1)):
            assert findings(TEXT.replace(line, spoilt)), spoilt


def test_findings_do_nothing_to_a_terminal() -> None:
    found = findings(entry("permit \x1b[2J any any\x07"))
    assert found
    assert all(what.isprintable() for what in found)


def test_thousands_of_lines_are_judged_in_under_a_second() -> None:
    hosts = "".join(f" permit tcp host 10.{n // 250}.{n % 250}.1 any eq 22\n" for n in range(3000))
    denied = "".join(
        f" deny ip host 11.{n // 250}.{n % 250}.1 any\n permit ip 12.0.{n % 250}.0 0.0.0.5 any\n" for n in range(1500)
    )
    interfaces = "".join(f"interface Vlan{n}\n description връзка {n}\n ip address 10.0.0.1\n" for n in range(3000))
    text = instead(LIST, LIST + hosts + denied).replace("line vty 0 4\n", interfaces + "line vty 0 4\n")
    started = time.process_time()
    assert findings(text)
    assert time.process_time() - started < 1


LISTS = """\
Standard IP access list 10
    10 deny   any (99 matches)
Extended IP access list OBET-MANAGEMENT-V4
    10 permit tcp host 198.51.100.11 any eq 22 (2 matches)
    20 deny ip any any (7 matches)
Extended IP access list QUIET
    10 deny ip any any
IPv6 access list OBET-MANAGEMENT-V6
    permit tcp host 2001:DB8:51::11 any eq 22 (4 matches) sequence 10
    deny ipv6 any any (1 match) sequence 20
"""


@pytest.mark.parametrize(
    ("name", "count"),
    [("OBET-MANAGEMENT-V4", 7), ("OBET-MANAGEMENT-V6", 1), ("QUIET", 0), ("10", 99), ("OBET", None)],
)
def test_what_a_list_has_refused_is_counted(name: str, count: int | None) -> None:
    assert counter(LISTS, name) == count
