"""SNMP on a router, over its API with TLS. A user of version 3 is a community with passphrases; SHA-1 and AES-128 are
the best that RouterOS 7 has. Each change is saved at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from obet.devices.snmp_setup import Protocols
from obet.errors import DeviceError
from obet.model import Address
from obet.platforms.routeros.driver_api import Api
from obet.secret import Secret
from obet.vault.names import SNMP_USER
from obet.vault.snmp_passphrases import Passphrases

_COMMUNITY, _AGENT = "/snmp/community", "/snmp"
_OURS = {
    "security": "private",
    "authentication-protocol": "SHA1",
    "encryption-protocol": "AES",
    "read-access": "yes",
    "write-access": "no",
    "disabled": "no",
}
_COMMENT = "obet: monitoring"
_BOOLEAN = {"true": "yes", "false": "no"}
Row = dict[str, str]


class Snmp:
    def __init__(self, device: str, api: Api) -> None:
        self._device, self._api = device, api

    def stands(self, sources: tuple[Address, ...]) -> bool:
        ours = self._ours()
        return self._is_on() and ours is not None and _is_bound(ours, sources)

    def preview(self, sources: tuple[Address, ...]) -> str:
        lines = []
        if not self.stands(sources):
            settings = " ".join(f"{name}={value}" for name, value in _OURS.items())
            lines.append(f"+{_COMMUNITY} {SNMP_USER} addresses={_networks(sources)} {settings}")
            lines += [] if self._is_on() else [f"+{_AGENT} enabled=yes"]
        if in_clear := self.in_clear():
            lines.append(f"-{_AGENT} (of version 1 and 2c: {in_clear})")
        return "".join(f"{line}\n" for line in lines)

    def put(self, sources: tuple[Address, ...], passphrases: Passphrases) -> Protocols:
        on, ours = self._is_on(), self._ours()
        if not on:  # nobody asks by a community now: none begins to answer
            self._disable(self._open())
        auth, priv = passphrases.auth.reveal(), passphrases.priv.reveal()
        words = [f"={name}={value}" for name, value in _OURS.items()]
        words += [f"=addresses={_networks(sources)}", f"=comment={_COMMENT}"]
        words += [f"=authentication-password={auth}", f"=encryption-password={priv}"]
        command, who = ("set", f"=.id={ours['.id']}") if ours else ("add", f"=name={SNMP_USER}")
        self._api.ask(f"{_COMMUNITY}/{command}", who, *words, hide=(auth, priv))
        if not on:
            self._api.ask(f"{_AGENT}/set", "=enabled=yes")
        if not self.stands(sources):
            raise DeviceError(f"{self._device}: has not made the SNMP user {SNMP_USER} as told")
        return "SHA1", "AES128"

    def communities(self) -> tuple[Secret, ...]:
        return tuple(Secret(row.get("name", "")) for row in self._open()) if self._is_on() else ()

    def in_clear(self) -> int:
        return len(self._open()) + self._notifies_in_clear() if self._is_on() else 0

    def drop_communities(self) -> None:
        self._disable(self._open())
        if self._notifies_in_clear():
            self._api.ask(f"{_AGENT}/set", "=trap-target=")
        if self.in_clear():
            raise DeviceError(f"{self._device}: was told to answer no community of SNMP any more, and shows some on")

    def remove(self) -> None:
        if ours := self._ours():
            self._api.ask(f"{_COMMUNITY}/remove", f"=.id={ours['.id']}")
            if not any(_is_enabled(row) for row in self._rows()):  # an agent that answers nobody
                self._api.ask(f"{_AGENT}/set", "=enabled=no")
        if self._ours():
            raise DeviceError(f"{self._device}: the SNMP user {SNMP_USER} is still there after it was removed")

    def residue(self) -> tuple[str, ...]:
        return (f"SNMP user {SNMP_USER}",) if self._ours() else ()

    def _rows(self) -> list[Row]:
        return [
            {name: _BOOLEAN.get(value, value) if name != "name" else value for name, value in row.items()}
            for row in self._api.ask(f"{_COMMUNITY}/print")
        ]

    def _ours(self) -> Row | None:
        return next((row for row in self._rows() if row.get("name") == SNMP_USER), None)

    def _open(self) -> list[Row]:
        """Communities of version 1 and 2c that are not disabled."""
        return [row for row in self._rows() if row.get("security", "none") == "none" and _is_enabled(row)]

    def _disable(self, rows: Iterable[Row]) -> None:
        if numbers := ",".join(row[".id"] for row in rows):
            self._api.ask(f"{_COMMUNITY}/set", f"=.id={numbers}", "=disabled=yes")

    def _agent(self) -> Row:
        rows = self._api.ask(f"{_AGENT}/print")
        return rows[0] if rows else {}

    def _is_on(self) -> bool:
        return self._agent().get("enabled") in {"true", "yes"}

    def _notifies_in_clear(self) -> bool:
        agent = self._agent()
        return bool(agent.get("trap-target")) and agent.get("trap-version", "1") != "3"


def _is_enabled(row: Row) -> bool:
    return row.get("disabled", "no") == "no"


def _is_bound(row: Row, sources: tuple[Address, ...]) -> bool:
    if any(row.get(name) != value for name, value in _OURS.items()):
        return False
    try:
        taken = {ip_network(text) for text in row.get("addresses", "").split(",")}
    except ValueError:
        return False
    return taken == {ip_network(source) for source in sources}


def _networks(sources: Iterable[Address]) -> str:
    return ",".join(str(ip_network(source)) for source in sources)
