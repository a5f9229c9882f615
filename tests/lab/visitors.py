"""What others do on the lab's servers, outside Obet: the customer logs in, somebody uses the server's own service."""

from __future__ import annotations

from subprocess import CompletedProcess

from .estate import HOST_KEY
from .laboratory import Lab
from .machine import Machine
from .simulators.simulator import Simulator
from .topology import STATUS_PORT

_ASK = """\
import ssl, sys, urllib.request, urllib.error
context = ssl.create_default_context()
context.check_hostname = False  # the service's certificate is its own, made at boot
context.verify_mode = ssl.CERT_NONE
headers = {"Authorization": "Bearer " + sys.stdin.readline().strip()}
try:
    print(urllib.request.urlopen(urllib.request.Request(sys.argv[1], headers=headers), context=context).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


def service_status(server: Machine, token: str) -> int:
    """The HTTP status with which the server's own service answers a token, asked on the server."""
    url = f"https://127.0.0.1:{STATUS_PORT}/"
    return int(server.run(["python3", "-c", _ASK, url], input=f"{token}\n").stdout)


def customer_is_root(lab: Lab, server: Machine) -> bool:
    """Whether the customer logs in from his own host, with his own key, and can do everything on his server."""
    host = lab.machine("customer1")
    host.write("/home/owner/known_hosts", f"{server.ipv4} {server.run(['cat', HOST_KEY]).stdout}")
    ssh = f"ssh -o UserKnownHostsFile=/home/owner/known_hosts -o BatchMode=yes owner@{server.ipv4} sudo -n id -u"
    return host.run(["runuser", "-u", "owner", "--", "sh", "-c", ssh], check=False).stdout.strip() == "0"


def password_login(lab: Lab, server: Machine, user: str, password: str) -> CompletedProcess[str]:
    """OpenSSH's own client on the control node, with a password and nothing else; on success it prints the user."""
    home = lab.node1.home
    askpass, known = home / "askpass", home / "known"
    askpass.write_text('#!/bin/sh\nprintf "%s\\n" "$TRIED"\n', encoding="utf-8")
    askpass.chmod(0o700)
    known.write_text(f"{server.ipv4} {server.run(['cat', HOST_KEY]).stdout}", encoding="utf-8")
    options = [
        "-o",
        "PreferredAuthentications=password,keyboard-interactive",
        "-o",
        "NumberOfPasswordPrompts=1",
        "-o",
        "ConnectTimeout=10",
    ]
    return lab.node1.run(
        ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={known}", *options, f"{user}@{server.ipv4}", "id -un"],
        env={"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "TRIED": password},
        check=False,
    )


def network_login(lab: Lab, device: Simulator, user: str, password: str) -> CompletedProcess[str]:
    """The same on a network device, which prints what it is."""
    home = lab.node1.home
    askpass, known = home / "askpass", home / "known"
    askpass.write_text('#!/bin/sh\nprintf "%s\\n" "$TRIED"\n', encoding="utf-8")
    askpass.chmod(0o700)
    known.write_text(f"{device.ipv4} {device.ssh_host_key}\n", encoding="utf-8")
    options = [
        "-o",
        "PreferredAuthentications=password,keyboard-interactive",
        "-o",
        "NumberOfPasswordPrompts=1",
        "-o",
        "ConnectTimeout=10",
    ]
    return lab.node1.run(
        [*_SSH, f"UserKnownHostsFile={known}", *options, f"{user}@{device.ipv4}", _SHOW[device.platform]],
        env={"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "TRIED": password},
        check=False,
    )


def customer_may_do_everything(lab: Lab, device: Simulator) -> bool:
    """Whether the customer logs in to his network device from his own host, with his own key and with full rights."""
    host = lab.machine("customer1")
    host.write("/home/owner/known_hosts", f"{device.ipv4} {device.ssh_host_key}\n")
    options = "-o UserKnownHostsFile=/home/owner/known_hosts -o BatchMode=yes"
    ssh = f"ssh {options} owner@{device.ipv4} '{_RIGHTS[device.platform]}'"
    said = host.run(["runuser", "-u", "owner", "--", "sh", "-c", ssh], check=False).stdout
    return _FULL[device.platform] in said


_SSH = ["ssh", "-F", "none", "-o"]
_SHOW = {"ios": "show privilege", "routeros": "/system/identity/print"}
_RIGHTS = {"ios": "show privilege", "routeros": "/user/print where name=owner"}
_FULL = {"ios": "privilege level is 15", "routeros": "group=full"}
