"""Accounts of an IOS device as configuration text. What is sent of a password is its scrypt hash (type 9): so neither
the device's terminal nor its log of commands, which may go out in clear, ever has the password.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping

from obet.devices.driver import Rights
from obet.devices.key_pairs import Kind
from obet.errors import DeviceError
from obet.model import CustomerAccess
from obet.secret import Secret

_USER = re.compile(r"^username (\S+)(.*)$", re.MULTILINE)
_NAME = re.compile(r"[!->@-~]{1,64}")  # `?` would be a question
_LEVEL = re.compile(r"^privilege exec (?:all )?level (\d+) (.+)$", re.MULTILINE)
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_CISCO = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LOOK = "show running-config view full"
CHAIN = "ip ssh pubkey-chain"
_CHAIN = re.compile(rf"^{CHAIN}\n((?: .*\n)*)", re.MULTILINE)
_METHODS = re.compile(r"^Authentication methods:.*\bpublickey\b", re.MULTILINE)
_ALGORITHMS = re.compile(r"^Authentication Publickey Algorithms:(?:.*,)?\s*rsa-sha2-(?:256|512)\b", re.MULTILINE)


def hashed(password: Secret) -> str:
    """As IOS keeps it: scrypt with N 16384, r 1, p 1, a salt of fourteen characters."""
    salt = "".join(secrets.choice(_CISCO) for _ in range(14))
    digest = hashlib.scrypt(password.reveal().encode(), salt=salt.encode(), n=16384, r=1, p=1, dklen=32)
    text = base64.b64encode(digest).decode().rstrip("=").translate(str.maketrans(_BASE64, _CISCO))
    return f"$9${salt}${text}"


def shown(running: str) -> dict[str, Rights]:
    """By name; "full" is privilege 15."""
    return {name: "full" if " privilege 15 " in f"{rest} " else "read" for name, rest in _USER.findall(running)}


def has_password(running: str, name: str) -> bool:
    """Whether the account has a password that can be read back, beside which no secret is taken."""
    return any(found == name and " password " in rest for found, rest in _USER.findall(running))


def account(device: str, running: str, name: str, secret: str, rights: Rights) -> str:
    """An account with this hash; one that looks gets a level at which there is nothing but looking."""
    if not _NAME.fullmatch(name):
        raise DeviceError(f"{device}: no account of IOS can be called {name!r}")
    if rights == "full":
        return f"username {name} privilege 15 secret 9 {secret}\n"
    level = _level_of_looking(device, running, name)
    # A command of many words takes its first words along to its level: those stay where they were.
    first_words = {found[2]: found[0] for found in _LEVEL.finditer(running) if _LOOK.startswith(f"{found[2]} ")}
    first_words.setdefault("show", "privilege exec level 1 show")
    lines = [f"privilege exec level {level} {_LOOK}", *first_words.values()]
    return "".join(f"{line}\n" for line in [*lines, f"username {name} privilege {level} secret 9 {secret}"])


def key_kind(ssh: str) -> Kind | None:
    """By what it says of its SSH server. RSA is what each IOS with keys takes; with SHA-1 alone we sign nothing."""
    return "ssh-rsa" if _METHODS.search(ssh) and _ALGORITHMS.search(ssh) else None


def _in_the_chain(running: str) -> dict[str, str]:
    """What stands beneath each name in the chain of keys."""
    chain = _CHAIN.search(running)
    blocks = re.split(r"^ +username (\S+)\n", chain[1], flags=re.MULTILINE)[1:] if chain else []
    return dict(zip(blocks[::2], blocks[1::2], strict=True))


def has_keys(running: str, name: str) -> bool:
    """Whether the chain of keys names the account, with or without keys beneath it."""
    return name in _in_the_chain(running)


def keys(running: str, name: str) -> list[str]:
    """The keys that open an account, each as `ssh-rsa` and a hash."""
    return re.findall(r"^ +key-hash (\S+ [0-9A-Fa-f]+)", _in_the_chain(running).get(name, ""), re.MULTILINE)


def kept(public_key: str) -> str:
    """What IOS keeps of a public key: the MD5 of it."""
    kind, data = public_key.split()[:2]
    return f"{kind} {hashlib.md5(base64.b64decode(data), usedforsecurity=False).hexdigest().upper()}"


def only_keys(running: str, name: str, public_keys: tuple[str, ...]) -> str:
    """The text that makes these the account's keys: what is not ours goes first, as there may be two at the most."""
    there, wanted = keys(running, name), [kept(key) for key in public_keys]
    lines = [f"no key-hash {key}" for key in there if key not in wanted]
    lines += [f"key-hash {key}" for key in wanted if key not in there]
    return _under(name, lines) if lines else ""


def _under(name: str, lines: Iterable[str]) -> str:
    return "".join(
        f"{line}\n" for line in [CHAIN, f" username {name}", *(f"  {line}" for line in lines), "  exit", " exit"]
    )


def customer(device: str, running: str, access: CustomerAccess) -> str:
    """His account with full rights and his key. A new account gets a password that nobody knows."""
    kind = access.public_key.partition(" ")[0]
    if kind != "ssh-rsa":
        raise DeviceError(f"{device}: IOS takes keys of type ssh-rsa alone, and the customer's is {kind}: ask for one")
    there = any(name == access.account and re.search(r" (?:secret|password) ", rest) for name, rest in _users(running))
    unknown = "" if there else f" secret 9 {hashed(Secret(secrets.token_urlsafe(32)))}"
    text = f"username {access.account} privilege 15{unknown}\n"
    if "ip ssh server authenticate user " in running:
        text += "ip ssh server authenticate user publickey\n"
    return text + _under(access.account, [f"key-hash {kept(access.public_key)}"])


def rights_of_looking(running: str) -> str:
    """What takes away that a level below 15 sees the configuration, as `account` has arranged it."""
    level = next((found[1] for found in _LEVEL.finditer(running) if found[2] == _LOOK), None)
    ours = [
        found[0]
        for found in _LEVEL.finditer(running)
        if (found[1] == level and f"{_LOOK} ".startswith(f"{found[2]} ")) or found[0] == "privilege exec level 1 show"
    ]
    return "".join(f"no {line}\n" for line in ours) if level else ""


def _users(running: str) -> Iterator[tuple[str, str]]:
    yield from _USER.findall(running)


def _level_of_looking(device: str, running: str, name: str) -> int:
    """The highest level that opens nothing but looking, and that no other account reaches."""
    opened = [
        int(found[1]) for found in _LEVEL.finditer(running) if found[2].split()[0] not in {"show", "ping", "traceroute"}
    ]
    others = [level for user, level in levels(running).items() if user != name and level != 15]
    for level in range(14, 1, -1):
        if all(other > level for other in opened) and all(other < level for other in others):
            return level
    raise DeviceError(
        f"{device}: has no privilege level left at which an account could only look: each one below 15 opens more, or "
        "others have it"
    )


def levels(running: str) -> Mapping[str, int]:
    """Each account's privilege level."""
    return {
        name: int(found[1]) if (found := re.search(r" privilege (\d+)", rest)) else 1 for name, rest in _users(running)
    }
