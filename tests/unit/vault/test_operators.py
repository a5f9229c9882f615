"""Operators' logins: whose a token is, where it is kept, what it is bound to."""

from __future__ import annotations

import re
import stat
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from builders import addresses, estate
from obet.errors import ObetError, PolicyError, RunError, VaultDeniedError, VaultError
from obet.model import ExecutionNode, Operator
from obet.vault import operators
from obet.vault.credentials import file_system
from obet.vault.desired import TOKEN_LIFE, login_with_second_factor
from obet.vault.session import BadRequestError, Session, Token, TokenGoneError

ESTATE = estate(operators={"ivan": Operator(login="userpass"), "mira": Operator(login="oidc")})
LOGIN = {"path": "auth/obet-operators/login/ivan", "policies": ["default", "obet-operator"]}
OIDC = {
    "path": "auth/oidc/oidc/callback",
    "policies": ["default", "obet-operator"],
    "meta": {"role": "obet-operator-mira"},
}


class AnsweringVault:
    """Answers each path as told, an error by raising it, and keeps what it was asked."""

    settings = ESTATE.settings.vault

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.token = Token("")
        self.closed: list[str] = []

    def get(self, path: str) -> Any:
        return self.answer(path, {})

    def answer(self, path: str, _: Any) -> Any:
        self.asked.append(path)
        found = self.answers.get(path.rpartition("/")[2])
        if isinstance(found, Exception):
            raise found
        return found

    put = answer

    def close(self) -> None:
        self.closed.append(self.token.value)


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder on tmpfs."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def vault(**answers: Any) -> tuple[AnsweringVault, Session]:
    """By the last part of the path."""
    made = AnsweringVault({name.replace("_", "-"): answer for name, answer in answers.items()})
    return made, cast(Session, made)


@pytest.mark.parametrize(("found", "name"), [(LOGIN, "ivan"), (OIDC, "mira")], ids=["userpass", "oidc"])
def test_a_token_is_whose_login_it_comes_from(found: dict[str, Any], name: str) -> None:
    assert operators.name_of(vault(lookup_self=found)[1]) == name


@pytest.mark.parametrize(
    "change",
    [
        {"path": "auth/token/create/obet-operator", "meta": {"username": "ivan", "role": "obet-operator-ivan"}},
        {"path": "auth/token/create/obet-operator", "display_name": "obet-operators-ivan"},
        {"path": "auth/approle/login"},
        {"path": "auth/userpass/login/ivan"},
        {"path": "auth/oidc/oidc/callback", "meta": {"role": "everybody"}},
        {"path": "auth/oidc/oidc/callback", "meta": None},
        {"policies": ["default"]},
        {"policies": ["root"]},
    ],
    ids=str,
)
def test_a_token_that_only_says_so_is_nobodys(change: dict[str, Any]) -> None:
    with pytest.raises(RunError, match="comes from no operator's login"):
        operators.name_of(vault(lookup_self=LOGIN | change)[1])


@pytest.mark.parametrize("error", [VaultDeniedError("403"), TokenGoneError("403")], ids=repr)
def test_a_login_that_is_over_says_what_to_do(error: ObetError) -> None:
    with pytest.raises(RunError, match=r"is over, or not from here: `obet login` again"):
        operators.name_of(vault(lookup_self=error)[1])


def test_the_token_is_kept_for_this_user_alone_and_a_new_one_takes_its_place(memory: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(memory)}
    operators.keep(environment, "first")
    operators.keep(environment, "second")
    path = operators.place(environment)
    assert path.read_text() == "second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_on_disk_no_login_is_kept(tmp_path: Path) -> None:
    if file_system(tmp_path) == "tmpfs":
        pytest.skip("temporary folders of this machine stand in memory")
    with pytest.raises(RunError, match="is on disk"):
        operators.keep({"XDG_RUNTIME_DIR": str(tmp_path)}, "token")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_nobody_is_logged_in_without_a_token_and_one_that_others_can_read_is_refused(memory: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(memory)}
    assert operators.logged_in(ESTATE.settings.vault, "run", environment) is None
    operators.keep(environment, "token")
    operators.place(environment).chmod(0o644)
    with pytest.raises(RunError, match="chmod 0600"):
        operators.logged_in(ESTATE.settings.vault, "run", environment)


def test_a_login_that_vault_could_not_be_asked_to_revoke_says_until_when_it_lives_and_is_gone_from_here(
    memory: Path,
) -> None:
    environment = {"XDG_RUNTIME_DIR": str(memory)}
    away = msgspec.structs.replace(ESTATE.settings.vault, address="https://127.0.0.1:1")
    operators.keep(environment, "a-token")
    before = datetime.now(UTC).replace(microsecond=0)
    with pytest.raises(VaultError, match="could not be revoked") as told:
        operators.end(away, "run", environment)
    (until,) = re.findall(r"until (\d\d:\d\d:\d\d)Z", str(told.value))
    latest = datetime.combine(before.date(), time.fromisoformat(until), UTC)
    assert timedelta(0) <= (latest - before - timedelta(seconds=TOKEN_LIFE)) % timedelta(days=1) < timedelta(minutes=1)
    assert "a-token" not in str(told.value)
    assert not operators.place(environment).exists()


def test_the_login_that_stays_is_not_revoked_and_without_one_nothing_is_asked(memory: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(memory)}
    away = msgspec.structs.replace(ESTATE.settings.vault, address="https://127.0.0.1:1")
    operators.end(away, "run", environment)
    operators.keep(environment, "a-token")
    operators.end(away, "run", environment, but="a-token")
    assert not operators.place(environment).exists()


@pytest.mark.parametrize("name", ["mira", "nobody", "../ivan", ""])
def test_only_who_the_estate_names_for_userpass_is_enrolled(name: str) -> None:
    asked, session = vault()
    with pytest.raises(RunError, match="is no operator of estate"):
        operators.enrol(session, ESTATE, name, "password")
    assert asked.asked == []


@pytest.mark.parametrize("error", [VaultDeniedError("403"), BadRequestError("400")], ids=str)
@pytest.mark.parametrize("step", ["ivan", "validate"])
def test_whatever_factor_is_wrong_the_answer_is_the_same(step: str, error: ObetError) -> None:
    requirement = {"mfa_request_id": "r", "mfa_constraints": {"c": {"any": [{"id": "m"}]}}}
    begun = {"auth": {"client_token": "", "mfa_requirement": requirement}}
    _, session = vault(**({"ivan": begun} | {step: error}))
    with pytest.raises(VaultDeniedError) as told:
        operators.log_in(session, "ivan", "password", "123456")
    assert str(told.value) == "Vault refuses the login: name, password, code, or this address is not right"


def test_a_vault_that_is_away_is_no_wrong_password() -> None:
    with pytest.raises(VaultError, match="cannot be reached"):
        operators.log_in(vault(ivan=VaultError("Vault cannot be reached"))[1], "ivan", "password", "123456")


def test_a_vault_that_asks_for_no_second_factor_lets_nobody_in_and_its_token_is_revoked() -> None:
    found, session = vault(ivan={"auth": {"client_token": "given", "mfa_requirement": None}})
    with pytest.raises(RunError, match="asks for no second factor"):
        operators.log_in(session, "ivan", "password", "123456")
    assert found.closed == ["given"]


def test_a_login_with_a_second_factor_is_bound_to_ipv4_as_any_ipv6_address_becomes_every_one() -> None:
    assert login_with_second_factor(ESTATE)["token_bound_cidrs"] == ["198.51.100.11/32", "198.51.100.12/32"]
    without = estate(nodes={"node1": ExecutionNode(addresses=addresses(ipv6="2001:db8:51::11"), control=True)})
    with pytest.raises(PolicyError, match="IPv4"):
        login_with_second_factor(without)
