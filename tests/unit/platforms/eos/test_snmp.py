"""SNMP as EOS configuration text: it answers the collectors alone, communities are taken away, all of ours removed."""

from __future__ import annotations

import pytest
from builders import ips
from eos_device import EosDevice
from obet.errors import PolicyError
from obet.platforms.eos.services import prove_services
from obet.platforms.eos.snmp import communities, removal, setup, user, without_communities

COLLECTORS = tuple(ips("198.51.100.11", "2001:db8:51::11"))
OTHERS = tuple(ips("198.51.100.21"))
BARE = "! Command: show running-config\n!\nhostname leaf1\n!\nvrf instance MGMT\n!\nend\n"
IN_MGMT = BARE.replace("hostname", "no snmp-server vrf default\nsnmp-server vrf MGMT\nhostname")
CLEAR = """\
snmp-server community Canary-1 ro
snmp-server community 7 Canary-2 rw
snmp-server group WATCH v2c
snmp-server user watcher WATCH v1
snmp-server host 192.0.2.9 vrf MGMT version 2c Canary-1
snmp-server host 192.0.2.9 version 3 priv watcher
banner motd
snmp-server community not-a-command
EOF
"""


def merged(running: str, text: str) -> str:
    device = EosDevice(running)
    for _ in device.merge(text):
        pass
    return device.running()


@pytest.mark.parametrize("there", [BARE, IN_MGMT])
def test_snmp_answers_the_collectors_alone_by_the_proof_of_services(there: str) -> None:
    text = merged(there, setup(there, COLLECTORS))
    assert prove_services(text, COLLECTORS) == []
    assert any("SNMP answers 198.51.100.11" in f.what for f in prove_services(text, OTHERS))


def test_snmp_is_bound_in_each_vrf_that_it_is_on_in() -> None:
    assert "snmp-server ipv4 access-list OBET-SNMP-V4 vrf MGMT\n" in setup(IN_MGMT, COLLECTORS)
    assert "snmp-server ipv4 access-list OBET-SNMP-V4\n" not in setup(IN_MGMT, COLLECTORS)
    assert "snmp-server ipv6 access-list OBET-SNMP-V6\n" in setup(BARE, COLLECTORS)


def test_a_second_time_there_is_nothing_to_send_and_another_collector_takes_the_place_of_the_first() -> None:
    text = merged(BARE, setup(BARE, COLLECTORS))
    assert setup(text, COLLECTORS) == ""
    after = merged(text, setup(text, OTHERS))
    assert "198.51.100.11" not in after
    assert prove_services(after, OTHERS) == []


def test_a_family_without_a_collector_is_shut_and_a_group_without_any_is_refused() -> None:
    assert "ipv6 access-list standard OBET-SNMP-V6\n   counters per-entry\n   10 deny any\n" in setup(BARE, OTHERS)
    with pytest.raises(PolicyError, match="without a source"):
        setup(BARE, ())


@pytest.mark.parametrize("line", ["snmp-server ipv4 access-list THEIRS", "snmp-server group WATCH v3 priv"])
def test_others_who_may_ask_are_said_and_not_cut_off(line: str) -> None:
    with pytest.raises(PolicyError, match="others would be cut off"):
        setup(BARE.replace("hostname", f"{line}\nhostname"), COLLECTORS)


def test_what_versions_1_and_2c_have_goes_and_version_3_stays() -> None:
    clear = BARE.replace("hostname", f"{CLEAR}hostname")
    assert communities(clear) == ("Canary-1", "7 Canary-2")
    assert without_communities(clear).splitlines() == [
        "no snmp-server community Canary-1",
        "no snmp-server community 7 Canary-2",
        "no snmp-server group WATCH v2c",
        "no snmp-server user watcher WATCH v1",
        "no snmp-server host 192.0.2.9 vrf MGMT version 2c Canary-1",
    ]
    assert without_communities(BARE) == ""


@pytest.mark.parametrize("there", [BARE, IN_MGMT])
def test_all_of_ours_goes_again(there: str) -> None:
    text = merged(there, setup(there, COLLECTORS) + user("obet", "sha256 Canary-1", "aes Canary-2"))
    assert "snmp-server user obet OBET-SNMP v3 auth" in text
    taken = removal(text, "obet")
    assert "Canary" not in taken
    after = merged(text.replace(" auth sha256 Canary-1 priv aes Canary-2", ""), taken)
    assert after == merged(there, "")
    assert removal(after, "obet") == ""
