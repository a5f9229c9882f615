"""The passwords of our own accounts on a device that knows no certificates: one entry in Vault's KV for each account.

    {"password": …, "next": …}

`next` stands from before a change until the device was seen to take it and to refuse the one before: at no moment is
neither known. Under the device's own secrets, so that whoever may read those may read these; the reading account's is
the verifier's as well.
"""

from __future__ import annotations

from typing import Any

import msgspec

from obet.errors import VaultError
from obet.secret import Secret
from obet.vault import names
from obet.vault.session import Session


class AccountPassword(msgspec.Struct, frozen=True, kw_only=True):
    """What stood in Vault at `version` (0: nothing yet)."""

    account: str
    version: int = 0
    password: Secret | None = None
    upcoming: Secret | None = None

    @property
    def known(self) -> tuple[Secret, ...]:
        """Each that the device may take now, the one being introduced last."""
        return tuple(p for p in (self.password, self.upcoming) if p is not None)


def read(session: Session, customer: str, device: str, account: str, version: int | None = None) -> AccountPassword:
    """VaultDeniedError (403) without a grant; an entry that does not exist is an empty one at version 0."""
    query = f"?version={version}" if version else ""
    answer = session.get(f"{_data(session, customer, device, account)}{query}")
    if answer is None or answer.get("data") is None:
        return AccountPassword(account=account)
    data: dict[str, Any] = answer["data"]
    return AccountPassword(
        account=account,
        version=answer["metadata"]["version"],
        password=Secret(data["password"]) if "password" in data else None,
        upcoming=Secret(data["next"]) if "next" in data else None,
    )


def write(session: Session, customer: str, device: str, entry: AccountPassword) -> AccountPassword:
    """Writes a new version, only over the one that was read (check-and-set); VaultError when somebody was faster."""
    values = {"password": entry.password, "next": entry.upcoming}
    data = {name: value.reveal() for name, value in values.items() if value is not None}
    body = {"data": data, "options": {"cas": entry.version}}
    answer = session.put(_data(session, customer, device, entry.account), body)
    return msgspec.structs.replace(entry, version=answer["version"])


def every(session: Session, customer: str, device: str, account: str) -> list[Secret]:
    """All passwords of all versions, each once: what must be refused when the account is gone."""
    latest = read(session, customer, device, account)
    earlier = (read(session, customer, device, account, number) for number in range(1, latest.version))
    return list(dict.fromkeys(password for entry in (*earlier, latest) for password in entry.known))


def destroy(session: Session, customer: str, device: str, account: str) -> None:
    """Removes every version and the metadata, and sees that nothing is there (404); a plain delete only hides."""
    path = f"{session.settings.kv_mount}/metadata/{names.account_secret(customer, device, account)}"
    session.delete(path)
    if session.get(path) is not None:
        raise VaultError(f"{device}: the password of {account} is still in Vault after it was destroyed")


def _data(session: Session, customer: str, device: str, account: str) -> str:
    return f"{session.settings.kv_mount}/data/{names.account_secret(customer, device, account)}"
