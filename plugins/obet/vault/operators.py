"""Operators log in to Vault as themselves: user name, password and a second factor, or the company's own OIDC.

What a login gives is kept in memory (tmpfs) of the execution node until `obet logout`, and works from nodes only. Each
run gets a child of it, which is revoked with the run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from obet.errors import ObetError, RunError, VaultDeniedError, VaultError
from obet.model import Estate, VaultSettings
from obet.run_directory import base
from obet.vault import credentials, names
from obet.vault.desired import TOKEN_LIFE, login_with_second_factor
from obet.vault.session import BadRequestError, ReadNotes, Session, Token, TokenGoneError

_TOKEN_FILE = "operator"  # noqa: S105 - a file's name


def enrol(session: Session, estate: Estate, name: str, password: str) -> str:
    """Makes the operator's user in Vault; answers the `otpauth://` address of his second factor, shown this once.

    `session` is an administrator's. Done again, password and second factor are new, and what the old ones opened ends.
    """
    require_named(estate, name)
    login = login_with_second_factor(estate)
    mount = session.settings.operators_mount
    mounts = session.get("sys/auth") or {}
    method = second_factor(session)
    if f"{mount}/" not in mounts or method is None:
        raise RunError(f"Vault has no {mount}: run `obet vault bootstrap` first")
    session.put(f"auth/{mount}/users/{name}", {"password": password, **login})
    entity = f"identity/entity/name/{names.operator(name)}"
    session.put(entity, {"metadata": {"operator": name}})
    identity = (session.get(entity) or {})["id"]
    alias = {"name": name, "canonical_id": identity, "mount_accessor": mounts[f"{mount}/"]["accessor"]}
    session.put("identity/entity-alias", alias)
    whose = {"method_id": method, "entity_id": identity}
    session.put("identity/mfa/method/totp/admin-destroy", whose)
    session.put(f"sys/leases/revoke-prefix/auth/{mount}/login/{name}", {"sync": True})
    return str(session.put("identity/mfa/method/totp/admin-generate", whose)["url"])


def require_named(estate: Estate, name: str) -> None:
    """RunError unless the estate names an operator so who logs in with user name and password."""
    operator = estate.settings.operators.get(name)
    if operator is None or operator.login != "userpass":
        raise RunError(f"{name}: is no operator of estate.yml who logs in with userpass: name him there first")


def second_factor(session: Session) -> str | None:
    """The id of our TOTP method in Vault; None while there is none."""
    for method in session.list("identity/mfa/method/totp"):
        found = session.get(f"identity/mfa/method/totp/{method}") or {}
        if found.get("name") == names.SECOND_FACTOR:
            return method
    return None


def log_in(session: Session, name: str, password: str, code: str) -> None:
    """Both factors; VaultDeniedError when either is wrong, or when this is no node's address."""
    mount = session.settings.operators_mount
    try:
        begun = session.answer(f"auth/{mount}/login/{name}", {"password": password})["auth"]
        required = begun.get("mfa_requirement")
        if not required:
            session.token = Token(begun["client_token"])
            session.close()
            raise RunError("Vault asks for no second factor: an administrator runs `obet vault bootstrap`")
        (constraint,) = required["mfa_constraints"].values()
        validation = {
            "mfa_request_id": required["mfa_request_id"],
            "mfa_payload": {constraint["any"][0]["id"]: [code]},
        }
        made = session.answer("sys/mfa/validate", validation)["auth"]
    except (VaultDeniedError, BadRequestError):
        raise VaultDeniedError("Vault refuses the login: name, password, code, or this address is not right") from None
    session.token = Token(made["client_token"], made["accessor"], made["entity_id"])


def keep(environment: Mapping[str, str], token: str) -> None:
    """On tmpfs, for this user alone, until `end`."""
    path = place(environment)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token)


def end(settings: VaultSettings, run: str, environment: Mapping[str, str], *, but: str = "") -> None:
    """Nobody is logged in on this node any more, and the token is revoked, unless it is `but`.

    VaultError when it could not be revoked: its file is gone all the same, and how long it lives on is said.
    """
    path = place(environment)
    if not path.exists():
        return
    try:
        token = credentials.read_private(path, "`obet login` again")
        if token != but:
            Session(settings, run, Token(token)).close()
    except ObetError as error:
        latest = datetime.now(UTC) + timedelta(seconds=TOKEN_LIFE)
        raise VaultError(
            f"the login is gone from this node, but its token could not be revoked ({error}): it lives on until "
            f"{latest:%H:%M:%S}Z at the latest, or as long as a run of this login that is still under way"
        ) from None
    finally:
        path.unlink(missing_ok=True)


class LoggedIn(msgspec.Struct, frozen=True):
    """An operator who is logged in on this node, by the name that Vault knows him under."""

    name: str
    session: Session

    def for_run(self, notes: ReadNotes) -> Session:
        """A run's own session, a child of the login: revoked with the run, which leaves the login as it is."""
        self.renew()
        own = Session(self.session.settings, self.session.run_id, self.session.token, notes)
        return own.child(names.OPERATOR, names.OPERATOR, TOKEN_LIFE)

    def renew(self) -> None:
        """Another quarter of an hour: a run's own token ends with the login that it is a child of."""
        try:
            self.session.renew()
        except (VaultDeniedError, BadRequestError, TokenGoneError):
            raise RunError(_OVER) from None
        except VaultError as error:  # a 500 as well, when the role that he logged in with is gone
            raise VaultError(f"the operator's login is not renewed: {error}; {_AGAIN}") from None


_AGAIN = "`obet login` again, or `obet logout`"
_OVER = f"the operator's login is over, or not from here: {_AGAIN}"


def logged_in(settings: VaultSettings, run: str, environment: Mapping[str, str]) -> LoggedIn | None:
    """None when nobody is; RunError when the login does not serve any more: nobody else's takes its place silently."""
    path = place(environment)
    if not path.exists():
        return None
    token = credentials.read_private(path, "`obet login` again")
    session = Session(settings, run, Token(token))
    return LoggedIn(name_of(session), session)


def name_of(session: Session) -> str:
    """The operator whose login gave this token, as Vault says; RunError when none did.

    By where the token was made: what a token says of its user is, in a child of it, whatever its maker wrote there.
    """
    try:
        found: dict[str, Any] = session.get("auth/token/lookup-self") or {}
    except (VaultDeniedError, TokenGoneError):
        raise RunError(_OVER) from None
    made, settings = str(found.get("path")), session.settings
    if names.OPERATOR in (found.get("policies") or ()):
        if made.startswith(f"auth/{settings.operators_mount}/login/"):
            return made.rpartition("/")[2]
        role = str((found.get("meta") or {}).get("role"))
        if made == f"auth/{settings.oidc_mount}/oidc/callback" and role.startswith(names.operator("")):
            return role.removeprefix(names.operator(""))
    raise RunError("that token comes from no operator's login: log in with `obet login`")


def place(environment: Mapping[str, str]) -> Path:
    """The file of the login on this node; RunError when that would stand on disk."""
    return base(environment) / _TOKEN_FILE
