"""Vault itself refuses what no contract allows: to other customers, other addresses, other roles."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from lab.estate import CUSTOMERS, MANAGED_DEVICE, UNAGREED_DEVICE, WARRANTY_CUSTOMER, WARRANTY_DEVICE
from lab.provision import Obet
from life_support import Job, administrator, secret_path


def test_the_root_token_of_the_bootstrap_is_revoked(served: Obet) -> None:
    root = served.lab.vault.root_token
    assert served.lab.vault.answer("GET", "auth/token/lookup-self", token=root)[0] == 403


def test_a_jobs_token_reads_its_own_customer_and_no_other(job: Job) -> None:
    token = job.token(WARRANTY_DEVICE)
    assert job.read(token, WARRANTY_DEVICE) == 200
    assert job.read(token, MANAGED_DEVICE) == 403


def test_a_jobs_token_cannot_even_see_whether_another_customer_exists(job: Job) -> None:
    token = job.token(WARRANTY_DEVICE)
    there = job.call(token, "GET", secret_path(MANAGED_DEVICE))
    nowhere = job.call(token, "GET", "kv/data/access/c-0000000000/d-0000000000")
    assert there == nowhere
    assert job.call(token, "LIST", "kv/metadata/access")[0] == 403


def test_without_a_valid_record_of_agreement_a_job_is_refused(job: Job, served: Obet) -> None:
    assert job.read(job.token(UNAGREED_DEVICE), UNAGREED_DEVICE) == 403
    there = served.lab.vault.answer("GET", secret_path(UNAGREED_DEVICE), token=administrator(served.lab))
    assert there[0] == 200, "a refusal of nothing would prove nothing"


def test_a_login_with_the_nodes_real_material_is_refused_from_an_outsiders_address(job: Job, served: Obet) -> None:
    assert job.try_login("obet-node-node1")[0] == 200
    for outsider in ("outsider1", "outsider2", "node2"):
        status, answer = job.try_login("obet-node-node1", served.lab.host(outsider))
        assert status in {400, 403}
        assert "auth" not in answer or answer["auth"] is None


def test_wrong_material_from_outside_does_not_lock_the_node_out(job: Job, served: Obet) -> None:
    role_id = (served.credentials / "obet-node-node1.role-id").read_text()
    for _ in range(8):
        wrong = {"role_id": role_id, "secret_id": "00000000-0000-0000-0000-000000000000"}
        status, _ = served.lab.vault.answer("POST", "auth/approle/login", wrong, source=served.lab.host("outsider1"))
        assert status in {400, 403}
    assert job.try_login("obet-node-node1")[0] == 200


def test_a_stolen_token_is_of_no_use_from_another_address(job: Job, served: Obet) -> None:
    token = job.token(WARRANTY_DEVICE)
    assert job.read(token, WARRANTY_DEVICE) == 200
    assert job.read(token, WARRANTY_DEVICE, source=served.lab.host("outsider1")) == 403


@pytest.mark.parametrize("role", ["obet-registrar", "obet-verifier"])
def test_neither_registrar_nor_verifier_reads_a_secret_or_signs_for_work(job: Job, tmp_path: Path, role: str) -> None:
    token = job.login(role)
    assert job.read(token, WARRANTY_DEVICE) == 403
    request = {"public_key": _key(tmp_path, "k"), "valid_principals": WARRANTY_DEVICE}
    assert job.sign(token, f"obet-technical-{WARRANTY_CUSTOMER}", request)[0] == 403


def test_a_node_can_neither_open_a_grant_nor_change_a_role(job: Job) -> None:
    token = job.login()
    name = f"obet-technical-{CUSTOMERS[UNAGREED_DEVICE]}"
    policy = {"policy": f'path "{secret_path(UNAGREED_DEVICE)}" {{ capabilities = ["read"] }}'}
    assert job.call(token, "POST", f"sys/policies/acl/{name}", policy)[0] == 403
    assert job.call(token, "POST", f"ssh/roles/{name}", {"key_type": "ca"})[0] == 403
    assert job.call(token, "POST", "auth/token/create", {"policies": ["obet-registrar"]})[0] == 403
    asked = {"policies": ["obet-registrar"]}
    assert job.call(token, "POST", "auth/token/create/obet-node-node1-technical", asked)[0] in {400, 403}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("critical_options", {"source-address": "198.51.100.66/32"}),
        ("critical_options", {"force-command": "true"}),
        ("extensions", {"permit-port-forwarding": ""}),
        ("valid_principals", MANAGED_DEVICE),
        ("valid_principals", "root"),
        ("cert_type", "host"),
        ("key_id", "somebody else"),
    ],
)
def test_the_caller_cannot_change_what_a_certificate_is_good_for(
    job: Job, tmp_path: Path, field: str, value: Any
) -> None:
    request = {"public_key": _key(tmp_path, "k"), "valid_principals": WARRANTY_DEVICE}
    token, role = job.token(WARRANTY_DEVICE), f"obet-technical-{WARRANTY_CUSTOMER}"
    assert job.sign(token, role, request)[0] == 200
    assert job.sign(token, role, request | {field: value})[0] == 400


def test_a_certificate_lives_minutes_and_names_the_fixed_addresses_however_long_is_asked(
    job: Job, tmp_path: Path
) -> None:
    request = {"public_key": _key(tmp_path, "k"), "valid_principals": WARRANTY_DEVICE, "ttl": "240h"}
    status, answer = job.sign(job.token(WARRANTY_DEVICE), f"obet-technical-{WARRANTY_CUSTOMER}", request)
    if status == 200:
        certificate = tmp_path / "k-cert.pub"
        certificate.write_text(answer["data"]["signed_key"])
        shown = subprocess.run(["ssh-keygen", "-L", "-f", certificate], capture_output=True, text=True, check=True)
        assert "198.51.100.11/32,2001:db8:51::11/128,198.51.100.12/32,2001:db8:51::12/128" in shown.stdout
        assert _minutes(shown.stdout) <= 6
    else:
        assert status == 400


def _minutes(shown: str) -> float:
    from datetime import datetime  # noqa: PLC0415

    words = next(line for line in shown.splitlines() if "Valid:" in line).split()
    return (datetime.fromisoformat(words[4]) - datetime.fromisoformat(words[2])).total_seconds() / 60


def _key(folder: Path, name: str) -> str:
    path = folder / name
    if not path.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    return Path(f"{path}.pub").read_text().strip()
