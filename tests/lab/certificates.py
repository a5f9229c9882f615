"""The lab's certificate authority, strict enough for Python 3.13's X.509 checks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import this_host

if TYPE_CHECKING:
    from collections.abc import Sequence

DAYS = "30"
CONFIGURATION = """\
[req]
distinguished_name = name
prompt = no
[name]
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


class CertificateAuthority:
    """A new authority in a folder: `ca.pem` to trust, keys readable by their owner only."""

    def __init__(self, directory: Path) -> None:
        """Only paths."""
        self.directory = directory
        self.certificate = directory / "ca.pem"
        self._key = directory / "ca.key"
        self._configuration = directory / "openssl.cnf"

    def create(self) -> None:
        """Make its key and its own certificate."""
        self.directory.mkdir(mode=0o700)
        self._configuration.write_text(CONFIGURATION, encoding="utf-8")
        self._request(self.certificate, self._key, "lab authority", "authority", self._configuration, [])

    def issue(self, name: str, addresses: Sequence[str]) -> tuple[Path, Path]:
        """A server's certificate for these IP addresses, and its key."""
        certificate, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        configuration = self.directory / f"{name}.cnf"
        names = ", ".join(f"IP:{address}" for address in addresses)
        configuration.write_text(f"{CONFIGURATION}subjectAltName = {names}\n", encoding="utf-8")
        signed_by = ["-CA", str(self.certificate), "-CAkey", str(self._key)]
        self._request(certificate, key, name, "server", configuration, signed_by)
        return certificate, key

    def _request(
        self, certificate: Path, key: Path, name: str, section: str, configuration: Path, signed_by: list[str]
    ) -> None:
        this_host.command(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", DAYS, "-subj", f"/CN={name}", "-config", str(configuration), "-extensions", section,
            *signed_by, "-keyout", str(key), "-out", str(certificate),
        )  # fmt: skip
        key.chmod(0o600)
