"""Vault as it is, against what it is to hold: the difference, and the writing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_network
from typing import Any, Literal

import msgspec

from obet.errors import VaultError
from obet.model import Purpose, VaultSettings
from obet.vault import names
from obet.vault.desired import Resource
from obet.vault.narrowing import narrowed
from obet.vault.operators import second_factor
from obet.vault.session import Session

Step = Callable[[], None]


class Change(msgspec.Struct, frozen=True):
    """One write that would make Vault as desired. `base` is for an administrator, the rest for the registrar.

    `closing` is what of an update of a grant only takes away: it is done before anything is opened.
    """

    action: Literal["create", "update", "delete"]
    path: str
    base: bool
    resource: Resource | None = None
    closing: Change | None = None

    def __str__(self) -> str:
        return f"{self.action} {self.path}"


def _quiet() -> None:
    """Nobody waits."""


def difference(session: Session, wanted: Sequence[Resource], step: Step = _quiet) -> list[Change]:
    """Reads everything that is wanted and everything that carries our label; writes nothing. `step` is told each."""
    tables = {kind: session.get(f"sys/{path}") for kind, path in _TABLES.items()}
    changes = []
    for resource in wanted:
        current = _current(session, resource, tables)
        step()
        if current is None:
            changes.append(Change("create", _shown(resource), resource.base, resource))
        elif not _says(current, resource.body):
            base = resource.base or is_key(session.settings, resource.path)
            closing = None if base else _closing(resource, current)
            changes.append(Change("update", _shown(resource), base, resource, closing))
    return [*_superfluous(session, wanted), *changes]


def apply(session: Session, changes: Iterable[Change], step: Step = _quiet) -> None:
    """Makes the changes in their order, but first what closes: all that can be, whatever of it fails.

    VaultDeniedError when the session's role may not; nothing is opened while something is still to be closed.
    """
    wanted = tuple(changes)
    closed, failed = closings(wanted), []
    for change in closed:
        try:
            _make(session, change)
        except VaultError as error:
            failed.append(error)
    if failed:
        raise type(failed[0])("; ".join(dict.fromkeys(map(str, failed))))
    for change in wanted:
        if change not in closed and change.closing != msgspec.structs.replace(change, closing=None):
            _make(session, change)
        step()


def remedy(settings: VaultSettings, change: Change) -> str:
    """How an administrator mends drift in what is his."""
    if not is_key(settings, change.path):
        return "an administrator mends it with `obet vault bootstrap`"
    return (
        "Vault makes no such key unexportable again: an administrator deletes it and `obet vault apply` makes a new "
        "one; what must last is opened before and sealed anew under that, and the ledger's old details open no more"
    )


def closings(changes: Iterable[Change]) -> list[Change]:
    """What of the changes only takes away."""
    found = (change if change.action == "delete" else change.closing for change in changes)
    return [change for change in found if change]


def _closing(resource: Resource, current: dict[str, Any]) -> Change | None:
    """None where nothing is taken away."""
    left = narrowed(current, resource.body)
    if left is None:
        return Change("delete", resource.path, base=False)
    if _says(current, left):
        return None
    return Change("update", resource.path, False, msgspec.structs.replace(resource, body=left))


def _make(session: Session, change: Change) -> None:
    if change.resource is None:
        session.delete(change.path)
        _end_logins(session, change.path)
    else:
        _write(session, change.resource, change.action)


def _end_logins(session: Session, path: str) -> None:
    """A former operator's tokens end with his user, not a quarter of an hour later."""
    users = f"auth/{session.settings.operators_mount}/users/"
    if path.startswith(users):
        name = path.removeprefix(users)
        session.put(f"sys/leases/revoke-prefix/auth/{session.settings.operators_mount}/login/{name}", {"sync": True})


_DESCRIPTION = "obet"  # what marks a mount as ours
_TABLES = {"mount": "mounts", "auth": "auth", "audit": "audit"}


def _shown(resource: Resource) -> str:
    return f"sys/{_TABLES[resource.kind]}/{resource.path}" if resource.kind in _TABLES else resource.path


def _current(session: Session, resource: Resource, tables: dict[str, Any]) -> dict[str, Any] | None:
    if resource.kind == "second-factor":
        return _second_factor(session, resource, tables)
    if resource.kind not in _TABLES:
        try:
            return session.get(resource.path)
        except VaultError:
            if resource.kind == "ssh-ca":  # Vault answers 400, not 404, while there is no key
                return None
            raise
    found: dict[str, Any] | None = (tables[resource.kind] or {}).get(f"{resource.path}/")
    return found


def is_key(settings: VaultSettings, path: str) -> bool:
    """A transit key: Vault takes a second writing of it without a word and changes nothing."""
    return path.startswith(f"{settings.transit_mount}/keys/")


def _write(session: Session, resource: Resource, action: str) -> None:
    if resource.kind in {"mount", "audit"}:
        if action == "update":
            raise VaultError(f"{_shown(resource)} is there, but as something else: an administrator must look at it")
        session.put(_shown(resource), resource.body)
    elif resource.kind == "auth":
        if action == "create":
            session.put(_shown(resource), {"type": resource.body["type"], "description": _DESCRIPTION})
        # Read as `user_lockout_disable`, written as `lockout_disable` (Vault API, /sys/auth/:path/tune).
        disable = resource.body["config"]["user_lockout_config"]["user_lockout_disable"]
        session.put(f"{_shown(resource)}/tune", {"user_lockout_config": {"lockout_disable": disable}})
    elif resource.kind == "second-factor":
        _require_second_factor(session, resource)
    elif resource.kind == "ssh-ca":
        session.put(resource.path, {"generate_signing_key": True, "key_type": "ed25519"})
    else:
        session.put(resource.path, resource.body)


def _second_factor(session: Session, resource: Resource, tables: dict[str, Any]) -> dict[str, Any] | None:
    """Which login mount the enforcement is for, as its accessor says."""
    found = session.get(f"{_ENFORCEMENT}/{resource.path}")
    if found is None:
        return None
    accessor = (tables["auth"].get(f"{resource.body['mount']}/") or {}).get("accessor")
    whole = found["auth_method_accessors"] == [accessor] and found["mfa_method_ids"] == [second_factor(session)]
    return dict(resource.body) if whole else {}


def _require_second_factor(session: Session, resource: Resource) -> None:
    """A TOTP method of ours, and that no login by this mount goes without it (Vault API, identity/mfa)."""
    if second_factor(session) is None:
        session.put("identity/mfa/method/totp", {"method_name": resource.path, **_TOTP})
    accessor = (session.get("sys/auth") or {})[f"{resource.body['mount']}/"]["accessor"]
    methods = {"mfa_method_ids": [second_factor(session)], "auth_method_accessors": [accessor]}
    session.put(f"{_ENFORCEMENT}/{resource.path}", methods)


_ENFORCEMENT = "identity/mfa/login-enforcement"
# What every authenticator application can do (RFC 6238).
_TOTP = {"issuer": "Obet", "algorithm": "SHA1", "digits": 6, "period": 30, "max_validation_attempts": 5}


def _superfluous(session: Session, wanted: Iterable[Resource]) -> list[Change]:
    """Grants of ours that nothing calls for any more. The policy goes first: it cuts live tokens at once."""
    kept = {resource.path for resource in wanted}
    ssh = session.settings.ssh_mount
    prefixes = tuple(names.grants(purpose) for purpose in Purpose)
    places = [("sys/policies/acl", prefixes), (f"{ssh}/roles", (*prefixes, names.reader("")))]
    grants = [
        Change("delete", f"{place}/{name}", base=False)
        for place, ours in places
        if place == "sys/policies/acl" or _mounted(session, session.settings)
        for name in session.list(place)
        if name.startswith(ours) and f"{place}/{name}" not in kept
    ]
    return [*grants, *_former_operators(session, wanted)]


def _former_operators(session: Session, wanted: Iterable[Resource]) -> list[Change]:
    """Those whom the estate names no longer: users of our own mount, and roles of ours where the company's OIDC is."""
    wanted, settings = tuple(wanted), session.settings
    named = {name for resource in wanted if resource.kind == "second-factor" for name in resource.body["operators"]}
    users, roles = f"auth/{settings.operators_mount}/users", f"auth/{settings.oidc_mount}/role"
    kept = {resource.path for resource in wanted} | {f"{users}/{name}" for name in named}
    ours = (session.get("sys/auth") or {}).get(f"{settings.operators_mount}/", {}).get("description") == _DESCRIPTION
    found = [f"{users}/{name}" for name in session.list(users) if ours]
    found += [f"{roles}/{name}" for name in session.list(roles) if name.startswith(names.operator(""))]
    return [Change("delete", path, base=False) for path in found if path not in kept]


def _mounted(session: Session, settings: VaultSettings) -> bool:
    return f"{settings.ssh_mount}/" in (session.get("sys/mounts") or {})


# Where one entry more is another meaning.
_WHOLE = {"default_extensions", "default_critical_options"}


def _says(current: Any, wanted: Any, *, whole: bool = False) -> bool:
    """Whether `current` says all that `wanted` does, in whichever of Vault's spellings."""
    if isinstance(wanted, dict) and whole:
        return isinstance(current, dict) and current.keys() == wanted.keys() and _says(current, wanted)
    if isinstance(wanted, dict):
        return isinstance(current, dict) and all(
            _says(current.get(key), value, whole=key in _WHOLE) for key, value in wanted.items()
        )
    return bool(_plain(current) == _plain(wanted))


def _plain(value: Any) -> Any:
    if isinstance(value, str) and "," in value and "\n" not in value:
        value = value.split(",")
    if isinstance(value, (list, tuple)):
        return sorted(str(_plain(item)) for item in value)
    if value in ("", None):
        return []
    if isinstance(value, str):
        try:
            return str(ip_network(value))
        except ValueError:
            return value
    return value
