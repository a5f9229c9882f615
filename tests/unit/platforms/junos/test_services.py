"""What a Junos device sends: encrypted and to a collector it passes, anything else is named."""

from __future__ import annotations

import pytest
from builders import ips
from obet.errors import ProofError
from obet.platforms.junos.services import prove_services

COLLECTORS = ips("198.51.100.51", "2001:db8:51::51")
TO, TO_V6, ELSEWHERE = "198.51.100.51", "2001:db8:51::51", "203.0.113.66"
# Whom the agent may answer is the filter's to say.
GUARD = [
    *("interfaces lo0 unit 0 family inet filter input G", "interfaces lo0 unit 0 family inet6 filter input G"),
    *(
        f"firewall family inet filter G term snmp from source-address {TO}/32",
        "firewall family inet filter G term snmp then accept",
    ),
    "firewall family inet filter G term tcp from protocol tcp",
    "firewall family inet6 filter G term none then discard",
]


def findings(*lines: str) -> list[str]:
    text = "".join(f"set {line}\n" for line in ("version 22.4R3", *lines))
    return [finding.what for finding in prove_services(text, COLLECTORS)]


ARCHIVE = "system archival configuration archive-sites"
CLEAR = {
    "logs": ([f"system syslog host {TO} any any"], f"logs in clear to {TO}"),
    "logs over TCP": ([f"system syslog host {TO} transport tcp"], f"logs in clear to {TO}"),
    "logs over IPv6": ([f"system syslog host {TO_V6} any notice"], f"logs in clear to {TO_V6}"),
    "logs over TLS to a stranger": (
        [f"system syslog host {ELSEWHERE} transport tls"],
        f"logs: {ELSEWHERE} is no collector",
    ),
    "logs to a name": (
        ["system syslog host logs.example.net transport tls"],
        "is a name, and a collector is an address",
    ),
    "logs of traffic": ([f"security log stream S host {TO}"], f"logs in clear to {TO}"),
    "logs of a service set": ([f"services service-set X syslog host {TO} services any"], f"logs in clear to {TO}"),
    "traces": ([f"system tracing destination-override syslog host {TO}"], f"logs in clear to {TO}"),
    "a community": (["snmp community Canary-1 authorization read-only"], "an SNMP community"),
    "a community of version 3": (["snmp v3 snmp-community I community-name Canary-1"], "an SNMP community"),
    "traps": ([f"snmp trap-group G targets {TO}"], "SNMP notifications in clear"),
    "traps that are signed alone": (
        [
            *(f"snmp v3 target-address T address {TO}", "snmp v3 target-address T target-parameters P"),
            "snmp v3 target-parameters P parameters security-level authentication",
        ],
        "SNMP notifications in clear",
    ),
    "traps to a stranger": (
        [
            *(f"snmp v3 target-address T address {ELSEWHERE}", "snmp v3 target-address T target-parameters P"),
            "snmp v3 target-parameters P parameters security-level privacy",
        ],
        f"{ELSEWHERE} is no collector",
    ),
    "an access that is signed alone": (
        [
            "snmp v3 vacm access group W default-context-prefix security-model any security-level authentication",
        ],
        "SNMP in clear: `snmp v3 vacm access group W",
    ),
    "a user without encryption": (
        ['snmp v3 usm local-engine user watcher authentication-sha authentication-key "Canary-1"'],
        "SNMP in clear: user watcher",
    ),
    "a user with DES": (
        ['snmp v3 usm local-engine user watcher privacy-des privacy-key "Canary-1"'],
        "SNMP encrypted by DES: user watcher",
    ),
    "an agent for everybody": (["snmp v3 engine-id use-mac-address"], "SNMP answers 0.0.0.0-"),
    "an agent for a stranger beside the collector": (
        [
            *("snmp v3 engine-id use-mac-address", *GUARD),
            f"firewall family inet filter G term other from source-address {ELSEWHERE}/32",
        ],
        f"SNMP answers {ELSEWHERE}: lo0.0: filter G, term other",
    ),
    "flows": (
        [f"forwarding-options sampling instance I family inet output flow-server {TO} port 2055"],
        "flows in clear",
    ),
    "flows to a stranger": ([f"protocols sflow collector {ELSEWHERE} udp-port 6343"], f"{ELSEWHERE} is no collector"),
    "flows of old": ([f"forwarding-options sampling output cflowd {TO} port 2055"], "flows in clear"),
    "telemetry": ([f"services analytics streaming-server S remote-address {TO}"], "telemetry in clear"),
    "copies of packets": (
        [f"forwarding-options analyzer A output ip-address {TO}"],
        f"copies of packets in clear to {TO}",
    ),
    "RADIUS": ([f'system radius-server {TO} secret "Canary-1"'], f"RADIUS in clear to {TO}"),
    "RADIUS of subscribers": ([f'access profile P radius-server {TO} secret "Canary-1"'], "RADIUS in clear"),
    "accounting": ([f'system accounting destination tacplus server {TO} secret "Canary-1"'], "TACACS in clear"),
    "TACACS+": ([f'system tacplus-server {TO} secret "Canary-1"'], f"TACACS in clear to {TO}"),
    "LDAP": ([f"access ldap-server {TO} port 389"], f"LDAP in clear to {TO}"),
    "backups over FTP": (
        [f'{ARCHIVE} "ftp://u:Canary-1@{TO}/x"'],
        f"ftp (`system archival configuration`) in clear to {TO}",
    ),
    "backups over HTTP": ([f'{ARCHIVE} "HTTP://{TO}/x"'], "http (`system archival configuration`) in clear"),
    "backups over SSH to a stranger": (
        [f'{ARCHIVE} "scp://u:Canary-1@{ELSEWHERE}:/x" password "Canary-1"'],
        f"scp (`system archival configuration`): {ELSEWHERE} is no collector",
    ),
    "backups to where nobody can tell": ([f"{ARCHIVE} backup-host"], "a copy goes to where nobody can tell"),
    "logs that are archived": (
        [f'system syslog file messages archive archive-sites "ftp://u@{TO}/x"'],
        "ftp (`system syslog file`) in clear",
    ),
    "events": ([f'event-options destinations D archive-sites "ftp://{TO}/"'], "ftp (`event-options destinations D`)"),
    "scripts from elsewhere": (
        [f'system scripts op file x refresh-from "http://{TO}/x"'],
        "http (`system scripts op`)",
    ),
    "signatures in clear": (['security idp security-package url "http://signatures.example.net/x"'], "in clear"),
    "a line that cannot be read": (['system syslog "cut'], "cannot be read"),
}
RIGHT = {
    "logs": [f"system syslog host {TO} any any", f"system syslog host {TO} transport tls"],
    "logs of traffic": [
        "security log transport protocol tls",
        f"security log stream S host {TO}",
        "security log stream S host port 6514",
    ],
    "logs at home": ["system syslog file messages any notice", "system syslog user * any emergency"],
    "logs to the other half": ["system syslog host other-routing-engine any any"],
    "SNMP": [
        *GUARD,
        "snmp v3 usm local-engine user watcher authentication-sha256 authentication-key x",
        "snmp v3 usm local-engine user watcher privacy-aes128 privacy-key x",
        "snmp v3 vacm access group W default-context-prefix security-model usm security-level privacy read-view A",
        *(f"snmp v3 target-address T address {TO}", "snmp v3 target-address T target-parameters P"),
        "snmp v3 target-parameters P parameters security-level privacy",
        'snmp location "ftp://somewhere"',
    ],
    "SNMP that answers nobody": ["snmp location cellar"],
    "RADIUS": [f"system radius-server {TO} radsec-destination 1", f"access radsec destination 1 address {TO}"],
    "LDAP": [f"access ldap-server {TO} tls-type start-tls"],
    "backups": [f'{ARCHIVE} "scp://user@{TO}:/x" password "$9$x"', f'{ARCHIVE} "sftp://user@[{TO_V6}]/x"'],
    "backups at home": [f"{ARCHIVE} /var/tmp/archive"],
    "the time": [f"system ntp server {ELSEWHERE}", f"system name-server {ELSEWHERE}"],
    "a certificate's way": ["security pki ca-profile C enrollment url http://192.0.2.1/scep"],
    "signatures": ['security idp security-package url "https://signatures.example.net/x"'],
    "words": [f'interfaces ge-0/0/0 description "ftp://{ELSEWHERE}"', 'system login message "tftp://nowhere"'],
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


def test_what_a_group_adds_counts_and_what_is_inactive_does_not() -> None:
    line = f"system syslog host {ELSEWHERE} any any"
    assert findings(f"groups G {line}", "apply-groups G") == findings(line) != []
    text = f"set version 22.4R3\nset {line}\ndeactivate system syslog\n"
    assert prove_services(text, COLLECTORS) == []


def test_what_is_no_configuration_proves_nothing() -> None:
    with pytest.raises(ProofError):
        prove_services("system { syslog { host 198.51.100.51 { any any; } } }\n", COLLECTORS)


def test_with_no_collector_everything_sent_is_a_finding() -> None:
    text = f"set version 22.4R3\nset system syslog host {TO} transport tls\n"
    assert [finding.what for finding in prove_services(text, [])] == [f"logs: {TO} is no collector"]
