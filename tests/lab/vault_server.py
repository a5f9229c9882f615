"""The lab's Vault: TLS by the lab's own authority, Raft on tmpfs, initialised and unsealed."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import ssl
import time
from pathlib import Path
from typing import Any

from . import network
from .certificates import CertificateAuthority
from .errors import LabError
from .hosts import Host, Node
from .processes import Process, spawn
from .topology import VAULT, VAULT_PORT
from .vault_binary import ensure_vault

START_SECONDS = 60.0
STOP_SECONDS = 5.0
PAUSE_SECONDS = 0.02
ACTIVE = 200
NOT_INITIALISED = 501
CLUSTER_PORT = VAULT_PORT + 1


class VaultServer(Node):
    """One Vault server in its own namespace; its keys are in this object and in no file."""

    def __init__(self, lab: str, directory: Path) -> None:
        """Only paths."""
        super().__init__(lab, VAULT, directory)
        self.address = f"https://{self.ipv4}:{VAULT_PORT}"
        self.address_ipv6 = f"https://[{self.ipv6}]:{VAULT_PORT}"
        self.authority = CertificateAuthority(directory / "authority")
        self.audit_directory = directory / "audit"
        self.log = directory / "vault.log"
        self._process_file = directory / "process.json"
        self._root_token: str | None = None
        self._unseal_key: str | None = None

    @property
    def ca_file(self) -> Path:
        """The authority that a client has to trust."""
        return self.authority.certificate

    @property
    def root_token(self) -> str:
        """The token that may do everything; known to the lab's maker only."""
        return _known(self._root_token)

    @property
    def unseal_key(self) -> str:
        """The only share of the unseal key."""
        return _known(self._unseal_key)

    def remember_keys(self, root_token: str, unseal_key: str) -> None:
        """Take over the keys read from a detached lab's own file."""
        self._root_token, self._unseal_key = root_token, unseal_key

    @property
    def has_keys(self) -> bool:
        """Whether `root_token` and `unseal_key` would answer."""
        return self._root_token is not None

    @property
    def running(self) -> bool:
        """Whether the server's process runs."""
        process = Process.load(self._process_file)
        return process is not None and process.alive

    def create(self) -> None:
        """Make its folders and certificates, start it, initialise and unseal it."""
        super().create()
        for folder in (self.audit_directory, self.directory / "raft"):
            folder.mkdir(mode=0o700)
        self.authority.create()
        self._write_configuration(*self.authority.issue("vault", [self.ipv4, self.ipv6, "127.0.0.1"]))
        self._launch()
        self._wait_for(NOT_INITIALISED)
        keys = self.request("POST", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self.remember_keys(keys["root_token"], keys["keys_base64"][0])
        self.unseal()

    def _write_configuration(self, certificate: Path, key: Path) -> None:
        def listener(address: str) -> dict[str, Any]:
            files = {"tls_cert_file": str(certificate), "tls_key_file": str(key)}
            ports = {"address": f"{address}:{VAULT_PORT}", "cluster_address": f"{address}:{CLUSTER_PORT}"}
            return {"tcp": ports | files | {"tls_min_version": "tls12"}}

        raft = {"path": str(self.directory / "raft"), "node_id": "lab", "performance_multiplier": 1}
        configuration = {
            "storage": {"raft": raft},
            "listener": [listener(self.ipv4), listener(f"[{self.ipv6}]")],
            "api_addr": self.address,
            "cluster_addr": f"https://{self.ipv4}:{CLUSTER_PORT}",
            "disable_mlock": True,
            "ui": False,
        }
        (self.directory / "vault.json").write_text(json.dumps(configuration, indent=2), encoding="utf-8")

    def _launch(self) -> None:
        command = [str(ensure_vault()), "server", f"-config={self.directory / 'vault.json'}"]
        # A clean environment: a VAULT_* of the user's would change what this server is.
        process = spawn(self.entered(command, self.directory), self.environment(), self.log)
        process.save(self._process_file)

    def start(self) -> None:
        """Start it again after `stop`, and unseal it."""
        if self.running:
            return
        self._launch()
        self._wait_for(503)
        self.unseal()

    def stop(self) -> None:
        """End it as an administrator would; its storage stays."""
        if process := Process.load(self._process_file):
            process.stop(STOP_SECONDS)

    def reopen_logs(self) -> None:
        """Have it open its audit logs anew, as after a rotation, and come back when it has."""
        process = Process.load(self._process_file)
        if process is None:
            raise LabError("Vault does not run")
        wanted = {log.stat().st_ino for log in self.audit_directory.glob("*.log")}
        process.signal(signal.SIGHUP)
        deadline = time.monotonic() + START_SECONDS
        while wanted - _open_files(process.pid):
            if time.monotonic() > deadline:
                raise LabError("Vault does not open its audit logs anew")
            time.sleep(PAUSE_SECONDS)

    def unseal(self) -> None:
        """Open it with its key, and come back when it serves."""
        self.request("POST", "sys/unseal", {"key": self.unseal_key})
        self._wait_for(ACTIVE)

    def _wait_for(self, status: int) -> None:
        """Ask for its health until it has this status: the one time that no answer is no error."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.running:
            try:
                if self._exchange("GET", "/v1/sys/health", None, None)[0] == status:
                    return
            except OSError:
                pass
            time.sleep(PAUSE_SECONDS)
        said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        raise LabError(f"Vault does not start: {''.join(said)} (all of it: {self.log})")

    def request(self, method: str, path: str, data: Any = None, token: str | None = None) -> dict[str, Any]:
        """One call of its HTTP API from its own host (`path` without /v1/); an error answer is a LabError."""
        status, answer = self.answer(method, path, data, token)
        if status >= 400:
            errors = " ".join("; ".join(answer.get("errors") or ["no reason given"]).split())
            raise LabError(f"Vault: {method} {path}: {status}: {errors}")
        return answer

    def answer(
        self,
        method: str,
        path: str,
        data: Any = None,
        token: str | None = None,
        source: Host | None = None,
        *,
        ipv6: bool = False,
    ) -> tuple[int, dict[str, Any]]:
        """Status and answer of one call, from this host or from another that can reach it."""
        status, text = self._exchange(method, f"/v1/{path}", data, token, source, self.ipv6 if ipv6 else self.ipv4)
        return status, json.loads(text) if text.strip().startswith("{") else {}

    def connection(self, source: Host | None = None, address: str | None = None) -> http.client.HTTPSConnection:
        """An HTTPS connection to it, not yet open, that starts on this host or on another that can reach it."""
        return _Connection(source or self, address or self.ipv4, ssl.create_default_context(cafile=self.ca_file))

    def _exchange(
        self,
        method: str,
        path: str,
        data: Any,
        token: str | None,
        source: Host | None = None,
        address: str | None = None,
    ) -> tuple[int, str]:
        connection = self.connection(source, address)
        headers = {"X-Vault-Request": "true"} | ({"X-Vault-Token": token} if token else {})
        body = None if data is None else json.dumps(data)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


class _Connection(http.client.HTTPSConnection):
    """An HTTPS connection that starts in a host's own namespace."""

    def __init__(self, source: Host, address: str, context: ssl.SSLContext) -> None:
        super().__init__(address, VAULT_PORT, timeout=30, context=context)
        self._source = source
        self._tls = context

    def connect(self) -> None:
        plain = network.connect(self._source.namespace, self.host, VAULT_PORT, 30)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def _open_files(pid: int) -> set[int]:
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(descriptor.stat().st_ino)
    return found


def _known(value: str | None) -> str:
    if value is None:
        raise LabError("Vault's keys are in the memory of the process that made this lab, and nowhere else")
    return value
