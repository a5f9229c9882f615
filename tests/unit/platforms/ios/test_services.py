"""What an IOS device sends: encrypted and to a collector it passes, anything else is named."""

from __future__ import annotations

import pytest
from builders import ips
from obet.errors import ProofError
from obet.platforms.ios.services import prove_services

COLLECTORS = ips("198.51.100.51", "2001:db8:51::51")
TO, ELSEWHERE = "198.51.100.51", "203.0.113.66"


def findings(*lines: str) -> list[str]:
    text = "\n".join(["version 17.9", *lines, "line vty 0 4", " transport input ssh", "end", ""])
    return [finding.what for finding in prove_services(text, COLLECTORS)]


CLEAR = {
    "logs": ([f"logging host {TO}"], f"logs in clear to {TO}"),
    "logs as they were named before": ([f"logging {TO}"], f"logs in clear to {TO}"),
    "logs over TCP": ([f"logging host {TO} transport tcp port 601"], "logs in clear"),
    "logs through a VRF": ([f"logging host {TO} vrf Mgmt"], "logs in clear"),
    "logs over IPv6": (["logging host ipv6 2001:DB8:51::51"], "logs in clear to 2001:DB8:51::51"),
    "logs over TLS to a stranger": ([f"logging host {ELSEWHERE} transport tls"], f"logs: {ELSEWHERE} is no collector"),
    "logs to a name": (["logging host logs.example.net transport tls"], "is a name, and a collector is an address"),
    "a community to read": (["snmp-server community Canary-1 RO 10"], "an SNMP community"),
    "a community to write": (["snmp-server community Canary-1 RW"], "community … RW`"),
    "traps of version 2c": ([f"snmp-server host {TO} version 2c Canary-1"], "SNMP notifications in clear"),
    "traps of version 1": ([f"snmp-server host {TO} Canary-1"], "SNMP notifications in clear"),
    "traps that are signed alone": ([f"snmp-server host {TO} version 3 auth watcher"], "SNMP notifications in clear"),
    "traps to a stranger": ([f"snmp-server host {ELSEWHERE} version 3 priv watcher"], f"{ELSEWHERE} is no collector"),
    "a group of version 2c": (["snmp-server group WATCH v2c"], "SNMP in clear: `snmp-server group WATCH v2c`"),
    "a group that is signed alone": (["snmp-server group WATCH v3 auth access 10"], "SNMP in clear"),
    "a group for everybody": (["snmp-server group WATCH v3 priv"], "SNMP answers 0.0.0.0-"),
    "a group whose list is missing": (["snmp-server group WATCH v3 priv access 10"], "10 does not exist"),
    "a group for a stranger": (
        ["snmp-server group WATCH v3 priv access 10", f"access-list 10 permit {ELSEWHERE}"],
        f"SNMP answers {ELSEWHERE}: ",
    ),
    "a group for everybody of IPv6": (
        ["snmp-server group WATCH v3 priv access 10", f"access-list 10 permit {TO}"],
        "SNMP answers ::-",
    ),
    "a group for everybody over UDP": (
        ["snmp-server group WATCH v3 priv access W", "ip access-list extended W", " permit udp any any eq snmp"],
        "SNMP answers 0.0.0.0-",
    ),
    "a user of version 1": (["snmp-server user watcher WATCH v1"], "SNMP in clear: user watcher"),
    "flows": ([f"ip flow-export destination {TO} 2055"], f"flows in clear to {TO}"),
    "flexible flows": (["flow exporter F", f" destination {TO}", " transport udp 2055"], "flows (F) in clear"),
    "telemetry": (
        ["telemetry ietf subscription 1", f" receiver ip address {TO} 57500 protocol grpc-tcp"],
        "telemetry in clear",
    ),
    "named telemetry": (
        ["telemetry receiver protocol R", f" host ip-address {TO} 57500", " protocol grpc-tcp"],
        "telemetry (R) in clear",
    ),
    "RADIUS as it was named before": ([f"radius-server host {TO} key 7 Canary-1"], f"RADIUS in clear to {TO}"),
    "RADIUS": (["radius server R", f" address ipv4 {TO} auth-port 1812", " key 7 Canary-1"], "RADIUS (R) in clear"),
    "RADIUS of a group": (["aaa group server radius G", f" server-private {TO} key Canary-1"], "RADIUS in clear"),
    "TACACS+ as it was named before": ([f"tacacs-server host {TO} key Canary-1"], "TACACS in clear"),
    "TACACS+": (["tacacs server T", f" address ipv4 {TO}", " key 7 Canary-1"], "TACACS (T) in clear"),
    "LDAP": (["ldap server L", f" ipv4 {TO}"], "LDAP (L) in clear"),
    "backups over TFTP": (["archive", f" path tftp://{TO}/$h"], f"tftp (beneath `archive`) in clear to {TO}"),
    "backups over FTP": (
        ["archive", f" path ftp://user:Canary-1@{TO}/$h"],
        f"ftp (beneath `archive`) in clear to {TO}",
    ),
    "backups over HTTP": (["archive", f" path HTTP://{TO}/$h"], "http (beneath `archive`) in clear"),
    "backups over SSH to a stranger": (["archive", f" path scp://u:Canary-1@{ELSEWHERE}/$h"], f"{ELSEWHERE} is no"),
    "backups to where it asks": (["archive", " path scp:"], "a host that is asked for is a name"),
    "kron": (
        ["kron policy-list SAVE", f" cli copy running-config tftp://{TO}/x"],
        "(beneath `kron policy-list SAVE`)",
    ),
    "kron that redirects": (["kron policy-list SAVE", f" cli show run | redirect ftp://{TO}/x"], "ftp (beneath"),
    "EEM": (
        ["event manager applet SAVE", f' action 1 cli command "copy run tftp://{TO}/x"'],
        "tftp (beneath `event manager applet SAVE`) in clear",
    ),
    "EEM that is asked": (
        ["event manager applet SAVE", ' action 1 cli command "copy running-config tftp" pattern "Address"'],
        "something is copied in clear",
    ),
    "EEM that mails": (
        ["event manager applet M", f' action 1 mail server "{TO}" to "a" from "b" subject "c"'],
        "mail in clear",
    ),
    "a variable of EEM": ([f"event manager environment where ftp://u:Canary-1@{TO}/"], "ftp (a command) in clear"),
    "FTP's login": (["ip ftp password 7 Canary-1"], "a login to FTP servers"),
    "an image over TFTP": ([f"boot system tftp image.bin {TO}"], "the image comes in clear"),
    "an image by its address": ([f"boot system tftp://{TO}/image.bin"], "tftp (a command) in clear"),
    "control characters": (["arch\x00ive"], "holds control characters"),
}
RIGHT = {
    "logs": [f"logging host {TO} transport tls profile P", "logging host ipv6 2001:DB8:51::51 transport tls"],
    "settings of logs": ["logging buffered 8192", "logging trap debugging", "logging on", "no logging console"],
    "where logs come from": ["logging source-interface Vlan1", "logging origin-id hostname", "logging discriminator A"],
    "SNMP": [
        "snmp-server group WATCH v3 priv read ALL access ipv6 WATCHERS 10",
        f"access-list 10 permit {TO}",
        "ipv6 access-list WATCHERS",
        " permit udp host 2001:DB8:51::51 any",
        " permit tcp any any",
        f"snmp-server host {TO} version 3 priv watcher",
        f"snmp-server host {TO} traps version 3 priv watcher",
        "snmp-server user watcher WATCH v3 encrypted auth sha AA priv aes 128 BB",
        "snmp-server enable traps config",
        "snmp-server location ftp://somewhere",
    ],
    "flows": ["flow exporter F", f" destination {TO}", " transport dtls 4740"],
    "telemetry": ["telemetry ietf subscription 1", f" receiver ip address {TO} 57500 protocol grpc-tls profile P"],
    "RADIUS": ["radius server R", f" address ipv4 {TO}", " dtls port 2083", " key 7 X"],
    "TACACS+": ["tacacs server T", f" address ipv4 {TO}", " tls port 300"],
    "LDAP": ["ldap server L", f" ipv4 {TO}", " mode secure"],
    "backups": ["archive", f" path scp://user:secret@{TO}/$h", " write-memory"],
    "backups over IPv6": ["archive", " path scp://user:secret@[2001:db8:51::51]/$h"],
    "backups at home": ["archive", " path flash:archive"],
    "a certificate's way": ["crypto pki trustpoint T", " enrollment url http://192.0.2.1:80", " revocation-check crl"],
    "the time": [f"ntp server {ELSEWHERE}", "ntp server time.example.net"],
    "words": ["interface Vlan1", " description backup ftp://203.0.113.66", "banner motd ^C", "ip ftp username x", "^C"],
    "an image of its own": ["boot system flash:image.bin", "boot system switch all flash:packages.conf"],
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
        prove_services("logging host 198.51.100.51 transport tls\n", COLLECTORS)


def test_with_no_collector_everything_sent_is_a_finding() -> None:
    text = f"logging host {TO} transport tls\nline vty 0 4\nend\n"
    assert [finding.what for finding in prove_services(text, [])] == [f"logs: {TO} is no collector"]
