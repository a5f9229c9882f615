"""The proof of an EOS device: what was rendered is proven, each way to spoil it is found and named."""

from __future__ import annotations

import time

import pytest
from builders import ips
from eos_device import EosDevice
from obet.access.policy import ManagementPolicy
from obet.errors import ProofError
from obet.platforms.eos.proof import counter, prove
from obet.platforms.eos.rules import commands

SOURCES = ips("198.51.100.11", "198.51.100.12", "2001:db8:51::11")
PORTS = (22, 443)
FRESH = """\
! Command: show running-config
! device: leaf1 (DCS-7050SX3-48YC8, EOS-4.30.5M)
!
no aaa root
!
username admin privilege 15 role network-admin secret sha512 $6$Canary
!
management api http-commands
   no shutdown
!
hostname leaf1
!
vrf instance MGMT
!
interface Management1
   vrf MGMT
   ip address 198.51.100.113/24
!
end
"""
POLICY = ManagementPolicy(device="d-0000000001", ours=tuple(SOURCES), co_managers=(), ports=PORTS)


def proven() -> str:
    device = EosDevice(FRESH)
    for _ in device.merge(commands(POLICY, FRESH)):
        pass
    return device.running()


TEXT = proven()
ENTRY = "   10 permit tcp host 198.51.100.11 any eq ssh\n"
LIST, LIST6 = "ip access-list OBET-MANAGEMENT-V4\n", "ipv6 access-list OBET-MANAGEMENT-V6\n"
SSH, WEB = "management ssh\n", "management api http-commands\n"
BOUND, BOUND6 = "   ip access-group OBET-MANAGEMENT-V4 in\n", "   ipv6 access-group OBET-MANAGEMENT-V6 in\n"
IN_MGMT = "   ip access-group OBET-MANAGEMENT-V4 vrf MGMT in\n"
OF_WEB = "      ip access-group OBET-MANAGEMENT-V4\n"
STRANGER = "port 22: also takes 203.0.113.66: "
ALL4, ALL6 = "port 22: also takes 0.0.0.0-198.51.100.10", "port 22: also takes ::-2001:db8:51::10"
WEB4 = "port 443: also takes 0.0.0.0-198.51.100.10"


def findings(running: str, ports: tuple[int, ...] = PORTS) -> list[str]:
    return [finding.what for finding in prove(running, SOURCES, ports)]


def instead(old: str, new: str) -> str:
    assert old in TEXT, old
    return TEXT.replace(old, new)


def entry(text: str) -> str:
    """The text with entries before all of ours."""
    return instead(
        LIST, "".join([LIST, *(f"   {number} {one}\n" for number, one in enumerate(text.split("; "), start=1))])
    )


def entry6(text: str) -> str:
    return instead(LIST6, f"{LIST6}   1 {text}\n")


def also(*lines: str) -> str:
    return instead("hostname leaf1\n", "\n".join([*lines, "!", "hostname leaf1\n"]))


def beneath(block: str, *lines: str) -> str:
    return instead(block, block + "".join(f"   {line}\n" for line in lines))


def bound_to(*entries: str) -> str:
    """SSH of the default VRF bound to another list, `DOOR`."""
    changed = also("ip access-list DOOR", *(f"   {one}" for one in entries))
    return changed.replace(BOUND, "   ip access-group DOOR in\n")


LOOSER = {
    "one host more": (entry("permit tcp host 203.0.113.66 any eq ssh"), STRANGER),
    "one host more by its length": (entry("permit tcp 203.0.113.66/32 any eq 22"), STRANGER),
    "a network": (entry("permit tcp 203.0.113.0/24 any eq ssh"), "takes 203.0.113.0-203.0.113.255"),
    "a network that is not written from its start": (entry("permit ip 203.0.113.9/24 any"), "takes 203.0.113.0-"),
    "a mask where a length should be": (entry("permit ip 198.51.100.10/0.0.0.1 any"), ALL4),
    "a wildcard with a hole": (entry("permit ip 203.0.113.64 0.0.0.2 any"), "takes 203.0.113.64 and 1 more"),
    "a wildcard with many holes": (entry("permit ip 0.0.0.0 85.85.85.85 any"), "port 22: also takes 0.0.0.0"),
    "everybody by IP": (entry("permit ip any any"), ALL4),
    "everybody by number": (entry("permit 6 any any"), ALL4),
    "everybody by a number that may be any": (entry("permit 0 any any"), ALL4),
    "everybody by a range of ports": (entry("permit tcp any any range ftp telnet"), ALL4),
    "everybody by ports above": (entry("permit tcp any any gt 21"), ALL4),
    "everybody by ports below": (entry("permit tcp any any lt telnet"), ALL4),
    "everybody by all ports but one": (entry("permit tcp any any neq www"), ALL4),
    "everybody by one of several ports": (entry("permit tcp any any eq www ssh bgp"), ALL4),
    "a port of a name that is not known": (entry("permit tcp any any eq gnmi"), ALL4),
    "a port of a name that is not known among others": (entry("permit tcp any any eq telnet unheard-of"), ALL4),
    "a source port": (entry("permit tcp any eq ssh any"), ALL4),
    "established": (entry("permit tcp any any established"), ALL4),
    "tracked": (entry("permit ip any any tracked"), ALL4),
    "one time to live": (entry("permit tcp any any eq ssh ttl eq 255"), ALL4),
    "a destination": (entry("permit tcp any host 198.51.100.113 eq ssh"), ALL4),
    "a VLAN": (entry("permit vlan 10 0xfff ip any any"), ALL4),
    "response traffic": (entry("permit response traffic nat"), ALL4),
    "a protocol that is not known": (entry("permit unheard-of any any"), ALL4),
    "a deny that is perhaps": (entry("deny ip any any fragments; permit ip any any"), ALL4),
    "a deny of a port that is not known": (entry("deny tcp any any eq unheard-of; permit ip any any"), ALL4),
    "a deny of a destination": (entry("deny ip any host 198.51.100.113; permit ip any any"), ALL4),
    "a deny of a source port": (entry("deny tcp any gt 1023 any; permit ip any any"), ALL4),
    "a deny of one vlan": (entry("deny vlan 10 0xfff ip any any; permit ip any any"), ALL4),
    "a deny with many holes": (entry("deny ip 0.0.0.0 255.85.85.85 any; permit ip any any"), "also takes 0.0.0.0-"),
    "an entry that is not understood": (entry("pass everybody"), ALL4),
    "fragment rules": (instead(LIST, LIST + "   fragment-rules\n"), ALL4),
    "an address that is none": (entry("permit tcp host 203.0.113.666 any"), ALL4),
    "a list that is missing": (instead(LIST, "ip access-list OTHER\n"), "OBET-MANAGEMENT-V4 does not exist"),
    "a list with nothing but a remark": (bound_to("10 remark closed"), "access list DOOR is empty"),
    "a list shown twice": (also("ip access-list standard OBET-MANAGEMENT-V4", "   10 permit any"), "shown twice"),
    "a list whose numbers say another order": (
        bound_to("20 deny ip any any", "10 permit ip any any"),
        "access list DOOR is not in the order of its numbers",
    ),
    "SSH bound to another list": (bound_to("10 permit ip host 203.0.113.66 any"), STRANGER),
    "a standard list": (
        bound_to("10 permit 203.0.113.0/24").replace("list DOOR", "list standard DOOR"),
        "also takes 203.0.113.0-203.0.113.255: SSH in VRF default: access list DOOR, `10 permit 203.0.113.0/24`",
    ),
    "a standard list of a host": (
        bound_to("10 permit host 203.0.113.66 log").replace("list DOOR", "list standard DOOR"),
        STRANGER,
    ),
    "SSH without a list": (instead(BOUND, ""), "SSH in VRF default: no `ip access-group`"),
    "SSH without a list of IPv6": (instead(BOUND6, ""), "SSH in VRF default: no `ipv6 access-group`"),
    "SSH in a VRF without a list": (instead(IN_MGMT, ""), "SSH in VRF MGMT: no `ip access-group`"),
    "SSH without a block": (instead(SSH, "management other\n"), "SSH in VRF MGMT: no `ip access-group`"),
    "a VRF that came later": (also("vrf instance NEW"), "SSH in VRF NEW: no `ip access-group`"),
    "a VRF of before": (also("vrf definition NEW"), "SSH in VRF NEW: no `ipv6 access-group`"),
    "a VRF that only an interface speaks of": (
        also("interface Ethernet1", "   vrf forwarding NEW"),
        "SSH in VRF NEW: no `ip access-group`",
    ),
    "a list that is bound in a way that is not understood": (
        instead(BOUND, "   ip access-group OBET-MANAGEMENT-V4 out\n"),
        "`ip access-group OBET-MANAGEMENT-V4 out` is not understood",
    ),
    "a second list bound": (
        instead(BOUND, BOUND + "   ip access-group OPEN vrf default in\n").replace(
            "hostname leaf1\n", "ip access-list OPEN\n   10 permit ip any any\n!\nhostname leaf1\n"
        ),
        "access list OPEN, `10 permit ip any any`",
    ),
    "one host more of IPv6": (entry6("permit tcp host 2001:DB8::66 any eq ssh"), "also takes 2001:db8::66: "),
    "a prefix of IPv6": (entry6("permit ipv6 2001:db8::/126 any"), "takes 2001:db8::-2001:db8::3"),
    "everybody of IPv6": (entry6("permit ipv6 any any"), ALL6),
    "what comes behind a header of IPv6": (entry6("permit 60 any any"), ALL6),
    "IPv4 in a list of IPv6": (entry6("permit ip any any"), ALL6),
    "another port of SSH": (beneath(SSH, "server-port 2222").replace(BOUND, ""), "port 2222: also takes"),
    "eAPI without a list": (instead(OF_WEB, ""), f"{WEB4} and 1 more: eAPI in VRF default: no `ip access-group`"),
    "eAPI in another VRF": (
        beneath(WEB, "vrf MGMT", "   no shutdown"),
        "eAPI in VRF MGMT: no `ip access-group`",
    ),
    "eAPI in a VRF that does not say whether it is on": (beneath(WEB, "vrf X"), "eAPI in VRF X: no `ip access-group`"),
    "eAPI's list beside the VRFs": (
        beneath(WEB, "ip access-group OBET-MANAGEMENT-V4"),
        "`ip access-group OBET-MANAGEMENT-V4` is not understood",
    ),
    "eAPI on another port": (beneath(WEB, "protocol https port 8443").replace(OF_WEB, ""), "port 8443: also takes"),
    "eAPI without TLS": (
        beneath(WEB, "protocol http port 8080").replace(OF_WEB, ""),
        "port 8080: also takes 0.0.0.0-198.51.100.10 and 1 more: eAPI without TLS in VRF default: no `ip access-group`",
    ),
    "NETCONF": (also("management api netconf", "   transport ssh N"), "port 830: also takes 0.0.0.0-198.51.100.10"),
    "NETCONF for everybody of IPv6": (
        also("management api netconf", "   transport ssh N", "      ip access-group OBET-MANAGEMENT-V4"),
        "port 830: also takes ::",
    ),
    "NETCONF on another port": (
        also("management api netconf", "   transport ssh N", "      port 8830", "      vrf MGMT"),
        "port 8830: also takes 0.0.0.0-198.51.100.10 and 1 more: NETCONF (N) in VRF MGMT",
    ),
    "RESTCONF": (also("management api restconf", "   transport https R"), "port 6020: also takes"),
    "gNMI": (also("management api gnmi", "   transport grpc default"), "port 6030: also takes"),
    "gRIBI": (also("management api gribi", "   transport grpc default"), "port 9340: also takes"),
    "the SDK": (also("management api eos-sdk-rpc", "   transport grpc default"), "port 9543: also takes"),
}
STRICTER = {
    "a source missing": (instead(ENTRY, ""), "port 22: may refuse 198.51.100.11: SSH in VRF default"),
    "a source missing at eAPI alone": (
        instead("   20 permit tcp host 198.51.100.11 any eq https\n", ""),
        "port 443: may refuse 198.51.100.11: eAPI in VRF default",
    ),
    "a deny before": (entry("deny tcp host 198.51.100.12 any"), "may refuse 198.51.100.12"),
    "a deny of a network": (entry("deny ip 198.51.100.0/24 any log"), "may refuse 198.51.100.11-198.51.100.12"),
    "a deny that is perhaps": (entry("deny tcp any any ttl eq 255"), "may refuse 198.51.100.11"),
    "a permit that is perhaps": (instead(ENTRY, ENTRY.rstrip() + " tracked\n"), "may refuse 198.51.100.11"),
    "a permit that is perhaps, and logs": (
        instead(ENTRY, ENTRY.rstrip() + " log tracked\n"),
        "may refuse 198.51.100.11",
    ),
    "all of IPv6": (entry6("deny ipv6 any any"), "may refuse 2001:db8:51::11"),
    "one VRF": (
        bound_to("10 permit ip host 198.51.100.11 any").replace(
            BOUND + IN_MGMT, "   ip access-group DOOR vrf MGMT in\n"
        ),
        "may refuse 198.51.100.12: SSH in VRF",
    ),
    "a list that is missing": (instead(LIST, "ip access-list OTHER\n"), "port 443: may refuse 198.51.100.11-"),
    "SSH shut down": (beneath(SSH, "shutdown"), "port 22: nothing listens there"),
    "eAPI shut down": (instead(WEB + "   no shutdown\n", WEB), "port 443: nothing listens there"),
    "eAPI without TLS alone": (beneath(WEB, "no protocol https", "protocol http"), "port 443: nothing listens there"),
    "a wildcard that is taken as larger": (entry("deny ip 0.0.0.0 213.85.85.85 any"), "may refuse 198.51.100.11"),
}
SIDE_DOORS = {
    "Telnet": (also("management telnet", "   no shutdown"), "Telnet: `management telnet`"),
    "Telnet in a VRF": (also("management telnet", "   vrf MGMT", "      no shutdown"), "Telnet: `management telnet`"),
    "eAPI without TLS": (beneath(WEB, "protocol http"), "HTTP without TLS: `management api http-commands`"),
    "a port of eAPI without TLS": (beneath(WEB, "protocol http port 8080"), "HTTP without TLS"),
    "old TLS": (
        also("management security", "   ssl profile P", "      tls versions 1.0 1.2").replace(
            WEB, WEB + "   protocol https ssl profile P\n"
        ),
        "TLS older than 1.2 is taken: `ssl profile P`",
    ),
    "gNMI in clear": (also("management api gnmi", "   transport grpc X"), "an API without TLS: `management api gnmi`"),
    "a tunnel of gNMI": (
        also("management api gnmi", "   transport grpc-tunnel X", "      destination 192.0.2.1 port 1"),
        "a way in that is not understood: `management api gnmi`, `transport grpc-tunnel X`",
    ),
    "an API that is not understood": (
        also("management api new", "   no shutdown"),
        "a way in that is not understood: `management api new`",
    ),
    "a web server": (also("management http-server", "   no shutdown"), "a web server that is not understood"),
    "XMPP": (also("management xmpp", "   no shutdown"), "commands are taken by XMPP"),
    "a controller": (also("management cvx", "   no shutdown", "   server host 192.0.2.1"), "a controller's agent"),
    "an agent": (
        also("daemon TerminAttr", "   exec /usr/bin/X -cvauth=key,Canary", "   no shutdown"),
        "daemon TerminAttr",
    ),
    "a script": (
        also("event-handler X", "   trigger on-boot", "   action bash iptables -I INPUT -j ACCEPT"),
        "a program beside EOS, which may let anybody in: `event-handler X`",
    ),
    "a script of several lines": (
        also("event-handler X", "   action bash", "iptables -I INPUT -j ACCEPT", "EOF", "   delay 1"),
        "a program beside EOS, which may let anybody in: `event-handler X`",
    ),
    "a container": (
        also("container-manager", "   container X", "      image Y", "      on-boot"),
        "a program beside EOS, which may let anybody in: `container X`",
    ),
    "a script by the clock": (
        also("schedule X interval 5 max-log-files 1 command bash iptables -I INPUT -j ACCEPT # Canary"),
        "a command by the clock, which may let anybody in: `schedule X`",
    ),
    "a script behind what is shown by the clock": (
        also("schedule X interval 5 max-log-files 1 command show version | bash"),
        "a command by the clock, which may let anybody in: `schedule X`",
    ),
    "a configuration that is fetched by the clock": (
        also("schedule X interval 5 max-log-files 1 command copy scp://192.0.2.1/x running-config"),
        "a command by the clock, which may let anybody in: `schedule X`",
    ),
    "P4Runtime": (also("p4-runtime", "   no shutdown"), "commands are taken by P4Runtime: `p4-runtime`"),
    "OpenFlow": (also("openflow", "   controller tcp:192.0.2.1:6633", "   no shutdown"), "a controller's agent"),
    "a tunnel of SSH": (
        beneath(SSH, "tunnel X", "   local interface Ethernet1 port 8022", "   no shutdown"),
        "SSH forwards connections to elsewhere: `management ssh`, `tunnel X`",
    ),
    "a tunnel of SSH in a VRF": (
        beneath(SSH, "vrf MGMT", "   tunnel X", "      no shutdown"),
        "SSH forwards connections to elsewhere: `management ssh`, `tunnel X`",
    ),
    "a login that asks nothing": (also("aaa authentication login default none"), "a login without a password"),
    "root without a password": (also("aaa root nopassword"), "a login without a password"),
    "remote logins without a password": (
        also("aaa authentication policy local allow-nopassword-remote-login"),
        "a login without a password",
    ),
    "empty passwords over SSH": (beneath(SSH, "authentication empty-passwords permit"), "a login without a password"),
    "RADIUS that changes sessions": (also("radius-server dynamic-authorization port 3799"), "RADIUS may change"),
    "rewritten sources": (
        also("interface Ethernet1", "   ip nat source ingress static 203.0.113.66 198.51.100.11"),
        "sources are rewritten: who is let in is not known",
    ),
    "a weak cipher": (instead("   cipher ", "   cipher aes128-cbc "), "SSH takes weak algorithms: `cipher aes128-cbc`"),
    "a weak key exchange": (
        instead("   key-exchange ", "   key-exchange diffie-hellman-group14-sha1 "),
        "SSH takes weak algorithms: `key-exchange diffie-hellman-group14-sha1`",
    ),
    "a weak checksum": (instead("   mac ", "   mac hmac-md5 hmac-sha1-96 "), "`mac hmac-md5 hmac-sha1-96`"),
    "no word of ciphers": (instead("   cipher ", "   idle-timeout "), "perhaps: `management ssh` has no `cipher`"),
    "a setting of SSH that is not understood": (beneath(SSH, "listen-everywhere"), "`listen-everywhere`"),
    "a setting of eAPI that is not understood": (beneath(WEB, "second-port 8080"), "`second-port 8080`"),
    "a setting of eAPI in a VRF that is not understood": (
        beneath(WEB, "vrf MGMT", "   shutdown", "   second-port 8080"),
        "`vrf MGMT`, `second-port 8080`",
    ),
    "a command that is none": (also("management tel\ufffdnet"), "is no command: `management …`"),
    "control characters": (also("daem\x00on X"), "holds control characters: `daem\\x00on …`"),
    "a second end of a banner": (also("banner motd", "a", "EOF", "EOF"), "the mark at which a text ends"),
    "a tab": (also("interface Ethernet1", "\tno switchport"), "is indented by a tab"),
}
HARMLESS = {
    "as rendered": TEXT,
    "with the line ends of a terminal": TEXT.replace("\n", "\r\n"),
    "with an empty line before and after": f"\n{TEXT}\n\n",
    "a host twice": entry("permit tcp host 198.51.100.11 any eq ssh"),
    "a port of another name": entry("permit tcp any any eq telnet"),
    "other ports": entry("permit tcp any any range www 400; permit tcp any any gt 443; permit tcp any any lt 22"),
    "other protocols": entry("permit udp any any; permit 17 any any; permit icmp any any echo; permit ospf any any"),
    "other protocols of IPv6": entry6("permit icmpv6 any any"),
    "a deny that says more": entry("deny ip host 203.0.113.66 any log"),
    "a deny that is perhaps, of others": entry("deny ip 203.0.113.0/24 any tracked"),
    "what stands behind the last deny": instead("deny ip any any\n", "deny ip any any\n   60 permit ip any any\n"),
    "the last deny gone, as it is implied": instead("   50 deny ip any any\n", ""),
    "our sources by IP": entry("permit ip host 198.51.100.11 any; permit tcp 198.51.100.12/32 any log"),
    "counting as it was named before": instead("counters per-entry", "statistics per-entry"),
    "an open list that is bound to nothing": also("ip access-list OPEN", "   10 permit ip any any"),
    "lists of other things": also("mac access-list M", "   10 permit any any"),
    "a VRF in which SSH is off": also("vrf instance NEW").replace(SSH, f"{SSH}   vrf NEW\n      shutdown\n"),
    "SSH on in two VRFs alone": also("vrf instance NEW").replace(
        SSH, f"{SSH}   shutdown\n   vrf MGMT\n      no shutdown\n   vrf default\n      no shutdown\n"
    ),
    "eAPI off in another VRF": beneath(WEB, "vrf MGMT", "   shutdown"),
    "eAPI that is on for this device alone": beneath(WEB, "protocol http localhost port 8080", "protocol unix-socket"),
    "an API that is off": also("management api gnmi", "   transport grpc default", "      shutdown"),
    "an API that offers nothing": also("management api models", "   provider smash", "      path routing"),
    "Telnet that is off": also("management telnet", "   shutdown"),
    "an agent that is off": also("daemon TerminAttr", "   exec /usr/bin/TerminAttr", "   shutdown"),
    "a tunnel of SSH that is off": beneath(SSH, "tunnel X", "   shutdown"),
    "P4Runtime that is off": also("p4-runtime", "   shutdown"),
    "what is shown by the clock": also("schedule X interval 60 max-log-files 9 command show tech-support"),
    "a copy by the clock": also(
        "schedule X interval 60 max-log-files 9 command copy running-config scp://u@192.0.2.1/x"
    ),
    "an event that is logged": also("event-handler X", "   trigger on-boot", "   action log"),
    "a filter of the control plane": also("system control-plane", "   ip access-group OTHER in"),
    "a filter of an interface": also("interface Ethernet1", "   ip access-group OTHER in"),
    "a profile of today": also("management security", "   ssl profile P", "      tls versions 1.2 1.3"),
    "a banner that looks like an open door": also(
        "banner motd", "management telnet", "   no shutdown", "end", "\x1b[31mred\x00", "EOF"
    ),
    "a certificate": beneath(WEB, "protocol https certificate", "-----BEGIN", "EOF", "daemon X", "EOF"),
    "a function": also("router general", "   control-functions", "      code unit X", "daemon X", "EOF"),
    "a comment": also("interface Ethernet1", "   !! daemon X"),
    "names that are not in ASCII": also("ip access-list СКЛАД", "   10 permit ip any any", "vlan 7", "   name Склад"),
    "words in a description": also("interface Ethernet1", "   description management telnet \x07 връзка \ufffd"),
    "an account for the console alone": also("username local nopassword"),
    "SSH that keeps to FIPS": "\n".join(
        line if not line.startswith(("   cipher", "   mac", "   key-")) else "   fips restrictions"
        for line in TEXT.split("\n")
    ),
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


def test_the_entry_that_opens_is_named_with_its_number_list_service_and_vrf() -> None:
    assert findings(entry("permit tcp host 203.0.113.66 any eq ssh")) == [
        f"port 22: also takes 203.0.113.66: SSH in VRF {vrf}: access list OBET-MANAGEMENT-V4, "
        "`1 permit tcp host 203.0.113.66 any eq ssh`"
        for vrf in ("default", "MGMT")
    ]


def test_a_finding_holds_no_password() -> None:
    found = findings(also("daemon X", "   exec /usr/bin/X -key=Canary-1"))
    found += findings(also("snmp-server community Canary-1\x00 ro", "enable password sha512 \x00Canary-1"))
    found += findings(also("key \ufffd Canary-1", "event-handler X", "   action bash curl -u a:Canary-1 https://x"))
    assert len(found) == 5
    assert "Canary-1" not in "".join(found)


def test_a_port_that_nothing_listens_on_is_found() -> None:
    assert findings(TEXT, (22, 2222)) == ["port 2222: nothing listens there, so it takes none of the allowed sources"]
    listening = beneath(SSH, "server-port 2222")
    assert any(what.startswith("port 2222: may refuse") for what in findings(listening, (2222, 443)))
    moved = listening.replace("eq ssh", "eq 2222")
    assert findings(moved, (2222, 443)) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "does not begin"),
        ("\x00" * 100, "does not begin"),
        ("% Invalid input (privileged mode required)\n", "does not begin"),
        (TEXT.split("\n", 1)[1], "does not begin"),
        (TEXT.replace("show running-config", "show running-config section ssh"), "does not begin"),
        (TEXT.removesuffix("end\n"), "does not end"),
        (TEXT[: len(TEXT) // 2], "does not end"),
        (also("banner motd", "for ever"), "does not end"),
        (also("event-handler X", "   action bash", "for ever"), "does not end"),
        (beneath(WEB, "protocol https certificate", "a", "EOF"), "does not end"),
        (also(*(" " * depth + "x" for depth in range(3000))), "deeper"),
    ],
)
def test_what_is_not_all_of_a_configuration_proves_nothing(text: str, why: str) -> None:
    with pytest.raises(ProofError, match=why):
        prove(text, SOURCES, PORTS)


def test_no_port_proves_nothing() -> None:
    with pytest.raises(ProofError, match="no port"):
        prove(TEXT, SOURCES, [])


@pytest.mark.parametrize("noise", ["\x00", "\x1b[2J", "\ufffd", "\x08", "\u2028", "\u00a0", "\x1f", "\x85", "\x0c"])
def test_noise_never_makes_a_proof(noise: str) -> None:
    """In any line that the proof stands on, within a word or instead of a space."""
    lines = (BOUND, BOUND6, IN_MGMT, OF_WEB, ENTRY, SSH, LIST, "vrf instance MGMT\n", "   cipher ")
    for line in map(str.strip, lines):
        for spoilt in (line[:8] + noise + line[8:], line.replace(" ", noise, 1)):
            if spoilt != line:
                assert findings(TEXT.replace(line, spoilt)), spoilt


def test_findings_do_nothing_to_a_terminal() -> None:
    found = findings(entry("permit \x1b[2J any any\x07"))
    assert found
    assert all(what.isprintable() for what in found)


def test_thousands_of_lines_are_judged_in_under_a_second() -> None:
    hosts = "; ".join(f"permit tcp host 10.{n // 250}.{n % 250}.1 any eq ssh" for n in range(3000))
    denied = "; ".join(
        f"deny ip host 11.{n // 250}.{n % 250}.1 any; permit ip 12.0.{n % 250}.0 0.0.0.5 any" for n in range(1000)
    )
    interfaces = "".join(
        f"interface Vlan{n}\n   description връзка {n}\n   ip address 10.0.0.1/24\n" for n in range(3000)
    )
    text = (
        entry(f"{hosts}; {denied}")
        .replace("   10 permit", "   9990 permit")
        .replace("hostname", f"{interfaces}hostname")
    )
    started = time.process_time()
    assert findings(text)
    assert time.process_time() - started < 1


LISTS = """\
IP Access List OBET-MANAGEMENT-V4
        counters per-entry
        10 permit tcp host 198.51.100.11 any eq ssh [match 5 packets, 0:00:29 ago]
        20 deny ip any any [match 7 packets, 11 days, 20:46:23 ago]

        Total rules configured: 2
        Configured on VRF: default
        Active on     VRF: default

IP Access List QUIET
        10 deny ip any any
Standard IP Access List HOSTS
        10 deny any [match 99, 0:00:01 ago]
IPv6 Access List OBET-MANAGEMENT-V6
        20 deny ipv6 any any [match 1 packets, 0:00:00 ago]
IP Access List OBET-MANAGEMENT-V4
        20 deny ip any any [match 4 packets, 0:00:03 ago]
"""


@pytest.mark.parametrize(
    ("name", "count"),
    [("OBET-MANAGEMENT-V4", 11), ("OBET-MANAGEMENT-V6", 1), ("QUIET", 0), ("HOSTS", 99), ("OBET", None)],
)
def test_what_a_list_has_refused_is_counted_over_all_services(name: str, count: int | None) -> None:
    assert counter(LISTS, name) == count
