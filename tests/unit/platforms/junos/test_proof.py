"""What a Junos device's configuration proves, and what spoils it: each is named, and nothing is passed over."""

from __future__ import annotations

import pytest
from builders import ips
from obet.errors import ProofError
from obet.evidence.wording import wording
from obet.evidence.wording.phrases import Phrases
from obet.platforms.junos.proof import counter, prove

OURS = ips("198.51.100.11", "198.51.100.12", "2001:db8:51::11")
V4 = "set firewall family inet filter MGMT-V4 term"
V6 = "set firewall family inet6 filter MGMT-V6 term"

# A branch's firewall, a router and a switch, as they are written by hand.
PROTECTED = f"""\
set interfaces lo0 unit 0 family inet filter input MGMT-V4
set interfaces lo0 unit 0 family inet6 filter input MGMT-V6
set policy-options prefix-list MANAGERS 198.51.100.11/32
set policy-options prefix-list MANAGERS 198.51.100.12/32
set policy-options prefix-list MANAGERS-V6 2001:db8:51::11/128
{V4} managers from source-prefix-list MANAGERS
{V4} managers from protocol tcp
{V4} managers from destination-port ssh
{V4} managers from destination-port 830
{V4} managers then accept
{V4} management from protocol tcp
{V4} management from destination-port ssh
{V4} management from destination-port 830
{V4} management from destination-port 443
{V4} management then count refused
{V4} management then discard
{V4} rest then accept
{V6} managers from source-prefix-list MANAGERS-V6
{V6} managers from payload-protocol tcp
{V6} managers from destination-port [22]
{V6} managers then accept
{V6} management from payload-protocol tcp
{V6} management from destination-port 20-1000
{V6} management then reject administratively-prohibited
{V6} rest then accept
""".replace("[22]", "22")
FIREWALL = f"""\
set version 21.4R3-S5.4
set groups node0 system host-name fw1-a
set groups node1 system host-name fw1-b
set apply-groups "${{node}}"
set system root-authentication encrypted-password "$6$Canary-1"
set system services ssh root-login deny
set system services ssh no-tcp-forwarding
set system services netconf ssh
set system login message "Beware\\n\\"set system services telnet\\""
set security zones security-zone untrust host-inbound-traffic system-services ssh
set security zones security-zone untrust interfaces ge-0/0/0.0 host-inbound-traffic system-services https
set security policies from-zone trust to-zone untrust policy all match source-address any
{PROTECTED}"""
ROUTER = f"""\
set version 23.2R1.14
set system services ssh root-login deny
set system services ssh ciphers "aes256-gcm@openssh.com"
set system services netconf ssh
set system management-instance
set interfaces fxp0 unit 0 family inet address 192.0.2.10/24
set interfaces ge-0/0/0 unit 0 family inet filter input EDGE
set routing-instances mgmt_junos routing-options static route 0.0.0.0/0 next-hop 192.0.2.1
set firewall family inet filter EDGE term all then accept
set protocols ospf area 0.0.0.0 interface ge-0/0/0.0
{PROTECTED}deactivate protocols ospf
protect system root-authentication
"""
GOOD = {"a branch's firewall": FIREWALL, "a router": ROUTER}


def findings(text: str, ports: tuple[int, ...] = (22,)) -> list[str]:
    return [finding.what for finding in prove(text, OURS, ports)]


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_a_protected_device_is_proven(text: str) -> None:
    assert findings(text) == []


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_each_stranger_and_each_missing_source_is_found(text: str) -> None:
    assert any("also takes 198.51.100.12" in finding.what for finding in prove(text, OURS[:1], [22]))
    more = [*OURS, *ips("198.51.100.13")]
    assert [f.what for f in prove(text, more, [22])] == ["port 22: may refuse 198.51.100.13: SSH by lo0.0"]


def test_of_a_port_beside_that_of_management_only_strangers_count() -> None:
    assert findings(ROUTER, (22, 830)) == ["port 830: may refuse 2001:db8:51::11: NETCONF by lo0.0"]


SPOILT = {
    "no filter": ("unit 0 family inet filter input MGMT-V4", None, "no filter is bound"),
    "no filter in the other version": ("unit 0 family inet6 filter input MGMT-V6", None, "no filter is bound"),
    "a filter that is missing": ("input MGMT-V4", "input MISSING", "filter MISSING has no term"),
    "a filter of the other family": ("input MGMT-V4", "input MGMT-V6", "filter MGMT-V6 has no term"),
    "two bindings": (
        "set interfaces lo0 unit 0 family inet filter input MGMT-V4",
        "".join(f"set interfaces lo0 unit 0 family inet filter {w} MGMT-V4\n" for w in ("input", "input-list")),
        "a filter and a list of filters are bound",
    ),
    "a binding that is not known": ("input MGMT-V4", "input MGMT-V4 precedence 10", "is not understood"),
    "a list that is missing": ("source-prefix-list MANAGERS\n", "source-prefix-list OTHERS\n", "term managers"),
    "a list that is made while it runs": (
        "set policy-options prefix-list MANAGERS 198.51.100.12/32",
        'set policy-options prefix-list MANAGERS apply-path "interfaces <*> unit <*> family inet address <*>"',
        "term managers",
    ),
    "a match that is not known": (
        f"{V4} managers from protocol tcp",
        f"{V4} managers from protocol tcp\n{V4} managers from flexible-match-mask prefix 1.1.1.1",
        "may refuse 198.51.100.11",
    ),
    "an unknown match where it discards": (
        f"{V4} management from protocol tcp",
        f"{V4} management from protocol tcp\n{V4} management from interface ge-0/0/0.0",
        "filter MGMT-V4, term rest",
    ),
    "an unknown match before that discards": (
        f"{V4} managers from source-prefix-list",
        f"{V4} a from interface ge-0/0/0.0\n{V4} a then discard\n{V4} managers from source-prefix-list",
        "may refuse 198.51.100.11-198.51.100.12",
    ),
    "an unknown action before": (
        f"{V4} managers from source-prefix-list",
        f"{V4} a from protocol tcp\n{V4} a then next-ip 192.0.2.1/32\n{V4} managers from source-prefix-list",
        "may refuse 198.51.100.11-198.51.100.12",
    ),
    "a mask of scattered bits": (
        f"{V4} managers from source-prefix-list MANAGERS",
        f"{V4} managers from source-address 198.51.100.12/0.0.0.1",
        "also takes 0.0.0.0",
    ),
    "masks of scattered bits where it discards": (
        f"{V4} management from protocol tcp",
        "\n".join(f"{V4} management from source-address {half}.0.0.0/127.255.255.255" for half in (0, 128)),
        "filter MGMT-V4, term rest",
    ),
    "an action that is not known": (
        f"{V4} management then discard",
        f"{V4} management then frobnicate",
        "term management",
    ),
    "a rate limit where it accepts": (
        f"{V4} managers then accept",
        f"{V4} managers then policer P\n{V4} managers then accept",
        "may refuse 198.51.100.11",
    ),
    "a term that does nothing but count": (f"{V4} management then discard", "", "term management"),
    "another instance of routing": (
        f"{V4} managers then accept",
        f"{V4} managers then routing-instance X",
        "may refuse 198.51.100.11",
    ),
    "a unit without a filter": (
        "set interfaces lo0 unit 0",
        "set interfaces lo0 unit 7 family inet\nset interfaces lo0 unit 0",
        "by lo0.7",
    ),
    "an instance's unit": (
        "set interfaces lo0 unit 0",
        "set routing-instances V interface lo0.8\nset interfaces lo0 unit 0",
        "by lo0.8",
    ),
    "a loopback that is disabled": (
        "set interfaces lo0 unit 0",
        "set interfaces lo0 disable\nset interfaces lo0 unit 0",
        "it is disabled",
    ),
    "only the next header in IPv6": (
        "{V6} management from payload-protocol tcp".replace("{V6}", V6),
        f"{V6} management from next-header tcp",
        "filter MGMT-V6, term rest, behind an extension header",
    ),
    "a filter outside of families beside it": (
        f"{V4} rest",
        f"set firewall filter MGMT-V4 term x then accept\n{V4} rest",
        "filter MGMT-V4 is there twice",
    ),
    "a filter in a filter, and more": (
        f"{V4} rest then accept",
        f"{V4} rest then accept\n{V4} rest filter X",
        "term rest: names",
    ),
    "filters in a ring": (f"{V4} rest then accept", f"{V4} rest filter MGMT-V4", "is within filters too deep"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_what_spoils_it_is_named(case: str) -> None:
    old, new, expected = SPOILT[case]
    if new is None:
        text = "".join(line for line in ROUTER.splitlines(keepends=True) if old not in line)
    else:
        assert old in ROUTER
        text = ROUTER.replace(old, new, 1)
    assert text != ROUTER
    found = findings(text)
    assert any(expected in what for what in found), found


TOLD = [
    "no filter",
    "no filter in the other version",
    "a filter that is missing",
    "two bindings",
    "a unit without a filter",
    "a loopback that is disabled",
    "only the next header in IPv6",
    "a filter outside of families beside it",
    "filters in a ring",
    "an unknown match before that discards",
]


@pytest.mark.parametrize("case", TOLD)
def test_who_gets_in_by_what_has_its_words(case: str) -> None:
    old, new, _ = SPOILT[case]
    lines = ROUTER.splitlines(keepends=True)
    text = ROUTER.replace(old, new, 1) if new else "".join(line for line in lines if old not in line)
    bulgarian = Phrases(wording("bg").phrases)
    found = findings(text)
    assert found
    assert [what for what in found if not bulgarian.find(what)] == []


@pytest.mark.parametrize("case", ["binds a filter", "adds to a filter"])
def test_what_a_group_may_do_to_a_filter_has_its_words(case: str) -> None:
    bulgarian = Phrases(wording("bg").phrases)
    told = [bulgarian.find(what) for what in findings(ROUTER + IN_GROUPS[case][0])]
    assert None not in told
    assert any("група G може да" in (one or "") for one in told)


INACTIVE = {
    "the filter's binding": ("interfaces lo0 unit 0 family inet filter", "no filter is bound"),
    "the loopback": ("interfaces lo0", "no filter is bound"),
    "the term that discards": ("firewall family inet filter MGMT-V4 term management", "term rest"),
    "what it discards to": ("firewall family inet filter MGMT-V4 term management from protocol", ""),
    "whom it accepts": ("firewall family inet filter MGMT-V4 term managers from source-prefix-list", "term managers"),
    "the list's members": ("policy-options prefix-list MANAGERS 198.51.100.12/32", "may refuse 198.51.100.12"),
    "SSH": ("system services ssh", "nothing takes SSH there"),
}


@pytest.mark.parametrize("case", INACTIVE)
def test_what_is_inactive_does_not_count(case: str) -> None:
    path, expected = INACTIVE[case]
    found = findings(f"{ROUTER}deactivate {path}\n")
    assert any(expected in what for what in found) if expected else found == [], found


@pytest.mark.parametrize("inside", ["discard", "accept"])
def test_terms_of_a_filter_within_stand_where_it_is_named(inside: str) -> None:
    nested = f"{V4} management filter INNER\nset firewall family inet filter INNER term all then {inside}\n"
    lines = [line for line in ROUTER.splitlines() if not line.startswith(f"{V4} management ")]
    at = next(n for n, line in enumerate(lines) if line.startswith(f"{V4} rest"))
    lines[at:at] = nested.splitlines()
    found = findings("\n".join([*lines, ""]))
    assert bool(found) == (inside == "accept")
    assert all("filter INNER, term all" in what for what in found)


def test_filters_of_a_list_are_asked_one_after_another() -> None:
    listed = ROUTER.replace(f"{V4} rest then accept\n", "").replace(
        "family inet filter input MGMT-V4",
        "family inet filter input-list MGMT-V4\nset interfaces lo0 unit 0 family inet filter input-list NEXT",
    )
    guard = "set firewall family inet filter NEXT term all then accept\n"
    assert findings(listed + guard) == []
    turned = listed.replace("input-list MGMT-V4", "input-list FIRST").replace("input-list NEXT", "input-list MGMT-V4")
    assert any("filter FIRST, term all" in what for what in findings(turned + guard.replace("NEXT", "FIRST")))


V2 = "set system services ssh protocol-version v2\n"
IN_GROUPS = {
    "binds a filter": (
        "set groups G interfaces <lo*> unit <*> family inet filter input-list OPEN\nset apply-groups G\n",
        "group G may bind a filter",
    ),
    "adds to a filter": (
        "set groups G firewall family <inet*> filter <MGMT*> term a then accept\nset firewall apply-groups G\n",
        "group G may add to filter MGMT-V4",
    ),
    "adds to a list": (
        "set groups G policy-options prefix-list MANAGERS 0.0.0.0/0\nset apply-groups G\n",
        "term managers",
    ),
    "makes a unit": ("set groups G interfaces lo0 unit 9 family inet\nset apply-groups G\n", "by lo0.9"),
    "opens Telnet": (
        "set groups G system services telnet\nset apply-groups G\n",
        "Telnet: `system services telnet`, from group G",
    ),
    "is a node's": ('set groups node1 system services ftp\nset apply-groups "${node}"\n', "from group node1"),
    "adds to the versions of SSH": (
        "set groups G system services ssh protocol-version v1\nset apply-groups G\n" + V2,
        "SSH version 1 may be taken",
    ),
    "applies groups": ("set groups G apply-groups H\nset apply-groups G\n", "group G applies groups itself"),
}


@pytest.mark.parametrize("case", IN_GROUPS)
def test_what_a_group_may_add_is_named(case: str) -> None:
    more, expected = IN_GROUPS[case]
    found = findings(ROUTER + more)
    assert any(expected in what for what in found), found


HARMLESS_GROUPS = {
    "is not applied": "set groups G system services telnet\n",
    "is for other interfaces": (
        "set groups G interfaces <ge-*> unit <*> family inet filter input-list OPEN\nset apply-groups G\n"
    ),
    "is excepted there": (
        "set groups G interfaces <*> unit <*> family inet filter input-list OPEN\nset apply-groups G\n"
        "set interfaces lo0 apply-groups-except G\n"
    ),
    "is inactive": "set groups G system services telnet\nset apply-groups G\ndeactivate groups G\n",
    "is applied by what is inactive": (
        "set groups G system services telnet\nset apply-groups G\ndeactivate apply-groups\n"
    ),
    "is applied elsewhere": "set groups G system services telnet\nset interfaces ge-0/0/0 apply-groups G\n",
    "says what is there": (
        "set groups G interfaces lo0 unit 0 family inet filter input MGMT-V4\n"
        "set groups G system services ssh root-login allow\nset apply-groups G\n"
    ),
}


@pytest.mark.parametrize("case", HARMLESS_GROUPS)
def test_a_group_that_adds_nothing_here_is_no_finding(case: str) -> None:
    assert findings(ROUTER + HARMLESS_GROUPS[case]) == []


DOORS = {
    "system services telnet": "Telnet: `system services telnet`",
    "system services ftp connection-limit 5": "FTP: `system services ftp`",
    "system services web-management http port 8080": "HTTP without TLS",
    "system services web-management https port 8443": "port 8443: also takes ",
    "system services rest http": "REST without TLS",
    "system services rest https port 3444": "port 3444: also takes 0.0.0.0",
    "system services extension-service request-response grpc clear-text": "gRPC without TLS",
    "system services extension-service request-response grpc ssl port 50051": "port 50051: also takes",
    "system services extension-service frobnicate": "a service that is not known here",
    "system services xnm-clear-text": "Junos XML without TLS",
    "system services netconf tls": "port 6513: also takes",
    "system services netconf ssh port 2830": "port 2830: also takes",
    "system services ssh port 2222": "port 22: nothing takes SSH there",
    "system services outbound-ssh client C secret Canary-1": "sessions that the device opens",
    "system services frobnicate port 1": "a service that is not known here: `system services frobnicate`",
    "system services ssh protocol-version v1": "SSH version 1",
    "system services ssh ciphers 3des-cbc": "SSH takes weak algorithms",
    "system services ssh macs hmac-sha1-96": "SSH takes weak algorithms",
    "system services ssh key-exchange group-exchange-sha1": "SSH takes weak algorithms",
    "system services ssh allow-tcp-forwarding": "SSH forwards connections",
    "system scripts commit allow-transients": "scripts change what no configuration shows",
    "system configuration-database ephemeral instance E": "configuration that is not shown",
    "system autoinstallation interfaces ge-0/0/0 bootp": "configuration fetched from the network at boot",
    "system extensions extension-service application file x.py": "a program beside Junos, which may let anybody in",
    "chassis auto-image-upgrade": "configuration fetched from the network at boot",
    "system ports auxiliary type vt100": "a way to the auxiliary port",
    "logical-systems LS1 interfaces lo0 unit 1": "whom a logical system takes is not known: `logical-systems LS1`",
}


@pytest.mark.parametrize(("line", "expected"), DOORS.items())
def test_a_side_door_is_named(line: str, expected: str) -> None:
    found = findings(f"{ROUTER}set {line}\n")
    assert any(what.startswith(expected) for what in found), found
    assert "Canary" not in "".join(found)


def test_root_may_not_log_in_unless_it_is_said() -> None:
    for text in (ROUTER.replace("root-login deny", "root-login deny-password"), ROUTER.replace(" root-login deny", "")):
        assert any("root may log in over SSH" in what for what in findings(text))


def test_ssh_forwarded_connections_before_22_2() -> None:
    assert any(
        "SSH forwards" in what for what in findings(FIREWALL.replace("set system services ssh no-tcp-forwarding\n", ""))
    )
    assert findings(ROUTER.replace("23.2R1.14", "23.2R1-EVO")) == []
    assert any("SSH forwards" in what for what in findings(ROUTER.replace("23.2R1.14", "unknown")))


def test_a_filter_that_judges_by_the_next_header_must_refuse_what_hides_behind_others() -> None:
    numbers = "".join(f"{V6} hidden from next-header {n}\n" for n in (0, 43, 44, 60, 135, 139, 140))
    hidden = f"{numbers}{V6} hidden then discard\n"
    text = ROUTER.replace("payload-protocol tcp", "next-header tcp").replace(f"{V6} rest", f"{hidden}{V6} rest")
    assert findings(text) == []
    multicast = f"{V6} hidden from destination-address ::/0\n{V6} hidden from destination-address ff00::/8 except\n"
    assert findings(text.replace(f"{V6} hidden then", f"{multicast}{V6} hidden then")) == []
    for spoilt in (
        text.replace(f"{V6} hidden from next-header 60\n", ""),
        text.replace(f"{V6} hidden then", f"{V6} hidden from destination-address 2001:db8::1/128\n{V6} hidden then"),
    ):
        assert any("behind an extension header" in what for what in findings(spoilt))


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("set system services ssh root-login [ deny ]", "`set system …`"),
        ('set system login message "cut off', "`set system …`"),
        ("system {", "`system { …`"),
        ("frobnicate system services", "`frobnicate system …`"),
        ("set system\u00a0services telnet", "`set system"),
        ("set system services tel\x00net", "`set system …`"),
    ],
)
def test_a_line_that_cannot_be_read_counts_against_it_and_is_not_shown_whole(line: str, shown: str) -> None:
    found = findings(f"{ROUTER}{line}\n")
    assert any("cannot be read" in what and shown in what for what in found), found


def test_comments_and_endings_of_lines_say_nothing() -> None:
    assert findings("## Last commit: 2026-11-23\n\n" + ROUTER.replace("\n", "\r\n")) == []


@pytest.mark.parametrize(
    "text", ["", "set system services ssh\n", "system {\n    services {\n        ssh;\n    }\n}\n"]
)
def test_what_is_no_configuration_in_that_form_proves_nothing(text: str) -> None:
    with pytest.raises(ProofError, match="nothing is proven"):
        prove(text, OURS, [22])


def test_without_a_port_nothing_is_proven() -> None:
    with pytest.raises(ProofError, match="no port"):
        prove(ROUTER, OURS, [])


ANSWER = """\

Filter: __default_bpdu_filter__

Filter: lo0.0-i
Counters:
Name                                                Bytes              Packets
obet-management-v4-denied-lo0.0-i                     1200                   20
guard-lo0.0-i                                            0                    7

Filter: OBET-MANAGEMENT-V6
Counters:
Name                                                Bytes              Packets
obet-management-v6-denied                              160                    2
"""


def test_the_devices_own_count_is_read_by_whatever_name_it_gives() -> None:
    assert counter(ANSWER, "obet-management-v4-denied") == 20
    assert counter(ANSWER, "obet-management-v6-denied") == 2
    assert counter(ANSWER, "obet-management") is None
    assert counter(ANSWER.replace("lo0.0-i     ", "lo0.7-i     ") + ANSWER, "obet-management-v4-denied") == 40
