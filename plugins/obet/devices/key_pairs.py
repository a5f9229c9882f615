"""Key pairs of our own accounts on devices that know no certificates; private ones are in memory and Vault alone."""

from __future__ import annotations

import hashlib
from typing import Literal

import asyncssh

from obet.secret import Secret

Kind = Literal["ssh-rsa", "ssh-ed25519"]
_RSA_BITS = 3072  # as strong as AES-128
_SHA_2 = (b"rsa-sha2-256", b"rsa-sha2-512")


def generate(kind: Kind) -> Secret:
    """A new private key in OpenSSH's form, without a word of whose it is."""
    if kind == "ssh-rsa":
        made = asyncssh.generate_private_key(kind, key_size=_RSA_BITS)
    else:
        made = asyncssh.generate_private_key(kind)
    return Secret(made.export_private_key().decode())


def private_key(key: Secret) -> asyncssh.SSHKey:
    return asyncssh.import_private_key(key.reveal())


def for_login(key: Secret) -> asyncssh.SSHKeyPair:
    """RSA signs with SHA-2 alone: asyncssh by itself falls back to SHA-1, as soon as a device offers nothing better."""
    pair = asyncssh.load_keypairs(private_key(key))[0]
    if pair.algorithm == b"ssh-rsa":
        pair.sig_algorithms = _SHA_2
        pair.set_sig_algorithm(_SHA_2[0])
    return pair


def public_key(key: Secret) -> str:
    """Its public half as a line: kind, key, and a name that tells it from others and is made of the key alone."""
    kind, data = private_key(key).export_public_key().decode().split()[:2]
    return f"{kind} {data} obet-{hashlib.sha256(data.encode()).hexdigest()[:16]}"
