"""Who reaches a server, how its first login works, what its own service answers."""

from __future__ import annotations

import http.client
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest
from lab.topology import STATUS_PORT

if TYPE_CHECKING:
    from lab import Host, Lab, Machine

EVERYBODY = ["node1", "node2", "outsider1", "outsider2", "customer1", "vault"]
SSH = ["ssh", "-F", "none", "-o", "StrictHostKeyChecking=accept-new", "-o", "ConnectTimeout=5"]


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("name", EVERYBODY)
def test_everybody_reaches_a_server_on_both_families(lab: Lab, server: Machine, name: str, family: str) -> None:
    with lab.host(name).connect(getattr(server, family), 22) as connection:
        assert connection.recv(4) == b"SSH-"
        assert connection.getsockname()[0] == getattr(lab.host(name), family)


@pytest.mark.usefixtures("lab")
def test_the_host_has_no_route_nor_address_of_the_lab() -> None:
    shown = subprocess.run(["/usr/sbin/ip", "address"], capture_output=True, text=True, check=True).stdout

    assert "198.51.100." not in shown
    assert "2001:db8:" not in shown


@pytest.mark.parametrize("sudo", [False, True])
def test_the_initial_login_works_with_its_password_and_shows_in_the_servers_log(
    lab: Lab, server: Machine, *, sudo: bool
) -> None:
    login = server.initial_login
    askpass = lab.node1.home / "askpass"
    askpass.write_text('#!/bin/sh\nprintf "%s\\n" "$LAB_PASSWORD"\n')
    askpass.chmod(0o700)
    secret = {"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "LAB_PASSWORD": login.password}
    command = "sudo -S -p '' id -un" if sudo else "id -un"

    result = lab.node1.run([*SSH, f"{login.user}@{server.ipv4}", command], input=f"{login.password}\n", env=secret)

    assert result.stdout == ("root\n" if sudo else f"{login.user}\n")
    assert (
        f"Accepted password for {login.user} from {lab.node1.ipv4}" in server.run(["cat", "/var/log/auth.log"]).stdout
    )


def test_two_servers_have_different_passwords_and_do_not_print_them(lab: Lab) -> None:
    first, second = (lab.machine(name).initial_login for name in ("server1", "server2"))

    assert first.password != second.password
    assert first.password not in f"{first!r}"


def test_the_customer_logs_in_with_his_own_key_where_it_is_accepted(lab: Lab, server: Machine) -> None:
    server.run(["useradd", "--create-home", "--shell", "/bin/sh", "his"])
    server.run(["usermod", "-p", "*", "his"])
    server.write("/home/his/.ssh/authorized_keys", lab.customer_public_key + "\n")
    as_owner = ["setpriv", "--reuid=owner", "--regid=owner", "--clear-groups", "env", "HOME=/home/owner"]

    result = lab.machine("customer1").run([*as_owner, *SSH, f"his@{server.ipv6}", "id", "-un"])

    assert result.stdout == "his\n"


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_the_status_service_answers_only_to_the_token_that_it_read_last(lab: Lab, server: Machine, family: str) -> None:
    address = getattr(server, family)
    server.run(["rm", "-f", "/etc/status/token"])
    server.run(["service", "status", "reload"])
    assert status(lab.host("outsider2"), address, "anything") == 401

    server.write("/etc/status/token", "first-token\n", mode=0o600)
    server.run(["service", "status", "reload"])
    assert status(lab.host("outsider2"), address, "first-token") == 200
    assert status(lab.host("outsider2"), address, "other-token") == 401
    assert status(lab.host("outsider2"), address, None) == 401

    server.write("/etc/status/token", "second-token\n", mode=0o600)
    assert status(lab.host("outsider2"), address, "first-token") == 200
    server.run(["service", "status", "reload"])
    assert status(lab.host("outsider2"), address, "first-token") == 401
    assert status(lab.host("outsider2"), address, "second-token") == 200


def test_the_status_services_check_says_by_its_exit_code_what_the_service_takes(server: Machine) -> None:
    server.write("/etc/status/token", "a-token\n", mode=0o600)
    server.run(["service", "status", "reload"])
    said = [
        server.run(["runuser", "-u", "nobody", "status-takes"], input=f"{token}\n", check=False).returncode
        for token in ("a-token", "another", "")
    ]
    assert said == [0, 1, 1]


def test_an_empty_token_file_opens_nothing(lab: Lab, server: Machine) -> None:
    server.write("/etc/status/token", "\n", mode=0o600)
    server.run(["service", "status", "reload"])

    assert status(lab.host("node1"), server.ipv4, "") == 401


def status(source: Host, address: str, token: str | None) -> int:
    """The status service's answer to a request from a host of the lab."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPConnection(address, STATUS_PORT)
    connection.sock = context.wrap_socket(source.connect(address, STATUS_PORT))
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    connection.request("GET", "/", headers=headers)
    answer = connection.getresponse().status
    connection.close()
    return answer
