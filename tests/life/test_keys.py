"""Transit keys on a real Vault: nobody of ours can make one that can be copied, change one, delete one, revive one."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from lab.estate import CUSTOMERS, MANAGED_CUSTOMER, MANAGED_DEVICE, WARRANTY_DEVICE
from lab.provision import Obet
from life_support import Job, administrator

KEY = f"{CUSTOMERS[WARRANTY_DEVICE]}-{WARRANTY_DEVICE}"
NEW = "c-0000000000-d-0000000000"
PLAIN = {"plaintext": base64.b64encode(b"text").decode()}
ROLES = ("obet-registrar", "obet-verifier", "obet-node-node1", "technical")


@pytest.fixture
def admin(served: Obet) -> Iterator[str]:
    """An administrator's token, gone afterwards."""
    token = administrator(served.lab)
    yield token
    served.lab.vault.request("POST", "auth/token/revoke-self", {}, token)


def token(job: Job, role: str, device: str = WARRANTY_DEVICE) -> str:
    return job.token(device) if role == "technical" else job.login(role)


def key(served: Obet, admin: str, name: str = KEY) -> tuple[int, dict[str, Any]]:
    status, answer = served.lab.vault.answer("GET", f"transit/keys/{name}", token=admin)
    return status, answer.get("data") or {}


OTHER_KEYS: dict[str, dict[str, Any]] = {
    "exportable": {"exportable": True},
    "exportable in other words": {"exportable": "true"},
    "exportable as a number": {"exportable": 1},
    "exportable in capitals": {"EXPORTABLE": True},
    "plaintext backup": {"allow_plaintext_backup": True},
    "of another type": {"type": "rsa-4096"},
    "derived": {"derived": True},
    "that is all of it": {"type": "aes256-gcm96", "exportable": True, "allow_plaintext_backup": False},
}


@pytest.mark.parametrize("body", OTHER_KEYS.values(), ids=OTHER_KEYS)
@pytest.mark.parametrize("name", [NEW, KEY])
def test_the_registrar_makes_no_key_that_can_be_copied(
    served: Obet, job: Job, admin: str, name: str, body: dict[str, Any]
) -> None:
    before = key(served, admin, name)
    assert job.call(job.login("obet-registrar"), "POST", f"transit/keys/{name}", body)[0] == 403
    assert key(served, admin, name) == before


def test_the_registrar_makes_a_key_as_ours_are_or_the_refusals_would_prove_nothing(
    served: Obet, job: Job, admin: str
) -> None:
    vault, own = served.lab.vault, {"type": "aes256-gcm96", "exportable": False, "allow_plaintext_backup": False}
    assert job.call(job.login("obet-registrar"), "POST", f"transit/keys/{NEW}", own)[0] == 200
    status, made = key(served, admin, NEW)
    assert (status, made["exportable"], made["allow_plaintext_backup"]) == (200, False, False)
    assert job.call(job.login("obet-registrar"), "POST", f"transit/keys/{NEW}/config", {"exportable": True})[0] == 403
    vault.request("POST", f"transit/keys/{NEW}/config", {"deletion_allowed": True}, admin)
    vault.request("DELETE", f"transit/keys/{NEW}", token=admin)
    assert key(served, admin, NEW)[0] == 404


@pytest.mark.parametrize("role", ROLES)
def test_nobody_of_ours_changes_copies_or_deletes_a_key(served: Obet, job: Job, admin: str, role: str) -> None:
    before, own = key(served, admin), token(job, role)
    for body in ({"exportable": True}, {"allow_plaintext_backup": True}, {"deletion_allowed": True}):
        assert job.call(own, "POST", f"transit/keys/{KEY}/config", body)[0] == 403
    assert job.call(own, "DELETE", f"transit/keys/{KEY}")[0] == 403
    assert job.call(own, "GET", f"transit/export/encryption-key/{KEY}")[0] == 403
    assert job.call(own, "GET", f"transit/backup/{KEY}")[0] == 403
    assert job.call(own, "POST", f"transit/restore/{NEW}", {"backup": "x"})[0] == 403
    assert job.call(own, "POST", f"transit/keys/{NEW}/import", {"ciphertext": "x"})[0] == 403
    assert job.call(own, "POST", f"transit/keys/{KEY}/rotate", {})[0] == 403
    assert job.call(own, "POST", "transit/config/keys", {"disable_upsert": False})[0] == 403
    assert key(served, admin) == before


def test_a_key_that_an_administrator_made_exportable_is_reported_for_as_long_as_it_is(served: Obet, admin: str) -> None:
    vault, name = served.lab.vault, MANAGED_CUSTOMER
    vault.request("POST", f"transit/keys/{name}/config", {"exportable": True}, admin)
    for _ in range(2):
        answer = served.obet("vault", "apply", check=False)
        assert answer.returncode == 2
        assert f"update transit/keys/{name}" in answer.stdout
    vault.request("POST", f"transit/keys/{name}/config", {"deletion_allowed": True}, admin)
    vault.request("DELETE", f"transit/keys/{name}", token=admin)
    served.obet("vault", "apply")
    assert served.obet("vault", "plan").returncode == 0


@pytest.mark.parametrize("role", ROLES)
def test_nobody_of_ours_brings_a_key_to_life_by_encrypting(served: Obet, job: Job, admin: str, role: str) -> None:
    assert job.call(token(job, role), "POST", f"transit/encrypt/{NEW}", PLAIN)[0] == 403
    assert key(served, admin, NEW)[0] == 404


def test_not_even_an_administrator_brings_a_key_to_life_by_encrypting(served: Obet, admin: str) -> None:
    assert served.lab.vault.answer("POST", f"transit/encrypt/{NEW}", PLAIN, admin)[0] == 400
    assert key(served, admin, NEW)[0] == 404


def test_a_grant_seals_and_opens_for_its_own_device_and_for_no_other(job: Job) -> None:
    own = token(job, "technical")
    status, answer = job.call(own, "POST", f"transit/encrypt/{KEY}", PLAIN)
    assert status == 200
    sealed, others = {"ciphertext": answer["data"]["ciphertext"]}, token(job, "technical", MANAGED_DEVICE)
    for way in ("encrypt", "decrypt"):
        assert job.call(own, "POST", f"transit/{way}/{MANAGED_CUSTOMER}", PLAIN | sealed)[0] == 403
        assert job.call(others, "POST", f"transit/{way}/{KEY}", PLAIN | sealed)[0] == 403
    for opener in (own, job.login("obet-verifier")):
        opened = job.call(opener, "POST", f"transit/decrypt/{KEY}", sealed)
        assert opened[1]["data"]["plaintext"] == PLAIN["plaintext"]
