"""SNMP as IOS configuration text: our group for the collectors alone, communities taken away, all of ours removed."""

from __future__ import annotations

import pytest
from builders import ips
from ios_device import IosDevice
from obet.errors import PolicyError
from obet.platforms.ios.driver_snmp import tells_secrets
from obet.platforms.ios.services import prove_services
from obet.platforms.ios.snmp import communities, removal, setup, unbound, without_communities

COLLECTORS = tuple(ips("198.51.100.11", "2001:db8:51::11"))
OTHERS = tuple(ips("198.51.100.21"))
BARE = "hostname switch1\nline vty 0 15\n transport input ssh\nend\n"
CLEAR = """\
snmp-server community Canary-1 RO 10
snmp-server group WATCH v2c
snmp-server host 192.0.2.9 version 2c Canary-1
snmp-server host 192.0.2.9 version 3 priv watcher
banner motd ^C
snmp-server community not-a-command
^C
"""


def merged(running: str, text: str) -> str:
    device = IosDevice(running)
    for _ in device.merge(text):
        pass
    return device.running()


def test_our_group_answers_the_collectors_alone_by_the_proof_of_services() -> None:
    text = merged(BARE, setup(BARE, COLLECTORS))
    assert prove_services(text, COLLECTORS) == []
    assert any("SNMP answers 198.51.100.11" in f.what for f in prove_services(text, OTHERS))


def test_a_second_time_there_is_nothing_to_send() -> None:
    text = merged(BARE, setup(BARE, COLLECTORS))
    assert setup(text, COLLECTORS) == ""
    assert setup(text.replace("permit 198.51.100.11", "permit host 198.51.100.11"), COLLECTORS) == ""


def test_a_bound_list_is_never_changed_and_the_old_one_goes() -> None:
    before = merged(BARE, setup(BARE, COLLECTORS))
    text = setup(before, OTHERS)
    assert "ip access-list standard OBET-SNMP-V4-2\n permit 198.51.100.21\n deny any\n" in text
    after = merged(before, text)
    assert "permit 198.51.100.11" in after, "whoever is bound stays until the group is bound anew"
    assert set(unbound(after).splitlines()) == {
        "no ip access-list standard OBET-SNMP-V4",
        "no ipv6 access-list OBET-SNMP-V6",
    }


def test_a_family_without_a_collector_is_shut_and_a_group_without_any_is_refused() -> None:
    assert "ipv6 access-list OBET-SNMP-V6\n deny ipv6 any any\n" in setup(BARE, OTHERS)
    with pytest.raises(PolicyError, match="without a source"):
        setup(BARE, ())


def test_an_emptied_list_of_ours_is_not_taken_for_the_one_that_is_wanted() -> None:
    text = merged(BARE, setup(BARE, COLLECTORS))
    opened = text.replace(" deny   any\n", "")
    assert opened != text
    assert setup(opened, COLLECTORS) != ""


def test_what_versions_1_and_2c_have_goes_and_version_3_stays() -> None:
    assert communities(CLEAR + BARE) == ("Canary-1",)
    assert without_communities(CLEAR + BARE).splitlines() == [
        "no snmp-server community Canary-1",
        "no snmp-server group WATCH v2c",
        "no snmp-server host 192.0.2.9 version 2c Canary-1",
    ]
    assert without_communities(BARE) == ""


def test_a_community_that_cannot_be_sent_back_is_not_in_the_message() -> None:
    with pytest.raises(PolicyError) as refused:
        without_communities("snmp-server community Canary-\x07 RO\nend\n")
    assert "Canary" not in str(refused.value)


def test_all_of_ours_is_removed_and_nothing_else() -> None:
    there = merged(BARE + CLEAR, setup(BARE, COLLECTORS))
    text = removal(there, "obet-snmp", there=True)
    assert text.splitlines()[0] == "no snmp-server user obet-snmp OBET-SNMP v3"
    after = merged(there, text.partition("\n")[2])
    assert "OBET" not in after
    assert "Canary-1" in after
    assert removal(after, "obet-snmp", there=False) == ""


@pytest.mark.parametrize(
    ("running", "said"),
    [
        ("archive\n log config\n  logging enable\n  notify syslog\n", "hidekeys"),
        ("aaa accounting commands 15 default start-stop group tacacs+\n", "accounting"),
        ("archive\n log config\n  logging enable\n  hidekeys\n path flash:a\n", ""),
        ("archive\n path flash:a\n", ""),
    ],
)
def test_no_passphrase_is_typed_where_commands_are_kept(running: str, said: str) -> None:
    found = tells_secrets(running)
    assert said in found
    assert bool(said) == bool(found)
