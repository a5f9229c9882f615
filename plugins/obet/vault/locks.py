"""One run at a time on a device: a check-and-set in Vault with holder, expiry and a fencing number.

Vault's own version number of the entry is the fencing number: it only grows, whoever writes. A holder that crashed
keeps others out until its expiry, or until this node's ledger says that it is over.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from obet.errors import RunError, VaultError
from obet.vault import names
from obet.vault.session import Session

_LATEST = 253_402_300_799  # the last second that a date can say
LOCK_LIFE = 15 * 60  # seconds: as long as the tokens that the work needs


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """A lock that is held: `number` is the fencing number, `until` seconds since 1970 by Vault's clock."""

    customer: str
    device: str
    holder: str
    by: str
    until: float
    number: int


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in Vault; without a holder it is free."""

    holder: str
    by: str
    until: Annotated[float, msgspec.Meta(ge=0, le=_LATEST)]


_NOBODY = _Entry(holder="", by="", until=0)


def acquire(session: Session, lock: Lock, now: float, is_over: Callable[[str], bool]) -> Lock:
    """`lock` as held (its `number` is not asked for); RunError says who works on the device, and until when.

    `is_over` says of a holder, a run's id, whether it is known to have ended.
    """
    version, held = _read(session, lock)
    if held.holder not in {"", lock.holder} and held.until > now and not is_over(held.holder):
        until = datetime.fromtimestamp(held.until, UTC)
        raise RunError(
            f"{lock.device}: {held.by} works on it, run {held.holder[:8]}: wait for its end, or until "
            f"{until:%H:%M:%S}Z if it was cut off"
        )
    return _write(session, lock, version, lock.holder)


def renew(session: Session, lock: Lock, until: float) -> Lock:
    """The same lock for longer; RunError when it is another's by now.

    That a fork of the same run has renewed it meanwhile changes its number, and not whose it is.
    """
    return _write(session, msgspec.structs.replace(lock, until=until), lock.number, lock.holder)


def release(session: Session, lock: Lock) -> None:
    """Nobody holds it afterwards; RunError when it was another's by now."""
    _write(session, msgspec.structs.replace(lock, holder="", by="", until=0.0), lock.number, lock.holder)


def _read(session: Session, lock: Lock) -> tuple[int, _Entry]:
    answer = session.get(_path(session, lock))
    if answer is None:
        return 0, _NOBODY
    version = answer["metadata"]["version"]
    if answer["data"] is None:
        return version, _NOBODY  # an administrator has deleted it
    try:
        return version, msgspec.convert(answer["data"], _Entry)
    except msgspec.ValidationError:
        raise VaultError(f"{lock.device}: its lock in Vault is damaged: an administrator must look at it") from None


def _write(session: Session, lock: Lock, version: int, holder: str) -> Lock:
    """Over that version, or over another that says the same `holder`."""
    entry = _Entry(holder=lock.holder, by=lock.by, until=lock.until)
    try:
        answer = session.put(_path(session, lock), {"data": msgspec.to_builtins(entry), "options": {"cas": version}})
    except VaultError as error:
        latest, held = _read(session, lock)
        if latest == version:
            raise
        if held.holder == holder:
            return _write(session, lock, latest, holder)
        raise RunError(f"{lock.device}: another run has just taken it: try again when that one has ended") from error
    return msgspec.structs.replace(lock, number=answer["version"])


def _path(session: Session, lock: Lock) -> str:
    return f"{session.settings.kv_mount}/data/{names.lock(lock.customer, lock.device)}"
