"""A device's logins: passwords as hashes, SSH keys, and which credentials anybody has offered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncssh

ITERATIONS = 600  # cheap on purpose: the benchmark's devices share the cores with what is measured
SALT_BYTES = 12


def hash_password(password: str) -> str:
    """Text of printable characters without spaces, which `password_matches` takes; never the same twice."""
    return _hashed(password, os.urandom(SALT_BYTES))


def password_matches(password: str, hashed: str) -> bool:
    """Whether this is the password; an empty or foreign hash is nobody's."""
    parts = hashed.split("$")
    if len(parts) != 3:
        return False
    return hmac.compare_digest(_hashed(password, base64.urlsafe_b64decode(parts[1])), hashed)


def _hashed(password: str, salt: bytes) -> str:
    digest = hashlib.pbkdf2_hmac("sha256", password.encode("utf-8", "surrogateescape"), salt, ITERATIONS)
    return "$".join(("pbkdf2", *(base64.urlsafe_b64encode(part).decode() for part in (salt, digest))))


def digest(secret: str) -> str:
    """How an offered password is told apart without being kept: its SHA-256 in hexadecimal digits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True)
class Offered:
    """A credential that somebody sent: `value` is a password's `digest`, a key's fingerprint, or empty."""

    kind: str  # user, password or key
    user: str
    value: str
    accepted: bool
    service: str  # ssh, api-ssl, …


@dataclass
class User:
    """One local login; groups and privileges are the platform's own business."""

    password_hash: str = ""
    keys: list[str] = field(default_factory=list)  # OpenSSH public keys, one line each
    disabled: bool = False


class Users:
    """The local users by name. The platform's configuration decides who they are; this says who may log in.

    `offered` grows with each credential that reaches the device, right or wrong, since the process started.
    """

    def __init__(self) -> None:
        """Nobody."""
        self.by_name: dict[str, User] = {}
        self.offered: list[Offered] = []

    def check_password(self, name: str, password: str, service: str) -> bool:
        """Whether this password opens the account now; what was offered is noted."""
        user = self.by_name.get(name)
        right = user is not None and not user.disabled and password_matches(password, user.password_hash)
        self.offered.append(Offered("password", name, digest(password), right, service))
        return right

    def check_key(self, name: str, key: asyncssh.SSHKey, service: str = "ssh") -> bool:
        """Whether this public key is one of the account's; what was offered is noted."""
        user = self.by_name.get(name)
        held = [] if user is None or user.disabled else user.keys
        offered = key.export_public_key().decode().split()[1]
        right = any(line.split()[1] == offered for line in held)
        self.offered.append(Offered("key", name, key.get_fingerprint(), right, service))
        return right

    def note_user(self, name: str, service: str) -> None:
        """Somebody named an account, which is the first thing that a client gives away."""
        self.offered.append(Offered("user", name, "", accepted=name in self.by_name, service=service))
