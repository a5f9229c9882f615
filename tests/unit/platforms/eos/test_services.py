"""What an EOS device sends: encrypted and to a collector it passes, anything else is named."""

from __future__ import annotations

import pytest
from builders import ips
from obet.errors import ProofError
from obet.platforms.eos.services import prove_services

COLLECTORS = ips("198.51.100.51", "2001:db8:51::51")
TO, ELSEWHERE = "198.51.100.51", "203.0.113.66"
# SNMP that answers the collectors alone.
WATCHED = (
    "ip access-list standard WATCHERS",
    f"   10 permit host {TO}",
    "ipv6 access-list WATCHERS6",
    "   10 permit udp host 2001:db8:51::51 any eq snmp",
    "   20 permit tcp any any",
    "snmp-server ipv4 access-list WATCHERS",
    "snmp-server ipv6 access-list WATCHERS6",
)
GROUP = "snmp-server group WATCH v3 priv read ALL"


def findings(*lines: str) -> list[str]:
    text = "\n".join(["! Command: show running-config", *lines, "!", "end", ""])
    return [finding.what for finding in prove_services(text, COLLECTORS)]


CLEAR = {
    "logs": ([f"logging host {TO}"], f"logs in clear to {TO}"),
    "logs over TCP": ([f"logging host {TO} 514 601 protocol tcp"], "logs in clear"),
    "logs through a VRF": ([f"logging vrf MGMT host {TO}"], f"logs in clear to {TO}"),
    "logs over IPv6": (["logging host 2001:db8:51::51"], "logs in clear to 2001:db8:51::51"),
    "logs over TLS to a stranger": (
        [f"logging vrf MGMT host {ELSEWHERE} 6514 protocol tls ssl-profile P"],
        f"logs: {ELSEWHERE} is no collector",
    ),
    "logs to a name": (["logging host logs.example.net protocol tls"], "is a name, and a collector is an address"),
    "a community to read": (["snmp-server community Canary-1 ro"], "an SNMP community"),
    "a community to write": (["snmp-server community Canary-1 view V rw ipv6 L6 L"], "community … rw`"),
    "a community that is hidden": (["snmp-server community 7 Canary-1 ro"], "community … ro`"),
    "a community that says nothing": (["snmp-server community Canary-1"], "community …`"),
    "notifications of version 2c": (
        [f"snmp-server host {TO} vrf MGMT version 2c Canary-1"],
        "SNMP notifications in clear",
    ),
    "notifications of version 1": ([f"snmp-server host {TO} version 1 Canary-1"], "SNMP notifications in clear"),
    "notifications that are signed alone": ([f"snmp-server host {TO} version 3 auth w"], "SNMP notifications in clear"),
    "notifications to a stranger": ([f"snmp-server host {ELSEWHERE} version 3 priv w"], f"{ELSEWHERE} is no collector"),
    "a group of version 2c": (["snmp-server group WATCH v2c"], "SNMP in clear: `snmp-server group WATCH v2c`"),
    "a group that is signed alone": (["snmp-server group WATCH v3 auth read ALL"], "SNMP in clear"),
    "a user of version 1": (["snmp-server user watcher WATCH v1"], "SNMP in clear: user watcher"),
    "a user that is signed alone": (
        ["snmp-server user watcher WATCH v3 localized f5717f auth sha Canary-1"],
        "SNMP in clear: user watcher",
    ),
    "a user elsewhere": (
        [f"snmp-server user watcher WATCH remote {TO} udp-port 1162 v3 auth sha Canary-1"],
        "SNMP in clear: user watcher",
    ),
    "SNMP for everybody": ([GROUP], "SNMP answers 0.0.0.0-"),
    "SNMP for everybody of IPv6": ([*WATCHED[:2], WATCHED[5], GROUP], "SNMP answers ::-"),
    "SNMP for a stranger": (
        [line.replace(TO, ELSEWHERE) for line in WATCHED] + [GROUP],
        f"SNMP answers {ELSEWHERE}: VRF default: ",
    ),
    "SNMP for everybody in a VRF": (
        [*WATCHED, GROUP, "snmp-server vrf MGMT"],
        "SNMP answers 0.0.0.0-198.51.100.50: VRF MGMT: no list is bound",
    ),
    "SNMP whose list is missing": (["snmp-server ipv4 access-list GONE", GROUP], "GONE does not exist"),
    "sFlow": ([f"sflow destination {TO}", "sflow run"], f"flows in clear to {TO}"),
    "sFlow of a VRF": ([f"sflow vrf MGMT destination {ELSEWHERE} 6343"], f"flows: {ELSEWHERE} is no collector"),
    "flows": (
        ["flow tracking hardware", "   tracker T", "      exporter E", f"         collector {TO} port 4739"],
        f"flows (E) in clear to {TO}",
    ),
    "flows of what is dropped": (
        ["flow tracking mirror-on-drop", "   tracker T", "      exporter E", "         collector flows.example.net"],
        "flows.example.net is a name",
    ),
    "telemetry": (["inband telemetry", f"   collector {TO}"], f"telemetry in clear to {TO}"),
    "telemetry by URL": (
        ["monitor telemetry influx", "   destination influxdb X", f"      url http://{TO}:8086"],
        f"http (beneath `monitor telemetry influx`) in clear to {TO}",
    ),
    "a tunnel of gNMI in clear": (
        ["management api gnmi", "   transport grpc-tunnel T", f"      destination {TO} port 10000"],
        f"telemetry (T) in clear to {TO}",
    ),
    "a tunnel of gNMI that is half in clear": (
        [
            *("management api gnmi", "   transport grpc-tunnel T", "      tunnel ssl profile P"),
            f"      destination {TO} port 1",
        ],
        "telemetry (T) in clear",
    ),
    "an SSH tunnel to a stranger": (
        ["management ssh", "   tunnel T", "      local port 514", f"      ssh-server {ELSEWHERE} user u port 22"],
        f"an SSH tunnel (T): {ELSEWHERE} is no collector",
    ),
    "copies of packets": (
        [f"monitor session S destination tunnel mode gre source 10.0.0.1 destination {ELSEWHERE}"],
        f"copies of packets in clear to {ELSEWHERE}",
    ),
    "routes": (
        ["router bgp 65001", "   monitoring station B", f"      connection address {TO}"],
        f"routes (BMP) in clear to {TO}",
    ),
    "RADIUS": ([f"radius-server host {TO} vrf MGMT key 7 Canary-1"], f"RADIUS in clear to {TO}"),
    "RADIUS over TLS to a stranger": (
        [f"radius-server host {ELSEWHERE} tls ssl-profile P"],
        f"RADIUS: {ELSEWHERE} is no collector",
    ),
    "TACACS+": ([f"tacacs-server host {TO} single-connection key 7 Canary-1"], f"TACACS in clear to {TO}"),
    "LDAP": (["management ldap", f"   server host {TO}", "      base-dn X"], f"LDAP in clear to {TO}"),
    "backups over TFTP": (
        [f"schedule save interval 60 timeout 30 max-log-files 1 command copy running-config tftp:/{TO}/x"],
        f"tftp (a command) in clear to {TO}",
    ),
    "backups over FTP": (
        [f"schedule save interval 60 max-log-files 1 command copy running-config ftp:u:Canary-1@{TO}/x"],
        f"ftp (a command) in clear to {TO}",
    ),
    "backups over HTTP": (
        ["management archive", f"   upload HTTP://{TO}/x"],
        "http (beneath `management archive`) in clear",
    ),
    "backups over SSH to a stranger": (
        [f"schedule save interval 60 command copy running-config scp://u:Canary-1@{ELSEWHERE}/x"],
        f"{ELSEWHERE} is no collector",
    ),
    "backups to where it asks": (["schedule save interval 60 command copy running-config scp:"], "that is asked for"),
    "mail": (["email", "   from-user a@example.net", f"   server {TO} 25"], "mail in clear, beneath `email`"),
    "control characters": (["logg\x00ing host"], "holds control characters"),
}
RIGHT = {
    "logs": [
        f"logging host {TO} 6514 protocol tls ssl-profile P",
        "logging vrf MGMT host 2001:db8:51::51 protocol tls ssl-profile P",
    ],
    "settings of logs": ["logging buffered 1000 debugging", "logging trap debugging", "no logging console"],
    "where logs come from": ["logging vrf MGMT source-interface Management1", "logging format hostname fqdn"],
    "SNMP": [
        *WATCHED,
        GROUP,
        f"snmp-server host {TO} version 3 priv watcher",
        f"snmp-server host {TO} vrf MGMT informs version 3 priv watcher",
        "snmp-server user watcher WATCH v3 localized f5717f auth sha AA priv aes BB",
        "snmp-server enable traps",
        "snmp-server location ftp://somewhere",
    ],
    "SNMP in one VRF": [
        *WATCHED[:5],
        *(f"{line} vrf MGMT" for line in WATCHED[5:]),
        *(GROUP, "no snmp-server vrf default", "snmp-server vrf MGMT"),
    ],
    "SNMP that nobody asks": ["snmp-server engineID local f5717f", "snmp-server view V iso included"],
    "settings of flows": [
        *("sflow sample 1000", "sflow run", "flow tracking sampled", "   tracker T", "      exporter E"),
        *("         format sflow", "         collector sflow", "         local interface Loopback0"),
    ],
    "a tunnel of gNMI": [
        *(
            "management api gnmi",
            "   transport grpc-tunnel T",
            "      tunnel ssl profile P",
            "      gnmi ssl profile P",
        ),
        f"      destination {TO} port 10000",
    ],
    "a tunnel of gNMI that is off": [
        *("management api gnmi", "   transport grpc-tunnel T", "      shutdown", "      destination 192.0.2.1 port 1"),
    ],
    "an SSH tunnel": ["management ssh", "   tunnel T", f"      ssh-server {TO} user u port 22", "      no shutdown"],
    "RADIUS": [f"radius-server host {TO} vrf MGMT tls ssl-profile P port 2083", "radius-server timeout 5"],
    "groups of RADIUS": ["aaa group server radius G", "   server 203.0.113.66 vrf MGMT"],
    "LDAP": ["management ldap", f"   server host {TO}", "      ssl-profile P"],
    "backups": [f"schedule save interval 60 command copy running-config scp://user:secret@{TO}/x"],
    "backups over IPv6": ["schedule save interval 60 command copy running-config scp:u@[2001:db8:51::51]/x"],
    "what is delivered": ["schedule tech-support interval 60 timeout 30 max-log-files 100 command show tech-support"],
    "mirrors at home": ["monitor session S destination Ethernet5", "monitor session S source Ethernet1 both"],
    "mail": ["email", f"   server {TO} 465", "   tls"],
    "what its own hosts are told": ["dhcp server", "   tftp server file ipv4 http://203.0.113.66/x"],
    "the time": [f"ntp server vrf MGMT {ELSEWHERE}", "ntp server time.example.net"],
    "words": [
        "interface Vlan1",
        "   description backup ftp://203.0.113.66",
        "banner motd",
        "ftp://203.0.113.66",
        "EOF",
    ],
}


@pytest.mark.parametrize("case", CLEAR)
def test_what_goes_in_clear_or_to_a_stranger_is_named(case: str) -> None:
    lines, expected = CLEAR[case]
    found = findings(*lines)
    assert any(expected in what for what in found), found
    assert "Canary" not in "".join(found)


@pytest.mark.parametrize("case", RIGHT)
def test_what_goes_encrypted_to_a_collector_passes(case: str) -> None:
    assert findings(*RIGHT[case]) == []


def test_what_is_no_configuration_proves_nothing() -> None:
    with pytest.raises(ProofError):
        prove_services("logging host 198.51.100.51 protocol tls\n", COLLECTORS)


def test_with_no_collector_everything_sent_is_a_finding() -> None:
    text = f"! Command: show running-config\nlogging host {TO} protocol tls\nend\n"
    assert [finding.what for finding in prove_services(text, [])] == [f"logs: {TO} is no collector"]
