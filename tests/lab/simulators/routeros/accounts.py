"""Who may log in: `/user`, its groups and keys, as the shared parts ask for them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING

import asyncssh

from ..users import User, hash_password
from .configuration import Row
from .errors import RouterError
from .requests import Caller

if TYPE_CHECKING:
    from .device import Simulated

HASH = "password-hash"


class Accounts:
    """The users of one router."""

    def __init__(self, router: Simulated) -> None:
        """None is known before the first `renew`."""
        self._router = router

    def set_password(self, row: Row, password: str) -> None:
        """Only a hash is kept."""
        row.hidden[HASH] = hash_password(password)
        self._router.configuration.changed.add("user")

    def add_key(self, given: Mapping[str, str]) -> Row:
        """A public key for a user; its kind and comment are read from it."""
        text, configuration = given.get("key", ""), self._router.configuration
        if configuration.named("user", given.get("user", "")) is None:
            raise RouterError("input does not match any value of user", 1)
        try:
            key = asyncssh.import_public_key(text)
        except asyncssh.KeyImportError:
            raise RouterError("unable to load key file (wrong format or bad passphrase)!") from None
        owner = (key.get_comment() or "").strip()
        kind = key.algorithm.decode().removeprefix("ssh-")
        line = " ".join(text.split()[:2])
        row = configuration.add("user/ssh-keys", {"user": given["user"], "key-owner": owner, "key": line})
        row.values |= {"bits": "256" if kind == "ed25519" else "2048", "key-type": kind}
        return row

    def renew(self) -> None:
        """Take up the configuration's users."""
        configuration = self._router.configuration
        keys = configuration.rows["user/ssh-keys"]
        users = self._router.users
        users.by_name = {
            row.values["name"]: User(
                row.hidden.get(HASH, ""),
                [key.values["key"] for key in keys if key.values["user"] == row.values["name"]],
                disabled=configuration.value("user", row, "disabled") == "yes",
            )
            for row in configuration.rows["user"]
        }

    def policies(self, user: str) -> frozenset[str]:
        """What a user's group lets him do."""
        configuration = self._router.configuration
        row = configuration.named("user", user)
        group = configuration.named("user/group", row.values["group"]) if row else None
        policy = group.values.get("policy", "") if group else ""
        return frozenset(name for name in policy.split(",") if name and not name.startswith("!"))

    def caller(self, user: str, service: str, address: str) -> Caller:
        """Who has logged in."""
        return Caller(user, self.policies(user), service, address)

    def may_log_in(self, user: str, kind: str, service: str, address: str) -> bool:
        """What the group, the user's addresses and, over SSH, his having a key say about a login."""
        configuration = self._router.configuration
        row = configuration.named("user", user)
        if row is None or service.split("-", maxsplit=1)[0] not in self.policies(user):
            return False
        allowed = configuration.value("user", row, "address")
        peer = ipaddress.ip_address(address)
        if allowed and not any(peer in ipaddress.ip_network(one) for one in allowed.split(",")):
            return False
        has_key = bool(self._router.users.by_name[user].keys)
        always = configuration.single("ip/ssh", "always-allow-password-login") == "yes"
        return not (service == "ssh" and kind == "password" and has_key and not always)
