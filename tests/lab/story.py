"""The demonstration: one contract's life on a real Vault and real servers, from agreement to the end of access."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from obet.commands import print_promises
from obet.evidence.promises import Check
from obet.vault.audit import secret_reads

from . import estate
from .errors import LabError
from .estate import NETWORK_DEVICES, SWITCH_DEVICE, UNAGREED_DEVICE, WARRANTY_CUSTOMER, WARRANTY_DEVICE
from .laboratory import Lab
from .provision import OPERATOR, Obet, provision
from .simulators.simulator import Simulator
from .this_host import CHECKOUT
from .timeline import Timeline
from .topology import STATUS_PORT
from .visitors import community_is_answered, customer_may_do_everything, password_login, service_status

_RESULTS = CHECKOUT / "build" / "demo"
_DEVICES = (WARRANTY_DEVICE, *NETWORK_DEVICES)
_ONBOARDING = ("onboard", "configure", "restrict_access")


class Story:
    """The acts, in their order; each says what it checked."""

    def __init__(self, lab: Lab, own: Obet, timeline: Timeline) -> None:
        """The lab is up and provisioned."""
        self.lab, self.own, self.timeline = lab, own, timeline
        self.server = lab.machine("server1")
        self.network = {device: lab.simulator(name) for device, name in NETWORK_DEVICES.items()}
        self.checks: list[Check] = []
        self.looks: dict[str, str] = {}

    def tell(self) -> None:
        """From a fresh lab to the end of the contract."""
        self.vault_is_ready()
        self.customer_is_onboarded()
        job = self.start_job()
        self.promises_hold_in_service()
        self.warranty_ends(job)
        self.customer_has_access_of_his_own()
        self.access_is_wiped()
        self.promises_after_the_end()
        self.who_read_what()

    def vault_is_ready(self) -> None:
        line = self.timeline
        line.act("Vault is set up from code; the contracts are read")
        with ThreadPoolExecutor() as pool:  # nobody waits for one who waits for something else
            applied = pool.submit(self.own.obet, "vault", "apply", check=False)
            due = pool.submit(self.own.obet, "due", "--json")
            revoked, before = self._status_of_root_token(), self._initial_password()
        line.check("the administrator's root token is revoked", revoked == 403, f"{revoked}")
        again = applied.result()
        line.check(
            "the registrar's next run changes nothing", again.returncode == 0 and "nothing to do" in again.stdout
        )
        for row in json.loads(due.result().stdout)["obligations"]:
            if row["device"] in {*_DEVICES, UNAGREED_DEVICE} and row["requirement"].startswith("access"):
                line.done(f"{row['device']}: {row['requirement']} {row['purpose'] or ''}  because {row['cause']}")
        line.check("before: the customer's initial password opens his server", before == "setup", f"as {before}")
        reached = self._reaches("outsider1", 22)
        line.check("before: an outsider reaches the server's SSH", reached, "what restricting must change")
        for device in self.network.values():
            opened = self._opens(device, *device.initial_login_pair)
            line.check(f"before: the customer's initial password opens {device.name} ({device.platform})", opened)
        told = community_is_answered(self.lab, self.network[SWITCH_DEVICE])
        line.check("before: switch1 answers SNMP in clear, to a community that everybody knows", told)

    def customer_is_onboarded(self) -> None:
        line = self.timeline
        line.act("The customer is onboarded, his server configured, management of server, router and switch restricted")
        self.own.log_in(OPERATOR)
        line.done(f"the operator logs in as himself, with password and code: {OPERATOR}")
        playbooks = [f"playbooks/{name}.yml" for name in _ONBOARDING]
        self._play(*playbooks)
        refused = self._initial_password()
        line.check("the customer's initial password is taken over and refused", "Permission denied" in refused, refused)
        for device in self.network.values():
            opened = self._opens(device, *device.initial_login_pair)
            line.check(f"so is that of {device.name}", not opened)
        told = community_is_answered(self.lab, self.network[SWITCH_DEVICE])
        line.check("switch1 answers the community no more, since it has answered SNMPv3 before", not told)
        self._token = self.server.run(["cat", "/etc/status/token"]).stdout.strip()
        answer = service_status(self.server, self._token)
        line.check("the server's own service takes its secret from Vault", answer == 200, f"{answer}")
        answer = service_status(self.server, "another")
        line.check("it refuses any other", answer == 401, f"{answer}")

    def promises_hold_in_service(self) -> None:
        line = self.timeline
        line.act("Proven afresh, with other code than applied it")
        found = self._verify("verify-in-service.json")
        for check in found:
            line.check(f"{check.proof} ({check.where})", check.passed is True, check.seen)
        self.checks += found
        line.check("what is not management still answers an outsider", self._reaches("outsider1", STATUS_PORT))

    def start_job(self) -> subprocess.Popen[str]:
        environment = self.own.environment | {"PYTHONPATH": str(CHECKOUT / "tests")}
        command = [sys.executable, "-m", "lab.old_token", WARRANTY_CUSTOMER, WARRANTY_DEVICE]
        return self.lab.node1.popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )

    def warranty_ends(self, job: subprocess.Popen[str]) -> None:
        line = self.timeline
        line.act("The warranty ends")
        line.check("a job's token reads the server's secret", _ask(job) == "200 200", "200")
        end = datetime.now(UTC)  # in whole seconds, as Vault's clock: over for Vault too
        estate.set_warranty_end(self.own.estate, end)
        line.done(f"the contract's warranty_until is {end:%H:%M:%S}Z")
        for change in self.own.obet("vault", "apply").stdout.splitlines()[:-1]:
            line.done(f"registrar: {change}")
        answer = _ask(job)
        line.check("the very same token is refused the secret, and is still a valid token", answer == "403 200", answer)
        job.communicate(timeout=10)

    def customer_has_access_of_his_own(self) -> None:
        line = self.timeline
        line.act("The customer gets access of his own")
        answer = self._play("playbooks/post_warranty.yml")
        line.check("nothing of ours is removed before he has confirmed it", "pending" in answer)
        line.check(
            "the customer logs in from his own host with his own key", customer_may_do_everything(self.lab, self.server)
        )
        for device in self.network.values():
            line.check(f"so does he on {device.name}, with full rights", customer_may_do_everything(self.lab, device))
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: self.own.obet("handover", "confirm", name), _DEVICES))
        line.done("his confirmation is on record")

    def access_is_wiped(self) -> None:
        line = self.timeline
        line.act("Our access is revoked and wiped")
        answer = self._play("playbooks/post_warranty.yml", "-v")
        with ThreadPoolExecutor() as pool:  # a server takes its time over a wrong password
            applied = pool.submit(self.own.obet, "vault", "apply")
            tried = pool.submit(self._initial_password)
            self._tell_what_was_wiped(answer)
        refused = tried.result()
        line.check("it asks for passwords again, and refuses the old one", "Permission denied" in refused, refused)
        for change in applied.result().stdout.splitlines()[:-1]:
            line.done(f"registrar: {change}")

    def _tell_what_was_wiped(self, answer: str) -> None:
        line = self.timeline
        for refused in _refused(answer):
            line.check(f"the server refuses {refused}", True)
        line.check("something was tried and refused", bool(_refused(answer)))
        for name, device in self.network.items():
            line.check(f"{device.name} refuses each old login", f"{name}: our access has ended" in answer)
            named = "obet" in json.dumps(device.control.state()["running"]).lower()
            line.check(f"{device.name}'s configuration names nothing of ours", not named)
            line.check(f"the customer still logs in to {device.name}", customer_may_do_everything(self.lab, device))
        left = self.server.run(
            ["sh", "-c", "getent passwd obet obet-read; ls -d /etc/obet* /etc/ssh/obet_*"], check=False
        )
        line.check("the server keeps no account, key, rule or file of ours", not left.stdout, left.stdout)
        status = service_status(self.server, self._token)
        line.check("the secret we knew opens the server's service no more", status == 401, f"{status}")
        line.check("the customer still logs in", customer_may_do_everything(self.lab, self.server))

    def promises_after_the_end(self) -> None:
        line = self.timeline
        line.act("Proven afresh after the end")
        found = self._verify("verify.json")
        for check in found:
            line.check(f"{check.proof} ({check.where})", check.passed is True, check.seen)
        self.checks += found

    def who_read_what(self) -> None:
        self.timeline.act("Who read which secret, under which purpose (Vault's audit log)")
        log = self.lab.vault.audit_directory / "audit-1.log"
        with log.open(encoding="utf-8") as lines:
            found = Counter(
                (read.run[:8], read.path.removeprefix("kv/data/access/"), read.purpose, read.refused, read.address)
                for read in secret_reads(lines)
            )
        for (run, path, purpose, refused, address), times in found.items():
            answer = "REFUSED" if refused else "read"
            self.timeline.done(f"{answer:8}{path}  purpose {purpose:10}from {address}  run {run}  {times} times")

    def _play(self, *arguments: str) -> str:
        """The server and the network devices, by two runs at once: no device is in both."""
        with ThreadPoolExecutor() as pool:
            said = list(
                pool.map(lambda limit: self._run(limit, *arguments), (WARRANTY_DEVICE, ",".join(NETWORK_DEVICES)))
            )
        self.timeline.done(f"ansible-playbook {' '.join(arguments)}")
        for row in (row for output in said for row in output.rsplit("PLAY RECAP", 1)[-1].splitlines()[1:]):
            if "ok=" in row:
                self.timeline.done(f"  {row.split()[0]}: {' '.join(row.split()[2:4])}")
        return "".join(said)

    def _run(self, limit: str, *arguments: str) -> str:
        command = ["ansible-playbook", *arguments, "--limit", limit, "-e", "obet_mend=true"]
        result = self.lab.node1.run(command, check=False, timeout=300, env=self.own.environment)
        if result.returncode != 0:
            print(result.stdout + result.stderr, file=sys.stderr)
            raise LabError(f"{' '.join(command)}: exit status {result.returncode}")
        return result.stdout

    def _verify(self, name: str) -> list[Check]:
        """What `obet verify` saw; the report is made from what it printed."""
        answer = self.own.obet("verify", "--json", *_DEVICES, UNAGREED_DEVICE, check=False)
        if not answer.stdout:
            raise LabError(f"obet verify: {answer.stderr.strip()}")
        self.looks[name] = answer.stdout
        return [msgspec.convert(found, Check) for found in json.loads(answer.stdout)["seen"]]

    def _status_of_root_token(self) -> int:
        script = (
            "import ssl,sys,urllib.request as u,urllib.error as e\n"
            "r=u.Request(sys.argv[1],headers={'X-Vault-Token':sys.stdin.readline().strip()})\n"
            "try: print(u.urlopen(r,context=ssl.create_default_context(cafile=sys.argv[2])).status)\n"
            "except e.HTTPError as x: print(x.code)\n"
        )
        url = f"{self.lab.vault.address}/v1/auth/token/lookup-self"
        command = [sys.executable, "-c", script, url, str(self.lab.vault.ca_file)]
        return int(self.lab.node1.run(command, input=f"{self.lab.vault.root_token}\n").stdout)

    def _initial_password(self) -> str:
        """What OpenSSH's own client says of the login that the customer first gave."""
        login = self.server.initial_login
        answer = password_login(self.lab, self.server, login.user, login.password)
        return (answer.stdout or answer.stderr).strip().splitlines()[-1]

    def _opens(self, device: Simulator, user: str, password: str) -> bool:
        return password_login(self.lab, device, user, password).returncode == 0

    def _reaches(self, host: str, port: int) -> bool:
        try:
            self.lab.host(host).connect(self.server.ipv4, port, timeout=1.0).close()
        except OSError:
            return False
        return True


def _ask(job: subprocess.Popen[str]) -> str:
    assert job.stdin is not None
    assert job.stdout is not None
    job.stdin.write("\n")
    job.stdin.flush()
    return job.stdout.readline().strip()


def _refused(output: str) -> list[str]:
    """What `obet_logins_refused` says it tried, from Ansible's verbose output."""
    marker = '"refused": ['
    start = output.index(marker) + len(marker) - 1
    found: list[str] = json.loads(output[start : output.index("]", start) + 1])
    return found


def _leave(story: Story) -> None:
    """Of an earlier run's files none stays: what this one did not get to is not there."""
    shutil.rmtree(_RESULTS, ignore_errors=True)
    _RESULTS.mkdir(parents=True)
    (_RESULTS / "timeline.txt").write_text("\n".join(story.timeline.text) + "\n", encoding="utf-8")
    ledger = story.lab.node1.home / ".local/state/obet/ledger.jsonl"
    if ledger.exists():
        shutil.copy(ledger, _RESULTS / "ledger.jsonl")
    looks = []
    for name, text in story.looks.items():
        (_RESULTS / name).write_text(text, encoding="utf-8")
        looks += ["--from", str(_RESULTS / name)]
    audit = str(story.lab.vault.audit_directory / "audit-1.log")
    story.own.obet("report", *looks, "--audit", audit, "--output", str(_RESULTS / "report.html"))


def main() -> int:
    """0 when every claim was seen to be so."""
    started = time.monotonic()
    timeline = Timeline()
    timeline.act("A lab of its own: a Vault with TLS, two execution nodes, two outsiders, servers, the customer's host")
    with Lab.up(f"demo{os.getpid()}", owner_pid=os.getpid()) as lab:
        story = Story(lab, provision(lab, _DEVICES), timeline)
        try:
            story.tell()
        finally:
            _leave(story)
    print()
    print_promises(story.checks)
    failed = f"{len(timeline.failed)} of {timeline.checked} checks FAILED" if timeline.failed else ""
    print(f"\n{failed or f'{timeline.checked} checks, all passed'}, in {time.monotonic() - started:.0f} s; "
          f"see {_RESULTS.relative_to(Path.cwd()) if _RESULTS.is_relative_to(Path.cwd()) else _RESULTS}/")  # fmt: skip
    return 1 if timeline.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as problem:
        print(f"demo: {problem}", file=sys.stderr)
        sys.exit(1)
