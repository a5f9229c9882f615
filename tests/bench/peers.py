"""What Obet is measured against: made ready in an environment of its own, and the command line of each."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab import LabError
from lab.this_host import build, cache_directory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .company import Company
    from .fleet import Switch

HERE = Path(__file__).parent / "peers"
REQUIREMENTS = HERE / "requirements.txt"
_LOOKUP = "{{ lookup('community.hashi_vault.vault_kv2_get', path, engine_mount_point='kv').secret.password }}"


class Environment:
    """The peers' own Python, made once and cached: what they need is no part of Obet."""

    def __init__(self) -> None:
        """Nothing is installed before `ensure`."""
        wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:12]
        self.path = cache_directory() / f"bench-{wanted}"

    def ensure(self) -> None:
        """Installs what is pinned, from the machine's own index."""
        if (self.path / "complete").exists():
            return
        subprocess.run([sys.executable, "-m", "venv", "--clear", self.path], check=True)
        command = [str(self.path / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"]
        build([*command, str(REQUIREMENTS)], "installing the peers", self.path / "install.log", cwd=self.path)
        (self.path / "complete").touch()

    def program(self, name: str) -> str:
        """A program of it."""
        return str(self.path / "bin" / name)

    def versions(self) -> dict[str, str]:
        """Of what is measured."""
        pins = dict(line.split("==") for line in REQUIREMENTS.read_text(encoding="utf-8").split() if "==" in line)
        return {name: pins[name] for name in ("ansible", "ansible-core", "netmiko", "nornir", "asyncssh", "paramiko")}


@dataclass(frozen=True)
class Command:
    """What is run on the control node, in which environment; it ends with 0 when every device was served."""

    arguments: Sequence[str]
    environment: dict[str, str]


class Peers:
    """Their inventories and command lines for a company's switches."""

    def __init__(self, company: Company, environment: Environment) -> None:
        """The folder is on the node's tmpfs: one peer's file holds passwords."""
        self._company, self._environment = company, environment
        self._folder = company.own.lab.node1.directory / "peers"
        self._folder.mkdir(mode=0o700, exist_ok=True)

    def nornir_netmiko(self, switches: Sequence[Switch], *, push: bool = False) -> Command:
        """Fifty threads."""
        rules = [str(self._rules())] if push else []
        hosts = self._hosts("netmiko", switches)
        arguments = [self._environment.program("python"), str(HERE / "nornir_netmiko.py"), str(hosts), *rules]
        return Command(arguments, self._vault())

    def asyncssh(self, switches: Sequence[Switch]) -> Command:
        """Fifty logins at once; no Vault."""
        hosts = self._hosts("asyncssh", switches, passwords=True)
        return Command([self._environment.program("python"), str(HERE / "bare_asyncssh.py"), str(hosts)], {})

    def ansible(self, switches: Sequence[Switch], forks: int, ssh: str = "paramiko", *, push: bool = False) -> Command:
        """network_cli over `ssh`, libssh or paramiko; the connection is closed with the playbook, as always."""
        inventory = self._folder / f"ansible-{forks}.json"
        inventory.write_text(json.dumps(self._inventory(switches)), encoding="utf-8")
        own = self._folder / "ansible.cfg"
        own.write_text("[defaults]\n", encoding="utf-8")  # not the project's
        playbook = ["--extra-vars", f"rules_file={self._rules()}", "push.yml"] if push else ["read.yml"]
        program = self._environment.program("ansible-playbook")
        arguments = [program, "--inventory", str(inventory), "--forks", str(forks), *playbook[:-1]]
        settings = {
            "ANSIBLE_CONFIG": str(own),
            "ANSIBLE_HOST_KEY_CHECKING": "false",
            "ANSIBLE_NETWORK_CLI_SSH_TYPE": ssh,
            "ANSIBLE_INVENTORY_ENABLED": "yaml",
            "ANSIBLE_PIPELINING": "true",
        }
        path = {"PATH": f"{self._environment.path / 'bin'}:/usr/bin:/bin"}
        return Command([*arguments, str(HERE / playbook[-1])], self._vault() | settings | path)

    def _vault(self) -> dict[str, str]:
        vault = self._company.own.lab.vault
        token = self._company.token()
        return {
            "VAULT_ADDR": vault.address,
            "VAULT_CACERT": str(vault.ca_file),
            "VAULT_TOKEN": token,
            "ANSIBLE_HASHI_VAULT_CA_CERT": str(vault.ca_file),
        }

    def _rules(self) -> Path:
        path = self._folder / "rules.txt"
        path.write_text(self._company.rules_to_push, encoding="utf-8")
        return path

    def _hosts(self, name: str, switches: Sequence[Switch], *, passwords: bool = False) -> Path:
        path = self._folder / f"{name}.json"
        found = [
            self._host(switch) | ({"password": switch.secrets["obet"]} if passwords else {}) for switch in switches
        ]
        path.write_text(json.dumps(found), encoding="utf-8")
        return path

    def _host(self, switch: Switch) -> dict[str, Any]:
        place = self._company.place(switch, "obet")
        host_key = self._company.fleet.host_key
        return {"id": switch.id, "address": switch.addresses[0], "user": "obet", "path": place, "host_key": host_key}

    def _inventory(self, switches: Sequence[Switch]) -> dict[str, Any]:
        variables = {
            "ansible_connection": "ansible.netcommon.network_cli",
            "ansible_network_os": "cisco.ios.ios",
            "ansible_user": "obet",
            "ansible_password": _LOOKUP,
            "ansible_python_interpreter": self._environment.program("python"),
        }
        hosts = {s.id: {"ansible_host": s.addresses[0], "path": self._company.place(s, "obet")} for s in switches}
        return {"all": {"hosts": hosts, "vars": variables}}


def served(command: Command, code: int, output: str) -> None:
    """A peer that did not serve every device was not measured."""
    if code != 0:
        raise LabError(f"{Path(command.arguments[0]).name}: exit status {code}: {output.strip()[-600:]}")
