"""Accounts of a router: passwords over the API with TLS, which the router keeps as hashes; keys by its own import."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping

from obet.devices.driver import Rights
from obet.errors import DeviceError
from obet.model import CustomerAccess
from obet.platforms.routeros.driver_api import Api
from obet.platforms.routeros.driver_files import Files
from obet.secret import Secret

_LOOKING = "obet-look"
# Logs in, and reads what is not sensitive: the whole of what the proof asks.
_LOOKING_POLICY = "ssh,api,read"
_GROUPS: Mapping[Rights, str] = {"full": "full", "read": _LOOKING}
_NEEDED = {"api", "ssh", "read", "write", "policy", "test", "ftp"}
_HARMLESS = {"local", "telnet", "ssh", "read", "test", "winbox", "password", "web", "sniff", "sensitive", "api"}
_HARMLESS |= {"romon", "rest-api", "dude", "tikapp"}


class Accounts:
    def __init__(self, device: str, own: str, api: Api, files: Files) -> None:
        self._device, self._own, self._api, self._files = device, own, api, files

    def all(self) -> dict[str, Rights]:
        """Who may change anything counts as having full rights."""
        groups = {row.get("name"): row.get("policy", "") for row in self._api.ask("/user/group/print")}
        rows = self._api.ask("/user/print", "=.proplist=name,group")
        return {row.get("name", ""): _rights(groups.get(row.get("group"), "")) for row in rows}

    def lacks(self, name: str) -> list[str]:
        """What a change of management rules needs and this account's group may not do."""
        users = self._api.ask("/user/print", "=.proplist=group", f"?name={name}")
        group = users[0].get("group", "") if users else ""
        rows = self._api.ask("/user/group/print", "=.proplist=policy", f"?name={group}")
        return sorted(_NEEDED - _held(rows[0].get("policy", "") if rows else ""))

    def put(self, name: str, password: Secret, rights: Rights) -> None:
        if rights == "read":
            self._put_group()
        words = (f"=password={password.reveal()}", f"=group={_GROUPS[rights]}", "=disabled=no")
        number = self._number(name)
        command, who = ("set", f"=.id={number}") if number else ("add", f"=name={name}")
        self._api.ask(f"/user/{command}", who, *words, hide=(password.reveal(),))
        self._check(name, _GROUPS[rights])

    def put_keys(self, name: str, public_keys: tuple[str, ...]) -> None:
        """What is new comes before what is old goes. Our keys hold a name of their own: not every router shows keys."""
        for key in public_keys:
            if not any(shows(row, key) for row in self._keys(name)):
                self._import(name, "obet-key.pub", key)
        if others := [row[".id"] for row in self._keys(name) if not any(shows(row, key) for key in public_keys)]:
            self._api.ask("/user/ssh-keys/remove", f"=.id={','.join(others)}")
        there = self._keys(name)
        if len(there) != len(public_keys) or not all(any(shows(row, key) for row in there) for key in public_keys):
            raise DeviceError(f"{self._device}: has not taken the public key of {name}")

    def put_customer(self, access: CustomerAccess) -> None:
        """A new account gets a password that nobody knows, as one without would take an empty one."""
        name = access.account
        if number := self._number(name):
            self._api.ask("/user/set", f"=.id={number}", "=group=full", "=disabled=no")
        else:
            password = secrets.token_urlsafe(32)
            self._api.ask("/user/add", f"=name={name}", f"=password={password}", "=group=full", hide=(password,))
        self._check(name, "full")
        if not self._has_key(access):
            remedy = f"if it takes no keys of the type {access.public_key.split()[0]}, name an RSA one"
            self._import(name, "obet-customer.pub", access.public_key, remedy)
        if not self._keys(name):
            raise DeviceError(f"{self._device}: has not taken the customer's public key")

    def remove(self, names: tuple[str, ...]) -> None:
        """With their keys, and the group that only they were in."""
        users = {row.get("name", ""): row for row in self._api.ask("/user/print", "=.proplist=.id,name,group")}
        gone = [name for name in names if name in users]
        for name in gone:
            if keys := [row[".id"] for row in self._keys(name)]:
                self._api.ask("/user/ssh-keys/remove", f"=.id={','.join(keys)}")
        looking = any(row.get("group") == _LOOKING for name, row in users.items() if name not in gone)
        others = [name for name in gone if name != self._own]
        if others:
            self._api.ask("/user/remove", f"=.id={','.join(users[name]['.id'] for name in others)}")
        if not looking and (number := self._group()):
            self._api.ask("/user/group/remove", f"=.id={number}")
        if self._own in gone:
            self._api.ask("/user/remove", f"=.id={users[self._own]['.id']}")

    def shut(self, name: str) -> None:
        """No key opens it, and a password that nobody knows; sessions that are open stay so."""
        if number := self._number(name):
            if keys := [row[".id"] for row in self._keys(name)]:
                self._api.ask("/user/ssh-keys/remove", f"=.id={','.join(keys)}")
            password = secrets.token_urlsafe(32)
            self._api.ask("/user/set", f"=.id={number}", f"=password={password}", hide=(password,))

    def residue(self, names: tuple[str, ...]) -> tuple[str, ...]:
        there = self.all()
        group = (f"group {_LOOKING}",) if self._group() else ()
        keys = (f"SSH key of {name}" for name in names if self._keys(name))
        return (*(f"account {name}" for name in names if name in there), *keys, *group)

    def _number(self, name: str) -> str:
        rows = self._api.ask("/user/print", "=.proplist=.id", f"?name={name}")
        return rows[0][".id"] if rows else ""

    def _check(self, name: str, group: str) -> None:
        rows = self._api.ask("/user/print", "=.proplist=group,disabled", f"?name={name}")
        if [(row.get("group"), row.get("disabled")) for row in rows] != [(group, "false")]:
            raise DeviceError(f"{self._device}: has not made the account {name} as told")

    def _group(self) -> str:
        rows = self._api.ask("/user/group/print", "=.proplist=.id", f"?name={_LOOKING}")
        return rows[0][".id"] if rows else ""

    def _put_group(self) -> None:
        number = self._group()
        command, who = ("set", f"=.id={number}") if number else ("add", f"=name={_LOOKING}")
        self._api.ask(f"/user/group/{command}", who, f"=policy={_LOOKING_POLICY}")

    def _import(self, name: str, file: str, public_key: str, remedy: str = "") -> None:
        self._files.put(file, f"{public_key}\n")
        try:
            self._api.ask("/user/ssh-keys/import", f"=user={name}", f"=public-key-file={file}", remedy=remedy)
        finally:
            with contextlib.suppress(DeviceError):  # it holds no secret, and the ending removes it too
                self._files.remove(file)

    def _keys(self, name: str) -> list[dict[str, str]]:
        return self._api.ask("/user/ssh-keys/print", f"?user={name}")

    def _has_key(self, access: CustomerAccess) -> bool:
        """Only routers that show keys can tell."""
        wanted = access.public_key.split()[1]
        return any(wanted in row.get("key", "").split() for row in self._keys(access.account))


def shows(row: Mapping[str, str], public_key: str) -> bool:
    """By the key itself where the router shows it, by its name elsewhere."""
    _, data, name = public_key.split()
    shown = row.get("key", "").split()
    return data in shown if shown else name in row.values()


def _rights(policy: str) -> Rights:
    return "read" if _held(policy) <= _HARMLESS else "full"


def _held(policy: str) -> set[str]:
    return {word for word in policy.split(",") if word and not word.startswith("!")}
