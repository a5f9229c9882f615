"""Whatever a device prints: an answer or a clear refusal, soon, and never a proof of what it does not say."""

from __future__ import annotations

import contextlib
import time

import pytest
from builders import ips
from hypothesis import given, settings
from hypothesis import strategies as st
from obet.access.policy import ManagementPolicy
from obet.errors import PolicyError, ProofError
from obet.platforms.junos.proof import counter, prove
from obet.platforms.junos.rules import Present, commands, remove
from obet.platforms.junos.services import prove_services

SOURCES = ips("198.51.100.11", "2001:db8:51::11")
POLICY = ManagementPolicy(device="d-0000000001", ours=tuple(SOURCES), co_managers=(), ports=(22,))
GOOD = """\
set version 22.4R3
set groups G interfaces <lo*> unit <*> family inet filter input GUARD
set groups G system services telnet
set apply-groups G
set system services ssh root-login deny
set system login message "Beware \\"all\\" of it"
set system syslog host 198.51.100.51 transport tls
set system archival configuration archive-sites "scp://u@198.51.100.51:/x" password "$9$x"
set interfaces lo0 unit 0 family inet filter input GUARD
set snmp v3 usm local-engine user watcher privacy-aes128 privacy-key "$9$x"
set policy-options prefix-list ADMIN 198.51.100.0/24
set firewall family inet filter GUARD term a from source-prefix-list ADMIN
set firewall family inet filter GUARD term a from source-address 198.51.100.11/32 except
set firewall family inet filter GUARD term a from destination-port 20-23
set firewall family inet filter GUARD term a from protocol tcp
set firewall family inet filter GUARD term a then accept
set firewall family inet filter GUARD term b filter OTHER
set firewall family inet filter OTHER term c then reject
set routing-instances V interface lo0.7
deactivate system syslog
protect interfaces lo0
"""
WORDS = [
    *("set", "deactivate", "protect", "apply-groups", "apply-groups-except", "groups", "<*>", "<[", "<>", "${node}"),
    *("from", "then", "accept", "next term", "filter", "term", "except", "input-list", "lo0", "unit", "0.0.0.0/0"),
    *("::/0", "1::/129", "22", "65536", "-", "22-", "9" * 5000, "٢٢", "\x00", "\x1b[A", "\ufffd", "\u2028", "\r"),
    *("\t", "\n", " ", "", '"', "\\", '\\"', "[", "]", "{", "}", ";", "#", "/* x */", "ftp://[", "scp://@:/", "://"),
]
changes = st.lists(
    st.tuples(st.integers(0, len(GOOD)), st.integers(0, 30), st.sampled_from(WORDS) | st.text(max_size=8)), max_size=6
)


def changed(parts: list[tuple[int, int, str]]) -> str:
    text = GOOD
    for place, taken, put in parts:
        text = text[:place] + put + text[place + taken :]
    return text


@settings(max_examples=80, deadline=None)
@given(changes)
def test_a_spoilt_configuration_is_answered_or_refused(parts: list[tuple[int, int, str]]) -> None:
    text = changed(parts)
    counter(text, "denied")
    for look in (lambda: prove(text, SOURCES, [22]), lambda: prove_services(text, SOURCES)):
        with contextlib.suppress(ProofError):
            assert all(finding.what.isprintable() for finding in look())
    present = Present(running=text, payload_protocol=False)
    for write in (
        lambda: commands(POLICY, present),
        lambda: remove(present, SOURCES),
        lambda: remove(present),
    ):
        with contextlib.suppress(PolicyError):
            assert all(line.isprintable() for line in write().split("\n"))


FILTER = "set firewall family inet filter GUARD term"
NESTED = "set interfaces lo0 unit 9 family inet filter input F0\nset firewall filter F7 term x then accept\n"
NESTED += "".join(f"set firewall filter F{n} term t{m} filter F{n + 1}\n" for n in range(7) for m in range(50))


@pytest.mark.parametrize(
    "flood",
    [
        "".join(f"{FILTER} a from source-address 10.{n // 250}.{n % 250}.0/24\n" for n in range(5000)),
        "".join(f"{FILTER} t{n} from source-address 10.{n // 250}.{n % 250}.1/32\n" for n in range(1500)),
        NESTED,
        "".join(f"set interfaces ge-0/0/{n} unit 0 description {'x' * 200}\n" for n in range(5000)),
        "".join(f"set routing-instances V{n} interface lo0.{n}\n" for n in range(1000)),
        "".join(f"set groups G interfaces <*> unit <*> family inet mtu {n}\n" for n in range(500)),
        "".join(f"deactivate interfaces ge-0/0/{n}\n" for n in range(5000)),
        "".join(f"set system syslog host 10.0.{n // 250}.{n % 250} any any\n" for n in range(2000)),
        f'set system login message "{"a" * 300_000}\n',
        f"set system login message {'archive-sites ' * 20_000}\n",
        f"set groups G system <{'*a' * 50}> x\nset system {'a' * 2000} y\n",
    ],
)
def test_a_flood_is_answered_soon(flood: str) -> None:
    text = GOOD + flood
    started = time.process_time()
    prove(text, SOURCES, [22])
    prove_services(text, SOURCES)
    commands(POLICY, Present(running=text.replace("set apply-groups G\n", "").replace("protect", "set")))
    assert time.process_time() - started < 2
