"""Management comes from the fixed addresses only, and a change that cannot be confirmed takes itself back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import Machine, estate
from lab.estate import MANAGED_DEVICE, WARRANTY_DEVICE
from lab.machine_accounts import reload_sshd
from lab.provision import Obet
from lab.topology import STATUS_PORT
from life_support import ADMINISTERED, Job, administrator, checks, promises, recap, verdict, verified, wait_until

_SCRIPT = "/usr/local/sbin/obet-management-access"
_TABLE = ["nft", "list", "table", "inet", "obet_management"]


@pytest.fixture
def server(served: Obet) -> Machine:
    """The managed customer's server."""
    return served.lab.machine("server2")


def _reaches(served: Obet, host: str, address: str, port: int) -> bool:
    try:
        served.lab.host(host).connect(address, port, timeout=1).close()
    except OSError:
        return False
    return True


def _rules(server: Machine) -> str:
    return server.run(["nft", "-s", *_TABLE[1:]]).stdout


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_the_fixed_addresses_reach_ssh_and_their_neighbours_do_not(served: Obet, server: Machine, family: str) -> None:
    address = getattr(server, family)
    for allowed in ("node1", "node2", "customer1"):
        assert _reaches(served, allowed, address, 22), allowed
    for refused in ("outsider1", "outsider2", "server1"):
        assert not _reaches(served, refused, address, 22), refused
        assert _reaches(served, refused, address, STATUS_PORT), "what is not management must not change"


def test_a_session_from_elsewhere_is_cut_when_the_rules_come(served: Obet, server: Machine) -> None:
    server.run(["nft", "delete", *_TABLE[2:]])
    with served.lab.host("outsider1").connect(server.ipv4, 22) as held:
        assert held.recv(4) == b"SSH-"
        server.run(["nft", "-f", "/etc/obet-management-access.nft"])
        held.settimeout(2)
        held.recv(4096)
        held.sendall(b"SSH-2.0-test\r\n")
        with pytest.raises(TimeoutError):
            held.recv(4096)


def test_verify_finds_every_proof_and_says_that_the_promise_holds(served: Obet) -> None:
    code, found = promises(served, MANAGED_DEVICE, WARRANTY_DEVICE)
    assert code == 0
    assert verdict(found, "fixed-ip")["holds"] is True
    assert verdict(found, "fixed-ip")["checks"] == 25
    assert not re.search(r"198\.51\.100\.|203\.0\.113\.|2001:db8", json.dumps(found)), "it outlives the access"
    assert "node1 to 198.51.100.102: logged in" in verified(served, MANAGED_DEVICE).stdout, "who looks now sees them"


def test_a_single_customers_consent_is_shown_by_a_job_with_and_without_what_his_record_opens(served: Obet) -> None:
    code, found = promises(served, MANAGED_DEVICE)
    assert code == 0
    for proof in ("a job with a valid record is served by Vault", "a job without one is refused by Vault"):
        assert checks(found, proof)[MANAGED_DEVICE]["passed"] is True
    assert verdict(found, "consent")["missing"] == ["the customer has a receipt"]


def test_a_consent_that_something_else_than_its_record_opens_is_broken_until_the_registrar_has_run(
    served: Obet,
) -> None:
    admin, policy = administrator(served.lab), 'path "kv/data/access/*" { capabilities = ["read"] }'
    served.lab.vault.request("POST", "sys/policies/acl/obet-technical-nobody", {"policy": policy}, admin)
    served.lab.vault.request("POST", "auth/token/revoke-self", {}, admin)
    code, found = promises(served, MANAGED_DEVICE)
    assert code == 10
    assert [failure["remedy"] for failure in verdict(found, "consent")["failures"]] == ["obet vault apply"]
    served.obet("vault", "apply")
    assert promises(served, MANAGED_DEVICE)[0] == 0, "what it read then is on record"


def test_verify_finds_a_rule_that_lets_somebody_else_in(served: Obet, server: Machine) -> None:
    rule = ["insert", "rule", "inet", "obet_management", "input", "ip", "saddr", "198.51.100.66", "accept"]
    server.run(["nft", *rule])
    code, found = promises(served, MANAGED_DEVICE)
    failures = verdict(found, "fixed-ip")["failures"]
    assert code == 10
    assert verdict(found, "fixed-ip")["holds"] is False
    assert any("also takes outsider1 (IPv4)" in failure["what"] for failure in failures)
    assert any(f"outsider1 to {MANAGED_DEVICE} (IPv4): open" in failure["what"] for failure in failures)
    served.play("restrict_access", "--limit", MANAGED_DEVICE)
    assert promises(served, MANAGED_DEVICE)[0] == 0


def test_verify_says_open_and_not_broken_where_it_could_not_look(served: Obet) -> None:
    outsider = served.lab.machine("outsider2")
    outsider.shut_down()
    try:
        code, found = promises(served, MANAGED_DEVICE)
    finally:
        outsider.boot()
    assert code == 0
    assert verdict(found, "fixed-ip")["holds"] is None
    assert "outsiders do not get in" in verdict(found, "fixed-ip")["missing"]


def test_a_second_run_of_everything_changes_nothing(served: Obet) -> None:
    counts = recap(served.play("site", "--limit", ADMINISTERED).stdout)
    assert set(counts) == {WARRANTY_DEVICE, MANAGED_DEVICE}
    assert all(count["changed"] == 0 and count["failed"] == 0 for count in counts.values())


def test_check_mode_tells_what_would_change_and_changes_nothing(
    served: Obet, server: Machine, edited: Callable[[Path, str, str], None]
) -> None:
    before = _rules(server)
    edited(estate.device_file(served.estate, MANAGED_DEVICE), "203.0.113.21", "203.0.113.22")
    answer = served.play("restrict_access", "--check", "--diff", "--limit", MANAGED_DEVICE)
    assert recap(answer.stdout)[MANAGED_DEVICE]["changed"] >= 1
    assert "203.0.113.22" in answer.stdout
    assert _rules(server) == before
    assert server.run(["test", "-e", "/run/obet/pending"], check=False).returncode != 0


def test_rules_survive_a_reboot(served: Obet, server: Machine) -> None:
    before = _rules(server)
    server.restart()
    assert _rules(server) == before
    assert not _reaches(served, "outsider1", server.ipv4, 22)


def test_an_unconfirmed_change_takes_itself_back(served: Obet, server: Machine) -> None:
    before = _rules(server)
    _arm_a_lock_out(server, "lockout", seconds=2)
    assert not _reaches(served, "node1", server.ipv4, 22)
    wait_until(lambda: _rules(server) == before)
    assert _reaches(served, "node1", server.ipv4, 22)
    assert server.run([_SCRIPT, "confirm", "lockout"], check=False).returncode != 0


def test_a_reboot_before_the_confirmation_takes_the_change_back(served: Obet, server: Machine) -> None:
    before = _rules(server)
    _arm_a_lock_out(server, "reboot", seconds=600)
    server.restart()
    assert _rules(server) == before
    assert _reaches(served, "node1", server.ipv4, 22)


def test_a_confirmed_change_stays_after_the_timer(server: Machine) -> None:
    server.run([_SCRIPT, "arm", "stays", "1"])
    assert server.run([_SCRIPT, "pending", "stays", "0"]).stdout.strip() == "pending"
    server.run([_SCRIPT, "confirm", "stays"])
    after = _rules(server)
    wait_until(lambda: server.run(["pgrep", "-f", "expire stays"], check=False).returncode != 0)
    assert _rules(server) == after


def test_only_one_change_at_a_time_and_only_its_own_run_confirms_it(server: Machine) -> None:
    before = _rules(server)
    server.run([_SCRIPT, "arm", "first", "2"])
    assert server.run([_SCRIPT, "arm", "second", "2"], check=False).returncode != 0
    assert server.run([_SCRIPT, "confirm", "second"], check=False).returncode != 0
    wait_until(lambda: server.run(["test", "-e", "/run/obet/pending"], check=False).returncode != 0)
    assert _rules(server) == before


def test_a_change_whose_timer_was_killed_cannot_be_confirmed_and_does_not_block_the_next(server: Machine) -> None:
    before = _rules(server)
    _arm_a_lock_out(server, "dead", seconds=600)
    server.run(["pkill", "-KILL", "-f", "expire dead"])
    assert server.run([_SCRIPT, "confirm", "dead"], check=False).returncode != 0
    server.run([_SCRIPT, "arm", "next", "2"])
    wait_until(lambda: server.run(["test", "-e", "/run/obet/pending"], check=False).returncode != 0)
    assert _rules(server) == before, "the dead change was taken back before the next was armed"


def test_a_change_that_denied_fewer_than_tried_is_not_confirmed_by_the_role(server: Machine) -> None:
    server.run([_SCRIPT, "arm", "counted", "2"])
    answer = server.run([_SCRIPT, "pending", "counted", "1000000"], check=False)
    assert answer.returncode == 1
    assert "outsiders tried 1000000 times" in answer.stdout
    assert server.run([_SCRIPT, "pending", "counted", "0"]).stdout.strip() == "pending"
    wait_until(lambda: server.run(["test", "-e", "/run/obet/pending"], check=False).returncode != 0)


def test_an_outsider_that_cannot_look_proves_nothing(served: Obet) -> None:
    outsider = served.lab.machine("outsider1")
    outsider.write("/etc/ssh/sshd_config.d/00-blind.conf", "Match User vantage\n    AllowTcpForwarding no\nMatch all\n")
    reload_sshd(outsider)
    try:
        code, found = promises(served, MANAGED_DEVICE)
        answer = served.play("verify_access", "--limit", MANAGED_DEVICE, check=False)
    finally:
        outsider.run(["rm", "/etc/ssh/sshd_config.d/00-blind.conf"])
        reload_sshd(outsider)
    assert code == 0
    assert verdict(found, "fixed-ip")["holds"] is None
    assert answer.returncode == 2
    assert "outsider1 to 198.51.100.102 port 22 is refused: not probed" in answer.stdout


def test_verify_finds_an_sshd_that_listens_elsewhere_or_takes_passwords(served: Obet, server: Machine) -> None:
    server.write("/etc/ssh/sshd_config.d/00-customer.conf", "Port 22\nPort 2222\nPasswordAuthentication yes\n")
    reload_sshd(server)
    try:
        code, found = promises(served, MANAGED_DEVICE)
    finally:
        server.run(["rm", "/etc/ssh/sshd_config.d/00-customer.conf"])
        reload_sshd(server)
    assert code == 10
    assert "listens also on port 2222, passwords yes" in verdict(found, "fixed-ip")["failures"][0]["what"]
    assert promises(served, MANAGED_DEVICE)[0] == 0


def test_a_certificate_without_its_source_addresses_is_refused_by_sshd(served: Obet, server: Machine) -> None:
    """The dummy option of the SSH roles: whoever asks for it loses the source addresses, and every login with it."""
    job, folder = Job(served), served.lab.node1.home / "dummy"
    folder.mkdir()
    _make_certificate(job, folder, {"critical_options": {"none@obet": "x"}})
    shown = served.lab.node1.run(["ssh-keygen", "-L", "-f", str(folder / "k-cert.pub")]).stdout
    assert "source-address" not in shown
    options = ["-F", "none", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=/dev/null"]
    options += ["-o", "StrictHostKeyChecking=no", f"obet@{server.ipv4}", "id", "-un"]
    answer = served.lab.node1.run(["ssh", "-i", str(folder / "k"), *options], check=False)
    assert answer.returncode == 255
    assert "Permission denied" in answer.stderr


def test_a_node_that_fails_after_arming_means_that_the_server_reverts(
    served: Obet, server: Machine, edited: Callable[[Path, str, str], None]
) -> None:
    before = _rules(server)
    edited(estate.device_file(served.estate, MANAGED_DEVICE), "203.0.113.21", "203.0.113.22")
    node2 = served.lab.machine("node2")
    node2.shut_down()
    try:
        limits = ["--limit", MANAGED_DEVICE, "-e", "management_access_revert_seconds=4"]
        answer = served.play("restrict_access", *limits, check=False)
    finally:
        node2.boot()
    assert answer.returncode == 2
    assert "access is not as it must be: node2" in answer.stdout
    wait_until(lambda: _rules(server) == before)


def test_rules_that_would_lock_us_out_are_refused_before_anything_is_sent(
    served: Obet, server: Machine, edited: Callable[[Path, str, str], None]
) -> None:
    before = _rules(server)
    edited(served.estate / "estate.yml", "198.51.100.11", "198.51.100.13")
    answer = served.play("restrict_access", "--limit", MANAGED_DEVICE, check=False)
    assert answer.returncode == 2
    assert "would lock us out" in answer.stdout
    assert recap(answer.stdout)[MANAGED_DEVICE]["changed"] == 0
    assert _rules(server) == before


def test_a_wrong_host_key_stops_a_run_before_any_login(
    served: Obet, server: Machine, edited: Callable[[Path, str, str], None]
) -> None:
    right = " ".join(server.run(["cat", estate.HOST_KEY]).stdout.split()[:2])
    wrong = " ".join(served.lab.machine("server1").run(["cat", estate.HOST_KEY]).stdout.split()[:2])
    logins = _accepted_logins(server)
    edited(estate.device_file(served.estate, MANAGED_DEVICE), right, wrong)
    answer = served.play("configure", "--limit", MANAGED_DEVICE, check=False)
    assert answer.returncode == 4
    assert "Host key verification failed" in answer.stdout + answer.stderr
    assert _accepted_logins(server) == logins


def test_a_device_that_is_only_observed_is_not_changed(
    served: Obet, server: Machine, edited: Callable[[Path, str, str], None]
) -> None:
    edited(estate.device_file(served.estate, MANAGED_DEVICE), "enforce: restrict", "enforce: observe")
    server.run(["nft", "delete", *_TABLE[2:]])
    answer = served.play("restrict_access", "--limit", MANAGED_DEVICE)
    assert recap(answer.stdout)[MANAGED_DEVICE]["changed"] == 0
    assert server.run(_TABLE, check=False).returncode != 0
    assert verdict(promises(served, MANAGED_DEVICE)[1], "fixed-ip")["holds"] is None
    server.run(["nft", "-f", "/etc/obet-management-access.nft"])


def test_a_certificate_opens_nothing_from_another_address_even_without_the_rules(
    served: Obet, server: Machine, tmp_path: Path
) -> None:
    job, node1, outsider = Job(served), served.lab.node1, served.lab.machine("outsider1")
    server.run(["nft", "delete", *_TABLE[2:]])
    try:
        _make_certificate(job, tmp_path)
        for part in ("k", "k-cert.pub"):
            outsider.write(f"/root/{part}", (tmp_path / part).read_text(), mode=0o600)
        options = ["-F", "none", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=/dev/null"]
        options += ["-o", "StrictHostKeyChecking=no", f"obet@{server.ipv4}", "id", "-un"]
        assert node1.run(["ssh", "-i", str(tmp_path / "k"), *options]).stdout.strip() == "obet"
        refused = outsider.run(["ssh", "-i", "/root/k", *options], check=False)
        assert refused.returncode == 255
        assert "Permission denied" in refused.stderr
    finally:
        server.run(["nft", "-f", "/etc/obet-management-access.nft"])


def test_the_reading_account_may_look_and_nothing_else(served: Obet, server: Machine) -> None:
    def run(*command: str) -> int:
        return server.run(["runuser", "-u", "obet-read", "--", *command], check=False).returncode

    assert run("sudo", "-n", "/usr/sbin/nft", "-j", "list", "ruleset") == 0
    assert run("sudo", "-n", "/usr/sbin/nft", "flush", "ruleset") != 0
    assert run("sudo", "-n", "id") != 0
    assert served.lab.machine("server1").run(["id", "obet-read"]).returncode == 0


def _arm_a_lock_out(server: Machine, change: str, seconds: int) -> None:
    """Rules that take nobody at all, armed as the role arms its own."""
    candidate = "/etc/obet-management-access.candidate"
    wanted = server.run(["cat", candidate]).stdout
    rules = "type filter hook input priority -10\ntcp dport 22 drop"
    table = "table inet obet_management"
    text = f"{table}\ndelete {table}\n{table} {{\nchain input {{\n{rules}\n}}\n}}\n"
    try:
        server.write(candidate, text, mode=0o600)
        server.run([_SCRIPT, "arm", change, str(seconds)])
    finally:
        server.write(candidate, wanted, mode=0o600)


def _accepted_logins(server: Machine) -> int:
    return server.run(["cat", "/var/log/auth.log"]).stdout.count("Accepted ")


def _make_certificate(job: Job, folder: Path, extra: dict[str, Any] | None = None) -> None:
    job.node1.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "k")])
    request = {"public_key": (folder / "k.pub").read_text(), "valid_principals": MANAGED_DEVICE} | (extra or {})
    role = f"obet-technical-{estate.MANAGED_CUSTOMER}"
    status, answer = job.sign(job.token(MANAGED_DEVICE), role, request)
    assert status == 200, answer
    (folder / "k-cert.pub").write_text(answer["data"]["signed_key"])
