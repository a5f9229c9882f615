"""An SNMP agent that answers for a device's name and description: versions 1 and 2c by community, version 3 by user.

    Agent(engine, boots, seconds, communities, users, values).answer(datagram) -> datagram or None

Version 3 has USM with HMAC (MD5, SHA-1, SHA-256) and AES-128, or AES-256 beside SHA-256; what is refused is answered
with a report or not at all, as RFC 3414 says. Only GET and GETNEXT are answered.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

INTEGER, OCTETS, NULL, OID, SEQUENCE, TICKS = 0x02, 0x04, 0x05, 0x06, 0x30, 0x43
GET, GETNEXT, RESPONSE, REPORT = 0xA0, 0xA1, 0xA2, 0xA8
END_OF_VIEW, NO_SUCH_OBJECT = 0x82, 0x80
SYSTEM = (1, 3, 6, 1, 2, 1, 1)
USM = (1, 3, 6, 1, 6, 3, 15, 1, 1)
UNSUPPORTED_LEVEL, NOT_IN_TIME, UNKNOWN_USER, UNKNOWN_ENGINE, WRONG_DIGEST, NOT_DECRYPTED = range(1, 7)
AUTHENTICATED, ENCRYPTED, REPORTABLE = 1, 2, 4
WINDOW_SECONDS = 150
DIGESTS = {"md5": ("md5", 12), "sha": ("sha1", 12), "sha-2 256": ("sha256", 24)}
PASSWORD_BYTES = 1_048_576


@dataclass(frozen=True)
class SnmpUser:
    """One of version 3. `auth` is one of DIGESTS; without it nothing is signed, without `priv` nothing encrypted."""

    auth: str = ""
    auth_password: str = ""
    priv: str = ""
    priv_password: str = ""


@dataclass
class Agent:
    """One device's. `values` are those of the system group by their last number: text, or an integer of hundredths."""

    engine: bytes
    boots: int
    seconds: int
    communities: Iterable[str] = ()
    users: Mapping[str, SnmpUser] = field(default_factory=dict)
    values: Mapping[int, str | int] = field(default_factory=dict)

    def answer(self, datagram: bytes) -> bytes | None:
        """What is sent back; None: nothing."""
        try:
            version, rest = _integer_of(_content(datagram, SEQUENCE)[0])
            return self._version3(datagram, rest) if version == 3 else self._community(version, rest)
        except (IndexError, ValueError, OverflowError):
            return None

    def _community(self, version: int, rest: bytes) -> bytes | None:
        community, rest = _content(rest, OCTETS)
        if version not in (0, 1) or community.decode("latin-1") not in set(self.communities):
            return None
        answered = self._pdu(rest)
        return _tlv(SEQUENCE, _integer(version) + _tlv(OCTETS, community) + answered) if answered else None

    def _pdu(self, raw: bytes) -> bytes | None:
        kind = raw[0]
        request, rest = _integer_of(_content(raw, kind)[0])
        bindings = _content(_integer_of(_integer_of(rest)[1])[1], SEQUENCE)[0]
        if kind not in (GET, GETNEXT):
            return None
        answers = b""
        while bindings:
            binding, bindings = _content(bindings, SEQUENCE)
            answers += self._bound(kind, _oid_of(_content(binding, OID)[0]))
        return _tlv(RESPONSE, _integer(request) + _integer(0) + _integer(0) + _tlv(SEQUENCE, answers))

    def _bound(self, kind: int, asked: tuple[int, ...]) -> bytes:
        known = {(*SYSTEM, number, 0): value for number, value in sorted(self.values.items())}
        name = asked if kind == GET else next((oid for oid in known if oid > asked), None)
        if name is None or name not in known:
            return _tlv(SEQUENCE, _oid(asked) + _tlv(NO_SUCH_OBJECT if kind == GET else END_OF_VIEW, b""))
        value = known[name]
        text = _tlv(OCTETS, value.encode()) if isinstance(value, str) else _tlv(TICKS, _number(value))
        return _tlv(SEQUENCE, _oid(name) + text)

    def _version3(self, datagram: bytes, rest: bytes) -> bytes | None:
        header, rest = _content(rest, SEQUENCE)
        message, header = _integer_of(header)
        flags = _content(_integer_of(header)[1], OCTETS)[0][0]
        security, scoped = _content(rest, OCTETS)
        fields = _content(security, SEQUENCE)[0]
        engine, fields = _content(fields, OCTETS)
        boots, fields = _integer_of(fields)
        seconds, fields = _integer_of(fields)
        name, fields = _content(fields, OCTETS)
        signature, fields = _content(fields, OCTETS)
        salt = _content(fields, OCTETS)[0]
        asked = _Asked(message, flags, name.decode("latin-1"), boots, seconds, salt)
        user = self.users.get(asked.name)
        if engine != self.engine:
            return self._report(asked, UNKNOWN_ENGINE, None)
        if user is None:
            return self._report(asked, UNKNOWN_USER, None)
        level = AUTHENTICATED * bool(user.auth) | ENCRYPTED * bool(user.priv)
        if flags & (AUTHENTICATED | ENCRYPTED) != level:
            return self._report(asked, UNSUPPORTED_LEVEL, None)
        if user.auth and not self._signed(datagram, signature, user):
            return self._report(asked, WRONG_DIGEST, None)
        if user.auth and (boots != self.boots or abs(seconds - self.seconds) > WINDOW_SECONDS):
            return self._report(asked, NOT_IN_TIME, user)
        return self._answer(asked, scoped, user)

    def _answer(self, asked: _Asked, scoped: bytes, user: SnmpUser) -> bytes | None:
        if user.priv:
            sealed = _content(scoped, OCTETS)[0]
            scoped = self._cipher(user, asked.boots, asked.seconds, asked.salt, sealed, seal=False)
            if not scoped or scoped[0] != SEQUENCE:
                return self._report(asked, NOT_DECRYPTED, None)
        context = _content(scoped, SEQUENCE)[0]
        engine, context = _content(context, OCTETS)
        context_name, raw = _content(context, OCTETS)
        answered = self._pdu(raw)
        if answered is None:
            return None
        return self._message(asked, user, _tlv(OCTETS, engine) + _tlv(OCTETS, context_name) + answered)

    def _report(self, asked: _Asked, reason: int, user: SnmpUser | None) -> bytes | None:
        if not asked.flags & REPORTABLE:
            return None
        counter = _tlv(SEQUENCE, _oid((*USM, reason, 0)) + _tlv(0x41, b"\1"))
        report = _tlv(REPORT, _integer(0) * 3 + _tlv(SEQUENCE, counter))
        plain = SnmpUser(user.auth, user.auth_password) if user else SnmpUser()
        return self._message(asked, plain, _tlv(OCTETS, self.engine) + _tlv(OCTETS, b"") + report)

    def _message(self, asked: _Asked, user: SnmpUser, scoped: bytes) -> bytes:
        length = DIGESTS[user.auth][1] if user.auth else 0
        salt = os.urandom(8) if user.priv else b""
        body = _tlv(SEQUENCE, scoped)
        if user.priv:
            body = _tlv(OCTETS, self._cipher(user, self.boots, self.seconds, salt, body, seal=True))
        flags = AUTHENTICATED * bool(user.auth) | ENCRYPTED * bool(user.priv)
        header = _integer(asked.message) + _integer(65507) + _tlv(OCTETS, bytes([flags])) + _integer(3)
        before = _tlv(OCTETS, self.engine) + _integer(self.boots) + _integer(self.seconds)
        before += _tlv(OCTETS, asked.name.encode("latin-1"))
        security = _tlv(SEQUENCE, before + _tlv(OCTETS, b"\0" * length) + _tlv(OCTETS, salt))
        whole = _tlv(SEQUENCE, _integer(3) + _tlv(SEQUENCE, header) + _tlv(OCTETS, security) + body)
        if not length:
            return whole
        place = whole.index(before) + len(before) + 2
        return whole[:place] + self._sign(whole, user) + whole[place + length :]

    def _sign(self, whole: bytes, user: SnmpUser) -> bytes:
        name, length = DIGESTS[user.auth]
        return hmac.digest(localized(name, user.auth_password, self.engine), whole, name)[:length]

    def _signed(self, whole: bytes, signature: bytes, user: SnmpUser) -> bool:
        if len(signature) != DIGESTS[user.auth][1]:
            return False
        blank = whole.replace(signature, b"\0" * len(signature), 1)
        return hmac.compare_digest(self._sign(blank, user), signature)

    def _cipher(self, user: SnmpUser, boots: int, seconds: int, salt: bytes, text: bytes, *, seal: bool) -> bytes:
        length = 32 if user.priv.endswith("256") else 16
        key = localized(DIGESTS[user.auth][0], user.priv_password, self.engine)[:length]
        vector = boots.to_bytes(4, "big") + seconds.to_bytes(4, "big") + salt
        cipher = Cipher(algorithms.AES(key), CFB(vector))
        return (cipher.encryptor() if seal else cipher.decryptor()).update(text)


@dataclass(frozen=True)
class _Asked:
    message: int
    flags: int
    name: str
    boots: int
    seconds: int
    salt: bytes


@lru_cache(256)
def localized(digest: str, password: str, engine: bytes) -> bytes:
    """A password's key on one engine (RFC 3414, A.2)."""
    raw = password.encode("latin-1", "replace")
    stretched = (raw * (PASSWORD_BYTES // len(raw) + 1))[:PASSWORD_BYTES]
    key = hashlib.new(digest, stretched, usedforsecurity=False).digest()
    return hashlib.new(digest, key + engine + key, usedforsecurity=False).digest()


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _content(raw: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the first element, which must have this tag, and what comes after it."""
    if raw[0] != tag:
        raise ValueError(raw[0])
    size, start = raw[1], 2
    if size & 0x80:
        start = 2 + (size & 0x7F)
        size = int.from_bytes(raw[2:start], "big")
    if start + size > len(raw):
        raise ValueError(size)
    return raw[start : start + size], raw[start + size :]


def _number(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _integer(value: int) -> bytes:
    return _tlv(INTEGER, _number(value))


def _integer_of(raw: bytes) -> tuple[int, bytes]:
    content, rest = _content(raw, INTEGER)
    return int.from_bytes(content, "big", signed=True), rest


def _oid(numbers: tuple[int, ...]) -> bytes:
    content = bytearray([numbers[0] * 40 + numbers[1]])
    for number in numbers[2:]:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.insert(0, number & 0x7F | 0x80)
        content += bytes(groups)
    return _tlv(OID, bytes(content))


def _oid_of(content: bytes) -> tuple[int, ...]:
    numbers, value = [content[0] // 40, content[0] % 40], 0
    for byte in content[1:]:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    return tuple(numbers)
