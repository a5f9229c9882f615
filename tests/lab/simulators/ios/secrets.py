"""Passwords as IOS keeps them: types 0, 5, 7, 8 and 9."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets

ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
TO_CISCO = str.maketrans(BASE64, ALPHABET)
VIGENERE = b"dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87"
LATIN = "latin-1"  # the console's bytes, one character each


def hashed(password: str, kind: int) -> str:
    """A new hash of type 5, 8 or 9."""
    salt = "".join(secrets.choice(ALPHABET) for _ in range(4 if kind == 5 else 14))
    return _hash(password, kind, salt)


def hash_password(password: str) -> str:
    """As the configuration keeps a new user's secret."""
    return f"9 {hashed(password, 9)}"


def matches(password: str, kind: int, kept: str) -> bool:
    """Whether the kept text of this type is of this password."""
    if kind == 0:
        return hmac.compare_digest(password.encode(LATIN, "replace"), kept.encode(LATIN, "replace"))
    if kind == 7:
        return hmac.compare_digest(revealed(kept).encode(LATIN, "replace"), password.encode(LATIN, "replace"))
    parts = kept.split("$")
    if len(parts) != 4 or parts[1] != {5: "1", 8: "8", 9: "9"}.get(kind):
        return False
    return hmac.compare_digest(_hash(password, kind, parts[2]), kept)


def is_hash(kind: int, text: str) -> bool:
    """Whether the text has the form that IOS takes as a hash of the type."""
    lengths = {5: (4, 22), 8: (14, 43), 9: (14, 43)}
    parts = text.split("$")
    if kind == 7:
        return len(text) >= 4 and len(text) % 2 == 0 and text[:2].isdigit() and _hexadecimal(text[2:])
    if kind not in lengths or len(parts) != 4 or parts[1] != {5: "1"}.get(kind, str(kind)):
        return False
    salt, length = lengths[kind]
    return 1 <= len(parts[2]) <= salt and len(parts[3]) == length


def _hexadecimal(text: str) -> bool:
    return all(character in "0123456789ABCDEFabcdef" for character in text)


def concealed(password: str) -> str:
    """Type 7, which hides nothing from anybody who can read."""
    seed = secrets.randbelow(16)
    raw = password.encode(LATIN, "replace")
    return f"{seed:02d}" + "".join(
        f"{byte ^ VIGENERE[(seed + place) % len(VIGENERE)]:02X}" for place, byte in enumerate(raw)
    )


def revealed(kept: str) -> str:
    """The password behind a type 7 text."""
    seed, raw = int(kept[:2]), bytes.fromhex(kept[2:])
    return bytes(byte ^ VIGENERE[(seed + place) % len(VIGENERE)] for place, byte in enumerate(raw)).decode(LATIN)


def _hash(password: str, kind: int, salt: str) -> str:
    raw = password.encode(LATIN, "replace")
    if kind == 5:
        return f"$1${salt}${_md5_crypt(raw, salt.encode(LATIN))}"
    if kind == 8:
        digest = hashlib.pbkdf2_hmac("sha256", raw, salt.encode(LATIN), 20000)
    else:
        digest = hashlib.scrypt(raw, salt=salt.encode(LATIN), n=16384, r=1, p=1, dklen=32)
    return f"${kind}${salt}${base64.b64encode(digest).decode().rstrip('=').translate(TO_CISCO)}"


def _md5_crypt(password: bytes, salt: bytes) -> str:
    """The digest part of the old MD5 crypt of BSD."""
    inner = hashlib.md5(password + salt + password, usedforsecurity=False).digest()
    text = password + b"$1$" + salt + (inner * (len(password) // 16 + 1))[: len(password)]
    bits = len(password)
    while bits:
        text += b"\0" if bits & 1 else password[:1]
        bits >>= 1
    digest = hashlib.md5(text, usedforsecurity=False).digest()
    for turn in range(1000):
        parts = [password if turn & 1 else digest, salt if turn % 3 else b"", password if turn % 7 else b""]
        parts.append(digest if turn & 1 else password)
        digest = hashlib.md5(b"".join(parts), usedforsecurity=False).digest()
    out = ""
    for group in ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5), (11,)):
        value = 0
        for place in group:
            value = value << 8 | digest[place]
        for _ in range(4 if len(group) == 3 else 2):
            out += ALPHABET[value & 63]
            value >>= 6
    return out


def engine_id() -> str:
    """An SNMP engine's name, of Cisco's enterprise number and random."""
    return "80000009" + "03" + os.urandom(6).hex().upper()
