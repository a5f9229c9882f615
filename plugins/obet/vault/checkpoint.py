"""How far the ledger went, kept in Vault: lines that are cut off at its end would otherwise leave no gap."""

from __future__ import annotations

import msgspec

from obet.errors import VaultError
from obet.vault import names
from obet.vault.session import Session

_TRIES = 5


class Checkpoint(msgspec.Struct, frozen=True):
    """The last line that is vouched for."""

    number: int
    hash: str


def read(session: Session) -> Checkpoint | None:
    """None while there is none; VaultError when what stands there is none of ours."""
    return _read(session)[0]


def advance(session: Session, reached: Checkpoint) -> None:
    """Moves it forward, never back; VaultError when others move it at the same moment again and again."""
    for _ in range(_TRIES):
        present, version = _read(session)
        if present is not None and present.number >= reached.number:
            return
        try:
            session.put(_path(session), {"data": msgspec.to_builtins(reached), "options": {"cas": version}})
        except VaultError:
            if _read(session)[1] == version:
                raise
        else:
            return
    raise VaultError("the ledger's checkpoint in Vault moves all the time: nothing was vouched for")


def _read(session: Session) -> tuple[Checkpoint | None, int]:
    answer = session.get(_path(session))
    if answer is None or answer.get("data") is None:
        return None, answer["metadata"]["version"] if answer else 0
    try:
        return msgspec.convert(answer["data"], Checkpoint), answer["metadata"]["version"]
    except msgspec.ValidationError:
        raise VaultError("the ledger's checkpoint in Vault is damaged: an administrator must look at it") from None


def _path(session: Session) -> str:
    return f"{session.settings.kv_mount}/data/{names.LEDGER_CHECKPOINT}"
