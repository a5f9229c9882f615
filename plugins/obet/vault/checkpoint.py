"""How far the ledger went, kept in Vault: lines that are cut off at its end would otherwise leave no gap."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from obet.errors import VaultError
from obet.evidence.chain import Checkpoint
from obet.vault import names
from obet.vault.session import Session

_TRIES = 5


def read(session: Session) -> Checkpoint | None:
    """None while there is none; VaultError when what stands there is none of ours."""
    return _read(session)[0]


def advance(session: Session, reached: Checkpoint, holds: Callable[[int, str], bool]) -> None:
    """Moves it forward, never back, and never to another ledger; VaultError when others move it all the time.

    `holds(number, hash)` says whether the ledger has that line. One without the line that is vouched for is cut or
    edited: the checkpoint stays, and so `obet verify` goes on telling of it.
    """
    for _ in range(_TRIES):
        present, version = _read(session)
        if present is not None and (present.number >= reached.number or not holds(present.number, present.hash)):
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
