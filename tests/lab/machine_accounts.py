"""The accounts that each kind of machine comes with, and what a vantage point lets its visitors do."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from .errors import LabError
from .initial_login import Login
from .topology import Kind

if TYPE_CHECKING:
    from .machine import Machine

SETUP_USER = "setup"
VANTAGE_USER = "vantage"
CUSTOMER_USER = "owner"
CUSTOMER_KEY = f"/home/{CUSTOMER_USER}/.ssh/id_ed25519"
CUSTOMER_RSA_KEY = f"/home/{CUSTOMER_USER}/.ssh/id_rsa"  # for devices that take no other
CA_FILE = "/etc/ssh/vantage_ca.pub"
PRINCIPALS_FILE = "/etc/ssh/vantage_principals"
RELOAD_SECONDS = 10.0
PAUSE_SECONDS = 0.01

# Forwarding (direct-tcpip) is decided apart from sessions, so a forced nologin takes the shell and leaves it.
VANTAGE_RULES = f"""\
Match User {VANTAGE_USER}
    TrustedUserCAKeys {CA_FILE}
    AuthorizedPrincipalsFile {PRINCIPALS_FILE}
    AuthenticationMethods publickey
    AllowTcpForwarding local
    AllowStreamLocalForwarding no
    AllowAgentForwarding no
    X11Forwarding no
    PermitTunnel no
    PermitTTY no
    ForceCommand /usr/sbin/nologin
"""


def create(machine: Machine) -> Login | None:
    """Add the accounts of the machine's kind; answers the login of the one that has a password."""
    if machine.place.kind is Kind.SERVER:
        return _create_setup(machine)
    if machine.place.kind is Kind.VANTAGE:
        # `*` and not useradd's `!`, which sshd takes for a locked account and refuses keys as well.
        _shell(machine, f"useradd --create-home --shell /bin/sh {VANTAGE_USER}; usermod -p '*' {VANTAGE_USER}")
    if machine.place.kind is Kind.CUSTOMER:
        _shell(
            machine,
            f"useradd --create-home --shell /bin/bash {CUSTOMER_USER}; usermod -p '*' {CUSTOMER_USER}; "
            f"install -d -m 700 -o {CUSTOMER_USER} -g {CUSTOMER_USER} /home/{CUSTOMER_USER}/.ssh; "
            f"setpriv --reuid={CUSTOMER_USER} --regid={CUSTOMER_USER} --clear-groups "
            f"ssh-keygen -q -t ed25519 -N '' -C {CUSTOMER_USER} -f {CUSTOMER_KEY}; "
            f"setpriv --reuid={CUSTOMER_USER} --regid={CUSTOMER_USER} --clear-groups "
            f"ssh-keygen -q -t rsa -b 2048 -N '' -C {CUSTOMER_USER} -f {CUSTOMER_RSA_KEY}",
        )
    return None


def _create_setup(machine: Machine) -> Login:
    login = Login(SETUP_USER, secrets.token_urlsafe(18))
    _shell(machine, f"useradd --create-home --shell /bin/bash --groups sudo {SETUP_USER}; mkdir -m 700 /etc/status")
    machine.run(["chpasswd"], input=f"{login.user}:{login.password}\n")
    return login


def _shell(machine: Machine, script: str) -> None:
    machine.run(["sh", "-euc", script])


def trust(machine: Machine, ca_public_key: str, principal: str) -> None:
    """Let certificates of this CA for this principal forward TCP through the machine, and nothing else."""
    if machine.place.kind is not Kind.VANTAGE:
        raise LabError(f"{machine.name} is no vantage point")
    machine.write(CA_FILE, ca_public_key.strip() + "\n")
    machine.write(PRINCIPALS_FILE, principal.strip() + "\n")
    machine.write("/etc/ssh/sshd_config.d/vantage.conf", VANTAGE_RULES)
    reload_sshd(machine)


def reload_sshd(machine: Machine) -> None:
    """Check the configuration, reload it, and come back once the new sshd listens (it writes its number then)."""
    _shell(machine, "/usr/sbin/sshd -t; pid=$(cat /run/sshd.pid); rm /run/sshd.pid; kill -HUP $pid")
    deadline = time.monotonic() + RELOAD_SECONDS
    while machine.run(["test", "-s", "/run/sshd.pid"], check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise LabError(f"{machine.name}: sshd does not come back after a reload")
        time.sleep(PAUSE_SECONDS)
