"""Operators work as themselves: a login of one's own, bound to our nodes, and what is done with it bears one's name."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from lab import second_factor
from lab.estate import WARRANTY_CUSTOMER, WARRANTY_DEVICE
from lab.network import NAMESPACES
from lab.processes import in_namespaces
from lab.provision import OPERATOR, Obet
from life_support import Job, administrator, recap, secret_path

OTHER = "op2"
BY_OIDC = "op3"
_LOGIN = f"auth/obet-operators/login/{OPERATOR}"
_OIDC_ROLE = f"auth/oidc/role/obet-operator-{BY_OIDC}"


@pytest.fixture(scope="module")
def admin(provisioned: Obet) -> str:
    return administrator(provisioned.lab)


class Person:
    """An operator with a password and an authenticator of his own, both new."""

    def __init__(self, own: Obet, admin: str, name: str = OPERATOR) -> None:
        self.own, self.name = own, name
        own.enrol(name, admin)
        self.password, self.authenticator = own._operators[name]

    def code(self, steps_ahead: int = 0) -> str:
        return second_factor.code(self.authenticator, steps_ahead)

    def log_in(self, steps_ahead: int = 0) -> str:
        """The token that is kept."""
        self.own.log_in(self.name, steps_ahead)
        return kept(self.own).read_text()


@pytest.fixture
def person(provisioned: Obet, admin: str) -> Iterator[Person]:
    """Nobody is logged in before, and nobody after."""
    provisioned.obet("logout")
    yield Person(provisioned, admin)
    provisioned.obet("logout")


@pytest.fixture
def job(provisioned: Obet) -> Job:
    return Job(provisioned)


def kept(own: Obet) -> Path:
    return own.lab.node1.directory / "run" / "obet" / "operator"


def alive(job: Job, token: str) -> bool:
    return job.call(token, "GET", "auth/token/lookup-self")[0] == 200


def ledger(own: Obet) -> list[dict[str, Any]]:
    path = own.lab.node1.home / ".local/state/obet/ledger.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def answered(own: Obet) -> list[dict[str, Any]]:
    """Vault's audit log: what was answered, oldest first."""
    lines = (own.lab.vault.audit_directory / "audit-1.log").read_text().splitlines()
    return [entry for line in lines if (entry := json.loads(line))["type"] == "response"]


def look(own: Obet) -> subprocess.CompletedProcess[str]:
    """A run that does no more than make a plan."""
    playbook = own.lab.node1.directory / "look.yml"
    play = {"hosts": WARRANTY_DEVICE, "gather_facts": False, "vars": {"obet_purpose": "technical"}}
    playbook.write_text(json.dumps([play | {"tasks": [{"obet_plan": {}}]}]))
    return own.lab.node1.run(["ansible-playbook", str(playbook)], env=own.environment, check=False)


def operators(own: Obet, change: dict[str, Any]) -> None:
    """Sets operators of estate.yml; None takes one out."""
    path = own.estate / "estate.yml"
    settings = yaml.safe_load(path.read_text())
    named = settings["operators"] | change
    settings["operators"] = {name: value for name, value in named.items() if value}
    path.write_text(yaml.safe_dump(settings, sort_keys=False))


def test_what_an_operator_runs_is_by_him_in_the_ledger_and_in_vaults_own_log(
    provisioned: Obet, person: Person, admin: str, job: Job
) -> None:
    entity = provisioned.lab.vault.request("GET", f"identity/entity/name/obet-operator-{OPERATOR}", token=admin)
    before, audited = len(ledger(provisioned)), len(answered(provisioned))
    token = person.log_in()
    answer = provisioned.play("onboard", "--limit", WARRANTY_DEVICE)
    assert recap(answer.stdout)[WARRANTY_DEVICE]["changed"] > 0
    told = ledger(provisioned)[before:]
    assert {line["by"] for line in told} == {OPERATOR}
    assert {line["event"] for line in told} >= {"run began", "access granted", "secrets read", "run ended"}
    found = [
        entry for entry in answered(provisioned)[audited:] if entry["request"]["path"] == secret_path(WARRANTY_DEVICE)
    ]
    assert found
    assert {entry["auth"]["entity_id"] for entry in found} == {entity["data"]["id"]}
    assert "auth/approle/login" not in {entry["request"]["path"] for entry in answered(provisioned)[audited:]}
    assert alive(job, token), "the run's own token was revoked, the login goes on"


def test_without_a_login_a_run_is_the_nodes(provisioned: Obet) -> None:
    before = len(ledger(provisioned))
    assert look(provisioned).returncode == 0
    assert {line["by"] for line in ledger(provisioned)[before:]} == {"obet-node-node1"}


def test_a_run_renews_the_login_that_it_is_a_child_of(provisioned: Obet, person: Person, job: Job) -> None:
    """Else a run of more than a quarter of an hour would end with the login under it."""
    token = person.log_in()
    script = (
        "import os\nfrom pathlib import Path\nfrom obet.model import Purpose\nfrom obet.run import open_run\n"
        "run = open_run(Path(os.environ['OBET_ESTATE']))\n"
        f"run.begin_play(Purpose.TECHNICAL, ['{WARRANTY_DEVICE}'])\n"
        "print(run.session.get('auth/token/lookup-self')['ttl'], flush=True)\n"
        "input()\nrun._granted -= 200\nrun.refresh()\n"
        "print(run.session.get('auth/token/lookup-self')['ttl'], flush=True)\n"
        "run.close()\n"
    ).replace("from obet.run import open_run", "from obet.current_run import open_run")
    process = provisioned.lab.node1.popen(
        [sys.executable, "-c", script], stdin=-1, stdout=-1, env=provisioned.environment
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lives = [int(process.stdout.readline())]
    renewed = answered(provisioned).copy()
    process.stdin.write("\n")
    process.stdin.flush()
    lives.append(int(process.stdout.readline()))
    process.communicate(timeout=20)
    assert all(0 < life <= 900 for life in lives), "an idle token ends in minutes"
    later = [
        entry for entry in answered(provisioned)[len(renewed) :] if entry["request"]["path"] == "auth/token/renew-self"
    ]
    accessor = job.call(token, "GET", "auth/token/lookup-self")[1]["data"]["accessor"]
    assert [entry["auth"]["accessor"] == accessor for entry in later] == [True, False]


@pytest.mark.parametrize("wrong", ["password", "code", "used", "none"])
def test_a_wrong_password_or_code_or_one_that_was_used_is_refused_in_one_line_and_nothing_is_kept(
    provisioned: Obet, person: Person, wrong: str
) -> None:
    password, code = person.password, person.code()
    if wrong == "used":
        provisioned.obet("login", OPERATOR, stdin=f"{password}\n{code}\n")
        provisioned.obet("logout")
    tried = {
        "password": f"{password}x\n{code}\n",
        "code": f"{password}\n{(int(code) + 1) % 1_000_000:06d}\n",
        "used": f"{password}\n{code}\n",
        "none": f"{password}\n",
    }
    answer = provisioned.obet("login", OPERATOR, stdin=tried[wrong], check=False)
    assert (answer.returncode, len(answer.stderr.splitlines())) == (9 if wrong == "none" else 6, 1)
    assert ("no answer to 'Code'" if wrong == "none" else "Vault refuses the login") in answer.stderr
    assert not [secret for secret in (password, code) if secret in answer.stdout + answer.stderr]
    assert not kept(provisioned).exists()
    provisioned.obet("login", OPERATOR, stdin=f"{password}\n{person.code(1)}\n")


def test_a_name_that_the_estate_does_not_have_is_no_part_of_a_request(provisioned: Obet, person: Person) -> None:
    audited = len(answered(provisioned))
    for name in ("somebody", f"../../../sys/{OPERATOR}", "-"):
        answer = provisioned.obet("login", name, stdin=f"{person.password}\n{person.code()}\n", check=False)
        assert answer.returncode == 9
        assert "is no operator of estate.yml" in answer.stderr
    assert len(answered(provisioned)) == audited


@pytest.mark.parametrize("ipv6", [False, True])
def test_neither_login_nor_token_works_from_an_outsiders_address(
    provisioned: Obet, person: Person, *, ipv6: bool
) -> None:
    vault, node, outsiders = provisioned.lab.vault, provisioned.lab.node1, ("outsider1", "outsider2", "customer1")
    token = person.log_in()
    assert vault.answer("GET", "auth/token/lookup-self", token=token, source=node)[0] == 200
    assert vault.answer("POST", _LOGIN, {"password": person.password}, source=node)[0] == 200
    for name in outsiders:
        host = provisioned.lab.host(name)
        assert vault.answer("POST", _LOGIN, {"password": person.password}, source=host, ipv6=ipv6)[0] == 403, name
        assert vault.answer("GET", "auth/token/lookup-self", token=token, source=host, ipv6=ipv6)[0] == 403, name


def test_logging_out_revokes_the_token_and_removes_its_file(provisioned: Obet, person: Person, job: Job) -> None:
    token = person.log_in()
    assert alive(job, token)
    assert provisioned.obet("logout").stdout == "logged out\n"
    assert not alive(job, token)
    assert not kept(provisioned).exists()
    assert provisioned.obet("logout").returncode == 0, "nobody is logged in: nothing to do"


def test_a_login_ends_the_one_that_was_there_before(provisioned: Obet, person: Person, admin: str, job: Job) -> None:
    first = person.log_in()
    second = Person(provisioned, admin, OTHER).log_in()
    assert not alive(job, first)
    assert alive(job, second)
    assert provisioned.obet("login", OTHER, stdin="wrong\n000000\n", check=False).returncode == 6
    assert alive(job, second), "a login that failed changes nothing"


def test_a_login_that_is_over_stops_a_run_and_the_nodes_own_does_not_take_its_place(
    provisioned: Obet, person: Person, admin: str, job: Job
) -> None:
    token = person.log_in()
    accessor = job.call(token, "GET", "auth/token/lookup-self")[1]["data"]["accessor"]
    provisioned.lab.vault.request("POST", "auth/token/revoke-accessor", {"accessor": accessor}, admin)
    audited, told = len(answered(provisioned)), len(ledger(provisioned))
    answer = look(provisioned)
    assert answer.returncode == 2
    assert "the operator's login is over" in answer.stdout + answer.stderr
    assert (
        recap(answer.stdout)[WARRANTY_DEVICE] | {"ok": 0, "changed": 0, "failed": 1}
        == recap(answer.stdout)[WARRANTY_DEVICE]
    )
    command = provisioned.obet("handover", "confirm", WARRANTY_DEVICE, check=False)
    assert command.returncode == 9
    assert command.stderr.splitlines() == [line for line in command.stderr.splitlines() if "login is over" in line]
    assert "auth/approle/login" not in {entry["request"]["path"] for entry in answered(provisioned)[audited:]}
    assert len(ledger(provisioned)) == told
    provisioned.obet("logout")
    assert look(provisioned).returncode == 0


def test_who_is_no_operator_any_more_is_shut_out_by_the_registrars_next_run(
    provisioned: Obet, person: Person, job: Job
) -> None:
    token, vault = person.log_in(), provisioned.lab.vault
    try:
        operators(provisioned, {OPERATOR: None})
        assert f"delete auth/obet-operators/users/{OPERATOR}" in provisioned.obet("vault", "apply", check=False).stdout
        assert not alive(job, token)
        assert job.call(token, "POST", "auth/token/renew-self")[0] == 403
        status, _ = vault.answer("POST", _LOGIN, {"password": person.password}, source=provisioned.lab.node1)
        assert status in {400, 403}
        again = provisioned.obet("login", OPERATOR, stdin=f"{person.password}\n{person.code(1)}\n", check=False)
        assert "is no operator of estate.yml" in again.stderr
    finally:
        operators(provisioned, {OPERATOR: {"login": "userpass"}})


def test_an_operator_reads_signs_and_decides_nothing_by_his_login_alone(person: Person, job: Job) -> None:
    token = person.log_in()
    assert job.read(token, WARRANTY_DEVICE) == 403
    key = {"public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINqirccz5y7J92IlKXXOuLU2yB90HnsXao9Dsl9gwwn2"}
    for purpose in ("technical", "ending", "read"):
        assert job.sign(token, f"obet-{purpose}-{WARRANTY_CUSTOMER}", key)[0] == 403
    refused: list[tuple[str, dict[str, Any]]] = [
        ("auth/token/create", {"policies": ["obet-operator"]}),
        ("auth/token/create-orphan", {}),
        ("sys/policies/acl/obet-operator", {"policy": 'path "*" { capabilities = ["sudo"] }'}),
        (f"sys/policies/acl/obet-technical-{WARRANTY_CUSTOMER}", {"policy": ""}),
        (f"auth/obet-operators/users/{OPERATOR}", {"token_policies": ["root"]}),
        ("auth/token/roles/obet-operator", {"allowed_policies": ["root"]}),
        (f"identity/entity/name/obet-operator-{OTHER}", {"policies": ["obet-registrar"]}),
        ("identity/mfa/login-enforcement/obet-operators", {}),
    ]
    for path, data in refused:
        assert job.call(token, "POST", path, data)[0] == 403, path
    for role in ("obet-operator", "obet-node-node1-technical", "obet-node-node2-ending"):
        for policy in ("root", "obet-registrar", "obet-verifier", "obet-node-node1"):
            assert job.call(token, "POST", f"auth/token/create/{role}", {"policies": [policy]})[0] in {400, 403}
    assert job.call(token, "POST", "auth/token/create/obet-node-node1-technical", _policy("technical"))[0] == 200


def test_a_token_that_says_another_name_is_no_login(provisioned: Obet, person: Person, job: Job) -> None:
    """Whoever makes a token may write into it whose it is: only a login counts."""
    asked = {"policies": ["obet-operator"], "meta": {"username": OTHER}, "display_name": f"obet-operators-{OTHER}"}
    made = job.call(person.log_in(), "POST", "auth/token/create/obet-operator", asked)[1]["auth"]["client_token"]
    before = kept(provisioned).read_text()
    answer = provisioned.obet("login", "--token", stdin=f"{made}\n", check=False)
    assert answer.returncode == 9
    assert "comes from no operator's login" in answer.stderr
    assert kept(provisioned).read_text() == before
    token = person.log_in(1)
    assert f"logged in as {OPERATOR}" in provisioned.obet("login", "--token", stdin=f"{token}\n").stdout
    assert alive(job, token), "one's own login is not ended by itself"


def test_the_login_stands_on_tmpfs_for_its_user_alone_and_nowhere_else(
    provisioned: Obet, person: Person, tmp_path: Path
) -> None:
    person.log_in()
    assert stat.S_IMODE(kept(provisioned).stat().st_mode) == 0o600
    kind = provisioned.lab.node1.run(["stat", "-f", "-c", "%T", str(kept(provisioned))]).stdout.strip()
    assert kind in {"tmpfs", "ramfs"}
    (tmp_path / "run").mkdir(mode=0o700)
    audited = len(answered(provisioned))
    answer = provisioned.lab.node1.run(
        ["obet", "login", OPERATOR],
        input=f"{person.password}\n{person.code(1)}\n",
        env=provisioned.environment | {"XDG_RUNTIME_DIR": str(tmp_path / "run")},
        check=False,
    )
    assert (answer.returncode, len(answer.stderr.splitlines())) == (9, 1)
    assert "is on disk" in answer.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(answered(provisioned)) == audited, "refused before anything was sent"


def test_password_code_and_token_are_in_no_processs_arguments_or_environment(provisioned: Obet, person: Person) -> None:
    node, code, seen = provisioned.lab.node1, person.code(), b""
    process = node.popen(["obet", "login", OPERATOR], stdin=-1, stdout=-1, stderr=-1, env=provisioned.environment)
    assert process.stdin is not None
    process.stdin.write(f"{person.password}\n{code}\n")
    process.stdin.flush()
    while process.poll() is None:
        for found in in_namespaces([NAMESPACES / node.namespace]):
            for part in ("cmdline", "environ"):
                try:
                    seen += Path(f"/proc/{found.pid}/{part}").read_bytes()
                except OSError:  # it has just ended
                    continue
    assert process.returncode == 0
    assert f"login\0{OPERATOR}\0".encode() in seen, "it was looked at while it ran"
    secrets = (person.password, code, kept(provisioned).read_text())
    assert not [secret for secret in secrets if secret.encode() in seen]


def test_after_a_new_enrolment_the_old_password_code_and_login_are_nothing(
    provisioned: Obet, person: Person, admin: str, job: Job
) -> None:
    token = person.log_in()
    again = Person(provisioned, admin)
    assert not alive(job, token)
    for password, code in ((again.password, person.code(1)), (person.password, again.code())):
        answer = provisioned.obet("login", OPERATOR, stdin=f"{password}\n{code}\n", check=False)
        assert answer.returncode == 6
    assert alive(job, again.log_in(1))  # good as well when the next step begins meanwhile


def test_only_an_administrator_lets_an_operator_in(provisioned: Obet, person: Person) -> None:
    answer = provisioned.obet("vault", "operator", OTHER, stdin=f"{person.log_in()}\nnew password\n", check=False)
    assert (answer.returncode, answer.stdout) == (6, "")
    assert "Vault refuses (403)" in answer.stderr


class Provider:
    """The company's OpenID provider: this Vault is one as well (Vault API, /identity/oidc/provider)."""

    def __init__(self, own: Obet, admin: str) -> None:
        self.own, self.vault, self.admin = own, own.lab.vault, admin
        call = self._as_administrator
        call("sys/auth/people", {"type": "userpass"})
        template = '{"preferred_username": {{identity.entity.name}}}'
        call("identity/oidc/scope/profile", {"template": template})
        call("identity/oidc/key/company", {"allowed_client_ids": "*", "algorithm": "RS256"})
        redirect = {"redirect_uris": "http://localhost:8250/oidc/callback", "assignments": "allow_all"}
        call("identity/oidc/client/obet", {**redirect, "key": "company"})
        client = self.vault.request("GET", "identity/oidc/client/obet", token=admin)["data"]
        call("identity/oidc/provider/company", {"allowed_client_ids": "*", "scopes_supported": "profile"})
        call("sys/auth/oidc", {"type": "oidc"})
        discovery = {
            "oidc_discovery_url": f"{self.vault.address}/v1/identity/oidc/provider/company",
            "oidc_discovery_ca_pem": self.vault.ca_file.read_text(),
        }
        call(
            "auth/oidc/config",
            {**discovery, "oidc_client_id": client["client_id"], "oidc_client_secret": client["client_secret"]},
        )

    def employ(self, name: str) -> None:
        """Somebody with an account of the company's."""
        self._as_administrator(f"auth/people/users/{name}", {"password": name})
        entity = self._as_administrator("identity/entity", {"name": name})["data"]["id"]
        accessor = self.vault.request("GET", "sys/auth", token=self.admin)["data"]["people/"]["accessor"]
        alias = {"name": name, "canonical_id": entity, "mount_accessor": accessor}
        self._as_administrator("identity/entity-alias", alias)

    def log_in(self, name: str, role: str = BY_OIDC) -> tuple[int, dict[str, Any]]:
        """As a browser on the node does: from Vault to the provider, and back with a code."""
        node = self.own.lab.node1
        asked = {"role": f"obet-operator-{role}", "redirect_uri": "http://localhost:8250/oidc/callback"}
        status, begun = self.vault.answer("POST", "auth/oidc/oidc/auth_url", asked, source=node)
        if status != 200 or not begun["data"]["auth_url"]:
            return 400, begun
        query = urlsplit(begun["data"]["auth_url"]).query
        person = self.vault.answer("POST", f"auth/people/login/{name}", {"password": name}, source=node)[1]["auth"]
        place = f"identity/oidc/provider/company/authorize?{query}"
        status, found = self.vault.answer("GET", place, token=person["client_token"], source=node)
        assert status == 200, found
        return self.vault.answer(
            "GET", f"auth/oidc/oidc/callback?state={found['state']}&code={found['code']}", source=node
        )

    def _as_administrator(self, path: str, data: dict[str, Any]) -> dict[str, Any]:
        return self.vault.request("POST", path, data, self.admin)


def test_the_companys_own_openid_provider_lets_an_operator_in_and_nobody_else(
    provisioned: Obet, admin: str, job: Job
) -> None:
    provisioned.obet("logout")
    provider = Provider(provisioned, admin)
    operators(provisioned, {BY_OIDC: {"login": "oidc"}})
    provisioned.obet("vault", "bootstrap", stdin=f"{admin}\n")
    for name in (BY_OIDC, "clerk"):
        provider.employ(name)
    assert provider.log_in("clerk")[0] in {400, 403}
    status, answer = provider.log_in(BY_OIDC)
    assert status == 200, answer
    token = answer["auth"]["client_token"]
    assert provisioned.obet("login", "--token", stdin=f"{token}\n").stdout.startswith(f"logged in as {BY_OIDC},")
    outsider = provisioned.lab.host("outsider1")
    for ipv6 in (False, True):
        lookup = provisioned.lab.vault.answer("GET", "auth/token/lookup-self", token=token, source=outsider, ipv6=ipv6)
        assert lookup[0] == 403
    before = len(ledger(provisioned))
    assert look(provisioned).returncode == 0
    assert {line["by"] for line in ledger(provisioned)[before:]} == {BY_OIDC}
    operators(provisioned, {BY_OIDC: None})
    assert f"delete {_OIDC_ROLE}" in provisioned.obet("vault", "apply", check=False).stdout
    assert job.call(token, "POST", "auth/token/renew-self", {})[0] == 500, "Vault finds no role of his"
    answer = look(provisioned)
    assert "the operator's login is not renewed" in answer.stdout + answer.stderr
    assert provider.log_in(BY_OIDC)[0] in {400, 403}
    provisioned.obet("logout")


def _policy(purpose: str) -> dict[str, list[str]]:
    return {"policies": [f"obet-{purpose}-{WARRANTY_CUSTOMER}"]}
