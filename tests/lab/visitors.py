"""What others do on the lab's servers, outside Obet: the customer logs in, somebody uses the server's own service."""

from __future__ import annotations

import sys
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

# SNMPv2c in clear, as anybody's tool sends it: sysName.0 for the community "public".
_QUESTION = bytes.fromhex("302602010104067075626c6963a019020101020100020100300e300c06082b060102010105000500")
_KNOCK = """\
import socket, sys
asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asked.settimeout(1.0)
asked.connect((sys.argv[1], 161))
try:
    asked.send(bytes.fromhex(sys.argv[2]))
    print(len(asked.recv(4096)))
except (TimeoutError, ConnectionRefusedError):
    print(0)
"""


def community_is_answered(lab: Lab, device: Simulator) -> bool:
    """Whether a network device tells the control node its name by SNMPv2c, for a community that everybody knows."""
    answer = lab.node1.run([sys.executable, "-c", _KNOCK, device.ipv4, _QUESTION.hex()])
    return int(answer.stdout) > len(_QUESTION)


def service_status(server: Machine, token: str) -> int:
    """The HTTP status with which the server's own service answers a token, asked on the server."""
    url = f"https://127.0.0.1:{STATUS_PORT}/"
    return int(server.run(["python3", "-c", _ASK, url], input=f"{token}\n").stdout)


def customer_may_do_everything(lab: Lab, device: Machine | Simulator) -> bool:
    """Whether the customer logs in to his device from his own host, with his own key and with full rights."""
    host = lab.machine("customer1")
    host.write("/home/owner/known_hosts", _known(device))
    options = "-o UserKnownHostsFile=/home/owner/known_hosts -o BatchMode=yes"
    asked, full = _RIGHTS[_platform(device)]
    ssh = f"ssh {options} owner@{device.ipv4} '{asked}'"
    return full in host.run(["runuser", "-u", "owner", "--", "sh", "-c", ssh], check=False).stdout


def password_login(lab: Lab, device: Machine | Simulator, user: str, password: str) -> CompletedProcess[str]:
    """OpenSSH's own client on the control node, with a password and nothing else; a server prints who it let in."""
    home = lab.node1.home
    askpass, known = home / "askpass", home / "known"
    askpass.write_text('#!/bin/sh\nprintf "%s\\n" "$TRIED"\n', encoding="utf-8")
    askpass.chmod(0o700)
    known.write_text(_known(device), encoding="utf-8")
    settings = {
        "UserKnownHostsFile": str(known),
        "PreferredAuthentications": "password,keyboard-interactive",
        "NumberOfPasswordPrompts": "1",
        "ConnectTimeout": "10",  # seconds: whom the device's rules keep out gets no answer at all
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    return lab.node1.run(
        ["ssh", "-F", "none", *options, f"{user}@{device.ipv4}", _HARMLESS[_platform(device)]],
        env={"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "TRIED": password},
        check=False,
    )


def _known(device: Machine | Simulator) -> str:
    """Its host key, as it is seen on the device itself."""
    key = device.ssh_host_key if isinstance(device, Simulator) else device.run(["cat", HOST_KEY]).stdout
    return f"{device.ipv4} {key.strip()}\n"


def _platform(device: Machine | Simulator) -> str:
    return device.platform if isinstance(device, Simulator) else "linux"


_HARMLESS = {"linux": "id -un", "ios": "show privilege", "routeros": "/system/identity/print"}
# What is asked, and in the answer of whom may do everything.
_RIGHTS = {
    "linux": ("sudo -n id", "uid=0(root)"),
    "ios": ("show privilege", "privilege level is 15"),
    "routeros": ("/user/print where name=owner", "group=full"),
}
