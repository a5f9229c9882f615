"""One lab whose every secret is known, what was done on it, and the places where that may have left something."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lab import Lab, Machine
from lab.estate import CUSTOMERS, UNAGREED_DEVICE
from lab.initial_login import Login
from lab.processes import Process
from lab.provision import OPERATOR, Obet, provision
from lab.this_host import CHECKOUT
from leaks.search import Canary, Content, files
from leaks.watching import Secrets, Watcher
from life_support import administrator

CONTROL = "the control"
_SERVERS = ("server1", "server2")
_MOMENTS = 10
_PASSING = "echo $1 > /tmp/passing; sleep 0.05; rm /tmp/passing"
# Everything that quoting may stumble over, so that the spellings differ from one another.
_AWKWARD = """ '"&<%+$(id)`{{ 7 * 7 }}\\"""


class Played:
    """A playbook's run by ansible-runner, with all that it left."""

    def __init__(self, answer: subprocess.CompletedProcess[str], folder: Path) -> None:
        self.folder = folder
        self.returncode = answer.returncode
        self.output: list[Content] = outputs(f"ansible-runner {folder.name}", answer)

    @property
    def said(self) -> str:
        """What its user read."""
        return "\n".join(re.sub(rb"\x1b\[[0-9;]*m", b"", text).decode() for _, text in self.output)

    @property
    def failed(self) -> list[str]:
        """The tasks that failed or could not be tried, in their order."""
        found = []
        for path in (self.folder / "job_events").glob("*.json"):
            event = json.loads(path.read_text())
            if event["event"] in {"runner_on_failed", "runner_on_unreachable"}:
                found.append((event["counter"], event["event_data"]["task"]))
        return [task for _, task in sorted(found)]

    def contents(self) -> Iterator[Content]:
        yield from self.output
        yield from files(self.folder)


def outputs(name: str, answer: subprocess.CompletedProcess[str]) -> list[Content]:
    return [(f"{name}: output", answer.stdout.encode()), (f"{name}: errors", answer.stderr.encode())]


class Story:
    """The lab, and everything that is done on it; each thing done is remembered for the search at the end."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        """Watches from before Vault is set up."""
        self.lab, self.folder, self.node = lab, folder, lab.node1
        self.began = time.time()
        self.output: list[Content] = []
        self.control = Canary(CONTROL, f"control-{secrets.token_hex(16)}".encode())
        self.own_canaries = [self.control, Canary("unseal key", lab.vault.unseal_key.encode())]
        self._secrets = Secrets(lab.vault, lab.vault.root_token, folder / "audit")
        self.watcher = Watcher(*self._where_files_come_and_go())
        self.rounds, self.seen = 0, list[Content]()
        for server in _SERVERS:
            self._awkward_password(lab.machine(server))
        self.own: Obet = provision(lab)
        self.administrator = administrator(lab)
        self._write_kv(UNAGREED_DEVICE, {"login": {"user": "setup", "password": f"{secrets.token_hex(16)}{_AWKWARD}"}})

    def _awkward_password(self, server: Machine) -> None:
        login = Login(server.initial_login.user, f"{secrets.token_hex(12)}{_AWKWARD}{secrets.token_hex(4)}")
        server.run(["chpasswd"], input=f"{login.user}:{login.password}\n")
        server.remember_login(login)

    def _where_files_come_and_go(self) -> Iterator[Path]:
        yield from (self.node.directory / "tmp", self.node.directory / "run", self.node.home / ".ansible")
        yield Path("/dev/shm")  # noqa: S108 - Ansible hands passwords to ssh there
        for server in _SERVERS:
            machine = self.lab.machine(server)
            yield from (inside(machine) / place for place in ("tmp", "dev/shm", "root", "var/lib/obet", "home"))

    def ends(self) -> None:
        """The control goes where it is to be seen while it is there; then what was watched can be searched."""
        control, passing = self.control.value.decode(), self.node.directory / "tmp" / "passing"
        for _ in range(_MOMENTS):
            passing.write_text(control)
            self.node.run(["sh", "-c", "sleep 0.05; exit 0", control])
            self.node.run(["sleep", "0.05"], env={"SEEN": control})
            self.lab.machine("server1").run(
                ["sh", "-c", "echo $1 > /tmp/passing; sleep 0.05; rm /tmp/passing", "sh", control]
            )
            passing.unlink()
        self.rounds, self.seen = self.watcher.stop()

    def close(self) -> None:
        self.watcher.kill()
        self._secrets.close()

    def canaries(self) -> list[Canary]:
        """Every secret until now."""
        return [*self._secrets.canaries(), *self.own_canaries]

    def secret(self, name: str) -> Canary:
        """A new secret of the test's own making."""
        made = Canary(name, secrets.token_urlsafe(24).encode())
        self.own_canaries.append(made)
        return made

    def _write_kv(self, device: str, data: Mapping[str, Any]) -> None:
        path = f"kv/data/access/{CUSTOMERS[device]}/{device}"
        self.lab.vault.request("POST", path, {"data": data}, self.administrator)

    def initial_login(self, device: str, password: str) -> None:
        """What an operator types in as the customer's initial login."""
        self.obet("secret", "login", device, "--user", "setup", stdin=f"{password}\n")

    def obet(self, *arguments: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        answer = self.own.obet(*arguments, stdin=stdin, check=check)
        self.output += outputs(f"obet {' '.join(arguments[:2])}", answer)
        return answer

    def play(self, *arguments: str) -> None:
        """ansible-playbook, as talkative as it gets, with a log file and a fact cache on disk."""
        kept = {
            "ANSIBLE_LOG_PATH": str(self.node.home / "ansible.log"),
            "ANSIBLE_CACHE_PLUGIN": "jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.node.home / "facts"),
        }
        command = ["ansible-playbook", "-vvvv", "--diff", *arguments]
        answer = self.node.run(command, env=self.own.environment | kept, check=False, timeout=200)
        self.output += outputs("ansible-playbook", answer)
        assert answer.returncode == 0, answer.stdout[-2000:]

    def runner(
        self, name: str, device: str, playbook: str, env: Mapping[str, str] | None = None, arguments: str = ""
    ) -> Played:
        """ansible-runner with its defaults, as talkative as it gets, with each traceback that there is."""
        folder = self.node.home / "runner"
        (folder / "env").mkdir(parents=True, exist_ok=True)
        environment = {
            **self.own.environment,
            "ANSIBLE_CALLBACK_PLUGINS": str(CHECKOUT / "plugins/callback"),  # it sets the variable, which hides ours
            "ANSIBLE_DISPLAY_TRACEBACK": "always",
            **(env or {}),
        }
        command = ["ansible-runner", "run", str(folder), "--ident", name, "-vvvv", "--project-dir", str(CHECKOUT)]
        command += ["--inventory", str(self.own.estate / "obet.yml"), "--playbook", playbook]
        command += ["--cmdline", f"--diff --limit {device} {arguments}"]
        answer = self.node.run(command, env=environment, check=False, timeout=200)
        played = Played(answer, folder / "artifacts" / name)
        self.output += played.output
        return played

    def playbook(self, name: str, *plays: Mapping[str, Any]) -> str:
        """A playbook of the test's own; answers its path."""
        path = self.folder / f"{name}.yml"
        path.write_text(json.dumps(plays, indent=2))
        return str(path)

    def vault_only_reads(self, purpose: str, device: str) -> None:
        """From now on Vault takes nothing from a job of that purpose, until `obet vault apply` opens it again."""
        name = f"sys/policies/acl/obet-{purpose}-{CUSTOMERS[device]}"
        whole = self.lab.vault.request("GET", name, token=self.administrator)["data"]["policy"]
        secrets_ = re.compile(r'(path "kv/\w+/access/[^"]*" \{\s*capabilities = )\[[^]]*\]')
        only_reads, changed = secrets_.subn(r'\1["read", "list"]', whole)
        assert changed, whole
        self.lab.vault.request("PUT", name, {"policy": only_reads}, self.administrator)

    def operator_logs_in(self) -> None:
        self.own.log_in(OPERATOR)

    def operator_logs_out(self) -> None:
        self.obet("logout")

    def vault_as_contracts_say(self) -> None:
        self.obet("vault", "apply")


def inside(machine: Machine) -> Path:
    """Its file tree as it sees it, with what is in its memory only."""
    init = Process.load(machine.directory / "init.json")
    assert init is not None
    return Path(f"/proc/{init.pid}/root")
