"""A run's own SSH identity: a key made in memory, certificates of minutes from Vault, an agent for OpenSSH.

The private key is in this process and in ssh-agent(1); files hold only what is public.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import asyncssh
import msgspec

from obet.errors import DeviceError, RunError
from obet.model import VaultSettings
from obet.vault.session import Session

_AGENT_START = 5.0  # seconds
_KEY_LIFE = 3600  # seconds in the agent, should this process be killed


class Identity:
    """One key for a run, and the certificates that were signed for it."""

    def __init__(self) -> None:
        self._key = asyncssh.generate_private_key("ssh-ed25519", comment="obet run")

    @property
    def public_key(self) -> str:
        return self._key.export_public_key().decode().strip()

    def sign(self, session: Session, role: str, principals: Iterable[str]) -> Certificate:
        """A certificate for those principals; Vault's SSH role decides life and source addresses."""
        answer = session.put(
            f"{session.settings.ssh_mount}/sign/{role}",
            {"public_key": self.public_key, "valid_principals": ",".join(principals), "cert_type": "user"},
        )
        return Certificate(answer["signed_key"].strip(), self)

    def serve(self, socket: Path) -> subprocess.Popen[bytes]:
        """Starts an agent at `socket` with this key; it dies with this process."""
        for program in ("ssh-agent", "setpriv"):
            if shutil.which(program) is None:
                raise RunError(f"{program} is not on PATH: install openssh-client and util-linux")
        command = ["setpriv", "--pdeathsig", "TERM", "ssh-agent", "-D", "-t", str(_KEY_LIFE), "-a", str(socket)]
        agent = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + _AGENT_START
        while True:
            # Its socket is there before it listens.
            with suppress(FileNotFoundError, ConnectionRefusedError):
                asyncio.run(self._add(socket))
                return agent
            if agent.poll() is not None or time.monotonic() > deadline:
                agent.kill()
                agent.wait()
                raise RunError("ssh-agent did not start: no SSH identity for this run")
            time.sleep(0.01)

    async def _add(self, socket: Path) -> None:
        async with asyncssh.connect_agent(str(socket)) as client:
            await client.add_keys([self._key])


class Certificate(msgspec.Struct, frozen=True):
    """An OpenSSH certificate line (public) and the identity that it is for."""

    line: str
    identity: Identity

    @property
    def client_keys(self) -> list[tuple[asyncssh.SSHKey, asyncssh.SSHCertificate]]:
        """What asyncssh logs in with."""
        return [(self.identity._key, asyncssh.import_certificate(self.line))]  # noqa: SLF001 - its own other half


def ca_public_key(session: Session, settings: VaultSettings) -> str:
    """The public key of the CA that signs our certificates; DeviceError while there is none."""
    answer = session.get(f"{settings.ssh_mount}/config/ca")
    if not answer or not answer.get("public_key"):
        raise DeviceError("Vault holds no SSH CA: an administrator runs `obet vault bootstrap`")
    return str(answer["public_key"]).strip()
