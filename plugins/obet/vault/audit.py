"""Vault's audit log, as it tells who read which secret under which purpose (audit log schema of Vault 1.21)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import msgspec

from obet.model import Purpose
from obet.vault import names


class SecretRead(msgspec.Struct, frozen=True, kw_only=True):
    """One answered or refused request for a secret; no value is in it, as the log holds none."""

    at: str
    run: str
    path: str
    purpose: str
    address: str
    refused: bool


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
        if request.get("mount_type") != "kv" or "/data/" not in (request.get("path") or ""):
            continue
        policies = (entry.get("auth") or {}).get("policies") or []
        correlation = (request.get("headers") or {}).get("x-correlation-id") or ["none"]
        yield SecretRead(
            at=entry.get("time", ""),
            run=correlation[0],
            path=request["path"],
            purpose=_purpose(policies),
            address=request.get("remote_address", ""),
            refused=bool(entry.get("error")),
        )


def _purpose(policies: Iterable[str]) -> str:
    for purpose in Purpose:
        if any(policy.startswith(names.grants(purpose)) for policy in policies):
            return purpose.value
    return "none"
