"""The lab's switch does what the real driver asks of it, and enforces what it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncssh
import pytest
from ios_support import (
    READY,
    as_node,
    console,
    gets_in,
    napalm,
    pinned,
    session,
    system_name,
    telnet_answers,
    told,
    until,
)  # fmt: skip
from lab.simulators.faults import FaultKind
from napalm.base.exceptions import ConnectionException, MergeConfigException, ReplaceConfigException
from netmiko.exceptions import NetmikoBaseException
from pysnmp.hlapi.v3arch.asyncio import CommunityData, UsmUserData, usmAesCfb128Protocol, usmHMACSHAAuthProtocol
from simulator_support import cabled, reaches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.simulators.simulator import Simulator

ONLY_NODE1 = [
    "ip access-list extended OBET-MANAGEMENT-V4",
    " permit tcp host 198.51.100.11 any eq 22",
    " deny ip any any log",
    "ipv6 access-list OBET-MANAGEMENT-V6",
    " permit tcp host 2001:db8:51::11 any eq 22",
    " deny ipv6 any any log",
    "line vty 0 15",
    " access-class OBET-MANAGEMENT-V4 in vrf-also",
    " ipv6 access-class OBET-MANAGEMENT-V6 in",
]
OTHERS = ("node2", "outsider1", "outsider2")


@pytest.fixture(scope="module")
def module_switch() -> Iterator[Simulator]:
    with cabled("switch1") as device:
        yield device


@pytest.fixture
def switch(module_switch: Simulator) -> Iterator[Simulator]:
    """The switch as it left the factory, ready for the archive and SCP."""
    device = module_switch
    device.control.call("configure", lines=READY)
    device.control.call("save")
    yield device
    device.control.clear()
    device.control.scale(100)
    device.control.call("restore")
    device.control.scale(1)


def test_the_driver_opens_with_a_pinned_host_key_and_reads_facts_and_configuration(switch: Simulator) -> None:
    def work() -> tuple[dict[str, Any], dict[str, str]]:
        with napalm(switch) as driver:
            return driver.get_facts(), driver.get_config()

    facts, config = as_node(switch, work)

    assert (facts["hostname"], facts["fqdn"], facts["vendor"]) == ("switch1", "switch1.example.net", "Cisco")
    assert "Vlan1" in facts["interface_list"]
    assert "ip address 198.51.100.112 255.255.255.0" in config["running"]
    assert config["startup"].splitlines()[-1] == config["running"].splitlines()[-1] == "end"


def test_the_driver_sends_no_credential_to_a_switch_with_another_host_key(switch: Simulator) -> None:
    known = pinned(switch)
    switch.control.forget()
    switch.control.fault(FaultKind.HOST_KEY)

    with pytest.raises(ConnectionException):
        as_node(switch, lambda: napalm(switch, known).open())
    assert switch.control.offered() == []
    switch.control.clear()

    as_node(switch, lambda: napalm(switch, known).open())
    assert {offered.kind for offered in switch.control.offered()} == {"user", "password"}


def test_a_merge_is_compared_committed_with_a_timer_confirmed_and_saved(switch: Simulator) -> None:
    def work() -> tuple[str, bool, bool, str]:
        with napalm(switch) as driver:
            driver.load_merge_candidate(config="interface GigabitEthernet1/0/1\n description merged\nend\n")
            diff = driver.compare_config()
            driver.commit_config(revert_in=120)
            pending = driver.has_pending_commit()
            driver.confirm_commit()
            return diff, pending, driver.has_pending_commit(), driver.get_config()["startup"]

    diff, pending, after, startup = as_node(switch, work)

    assert diff.splitlines() == ["+interface GigabitEthernet1/0/1", "+ description merged"]
    assert (pending, after) == (True, False)
    assert "description merged" in startup


def test_a_replacement_reverts_by_itself_when_its_timer_is_over(switch: Simulator) -> None:
    def work() -> str:
        with napalm(switch) as driver:
            before = driver.get_config()["running"]
            driver.load_replace_candidate(config=before.replace("no aaa new-model", "aaa new-model"))
            difference = driver.compare_config()
            driver.commit_config(revert_in=60)
            return str(difference)

    difference = as_node(switch, work)
    during = switch.control.state()
    switch.control.advance(61)

    assert difference.splitlines() == ["+aaa new-model", "-no aaa new-model"]
    assert (during["pending"], "no aaa new-model" in during["running"]) == (switch.initial_login.user, False)
    assert until(lambda: "no aaa new-model" in switch.control.state()["running"])
    assert switch.control.state()["pending"] is None


def test_what_the_switch_does_not_take_is_rolled_back_and_the_driver_says_so(switch: Simulator) -> None:
    before = switch.control.state()["running"]

    def replace() -> None:
        with napalm(switch) as driver:
            driver.load_replace_candidate(
                config=driver.get_config()["running"].replace("hostname", "nonsense\nhostname")
            )
            driver.commit_config()

    def merge() -> None:
        with napalm(switch) as driver:
            driver.load_merge_candidate(config="ip ssh time-out 60\nnonsense here\nend\n")
            driver.commit_config()

    with pytest.raises(ReplaceConfigException):
        as_node(switch, replace)
    with pytest.raises(MergeConfigException):
        as_node(switch, merge)

    assert switch.control.state()["running"] == before


def test_rollback_brings_the_former_configuration_back_and_discard_leaves_nothing_to_commit(switch: Simulator) -> None:
    def work() -> tuple[str, str, str]:
        with napalm(switch) as driver:
            driver.load_merge_candidate(config="ip ssh time-out 60\nend\n")
            driver.commit_config()
            merged = driver.get_config()["startup"]
            driver.rollback()
            driver.load_merge_candidate(config="ip ssh time-out 90\nend\n")
            driver.discard_config()
            return merged, driver.get_config()["running"], driver.compare_config()

    merged, running, difference = as_node(switch, work)

    assert "ip ssh time-out 60" in merged
    assert "time-out" not in running
    assert difference == ""


def test_the_drivers_files_and_the_archives_copy_stay_on_flash_and_hold_the_secret(switch: Simulator) -> None:
    def work() -> str:
        with napalm(switch) as driver:
            driver.load_merge_candidate(config="username left secret 0 Hinterlassen1\nend\n")
            driver.commit_config(revert_in=60)
            driver.confirm_commit()
            return str(driver.device.send_command("more flash:/merge_config.txt"))

    assert "Hinterlassen1" in as_node(switch, work)
    files = switch.control.state()["files"]
    assert {"merge_config.txt", "rollback_config.txt"} <= set(files)
    assert any(name.startswith("archive-") for name in files)


def test_an_access_class_lets_the_allowed_host_in_and_nobody_else_on_both_families(switch: Simulator) -> None:
    everybody = ("node1", *OTHERS)
    assert all(reaches(switch, host, address, 22) for host in everybody for address in (switch.ipv4, switch.ipv6))

    switch.control.call("configure", lines=ONLY_NODE1)

    assert gets_in(switch, "node1", switch.ipv4)
    assert gets_in(switch, "node1", switch.ipv6)
    assert not any(reaches(switch, host, address, 22) for host in OTHERS for address in (switch.ipv4, switch.ipv6))
    assert switch.control.state()["denied"] >= len(OTHERS) * 2


def test_an_access_class_spares_the_sessions_that_are_there(switch: Simulator) -> None:
    held = session(switch, "node2")
    channel = held.invoke_shell()
    switch.control.call("configure", lines=ONLY_NODE1)

    channel.sendall(b"show privilege\n")
    said = b""
    while b"privilege level" not in said:
        said += channel.recv(4096)
    held.close()

    assert not reaches(switch, "node2", switch.ipv4, 22)


def test_lines_without_the_access_class_are_a_gap_once_the_first_are_taken(switch: Simulator) -> None:
    switch.control.call("configure", lines=[*ONLY_NODE1, "line vty 5 15", " no access-class OBET-MANAGEMENT-V4 in"])
    assert not reaches(switch, "outsider1", switch.ipv4, 22)

    held = [session(switch) for _ in range(5)]
    assert until(lambda: reaches(switch, "outsider1", switch.ipv4, 22))
    held += [session(switch) for _ in range(11)]

    assert until(lambda: not reaches(switch, "node1", switch.ipv4, 22))
    for client in held:
        client.close()
    assert until(lambda: reaches(switch, "node1", switch.ipv4, 22))


def test_a_list_that_does_not_exist_lets_everybody_in_as_on_ios(switch: Simulator) -> None:
    switch.control.call(
        "configure", lines=["line vty 0 15", " access-class NOWHERE in", " ipv6 access-class NOWHERE in"]
    )

    assert all(reaches(switch, "outsider2", address, 22) for address in (switch.ipv4, switch.ipv6))


def test_in_a_vrf_an_access_class_without_vrf_also_refuses_all(switch: Simulator) -> None:
    lines = [line.replace(" vrf-also", "") for line in ONLY_NODE1]
    switch.control.call("configure", lines=["vrf definition Mgmt", "interface Vlan1", " vrf forwarding Mgmt", *lines])
    assert not reaches(switch, "node1", switch.ipv4, 22)

    switch.control.call("configure", lines=["line vty 0 15", " access-class OBET-MANAGEMENT-V4 in vrf-also"])

    assert reaches(switch, "node1", switch.ipv4, 22)


def test_a_list_on_the_interface_filters_all_packets_and_cuts_what_is_there(switch: Simulator) -> None:
    held = session(switch, "node2")
    lines = ["ip access-list extended EDGE", " permit tcp host 198.51.100.11 any", "ipv6 access-list EDGE6",
             " permit tcp host 2001:db8:51::11 any", "interface Vlan1", " ip access-group EDGE in",
             " ipv6 traffic-filter EDGE6 in"]  # fmt: skip
    switch.control.call("configure", lines=lines)

    for address in (switch.ipv4, switch.ipv6):
        assert reaches(switch, "node1", address, 22)
        assert not reaches(switch, "outsider1", address, 22)
        assert not reaches(switch, "node2", address, 80)
    held_channel = held.get_transport()
    assert held_channel is not None
    denied = switch.control.state()["denied"]
    held_channel.send_ignore()
    assert until(lambda: switch.control.state()["denied"] > denied)
    held_channel.close()


def test_removing_a_user_asks_first(switch: Simulator) -> None:
    switch.control.call("configure", lines=["username gone privilege 15 secret Bald-nicht-mehr-1"])

    def remove() -> str:
        with console(switch) as connection:
            connection.config_mode()
            asked = connection.send_command_timing("no username gone", strip_prompt=False)
            connection.send_command_timing("\n", strip_prompt=False)
            return str(asked)

    assert "[confirm]" in as_node(switch, remove)
    assert not gets_in(switch, user="gone", password="Bald-nicht-mehr-1")
    assert "username gone" not in switch.control.state()["running"]


def test_services_that_are_off_listen_no_more(switch: Simulator) -> None:
    ports = (23, 80, 443, 7, 79)
    switch.control.call("configure", lines=["service tcp-small-servers", "ip finger"])
    assert all(reaches(switch, "node1", address, port) for port in ports for address in (switch.ipv4, switch.ipv6))

    off = ["no ip http server", "no ip http secure-server", "no service tcp-small-servers", "no ip finger"]
    switch.control.call("configure", lines=[*off, "line vty 0 15", " transport input ssh"])

    assert not any(reaches(switch, "node1", address, port) for port in ports for address in (switch.ipv4, switch.ipv6))
    assert reaches(switch, "node1", switch.ipv4, 22)


def test_a_changed_password_is_the_only_one_that_works_and_is_kept_as_a_hash(switch: Simulator) -> None:
    user = switch.initial_login.user
    told_it = told(switch, "show running-config | include ^username")
    assert switch.initial_login.password not in told_it[0]

    def change() -> None:
        with console(switch) as connection:
            connection.send_config_set([f"username {user} privilege 15 algorithm-type scrypt secret Neu-und-lang-77"])

    as_node(switch, change)

    assert not gets_in(switch)
    assert gets_in(switch, password="Neu-und-lang-77")
    assert "Neu-und-lang-77" not in switch.control.state()["running"]
    assert " secret 9 $9$" in switch.control.state()["running"]


def test_a_public_key_opens_the_account_it_is_kept_for_as_its_hash(switch: Simulator, tmp_path: Any) -> None:
    key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    (tmp_path / "key").write_bytes(key.export_private_key("openssh"))
    (tmp_path / "key").chmod(0o600)
    public = key.export_public_key().decode().split()[1]
    folded = [public[start : start + 100] for start in range(0, len(public), 100)]
    assert not gets_in(switch, password="", key_filename=str(tmp_path / "key"))

    def install() -> None:
        with console(switch) as connection:
            user = switch.initial_login.user
            lines = ["ip ssh pubkey-chain", f"username {user}", "key-string", *folded, "exit", "end"]
            connection.send_config_set(lines, cmd_verify=False)

    as_node(switch, install)

    assert gets_in(switch, password="", key_filename=str(tmp_path / "key"))
    assert "key-hash ssh-rsa" in switch.control.state()["running"]
    assert public[:60] not in switch.control.state()["running"]


def test_a_reload_loads_what_was_saved_and_forgets_what_was_pending(switch: Simulator) -> None:
    def arm() -> None:
        with console(switch) as connection:
            connection.config_mode(config_command="configure terminal revert timer 5")
            connection.send_config_set(["ip ssh time-out 60"], enter_config_mode=False)

    as_node(switch, arm)
    key = switch.ssh_host_key
    assert "ip ssh time-out 60" in switch.control.state()["running"]

    switch.control.reboot()

    assert "time-out" not in switch.control.state()["running"]
    assert switch.control.state()["pending"] is None
    assert switch.ssh_host_key == key
    assert gets_in(switch)


def test_a_change_that_locks_everybody_out_is_undone_by_the_switch_itself(switch: Simulator) -> None:
    wrong = [line.replace("198.51.100.11 ", "198.51.100.99 ") for line in ONLY_NODE1]

    def lock_out() -> None:
        with console(switch) as connection:
            connection.config_mode(config_command="configure terminal revert timer 2")
            connection.send_config_set(wrong, enter_config_mode=False)

    as_node(switch, lock_out)
    assert not reaches(switch, "node1", switch.ipv4, 22)

    switch.control.advance(119)
    assert not reaches(switch, "node1", switch.ipv4, 22)
    switch.control.advance(2)

    assert until(lambda: reaches(switch, "node1", switch.ipv4, 22))


def test_another_user_cannot_confirm_a_change_nor_undo_it_and_the_same_name_can(switch: Simulator) -> None:
    switch.control.call("configure", lines=["username colleague privilege 15 secret Anderer-Mensch-1"])
    colleague = {"username": "colleague", "password": "Anderer-Mensch-1"}

    def arm() -> None:
        with console(switch) as connection:
            connection.config_mode(config_command="configure terminal revert timer 5")
            connection.exit_config_mode()

    as_node(switch, arm)
    refused = told(
        switch, "configure confirm", "configure revert now", "show archive config rollback timer", **colleague
    )
    confirmed = told(switch, "configure confirm", "show archive config rollback timer")

    assert refused[0].startswith("%")
    assert refused[1].startswith("%")
    assert f"User: {switch.initial_login.user}" in refused[2]
    assert confirmed == ["", "%No Rollback Confirmed Change pending"]


def test_without_an_archive_no_timer_can_be_set(switch: Simulator) -> None:
    switch.control.call("configure", lines=["no archive"])

    answers = told(switch, "show archive", "configure terminal revert timer 5")

    assert answers[0] == "Archive feature not enabled"
    assert "archive" in answers[1]
    assert switch.control.state()["pending"] is None


def test_an_snmpv3_user_is_kept_but_not_shown_in_the_configuration(switch: Simulator) -> None:
    def add() -> None:
        with console(switch) as connection:
            user = "snmp-server user watcher readers v3 auth sha Lang-genug-1 priv aes 128 Lang-genug-2"
            connection.send_config_set(["snmp-server group readers v3 priv", user])
            connection.save_config()

    as_node(switch, add)
    switch.control.reboot()

    assert "watcher" not in switch.control.state()["running"]
    assert "User name: watcher" in told(switch, "show snmp user")[0]


def test_version_3_answers_its_user_alone_and_a_community_that_is_off_answers_nobody(switch: Simulator) -> None:
    group = "snmp-server group readers v3 priv"
    user = "snmp-server user watcher readers v3 auth sha Lang-genug-1 priv aes 128 Lang-genug-2"
    switch.control.call("configure", lines=[group, user])
    sha, aes = usmHMACSHAAuthProtocol, usmAesCfb128Protocol
    right = UsmUserData("watcher", "Lang-genug-1", "Lang-genug-2", authProtocol=sha, privProtocol=aes)
    wrong = UsmUserData("watcher", "Lang-genug-9", "Lang-genug-2", authProtocol=sha, privProtocol=aes)
    clear = UsmUserData("watcher", "Lang-genug-1", authProtocol=sha)

    assert system_name(switch, right) == system_name(switch, CommunityData("public")) == "switch1"
    assert "digest" in system_name(switch, wrong)
    assert "security level" in system_name(switch, clear)

    switch.control.call("configure", lines=["no snmp-server community public"])

    assert "No SNMP response" in system_name(switch, CommunityData("public"))
    assert system_name(switch, right) == "switch1"


def test_a_community_answers_only_the_sources_of_its_list(switch: Simulator) -> None:
    lines = [
        "access-list 10 permit 198.51.100.12",
        "no snmp-server community public",
        "snmp-server community ours RO 10",
    ]
    switch.control.call("configure", lines=lines)
    assert "No SNMP response" in system_name(switch, CommunityData("ours"))

    switch.control.call("configure", lines=["access-list 10 permit 198.51.100.11"])

    assert system_name(switch, CommunityData("ours")) == "switch1"


def test_telnet_takes_the_same_password_in_clear_and_no_other(switch: Simulator) -> None:
    login = switch.initial_login

    assert "Current privilege level is 15" in telnet_answers(switch, login.user, login.password)
    assert "% Login invalid" in telnet_answers(switch, login.user, "falsch")


def test_the_ssh_server_offers_only_the_algorithms_it_is_told(switch: Simulator) -> None:
    def kex() -> str:
        client = session(switch)
        transport = client.get_transport()
        assert transport is not None
        cipher = str(transport.remote_cipher)
        client.close()
        return cipher

    assert kex() != "aes256-ctr"

    switch.control.call("configure", lines=["ip ssh server algorithm encryption aes256-ctr"])

    assert kex() == "aes256-ctr"


def test_with_aaa_the_lists_of_methods_decide(switch: Simulator) -> None:
    switch.control.call("configure", lines=["aaa new-model", "aaa authentication login default group radius"])
    assert not gets_in(switch)

    switch.control.call("configure", lines=["aaa authentication login default group radius local"])
    assert gets_in(switch)
    assert told(switch, "show privilege") == ["Current privilege level is 1"]

    switch.control.call("configure", lines=["aaa authorization exec default local"])
    assert told(switch, "show privilege") == ["Current privilege level is 15"]


def test_below_privilege_15_the_configuration_is_hidden_unless_the_command_is_given(switch: Simulator) -> None:
    lines = ["username reader privilege 5 secret Nur-lesen-123", "privilege exec level 5 show running-config view full"]
    switch.control.call("configure", lines=lines)
    reader = {"username": "reader", "password": "Nur-lesen-123"}

    plain, full, change = told(
        switch, "show running-config", "show running-config view full", "configure terminal", **reader
    )

    assert "username" not in plain
    assert "username reader" in full
    assert "Invalid input" in change


def test_bytes_that_are_no_ascii_come_back_as_they_went_in(switch: Simulator) -> None:
    text = "Щит № 3, Übergang"

    def work() -> str:
        with napalm(switch) as driver:
            driver.load_merge_candidate(config=f"interface GigabitEthernet1/0/1\n description {text}\nend\n")
            driver.commit_config()
            return str(driver.get_config()["running"])

    assert f"description {text}" in as_node(switch, work)


def test_ten_thousand_lines_are_taken_and_given_back(switch: Simulator) -> None:
    routes = [f"ip route 10.{n // 250}.{n % 250}.0 255.255.255.0 198.51.100.1" for n in range(10000)]

    def work() -> str:
        with napalm(switch) as driver:
            driver.load_merge_candidate(config="\n".join([*routes, "end", ""]))
            driver.commit_config()
            return str(driver.get_config()["running"])

    assert set(routes) <= set(as_node(switch, work).splitlines())


def test_flash_that_is_full_takes_no_file_and_arms_no_timer(switch: Simulator) -> None:
    switch.control.call("configure", lines=["file prompt quiet"])
    switch.control.fault(FaultKind.FULL)

    answers = told(switch, "dir flash:", "copy running-config flash:x", "configure terminal revert timer 5")

    assert "(0 bytes free)" in answers[0]
    assert "No space left" in answers[1]
    assert switch.control.state()["pending"] is None
    assert "x" not in switch.control.state()["files"]


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.DROP_AFTER])
def test_a_connection_drops_at_the_command_it_is_told(switch: Simulator, kind: FaultKind) -> None:
    switch.control.fault(kind, "write mem", times=1)
    switch.control.call("configure", lines=["ip ssh time-out 61"])

    client = session(switch)
    channel = client.invoke_shell()
    channel.sendall(b"write mem\n")
    said = b""
    while received := channel.recv(4096):
        said += received
    client.close()

    assert b"[OK]" not in said
    assert ("time-out 61" in switch.control.state()["startup"]) == (kind is FaultKind.DROP_AFTER)


@pytest.mark.parametrize("kind", ["ansi", "nul", "utf8", "prompt"])
def test_garbage_comes_before_the_answer(switch: Simulator, kind: str) -> None:
    client = session(switch)
    channel = client.invoke_shell()
    switch.control.fault(FaultKind.GARBAGE, "show privilege", text=kind)
    channel.sendall(b"show privilege\n")
    said = b""
    while b"privilege level is 15" not in said:
        said += channel.recv(4096)
    client.close()

    marks = {"ansi": b"\x1b[2J", "nul": b"\x00\x00", "utf8": b"\xff\xfe", "prompt": b"elsewhere#"}
    assert marks[kind] in said


def test_a_command_is_refused_when_it_is_told(switch: Simulator) -> None:
    switch.control.fault(FaultKind.REFUSE, "show clock", text="% Authorization failed.")

    assert told(switch, "show clock", "show privilege") == ["% Authorization failed.", "Current privilege level is 15"]


def test_a_reboot_between_commit_and_confirm_takes_the_unsaved_change_away(switch: Simulator) -> None:
    switch.control.fault(FaultKind.REBOOT, "^copy flash.* running-config", times=1)
    boots = switch.control.state()["boots"]

    def work() -> None:
        with napalm(switch) as driver:
            driver.load_merge_candidate(config="ip ssh time-out 60\nend\n")
            driver.commit_config(revert_in=60)
            driver.confirm_commit()

    with pytest.raises((NetmikoBaseException, OSError, EOFError)):
        as_node(switch, work)

    assert until(lambda: switch.control.state()["boots"] == boots + 1 and gets_in(switch))
    assert "time-out" not in switch.control.state()["running"]


def test_lists_count_what_they_refuse_and_go_on_when_others_change(switch: Simulator) -> None:
    switch.control.call("configure", lines=ONLY_NODE1)
    for address in (switch.ipv4, switch.ipv6, switch.ipv4):
        assert not reaches(switch, "outsider1", address, 22)
    switch.control.call("configure", lines=["ip access-list extended OTHER", " deny ip any any"])

    ipv4, ipv6 = told(switch, "show ip access-lists", "show ipv6 access-list")

    assert "    20 deny ip any any log (2 matches)" in ipv4.splitlines()
    assert "    deny ipv6 any any log (1 match) sequence 20" in ipv6.splitlines()
    assert "    10 deny ip any any" in ipv4.splitlines()


def test_each_of_the_virtual_lines_is_shown(switch: Simulator) -> None:
    (shown,) = told(switch, "show line")
    assert sum("VTY" in line.split() for line in shown.splitlines()) == 16


def test_the_level_of_a_command_is_not_that_of_all_that_begin_with_it_unless_it_says_so(switch: Simulator) -> None:
    lines = ["username reader privilege 5 secret Nur-lesen-123", "privilege exec level 5 show"]
    reader = {"username": "reader", "password": "Nur-lesen-123"}
    switch.control.call("configure", lines=lines)
    assert "Invalid input" in told(switch, "show startup-config", **reader)[0]

    switch.control.call("configure", lines=["privilege exec all level 5 show"])
    assert "hostname switch1" in told(switch, "show startup-config", **reader)[0]
