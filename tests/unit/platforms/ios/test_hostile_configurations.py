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
from obet.platforms.ios import snmp
from obet.platforms.ios.proof import counter, prove
from obet.platforms.ios.rules import Present, commands, remove, remove_unbound
from obet.platforms.ios.services import prove_services

SOURCES = ips("198.51.100.11", "2001:db8:51::11")
POLICY = ManagementPolicy(device="d-0000000001", ours=tuple(SOURCES), co_managers=(), ports=(22,))
GOOD = """\
version 17.9
hostname switch1
ip ssh version 2
ip ssh port 2222 rotary 1
ip http secure-server
snmp-server group WATCH v3 priv access 10
logging host 198.51.100.51 transport tls
archive
 path scp://user@198.51.100.51/$h
access-list 10 permit 198.51.100.51
ip access-list extended A
 10 permit tcp host 198.51.100.11 any eq 22
 20 permit tcp 192.0.2.0 0.0.0.255 any range 22 telnet log
 30 deny ip any any
ipv6 access-list B
 sequence 10 permit tcp 2001:DB8::/64 any eq 22
 sequence 20 deny ipv6 any any
banner motd ^C
Beware
^C
line con 0
line vty 0 4
 access-class A in vrf-also
 ipv6 access-class B in
 rotary 1
 transport input ssh
end
"""
WORDS = [
    *(
        "permit",
        "deny",
        "any",
        "host",
        "eq",
        "range",
        "255.255.255.255",
        "1::/129",
        "::/0",
        "^C",
        "end",
        "line vty 0 4",
    ),
    *("9" * 5000, "٢٢", "\x00", "\x1b[A", "\ufffd", "\u2028", "\r", "\t", "\n", " ", "", "banner motd", "macro name x"),
    *(
        "ip access-list extended",
        "access-list",
        "(",
        "[",
        "\\",
        "tftp://[",
        "ftp://@:/",
        "snmp-server",
        "no",
        "line vty 0 4",
    ),
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
    counter(text, "A")
    for look in (lambda: prove(text, SOURCES, [22]), lambda: prove_services(text, SOURCES)):
        with contextlib.suppress(ProofError):
            assert all(finding.what.isprintable() for finding in look())
    present = Present(running=text, lines=((0, 4),), ssh=text)
    for write in (
        lambda: commands(POLICY, present),
        lambda: snmp.setup(text, SOURCES),
        lambda: snmp.without_communities(text),
        lambda: snmp.removal(text, "obet-snmp", there=True) + snmp.unbound(text),
        lambda: remove(present, SOURCES),
        lambda: remove_unbound(text),
    ):
        with contextlib.suppress(PolicyError):
            assert all(line.isprintable() for line in write().split("\n"))


@pytest.mark.parametrize(
    "flood",
    [
        "ip access-list extended F\n" + " permit ip 0.0.0.0 85.85.85.85 any\n" * 3000,
        "ip access-list extended F\n" + " permit ip 0.0.0.0 0.0.85.84 any\n" * 300,
        "".join(f"interface Vlan{n}\n description {'ф' * 200}\n" for n in range(5000)),
        "copy " * 20000 + "\n",
        "".join(f"logging host 10.0.{n // 250}.{n % 250}\n" for n in range(3000)),
        "banner motd ^C\n" + "line vty 0 4\n" * 20000 + "^C\n",
        " " * 300000 + "x\n",
    ],
)
def test_a_flood_is_answered_within_a_second(flood: str) -> None:
    text = GOOD.replace("access-class A", "access-class F" if "list extended F" in flood else "access-class A")
    text = text.replace("line con 0\n", f"{flood}line con 0\n")
    started = time.process_time()
    prove(text, SOURCES, [22])
    prove_services(text, SOURCES)
    assert time.process_time() - started < 1
