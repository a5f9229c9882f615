"""The secrets of one device: one entry in Vault's KV (version 2), read in one request.

    {"login": {"user": …, "password": …, "taken_over": …}, "services": {name: value},
     "next": {"password": …, "services": {name: value}}}

`next` stands from before a rotation until after it, so that at no moment is neither value known. `taken_over` says
that the password is ours: the one that the customer gave us is refused.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from obet.errors import RunError, VaultError
from obet.secret import Secret
from obet.vault import names
from obet.vault.session import Session

_PASSWORD_BYTES = 24  # 192 bits


class Login(msgspec.Struct, frozen=True):
    """`key`: the private key, in OpenSSH's form, that opens the account over SSH in the password's place."""

    user: str
    password: Secret
    taken_over: bool = False
    key: Secret | None = None


class DeviceSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """What stood in Vault at `version` (0: nothing yet)."""

    version: int = 0
    login: Login | None = None
    next_password: Secret | None = None
    services: Mapping[str, Secret] = {}
    next_services: Mapping[str, Secret] = {}

    @property
    def logins(self) -> tuple[Login, ...]:
        """Each login that this entry knows, the one being introduced included."""
        if self.login is None:
            return ()
        upcoming = (Login(self.login.user, self.next_password),) if self.next_password else ()
        return (self.login, *upcoming)

    def has(self, name: str) -> bool:
        """Whether there is a field of that name."""
        return self._find(name) is not None

    def field(self, name: str) -> Secret:
        """`login.user`, `login.password`, `services.NAME`, `next.password` or `next.services.NAME`; else RunError."""
        found = self._find(name)
        if found is None:
            raise RunError(f"Vault holds no {name} for this device: onboarding and configuring put it there")
        return found

    def _find(self, name: str) -> Secret | None:
        group, _, key = name.rpartition(".")
        if group in {"services", "next.services"}:
            return (self.services if group == "services" else self.next_services).get(key)
        if name == "next.password":
            return self.next_password
        if self.login and name == "login.user":
            return Secret(self.login.user)
        return self.login.password if self.login and name == "login.password" else None


def generate() -> Secret:
    return Secret(secrets.token_urlsafe(_PASSWORD_BYTES))


def read(session: Session, customer: str, device: str, version: int | None = None) -> DeviceSecrets:
    """VaultDeniedError (403) without a grant; an entry that does not exist is an empty one at version 0."""
    query = f"?version={version}" if version else ""
    answer = session.get(f"{session.settings.kv_mount}/data/{names.device_secret(customer, device)}{query}")
    if answer is None or answer.get("data") is None:
        return DeviceSecrets()
    data: dict[str, Any] = answer["data"]
    login, upcoming = data.get("login"), data.get("next") or {}
    return DeviceSecrets(
        version=answer["metadata"]["version"],
        login=Login(login["user"], Secret(login["password"]), login.get("taken_over", False)) if login else None,
        next_password=Secret(upcoming["password"]) if "password" in upcoming else None,
        services=_secrets(data.get("services")),
        next_services=_secrets(upcoming.get("services")),
    )


def write(session: Session, customer: str, device: str, secrets_: DeviceSecrets) -> DeviceSecrets:
    """Writes a new version, only over the one that was read (check-and-set); VaultError when somebody was faster."""
    data: dict[str, Any] = {"services": _revealed(secrets_.services)}
    if secrets_.login:
        data["login"] = {
            "user": secrets_.login.user,
            "password": secrets_.login.password.reveal(),
            "taken_over": secrets_.login.taken_over,
        }
    upcoming: dict[str, Any] = {}
    if secrets_.next_password:
        upcoming["password"] = secrets_.next_password.reveal()
    if secrets_.next_services:
        upcoming["services"] = _revealed(secrets_.next_services)
    if upcoming:
        data["next"] = upcoming
    answer = session.put(
        f"{session.settings.kv_mount}/data/{names.device_secret(customer, device)}",
        {"data": data, "options": {"cas": secrets_.version}},
    )
    return msgspec.structs.replace(secrets_, version=answer["version"])


def _secrets(found: Mapping[str, str] | None) -> dict[str, Secret]:
    return {name: Secret(value) for name, value in (found or {}).items()}


def _revealed(found: Mapping[str, Secret]) -> dict[str, str]:
    return {name: value.reveal() for name, value in found.items()}


def every_login(session: Session, customer: str, device: str) -> list[Login]:
    """All logins of all versions, each once and oldest first: what must be refused when it is no longer valid."""
    found: dict[tuple[str, Secret], Login] = {}
    latest = read(session, customer, device)
    earlier = (read(session, customer, device, number) for number in range(1, latest.version))
    for entry in (*earlier, latest):
        for login in entry.logins:
            found[login.user, login.password] = login
    return list(found.values())


def destroy(session: Session, customer: str, device: str) -> None:
    """Removes every version and the metadata, and sees that nothing is there (404); a plain delete only hides."""
    session.delete(_metadata(session, customer, device))
    if session.get(_metadata(session, customer, device)) is not None:
        raise VaultError(f"{device}: its secrets are still in Vault after they were destroyed")


def _metadata(session: Session, customer: str, device: str) -> str:
    return f"{session.settings.kv_mount}/metadata/{names.device_secret(customer, device)}"
