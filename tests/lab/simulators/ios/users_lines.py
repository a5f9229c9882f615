"""Lines that IOS keeps otherwise than they are typed: passwords, banners, ranges of terminal lines."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

from . import secrets

DEFAULT_KIND = 9
BANNER = re.compile(r"\s*banner\s+(motd|login|exec|incoming)\s+(\^C|\S)(.*)", re.DOTALL)
SECRET = re.compile(r"(?P<before>.*?\bsecret) (?:(?P<kind>[0589]) )?(?P<text>\S+)$")
PASSWORD = re.compile(r"(?P<before>.*?\b(?:password|key)) (?:(?P<kind>[067]) )?(?P<text>\S+)$")
BOTH = "ERROR: Can not have both a user password and a user secret.\nPlease choose one or the other."
ALGORITHMS = {"md5": 5, "sha256": 8, "scrypt": 9}


class SecretError(ValueError):
    """A password that IOS does not take."""


def kept(line: str, before: str, *, conceal: bool) -> str:
    """A line as it is kept; `before` is what the same line held until now (a user's parts add up)."""
    if line.startswith("username "):
        return _user(line, before, conceal=conceal)
    if line.startswith("enable secret"):
        return _secret(line)
    if line.startswith(("enable password", "password ", "key ")) or " key " in line:
        return _password(line, conceal=conceal)
    return line


def _user(line: str, before: str, *, conceal: bool) -> str:
    words = line.split(None, 2)
    kept_parts, typed = _parts(before), _parts(words[2] if len(words) > 2 else "")
    parts = kept_parts | typed
    if "secret" in parts and "password" in parts:
        raise SecretError(BOTH)
    out = [f"username {words[1]}"]
    out += [f"privilege {parts['privilege']}"] if parts.get("privilege", "1") != "1" else []
    out += [word for word in ("nopassword",) if word in parts]
    out += [f"view {parts['view']}"] if "view" in parts else []
    if "secret" in parts:
        out.append(_secret(f"secret {parts['secret']}"))
    elif "password" in parts:
        out.append(_password(f"password {parts['password']}", conceal=conceal))
    return " ".join(out)


def _parts(text: str) -> dict[str, str]:
    """The parts of a user's line: privilege, view, and a secret or a password with its type."""
    found: dict[str, str] = {}
    if matched := re.search(r"(?:^| )privilege (\d+)", text):
        found["privilege"] = matched[1]
    if matched := re.search(r"(?:^| )view (\S+)", text):
        found["view"] = matched[1]
    algorithm = re.search(r"(?:^| )algorithm-type (\S+) secret (\S+)$", text)
    if algorithm:
        found["secret"] = secrets.hashed(algorithm[2], ALGORITHMS.get(algorithm[1], DEFAULT_KIND))
        found["secret"] = f"{ALGORITHMS.get(algorithm[1], DEFAULT_KIND)} {found['secret']}"
    elif matched := re.search(r"(?:^| )(secret|password) ((?:\d )?\S+)$", text):
        found[matched[1]] = matched[2]
    if re.search(r"(?:^| )nopassword\b", text):
        found["nopassword"] = ""
    return found


def _secret(line: str) -> str:
    found = SECRET.fullmatch(line)
    if not found:
        raise SecretError("% Incomplete command.")
    kind, text = int(found["kind"] or 0), found["text"]
    if kind == 0:
        kind, text = DEFAULT_KIND, secrets.hashed(text, DEFAULT_KIND)
    elif not secrets.is_hash(kind, text):
        raise SecretError("ERROR: The secret you entered is not a valid encrypted secret.")
    return f"{found['before']} {kind} {text}"


def _password(line: str, *, conceal: bool) -> str:
    found = PASSWORD.fullmatch(line)
    if not found:
        return line
    kind, text = found["kind"] or "0", found["text"]
    if kind == "7" and not secrets.is_hash(7, text):
        raise SecretError("Invalid encrypted password: " + text)
    if kind == "0" and conceal:
        kind, text = "7", secrets.concealed(text)
    return f"{found['before']} {kind} {text}"


def check(line_kept: str, password: str) -> bool:
    """Whether a password opens what a kept `… secret 9 …` or `… password 7 …` stands for."""
    found = re.search(r"\b(?:secret|password) (\d) (\S+)$", line_kept)
    return found is not None and secrets.matches(password, int(found[1]), found[2])


def key_hash(typed: str) -> str | None:
    """What IOS keeps of a public key, `ssh-rsa` and the MD5 of its blob; None for what is no key."""
    words = [word for word in typed.split() if not word.startswith("ssh-")]
    for count in range(len(words), 0, -1):  # a comment may stand at the end
        try:
            blob = base64.b64decode("".join(words[:count]), validate=True)
        except binascii.Error:
            continue
        length = int.from_bytes(blob[:4], "big")
        name = blob[4 : 4 + length].decode("ascii", "replace")
        if re.fullmatch(r"[a-z0-9-]{4,40}", name):
            comment = " ".join(words[count:])
            return f"{name} {blob_hash(blob)} {comment}".rstrip()
    return None


def blob_hash(blob: bytes) -> str:
    """The MD5 of a public key, as `key-hash` has it."""
    return hashlib.md5(blob, usedforsecurity=False).hexdigest().upper()


def line_range(line: str) -> tuple[str, int, int] | None:
    """`line vty 0 4` as its kind, first and last number."""
    found = re.fullmatch(r"lin?e?\s+(vty|con\S*|aux)\s+(\d+)(?:\s+(\d+))?", line.strip())
    if not found:
        return None
    kind = {"v": "vty", "c": "con", "a": "aux"}[found[1][0]]
    return kind, int(found[2]), int(found[3] or found[2])


def banner_start(line: str) -> re.Match[str] | None:
    """Whether a line begins a banner."""
    return BANNER.fullmatch(line)


def whole_banner(start: re.Match[str], following: Iterator[str]) -> str:
    """A banner's lines as one line with line breaks in it, its delimiter as it is printed."""
    kind, mark, text = start[1], start[2], start[3]
    while mark not in text:
        more = next(following, None)
        if more is None:
            break
        text += "\n" + more.rstrip("\r\n")
    return f"banner {kind} ^C{text.partition(mark)[0]}^C"
