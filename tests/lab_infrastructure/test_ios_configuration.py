"""The switch's configuration tree: what goes in comes out, in the device's order and words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab.simulators.ios import secrets, users_lines
from lab.simulators.ios.access_lists import AccessList, EntryError, parse
from lab.simulators.ios.archive import differences, incremental
from lab.simulators.ios.services import next_line, openings
from lab.simulators.ios.tree import LineError, Tree

WHOLE = """\
no service pad
service timestamps log datetime msec
hostname sw-1
vrf definition Mgmt
 address-family ipv4
username admin privilege 15 secret 9 $9$2MJBozw/9R3UsU$2lFhcKvpghcyw8deP25GOfyZaagyUOGBymkryvOdfo6
aaa new-model
aaa authentication login default local
archive
 path flash:archive
 log config
  logging enable
ip ssh pubkey-chain
  username admin
   key-hash ssh-rsa 8675E24602CB6058C76B631ED210D216 somebody
banner motd ^C
Two lines
 of it ^C
interface Vlan10
 ip address 198.51.100.112 255.255.255.0
 ipv6 address 2001:DB8:51::112/64
interface GigabitEthernet1/0/2
 description  two  spaces
 shutdown
policy-map voice
 class A
  bandwidth 10
 class B
  bandwidth 20
ip access-list extended ONE
 permit tcp host 198.51.100.11 any eq 22 log
 deny ip any any
ipv6 access-list SIX
 permit tcp 2001:db8::/32 any eq www
snmp-server community geheim RO 10
line vty 0 15
 access-class ONE in vrf-also
 transport input ssh
"""


def tree(*lines: str, text: str = "") -> Tree:
    made = Tree()
    assert made.load([*text.splitlines(), *lines]) == []
    return made


def test_what_is_printed_is_taken_back_as_it_is() -> None:
    printed = tree(text=WHOLE).rendered()

    assert tree(*printed).rendered() == printed


@given(st.lists(st.sampled_from(WHOLE.splitlines()), max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_lines_in_any_order_print_what_is_taken_back(lines: list[str]) -> None:
    made = Tree()
    made.load(lines)
    printed = made.rendered()

    again = Tree()
    assert again.load(printed) == []
    assert again.rendered() == printed


@pytest.mark.parametrize(
    "line", [line for line in WHOLE.splitlines() if re.match(r"[a-z]", line) and "motd" not in line]
)
def test_no_takes_a_line_back(line: str) -> None:
    if line.startswith(("line ", "Two")):
        return
    made = tree(line)
    made.load([line.removeprefix("no ") if line.startswith("no ") else f"no {line}"])

    assert made.rendered() == Tree().rendered()


def test_no_needs_all_the_words_before_the_name() -> None:
    made = tree(text=WHOLE)
    before = made.rendered()

    made.load(["no ip", "no ip access-list", "no line", "no username"])

    assert made.rendered() == before


@pytest.mark.parametrize(
    "line", ["nonsense", "interface Foo1", "ip ssh", "username", "line vty 0 99", "hostname a b c"]
)
def test_a_line_that_ios_does_not_know_is_refused_and_changes_nothing(line: str) -> None:
    made = tree(text=WHOLE)
    before = made.rendered()

    assert [refused for refused, _ in made.load([line])] == [line]
    assert made.rendered() == before


def test_words_may_be_abbreviated_and_names_of_interfaces_are_spelt_out() -> None:
    made = tree("int gi1/0/7", " desc uplink", " shut", "ip domain-name example.net", "serv password")

    printed = made.rendered()
    assert "interface GigabitEthernet1/0/7" in printed
    assert " description uplink" in printed
    assert "ip domain name example.net" in printed
    assert "service password-encryption" in printed


def test_terminal_lines_that_differ_are_printed_apart_and_the_first_five_always() -> None:
    made = tree("line vty 0 15", " transport input ssh", "line vty 3", " exec-timeout 5 0")

    heads = [line for line in made.rendered() if line.startswith("line vty")]
    assert heads == ["line vty 0 2", "line vty 3", "line vty 4", "line vty 5 15"]


def test_a_numbered_list_is_printed_as_a_named_one() -> None:
    made = tree("access-list 10 permit 10.0.0.7 0.0.0.255", "access-list 101 permit tcp any host 10.0.0.1 eq 23")

    printed = made.rendered()
    assert printed[printed.index("ip access-list standard 10") + 1] == " 10 permit 10.0.0.0 0.0.0.255"
    assert printed[printed.index("ip access-list extended 101") + 1] == " 10 permit tcp any host 10.0.0.1 eq telnet"


@pytest.mark.parametrize(
    ("mode", "typed", "printed"),
    [
        ("standard", "permit host 10.0.0.1", "permit 10.0.0.1"),
        ("standard", "permit 10.0.0.1 0.0.0.0 log", "permit 10.0.0.1 log"),
        ("standard", "deny 1.2.3.4 255.255.255.255", "deny any"),
        ("extended", "permit tcp 10.1.2.3 0.0.0.255 any gt 20", "permit tcp 10.1.2.0 0.0.0.255 any gt ftp-data"),
        ("extended", "permit ip any any", "permit ip any any"),
        ("extended", "deny udp any eq 161 any neq 80 log-input", "deny udp any eq snmp any neq www log-input"),
        ("ipv6", "permit tcp host 2001:db8::1 any eq 22 sequence 7", "permit tcp host 2001:DB8::1 any eq 22"),
        ("ipv6", "permit ipv6 ::/0 any", "permit ipv6 any any"),
        ("extended", "remark who is who", "remark who is who"),
    ],
)  # fmt: skip
def test_an_entry_is_printed_as_ios_prints_it(mode: str, typed: str, printed: str) -> None:
    assert parse(mode, typed).text == printed


@pytest.mark.parametrize("typed", ["permit", "allow ip any any", "permit tcp any", "permit tcp any any eq 99999",
                                   "permit ip host 1.2.3 any", "permit ip 10.0.0.0 any"])  # fmt: skip
def test_what_is_no_entry_is_refused(typed: str) -> None:
    with pytest.raises(EntryError):
        parse("extended", typed)


def test_entries_are_numbered_by_tens_and_removed_by_number_or_text() -> None:
    entries = AccessList("extended")
    for line in ("permit ip host 10.0.0.1 any", "permit ip host 10.0.0.2 any", "15 deny ip any any",
                 "permit ip host 10.0.0.1 any"):  # fmt: skip
        entries.add(parse("extended", line))
    assert [line.split()[0] for line in entries.lines()] == ["10", "15", "20"]

    entries.remove("15")
    entries.remove("permit ip host 10.0.0.1 any")

    assert entries.lines() == ["20 permit ip host 10.0.0.2 any"]
    with pytest.raises(EntryError):
        entries.add(parse("extended", "20 permit ip any any"))


@pytest.mark.parametrize("kind", [5, 7, 8, 9])
def test_a_password_matches_its_hash_and_no_other(kind: int) -> None:
    kept = secrets.concealed("Räuber 7") if kind == 7 else secrets.hashed("Räuber 7", kind)

    assert secrets.is_hash(kind, kept)
    assert secrets.matches("Räuber 7", kind, kept)
    assert not secrets.matches("Räuber 8", kind, kept)


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        (8, "$8$TnGX/fE4KGHOVU$pEhnEvxrvaynpi8j4f.EMHr6M.FzU8xnZnBr/tJdFWk"),
        (9, "$9$2MJBozw/9R3UsU$2lFhcKvpghcyw8deP25GOfyZaagyUOGBymkryvOdfo6"),
    ],
)
def test_hashes_that_others_have_published_for_a_password_match_it(kind: int, kept: str) -> None:
    assert secrets.matches("hashcat", kind, kept)


def test_a_users_lines_add_up_and_a_secret_needs_the_password_gone_first() -> None:
    made = tree("username a password 0 clear", "username a privilege 15")
    assert "username a privilege 15 password 0 clear" in made.rendered()
    assert "both a user password and a user secret" in made.load(["username a secret Neu"])[0][1]

    made.load(["no username a", "username a privilege 15 secret Neu", "username a secret Neuer"])

    line = next(line for line in made.rendered() if line.startswith("username a"))
    assert line.startswith("username a privilege 15 secret 9 $9$")
    assert users_lines.check(line, "Neuer")
    assert not users_lines.check(line, "Neu")


def test_a_hash_that_is_none_is_refused() -> None:
    assert Tree().load(["username a secret 9 abc"]) != []


def test_differences_stand_under_the_line_they_belong_to() -> None:
    old = tree("interface Vlan1", " description one", " shutdown", "hostname a").rendered()
    new = tree("interface Vlan1", " description two", " shutdown", "hostname a", "ntp server 10.0.0.1").rendered()

    said = differences("\n".join(old), "\n".join(new)).splitlines()

    assert said == ["!Contextual Config Diffs:", "interface Vlan1", " +description two", "+ntp server 10.0.0.1",
                    "interface Vlan1", " -description one"]  # fmt: skip
    assert differences("\n".join(old), "\n".join(old)).splitlines()[1:] == ["!No changes were found"]


def test_incremental_differences_are_the_commands_that_change_something() -> None:
    running = tree("hostname a", "snmp-server community public RO").rendered()

    said = incremental(running, "hostname a\nno snmp-server community public\ninterface Vlan9\n shutdown\nend\n")

    assert said.splitlines() == ["!List of Commands:", "no snmp-server community public RO", "interface Vlan9",
                                 " shutdown", "end"]  # fmt: skip


def test_the_next_session_gets_the_lowest_free_line_that_takes_its_protocol() -> None:
    made = tree("line vty 0 4", " transport input ssh", "line vty 5 15", " transport input telnet")

    assert next_line(made, {}, "ssh") == 0
    assert next_line(made, {0, 1}, "ssh") == 2
    assert next_line(made, set(range(5)), "ssh") is None
    assert next_line(made, {}, "telnet") == 5


def test_a_switch_without_a_host_key_has_no_ssh() -> None:
    assert 22 in openings(Tree(), {}, has_key=True).tcp
    assert 22 not in openings(Tree(), {}, has_key=False).tcp


def test_a_line_typed_outside_of_its_mode_is_refused() -> None:
    made = Tree()

    with pytest.raises(LineError):
        made.enter(made.top(), "transport input ssh")
