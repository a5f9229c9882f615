"""What Vault holds of an account of ours on a network device: never neither, and all that it ever was at the end."""

from __future__ import annotations

from typing import cast

import msgspec
import pytest
from builders import CUSTOMER, DEVICE
from held_kv import HeldKv
from obet.errors import VaultError
from obet.secret import Secret
from obet.vault import account_logins, names
from obet.vault.account_logins import AccountLogin
from obet.vault.device_secrets import Login
from obet.vault.session import Session

ACCOUNT = "obet"
PASSWORD, NEXT, KEY, NEXT_KEY = (Secret(text) for text in ("password", "next", "key", "next key"))


@pytest.fixture
def kv() -> Session:
    return cast(Session, HeldKv())


def entry(**fields: Secret) -> AccountLogin:
    return AccountLogin(account=ACCOUNT, **fields)


def written(kv: Session, *entries: AccountLogin) -> AccountLogin:
    last = AccountLogin(account=ACCOUNT)
    for one in entries:
        last = account_logins.write(kv, CUSTOMER, DEVICE, msgspec.structs.replace(one, version=last.version))
    return last


def test_nothing_stands_there_before_the_first_write(kv: Session) -> None:
    found = account_logins.read(kv, CUSTOMER, DEVICE, ACCOUNT)
    assert (found, found.logins) == (AccountLogin(account=ACCOUNT), ())


def test_what_is_written_is_read_and_what_is_not_there_is_not_written(kv: Session) -> None:
    whole = entry(password=PASSWORD, upcoming=NEXT, key=KEY, upcoming_key=NEXT_KEY)
    assert written(kv, entry(password=PASSWORD), whole) == account_logins.read(kv, CUSTOMER, DEVICE, ACCOUNT)
    versions = cast(HeldKv, kv).held[f"kv/data/{names.account_secret(CUSTOMER, DEVICE, ACCOUNT)}"]
    assert versions[0] == {"password": "password"}
    assert versions[1] == {"password": "password", "next": "next", "ssh_key": "key", "next_ssh_key": "next key"}


def test_an_entry_that_somebody_changed_meanwhile_is_not_written_over(kv: Session) -> None:
    read = written(kv, entry(password=PASSWORD))
    account_logins.write(kv, CUSTOMER, DEVICE, read)
    with pytest.raises(VaultError):
        account_logins.write(kv, CUSTOMER, DEVICE, read)


@pytest.mark.parametrize(
    ("held", "logins"),
    [
        (entry(password=PASSWORD), [(PASSWORD, None)]),
        (entry(password=PASSWORD, key=KEY), [(PASSWORD, KEY)]),
        (entry(password=PASSWORD, upcoming=NEXT, key=KEY), [(PASSWORD, KEY), (NEXT, KEY)]),
        (entry(password=PASSWORD, upcoming_key=NEXT_KEY), [(PASSWORD, None), (PASSWORD, NEXT_KEY)]),
        (entry(password=PASSWORD, key=KEY, upcoming_key=NEXT_KEY), [(PASSWORD, KEY), (PASSWORD, NEXT_KEY)]),
    ],
)
def test_a_device_may_take_what_it_had_and_what_is_being_introduced(
    held: AccountLogin, logins: list[tuple[Secret, Secret | None]]
) -> None:
    assert held.logins == tuple(Login(ACCOUNT, password, key=key) for password, key in logins)


def test_each_password_and_each_key_that_ever_was_is_tried_once_and_by_itself(kv: Session) -> None:
    written(
        kv,
        entry(password=PASSWORD),
        entry(password=PASSWORD, upcoming_key=KEY),
        entry(password=PASSWORD, key=KEY),
        entry(password=PASSWORD, upcoming=NEXT, key=KEY),
        entry(password=NEXT, key=KEY, upcoming_key=NEXT_KEY),
    )
    found = account_logins.every(kv, CUSTOMER, DEVICE, ACCOUNT)
    assert [login.password for login in found if login.key is None] == [PASSWORD, NEXT]
    assert [login.key for login in found if login.key is not None] == [KEY, NEXT_KEY]
