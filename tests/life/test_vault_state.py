"""What is in Vault comes from code: a second run changes nothing, drift is seen, strangers' things are left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.estate import WARRANTY_CUSTOMER
from lab.provision import Obet
from life_support import Job, administrator

_NODE_ROLE = "auth/approle/role/obet-node-node1"
_GRANT = f"sys/policies/acl/obet-technical-{WARRANTY_CUSTOMER}"


@pytest.fixture
def admin(served: Obet) -> Iterator[str]:
    """An administrator's token, gone afterwards."""
    token = administrator(served.lab)
    yield token
    served.lab.vault.request("POST", "auth/token/revoke-self", {}, token)


def test_a_second_run_of_the_registrar_changes_nothing(served: Obet) -> None:
    assert "nothing to do" in served.obet("vault", "apply").stdout
    assert json.loads(served.obet("vault", "plan", "--json").stdout) == []


def test_a_second_bootstrap_by_an_administrator_changes_nothing(served: Obet, admin: str) -> None:
    answer = served.obet("vault", "bootstrap", stdin=f"{admin}\n")
    assert "nothing to do" in answer.stdout


def test_the_registrar_mends_a_grant_that_was_widened_by_hand(served: Obet, admin: str) -> None:
    widened = {"policy": 'path "kv/data/access/*" { capabilities = ["read"] }'}
    served.lab.vault.request("POST", _GRANT, widened, admin)
    plan = served.obet("vault", "plan", check=False)
    assert plan.returncode == 2
    assert f"update {_GRANT}" in plan.stdout
    assert served.obet("vault", "apply").returncode == 0
    assert served.obet("vault", "plan").returncode == 0


def test_the_registrar_reports_drift_in_the_base_and_leaves_it_to_an_administrator(served: Obet, admin: str) -> None:
    vault = served.lab.vault
    vault.request("POST", _NODE_ROLE, {"secret_id_bound_cidrs": ["198.51.100.0/24"]}, admin)
    found = served.obet("vault", "apply", check=False)
    assert found.returncode == 2
    assert f"update {_NODE_ROLE}" in found.stdout
    still = vault.request("GET", _NODE_ROLE, token=admin)["data"]["secret_id_bound_cidrs"]
    assert still == ["198.51.100.0/24"]
    served.obet("vault", "bootstrap", stdin=f"{admin}\n")
    assert served.obet("vault", "plan").returncode == 0


def test_a_missing_audit_device_is_reported(served: Obet, admin: str) -> None:
    vault = served.lab.vault
    vault.request("DELETE", "sys/audit/obet-2", token=admin)
    found = served.obet("vault", "plan", check=False)
    assert found.returncode == 2
    assert "create sys/audit/obet-2" in found.stdout
    served.obet("vault", "bootstrap", stdin=f"{admin}\n")
    assert served.obet("vault", "plan").returncode == 0


def test_a_grant_that_no_contract_calls_for_is_removed_and_a_strangers_policy_is_not(served: Obet, admin: str) -> None:
    vault = served.lab.vault
    policy = {"policy": 'path "kv/data/access/*" { capabilities = ["read"] }'}
    for name in ("obet-technical-c-0000000000", "somebody-elses"):
        vault.request("POST", f"sys/policies/acl/{name}", policy, admin)
    served.obet("vault", "apply")
    assert vault.answer("GET", "sys/policies/acl/obet-technical-c-0000000000", token=admin)[0] == 404
    assert vault.answer("GET", "sys/policies/acl/somebody-elses", token=admin)[0] == 200
    vault.request("DELETE", "sys/policies/acl/somebody-elses", token=admin)


def test_both_audit_devices_write_and_show_no_secret(served: Obet) -> None:
    job = Job(served)
    secrets = job.secrets("d-593ccz0tsv")
    values = [secrets["login"]["password"], *secrets["services"].values()]
    for number in (1, 2):
        text = (served.lab.vault.audit_directory / f"audit-{number}.log").read_text()
        assert "kv/data/access/" in text
        assert not [value for value in values if value in text]


def test_login_material_is_never_written_to_disk(served: Obet, tmp_path: Path) -> None:
    answer = served.lab.node1.run(
        ["obet", "vault", "credential", "obet-node-node2", "--to", str(tmp_path / "credentials")],
        env=served.environment | {"OBET_CREDENTIALS_DIRECTORY": str(served.registrar)},
        check=False,
    )
    assert answer.returncode == 9
    assert "on disk" in answer.stderr
    assert list((tmp_path / "credentials").iterdir()) == []


def test_a_vault_whose_certificate_is_not_the_estates_ca_is_refused(served: Obet) -> None:
    estate = (served.estate / "estate.yml").read_text()
    other = served.lab.node1.directory / "other-ca.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    served.lab.node1.run([*made, "-keyout", "/dev/null", "-subj", "/CN=other", "-out", str(other)])
    try:
        (served.estate / "estate.yml").write_text(estate.replace(str(served.lab.vault.ca_file), str(other)))
        answer = served.obet("vault", "plan", check=False)
    finally:
        (served.estate / "estate.yml").write_text(estate)
    assert answer.returncode == 5
    assert "Vault cannot be reached" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
