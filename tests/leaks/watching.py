"""The tests' side of `watcher.py`, and of what Vault says about every secret that it gives or takes."""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.vault_server import VaultServer
from leaks.search import Canary, Content

_WATCHER = Path(__file__).with_name("watcher.py")
_STOP_SECONDS = 200
_SECOND_FACTOR = re.compile("^otpauth:.*[?&]secret=([^&]+).*")


class Watcher:
    """Looks from its making until `stop`."""

    def __init__(self, *folders: Path) -> None:
        """Comes back when everything was looked at once."""
        command = [sys.executable, "-I", str(_WATCHER), *map(str, folders)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "watching\n"

    def stop(self) -> tuple[int, list[Content]]:
        """How often it looked, and each different thing that it saw."""
        answer, _ = self._process.communicate("\n", timeout=_STOP_SECONDS)
        found = json.loads(answer)
        return found["rounds"], [(where, base64.b64decode(content)) for where, content in found["seen"]]

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


class Secrets:
    """Every secret that Vault gave or took, as its own audit says it, in clear, to this process's memory alone."""

    _NAMES = ("client_token", "secret_id", "role_id", "password", "next", "services", "url", "ssh_key", "next_ssh_key")

    def __init__(self, vault: VaultServer, token: str, address: Path) -> None:
        """Adds an audit device to Vault that writes to a socket at `address`; nothing of it reaches a file."""
        self._vault, self._token = vault, token
        self._lines: list[bytes] = []
        self._arrived = threading.Condition()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(address))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        options = {"address": str(address), "socket_type": "unix", "log_raw": "true"}
        vault.request("PUT", "sys/audit/canaries", {"type": "socket", "options": options}, token)

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._take, args=[connection], daemon=True).start()

    def _take(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                with self._arrived:
                    self._lines.append(line)
                    self._arrived.notify_all()

    def canaries(self) -> list[Canary]:
        """All of them until now."""
        mark = uuid.uuid4().hex
        self._vault.answer("GET", f"sys/policies/acl/{mark}", token=self._token)
        with self._arrived:
            arrived = self._arrived.wait_for(lambda: any(mark.encode() in line for line in self._lines[-50:]), 10)
            assert arrived, "Vault's audit says what it did"
            entries = [json.loads(line) for line in self._lines]
        found: dict[str, str] = {}
        for entry in entries:
            path = entry["request"]["path"]
            for name, value in self._values(entry):
                found.setdefault(_SECOND_FACTOR.sub(r"\1", value), f"{name} ({path})")
        return [Canary(name, value.encode()) for value, name in found.items()]

    def _values(self, part: Any, name: str = "", *, secret: bool = False) -> Iterator[tuple[str, str]]:
        if isinstance(part, dict):
            for key, value in part.items():
                yield from self._values(value, key, secret=secret or key in self._NAMES)
        elif isinstance(part, str) and part and secret:
            yield name, part

    def close(self) -> None:
        self._listener.close()
