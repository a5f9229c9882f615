"""SNMP on the switch: communities from the configuration, users of version 3 from beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.simulators.snmp import Agent, SnmpUser

from .shows import SOFTWARE
from .tree import INCOMPLETE, INVALID, LineError

if TYPE_CHECKING:
    from .device import Simulated

DESCRIPTION, UPTIME, NAME, LOCATION = 1, 3, 5, 6
SHORTEST = 8


def user(device: Simulated, words: list[str], *, negated: bool) -> str:
    """`snmp-server user NAME GROUP v3 auth sha PASSWORD priv aes 128 PASSWORD`; it is kept, and never printed."""
    if negated:
        device.snmp_users.pop(words[0], None)
        return ""
    if len(words) < 3:
        raise LineError(INCOMPLETE)
    text = " ".join(words[3:])
    auth = re.search(r"\bauth (md5|sha-2 256|sha) (\S+)", text)
    priv = re.search(r"\bpriv (aes (?:128|256)) (\S+)", text)
    if words[2] not in ("v1", "v2c", "v3") or ("auth " in text and not auth) or ("priv " in text and not priv):
        raise LineError(INVALID)
    if priv and priv[1] == "aes 256" and not (auth and auth[1] == "sha-2 256"):
        raise LineError(INVALID)
    if any(found and len(found[2]) < SHORTEST for found in (auth, priv)):
        raise LineError("% Password must be at least 8 characters")
    device.snmp_users[words[0]] = {
        "group": words[1], "auth": auth[1] if auth else "", "auth_password": auth[2] if auth else "",
        "priv": priv[1] if priv else "", "priv_password": priv[2] if priv else "",
    }  # fmt: skip
    return ""


def answer(device: Simulated, datagram: bytes, source: str) -> bytes | None:
    """What goes back to whoever asked."""
    kept = device.snmp_users.items()
    users = {name: SnmpUser(*(one[part] for part in ("auth", "auth_password", "priv", "priv_password")))
             for name, one in kept if _group(device, one["group"], source)}  # fmt: skip
    root = device.config.root
    agent = Agent(
        bytes.fromhex(device.engine_id), device.boots, int(device.uptime), _communities(device, source), users,
        {DESCRIPTION: SOFTWARE, UPTIME: int(device.uptime * 100), NAME: device.hostname,
         LOCATION: root.get("snmp-server", "location")},
    )  # fmt: skip
    return agent.answer(datagram)


def _communities(device: Simulated, source: str) -> list[str]:
    """Those that take this source: a community may name a standard list at its end."""
    allowed = []
    for entry in device.config.root.starting("snmp-server", "community"):
        words = entry.text.split()
        found = device.config.access_list("ip", words[-1]) if len(words) > 4 else None
        if found is None or found.permits(source):
            allowed.append(words[2])
    return allowed


def _group(device: Simulated, name: str, source: str) -> bool:
    """Whether there is such a group of version 3, and its list for this source's IP version takes it."""
    for entry in device.config.root.starting("snmp-server", "group", name, "v3"):
        bound = re.search(r"\baccess(?: ipv6 (\S+))?(?: (\S+))?$", entry.text)
        family = "ipv6" if ":" in source else "ip"
        listed = bound and bound[1 if family == "ipv6" else 2]
        found = device.config.access_list(family, listed) if listed else None
        if found is None or found.permits(source):
            return True
    return False
