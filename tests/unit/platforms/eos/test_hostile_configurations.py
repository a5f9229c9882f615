"""Whatever an EOS device shows, the core answers with findings or refuses, and in time: nothing else happens."""

from __future__ import annotations

import contextlib
import time

import pytest
from builders import ips
from hypothesis import given, settings
from hypothesis import strategies as st
from obet.access.policy import ManagementPolicy
from obet.errors import PolicyError, ProofError
from obet.platforms.eos.proof import counter, prove
from obet.platforms.eos.rules import commands, remove
from obet.platforms.eos.services import prove_services
from obet.platforms.eos.snmp import removal, setup, without_communities

SOURCES = ips("198.51.100.11", "2001:db8:51::11")
POLICY = ManagementPolicy(device="d-0000000001", ours=tuple(SOURCES), co_managers=(), ports=(22,))
GOOD = """\
! Command: show running-config
! device: leaf1 (DCS-7050SX3-48YC8, EOS-4.30.5M)
!
management api http-commands
   protocol https port 8443
   protocol https ssl profile P
   no shutdown
   !
   vrf MGMT
      no shutdown
      ip access-group A
!
vrf instance MGMT
!
logging host 198.51.100.51 6514 protocol tls
snmp-server ipv4 access-list A
snmp-server group WATCH v3 priv
schedule save interval 60 command copy running-config scp://user@198.51.100.51/x
!
ip access-list A
   counters per-entry
   10 permit tcp host 198.51.100.11 any eq ssh
   20 permit tcp 192.0.2.0/24 any range 22 telnet log
   30 permit ip 192.0.2.0 0.0.5.255 any
   40 deny ip any any
!
ipv6 access-list B
   10 permit tcp 2001:db8::/64 any eq ssh
!
banner motd
Beware
EOF
!
management ssh
   ip access-group A in
   ip access-group A vrf MGMT in
   ipv6 access-group B in
   server-port 2222
   vrf MGMT
      no shutdown
!
end
"""
WORDS = [
    *("permit", "deny", "any", "host", "eq", "range", "255.255.255.255", "1::/129", "::/0", "EOF", "end", "vrf X"),
    *("9" * 5000, "٢٢", "\x00", "\x1b[A", "\ufffd", "\u2028", "\r", "\t", "\n", " ", "", "banner motd", "action bash"),
    *("ip access-list A", "ip access-list standard", "(", "[", "\\", "tftp://[", "ftp://@:/", "snmp-server", "no"),
    *("management ssh\n   server-port ٢٢", "protocol https certificate", "\n      ", "\n!", "server-port 99999"),
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
    for write in (
        *(lambda: commands(POLICY, text), lambda: remove(text, SOURCES)),
        *(lambda: setup(text, SOURCES), lambda: removal(text, "x"), lambda: without_communities(text)),
    ):
        with contextlib.suppress(PolicyError):
            assert all(line.isprintable() for line in write().split("\n"))


@pytest.mark.parametrize(
    "flood",
    [
        "ip access-list F\n" + " permit ip 0.0.0.0 85.85.85.85 any\n" * 3000,
        "ip access-list F\n" + " permit ip 0.0.0.0 0.0.85.84 any\n" * 300,
        "".join(f"interface Vlan{n}\n   description {'ф' * 200}\n" for n in range(5000)),
        "".join(f"vrf instance V{n}\n" for n in range(500)),
        "".join(f"logging host 10.0.{n // 250}.{n % 250}\n" for n in range(3000)),
        "banner motd\n" + "management ssh\n" * 20000 + "EOF\n",
        "event-handler X\n" + "   action bash\n   EOF\n" * 5000,
        " " * 300000 + "x\n",
        "".join(" " * depth + "x\n" for depth in range(2000)),
    ],
)
def test_a_flood_is_answered_within_a_second(flood: str) -> None:
    text = GOOD.replace("access-group A in", "access-group F in") if "list F" in flood else GOOD
    text = text.replace("banner motd\n", f"{flood}banner motd\n", 1)
    started = time.process_time()
    with contextlib.suppress(ProofError):
        prove(text, SOURCES, [22])
        prove_services(text, SOURCES)
    with contextlib.suppress(PolicyError):
        commands(POLICY, text)
        remove(text, SOURCES)
    assert time.process_time() - started < 1
