"""Details under a customer's or device's own transit key: when the key is destroyed, nothing opens them again."""

from __future__ import annotations

import base64

from obet.errors import VaultError
from obet.vault.session import BadRequestError, Session


class SealedError(VaultError):
    """Nothing opens it any more, or not this key."""


def seal(session: Session, key: str, text: str) -> str:
    """`vault:v1:…`; VaultDeniedError without a grant, VaultError when the key is gone."""
    plain = base64.b64encode(text.encode()).decode()
    answer = session.put(f"{session.settings.transit_mount}/encrypt/{key}", {"plaintext": plain})
    return str(answer["ciphertext"])


def unseal(session: Session, key: str, sealed: str) -> str:
    """What was sealed; VaultDeniedError without a right to it, SealedError when the key is destroyed or another."""
    try:
        answer = session.put(f"{session.settings.transit_mount}/decrypt/{key}", {"ciphertext": sealed})
    except BadRequestError:
        raise SealedError(f"the key {key} is destroyed, or is not the one that it was sealed under") from None
    try:
        return base64.b64decode(answer["plaintext"]).decode()
    except (KeyError, ValueError):
        raise SealedError(f"what was sealed under {key} is not text") from None
