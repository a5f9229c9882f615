"""Puts Obet into a fresh lab, as a company's administrator would: Vault's set-up, login material, estate, trust."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess

from . import estate, second_factor
from .laboratory import Lab
from .this_host import CHECKOUT

OPERATOR = "op1"
_VANTAGE_POINTS = ("node2", "outsider1", "outsider2")


class Obet:
    """Obet as it stands on the lab's control node."""

    def __init__(self, lab: Lab) -> None:
        """Only paths: use `provision`."""
        self.lab = lab
        self.estate = lab.state_directory / "estate"
        self.credentials = lab.node1.directory / "run" / "credentials"
        self.registrar = lab.node1.directory / "run" / "registrar"
        self._operators: dict[str, tuple[str, str]] = {}

    @property
    def environment(self) -> dict[str, str]:
        """What an operator on the node has in his environment: places, no secrets."""
        programs = Path(sys.executable).parent
        return {
            "OBET_ESTATE": str(self.estate),
            "OBET_CREDENTIALS_DIRECTORY": str(self.credentials),
            "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
            "ANSIBLE_INVENTORY": str(self.estate / "obet.yml"),
            "PATH": f"{programs}:{self.lab.node1.environment()['PATH']}",
        }

    def obet(self, *arguments: str, stdin: str | None = None, check: bool = True) -> CompletedProcess[str]:
        """Runs `obet …` on the control node; `obet vault …` with the registrar's login material, kept apart."""
        folder = self.registrar if arguments[0] == "vault" else self.credentials
        environment = self.environment | {"OBET_CREDENTIALS_DIRECTORY": str(folder)}
        return self.lab.node1.run(["obet", *arguments], input=stdin, check=check, env=environment)

    def enrol(self, name: str, administrator: str) -> None:
        """An administrator lets an operator in: his password and his authenticator's address stay in this object."""
        password = secrets.token_urlsafe(12)
        made = self.obet("vault", "operator", name, stdin=f"{administrator}\n{password}\n")
        self._operators[name] = password, made.stdout.strip()

    def log_in(self, name: str, steps_ahead: int = 0) -> None:
        """The operator logs in on the control node, with password and code."""
        password, address = self._operators[name]
        self.obet("login", name, stdin=f"{password}\n{second_factor.code(address, steps_ahead)}\n")

    def play(self, playbook: str, *arguments: str, check: bool = True, timeout: float = 300) -> CompletedProcess[str]:
        """Runs one of the project's playbooks on the control node."""
        command: Sequence[str] = ["ansible-playbook", f"playbooks/{playbook}.yml", *arguments]
        return self.lab.node1.run(command, check=check, timeout=timeout, env=self.environment)


# That work has not begun: Vault refuses its login yet.
HANDED_OVER = (*(device for device in estate.SERVERS if device != estate.HELD_DEVICE), *estate.NETWORK_DEVICES)


def provision(lab: Lab, handed_over: Iterable[str] = HANDED_OVER) -> Obet:
    """Everything up to the point where an operator starts working; a lab that has it already is left as it is.

    Of the devices `handed_over` the customers give us the initial logins.
    """
    own = Obet(lab)
    if own.estate.exists():
        return own
    estate.write(lab)
    own.obet("vault", "bootstrap", "--credentials", str(own.registrar), stdin=f"{lab.vault.root_token}\n")
    _seed_one_who_has_not_agreed(lab)
    own.enrol(OPERATOR, lab.vault.root_token)
    # The administrator's second run has nothing to do, and ends with his token revoked.
    own.obet("vault", "bootstrap", "--revoke-token", stdin=f"{lab.vault.root_token}\n")
    own.obet("vault", "apply")
    with ThreadPoolExecutor() as pool:
        roles = ("obet-verifier", "obet-node-node1")
        list(pool.map(lambda role: own.obet("vault", "credential", role, "--to", str(own.credentials)), roles))
        list(pool.map(lambda device: _take_login(lab, own, device), handed_over))
    ca_public_key = _ca_public_key(lab)
    for name in _VANTAGE_POINTS:
        lab.trust(lab.machine(name), ca_public_key, "vantage")
    return own


def _seed_one_who_has_not_agreed(lab: Lab) -> None:
    """A secret that is there and that nobody may read: a refusal of nothing would prove nothing."""
    path = f"kv/data/access/{estate.UNAGREED_CUSTOMER}/{estate.UNAGREED_DEVICE}"
    data = {"data": {"login": {"user": "setup", "password": secrets.token_urlsafe(18)}}}
    lab.vault.request("POST", path, data, lab.vault.root_token)


def _take_login(lab: Lab, own: Obet, device: str) -> None:
    name = estate.NETWORK_DEVICES.get(device)
    login = (lab.simulator(name) if name else lab.machine(estate.SERVERS[device])).initial_login
    own.obet("secret", "login", device, "--user", login.user, stdin=f"{login.password}\n")


def _ca_public_key(lab: Lab) -> str:
    """Public by nature: Vault gives it to anyone, without a token."""
    ca_file = str(lab.vault.ca_file)
    script = "import ssl,sys,urllib.request as u;print(u.urlopen(sys.argv[1],context=ssl.create_default_context(cafile=sys.argv[2])).read().decode())"  # noqa: E501
    url = f"{lab.vault.address}/v1/ssh/public_key"
    return lab.node1.run([sys.executable, "-c", script, url, ca_file]).stdout.strip()
