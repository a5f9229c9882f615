"""The logins of our own accounts on a device that knows no certificates: one entry in Vault's KV for each account.

    {"password": …, "next": …, "ssh_key": …, "next_ssh_key": …}

What is `next` stands from before a change until the device was seen to take it and to refuse the one before: at no
moment is neither known. Keys are private ones in OpenSSH's form; where a device takes none there is only a password.
Under the device's own secrets, so that whoever may read those may read these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from obet.errors import VaultError
from obet.secret import Secret
from obet.vault import names
from obet.vault.device_secrets import Login
from obet.vault.session import Session


class AccountLogin(msgspec.Struct, frozen=True, kw_only=True):
    """What stood in Vault at `version` (0: nothing yet)."""

    account: str
    version: int = 0
    password: Secret | None = None
    upcoming: Secret | None = None
    key: Secret | None = None
    upcoming_key: Secret | None = None

    @property
    def passwords(self) -> tuple[Secret, ...]:
        """Each that the device may take now, the one being introduced last."""
        return tuple(p for p in (self.password, self.upcoming) if p is not None)

    @property
    def logins(self) -> tuple[Login, ...]:
        """Each that the device may take now: more than one only where a change was cut off."""
        keys = (self.key, self.upcoming_key) if self.upcoming_key else (self.key,)
        return tuple(Login(self.account, password, key=key) for password in self.passwords for key in keys)


_FIELDS: Mapping[str, str] = {
    "password": "password",
    "next": "upcoming",
    "ssh_key": "key",
    "next_ssh_key": "upcoming_key",
}


def read(session: Session, customer: str, device: str, account: str, version: int | None = None) -> AccountLogin:
    """VaultDeniedError (403) without a grant; an entry that does not exist is an empty one at version 0."""
    query = f"?version={version}" if version else ""
    answer = session.get(f"{_data(session, customer, device, account)}{query}")
    if answer is None or answer.get("data") is None:
        return AccountLogin(account=account)
    data: dict[str, Any] = answer["data"]
    found = {field: Secret(data[name]) for name, field in _FIELDS.items() if name in data}
    return AccountLogin(account=account, version=answer["metadata"]["version"], **found)


def write(session: Session, customer: str, device: str, entry: AccountLogin) -> AccountLogin:
    """Writes a new version, only over the one that was read (check-and-set); VaultError when somebody was faster."""
    values: dict[str, Secret | None] = {name: getattr(entry, field) for name, field in _FIELDS.items()}
    data = {name: value.reveal() for name, value in values.items() if value is not None}
    body = {"data": data, "options": {"cas": entry.version}}
    answer = session.put(_data(session, customer, device, entry.account), body)
    return msgspec.structs.replace(entry, version=answer["version"])


def every(session: Session, customer: str, device: str, account: str) -> list[Login]:
    """What must be refused when the account is gone: each password and each key of all versions, by itself and once."""
    latest = read(session, customer, device, account)
    entries = [*(read(session, customer, device, account, number) for number in range(1, latest.version)), latest]
    found = [Login(account, password) for entry in entries for password in entry.passwords]
    found += [
        Login(account, entry.passwords[0], key=key)
        for entry in entries
        for key in (entry.key, entry.upcoming_key)
        if key is not None
    ]
    return list({login.key or login.password: login for login in found}.values())


def destroy(session: Session, customer: str, device: str, account: str) -> None:
    """Removes every version and the metadata, and sees that nothing is there (404); a plain delete only hides."""
    path = f"{session.settings.kv_mount}/metadata/{names.account_secret(customer, device, account)}"
    session.delete(path)
    if session.get(path) is not None:
        raise VaultError(f"{device}: the login of {account} is still in Vault after it was destroyed")


def _data(session: Session, customer: str, device: str, account: str) -> str:
    return f"{session.settings.kv_mount}/data/{names.account_secret(customer, device, account)}"
