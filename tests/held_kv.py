"""Vault's key-value store in memory, as `Session` offers it: each write is a version, over the one that was read.

For races that a real Vault shows only by chance; that Vault does so is tried on the lab.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from builders import settings
from obet.errors import VaultError


class HeldKv:
    """Shared by any number of sessions; `before_write` is called once, before the next write is judged."""

    settings = settings().vault

    def __init__(self) -> None:
        self.held: dict[str, list[dict[str, Any] | None]] = {}
        self.before_write: Callable[[], None] | None = None
        self.sealed = False

    def get(self, path: str) -> dict[str, Any] | None:
        if self.sealed:
            raise VaultError("Vault is sealed")
        place, _, number = path.partition("?version=")
        versions = self.held.get(place)
        if versions is None:
            return None
        version = int(number or len(versions))
        return {"data": copy.deepcopy(versions[version - 1]), "metadata": {"version": version}}

    def put(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        before, self.before_write = self.before_write, None
        if before:
            before()
        if self.sealed:
            raise VaultError("Vault is sealed")
        versions = self.held.setdefault(path, [])
        if body["options"]["cas"] != len(versions):
            raise VaultError("Vault refuses the request (400)")
        versions.append(copy.deepcopy(body["data"]))
        return {"version": len(versions)}
