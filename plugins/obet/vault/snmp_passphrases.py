"""The passphrases by which collectors ask a device over SNMPv3: one entry in Vault's KV, beside its other secrets.

    {"user": …, "auth": …, "priv": …, "auth_protocol": …, "priv_protocol": …, "next": {"auth": …, "priv": …}}

The collector's own software reads it by the technical grant, with the access of the node that it runs on, and tries
`next` while that is there: it stands from before a rotation until the device was seen to take it and to refuse the one
before. The protocols are those that the device was last given.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from obet.errors import VaultError
from obet.secret import Secret
from obet.vault import names
from obet.vault.session import Session

_BYTES = 16  # 128 bits, as much as the key of AES-128 that is made of it


class Passphrases(msgspec.Struct, frozen=True):
    """One signs, the other encrypts; letters and digits alone, as terminals give a meaning to all else."""

    auth: Secret
    priv: Secret


class SnmpPassphrases(msgspec.Struct, frozen=True, kw_only=True):
    """What stood in Vault at `version` (0: nothing yet). `protocols`: SHA1 and AES128, say; empty: not known yet."""

    version: int = 0
    current: Passphrases | None = None
    upcoming: Passphrases | None = None
    protocols: tuple[str, str] = ("", "")

    @property
    def known(self) -> tuple[Passphrases, ...]:
        """Each pair that the device may take now, the one being introduced last."""
        return tuple(pair for pair in (self.current, self.upcoming) if pair is not None)


def generate() -> Passphrases:
    return Passphrases(Secret(secrets.token_hex(_BYTES)), Secret(secrets.token_hex(_BYTES)))


def read(session: Session, customer: str, device: str, version: int | None = None) -> SnmpPassphrases:
    """VaultDeniedError (403) without a grant; an entry that does not exist is an empty one at version 0."""
    query = f"?version={version}" if version else ""
    answer = session.get(f"{_data(session, customer, device)}{query}")
    if answer is None or answer.get("data") is None:
        return SnmpPassphrases()
    data: dict[str, Any] = answer["data"]
    return SnmpPassphrases(
        version=answer["metadata"]["version"],
        current=_pair(data),
        upcoming=_pair(data.get("next") or {}),
        protocols=(data.get("auth_protocol", ""), data.get("priv_protocol", "")),
    )


def write(session: Session, customer: str, device: str, entry: SnmpPassphrases) -> SnmpPassphrases:
    """Writes a new version, only over the one that was read (check-and-set); VaultError when somebody was faster."""
    data: dict[str, Any] = {"user": names.SNMP_USER, **_revealed(entry.current)}
    data |= {"auth_protocol": entry.protocols[0], "priv_protocol": entry.protocols[1]}
    if entry.upcoming:
        data["next"] = _revealed(entry.upcoming)
    body = {"data": data, "options": {"cas": entry.version}}
    answer = session.put(_data(session, customer, device), body)
    return msgspec.structs.replace(entry, version=answer["version"])


def every(session: Session, customer: str, device: str) -> list[Passphrases]:
    """All pairs of all versions, each once: what must be refused when the user is gone."""
    latest = read(session, customer, device)
    earlier = (read(session, customer, device, number) for number in range(1, latest.version))
    return list(dict.fromkeys(pair for entry in (*earlier, latest) for pair in entry.known))


def destroy(session: Session, customer: str, device: str) -> None:
    """Removes every version and the metadata, and sees that nothing is there (404); a plain delete only hides."""
    path = f"{session.settings.kv_mount}/metadata/{names.snmp_secret(customer, device)}"
    session.delete(path)
    if session.get(path) is not None:
        raise VaultError(f"{device}: the passphrases of SNMP are still in Vault after they were destroyed")


def _pair(data: Mapping[str, str]) -> Passphrases | None:
    return Passphrases(Secret(data["auth"]), Secret(data["priv"])) if "auth" in data else None


def _revealed(pair: Passphrases | None) -> dict[str, str]:
    return {"auth": pair.auth.reveal(), "priv": pair.priv.reveal()} if pair else {}


def _data(session: Session, customer: str, device: str) -> str:
    return f"{session.settings.kv_mount}/data/{names.snmp_secret(customer, device)}"
