"""Vault's audit log, as it tells who read which secret under which purpose (audit log schema of Vault 1.21)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from obet.model import Purpose
from obet.vault import names


class SecretRead(msgspec.Struct, frozen=True, kw_only=True):
    """One answered or refused request for a secret; no value is in it, as the log holds none.

    `run` is what the caller said (any client can say anything); `request`, `accessor`, `entity` and `address` are
    Vault's own words.
    """

    at: str
    run: str
    path: str
    purpose: str
    address: str
    refused: bool
    request: str = ""
    accessor: str = ""
    entity: str = ""

    @property
    def device(self) -> str:
        return names.device_of(self.path)


def secret_reads(lines: Iterable[str]) -> Iterator[SecretRead]:
    """Reads of secrets among audit lines, in their order. A line that is not whole is passed over."""
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if not isinstance(entry, dict) or not isinstance(request := entry.get("request"), dict):
            continue
        if entry.get("type") != "response" or request.get("operation") != "read":
            continue
        if request.get("mount_type") != "kv" or f"/data/{names.DEVICE_SECRETS}" not in (request.get("path") or ""):
            continue
        refused = bool(entry.get("error"))
        if refused or _gave_something(entry):
            yield _read(entry, request, refused=refused)


def written_at(line: str) -> datetime | None:
    """When an audit line was written; None where it is not whole."""
    try:
        return datetime.fromisoformat(json.loads(line)["time"])
    except (ValueError, TypeError, KeyError):
        return None


def _read(entry: dict[str, Any], request: dict[str, Any], *, refused: bool) -> SecretRead:
    auth = entry.get("auth") or {}
    correlation = (request.get("headers") or {}).get("x-correlation-id") or ["none"]
    return SecretRead(
        at=entry.get("time", ""),
        run=correlation[0],
        path=request["path"],
        purpose=_purpose(auth.get("policies") or []),
        address=request.get("remote_address", ""),
        refused=refused,
        request=request.get("id", ""),
        accessor=auth.get("accessor", ""),
        entity=auth.get("entity_id", ""),
    )


def _gave_something(entry: dict[str, Any]) -> bool:
    """Where nothing stands, or only what is deleted, no secret was read; a wrapped answer shows only its wrapping."""
    response = entry.get("response") or {}
    return bool(response.get("wrap_info")) or (response.get("data") or {}).get("data") is not None


def _purpose(policies: Iterable[str]) -> str:
    for purpose in Purpose:
        if any(policy.startswith(names.grants(purpose)) for policy in policies):
            return purpose.value
    return "none"
