"""What the router does when it is told to: the commands that every menu has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import certificates
from .configuration import Row
from .errors import RouterError
from .filter import counter
from .menus import JOB_POLICY, MENUS, Shape
from .requests import Answer, Caller, Request, matching

if TYPE_CHECKING:
    from .device import Simulated

COMMANDS = {
    "print",
    "getall",
    "find",
    "get",
    "set",
    "add",
    "remove",
    "enable",
    "disable",
    "unset",
    "move",
    "comment",
    "export",
}
RULES = ("ip/firewall/filter", "ipv6/firewall/filter")


def shown(router: Simulated, path: str, row: Row, *, sensitive: bool) -> dict[str, str]:
    """A row as `print` gives it: what is set or has a default, and what the router itself knows about it."""
    menu, configuration = MENUS[path], router.configuration
    printed = {} if menu.shape is Shape.SINGLE else {".id": row.id}
    for name, known in menu.properties.items():
        value = configuration.value(path, row, name)
        if value is None or (name in ("comment", "password") and not value) or (known.sensitive and not sensitive):
            continue
        printed[name] = value
    printed.pop("password", None)
    if menu.shape is not Shape.SINGLE and path != "system/script":
        printed |= _flags(router, path, row)
    if path == "certificate" and "pem" in row.hidden:
        since, until = certificates.validity(row.hidden["pem"])
        known_by = {"fingerprint": certificates.fingerprint(row.hidden["pem"]), "private-key": "yes"}
        printed |= {**known_by, "invalid-before": since, "invalid-after": until}
    if path == "system/scheduler":
        printed |= router.scheduler.shown(row)
    if path == "snmp":
        printed["engine-id"] = "80003a8c04"
    return printed


def _flags(router: Simulated, path: str, row: Row) -> dict[str, str]:
    flags = {"invalid": "no"} if path in ("ip/service", *RULES, "ip/address", "system/logging") else {}
    if path in (*RULES, "ip/address", "ipv6/address", "ip/firewall/address-list", "ipv6/firewall/address-list"):
        flags["dynamic"] = "no"
    if row.factory is not None and path in ("snmp/community", "system/logging", "system/logging/action"):
        flags["default"] = "yes"
    if path == "interface/ethernet":
        flags["running"] = "yes" if router.configuration.rows[path].index(row) == 0 else "no"
    if path == "ip/address":
        flags["actual-interface"] = row.values.get("interface", "")
    return flags


async def table(router: Simulated, caller: Caller, request: Request) -> Answer:
    """A command of a menu of the configuration."""
    path, command = request.path, request.command
    if command in ("print", "getall", "find", "get"):
        caller.need("read")
        return _read(router, caller, request)
    caller.need("write", MENUS[path].owner)
    if path == "system/device-mode":
        raise RouterError("no such command", 0)
    if command == "add":
        return Answer(ret=_add(router, caller, request).id)
    rows = _meant(router, request)
    configuration = router.configuration
    if command == "set":
        _set(router, caller, path, rows, dict(request.given))
    elif command == "remove":
        configuration.remove(path, rows)
    elif command in ("enable", "disable"):
        configuration.set(path, rows, {"disabled": "yes" if command == "disable" else "no"})
    elif command == "comment":
        configuration.set(path, rows, {"comment": request.value("comment")})
    elif command == "unset":
        configuration.unset(path, rows, request.value("value-name").split(","))
    elif command == "move":
        destination = request.given.get("destination")
        configuration.move(path, rows, configuration.find(path, destination) if destination else None)
    else:
        raise RouterError("no such command", 0)
    return Answer()


def _read(router: Simulated, caller: Caller, request: Request) -> Answer:
    path, configuration = request.path, router.configuration
    sensitive = "sensitive" in caller.policies
    rows = configuration.rows[path] if request.numbers is None else _meant(router, request)
    printed = [(row, shown(router, path, row, sensitive=sensitive)) for row in rows]
    if path in RULES and request.command in ("print", "getall"):
        seen = router.enforcement.counted() if router.enforcement else {}
        for row, values in printed:
            values |= {"bytes": "0", "packets": str(seen.get(counter(path, row), 0))}
    if request.command == "find":
        return Answer(ret=[row.id for row, values in printed if matching(values, request.conditions)])
    if request.command == "get":
        if MENUS[path].shape is not Shape.SINGLE and len(printed) != 1:
            raise RouterError("no such item", 0)
        return Answer(ret=printed[0][1].get(request.value("value-name"), ""))
    return Answer(rows=[values for _, values in printed if matching(values, request.conditions)])


def _meant(router: Simulated, request: Request) -> list[Row]:
    rows = router.configuration.rows[request.path]
    if MENUS[request.path].shape is Shape.SINGLE:
        return rows
    if request.numbers is None:
        raise RouterError("missing value(s) of argument(s) numbers", 1)
    return [router.configuration.find(request.path, number) for number in request.numbers]


def _add(router: Simulated, caller: Caller, request: Request) -> Row:
    path, given, configuration = request.path, dict(request.given), router.configuration
    if path == "system/scheduler":
        router.scheduler.check(caller, given)
        now = router.timers.now
        given = {"start-date": f"{now:%Y-%m-%d}", "start-time": f"{now:%H:%M:%S}", "policy": _own(caller)} | given
    if path == "system/script":
        given = {"owner": caller.user, "policy": _own(caller), "dont-require-permissions": "no"} | given
    if path == "user" and configuration.named("user/group", given.get("group", "")) is None:
        raise RouterError("input does not match any value of group", 1)
    if path == "user/ssh-keys":
        return router.accounts.add_key(given)
    if path == "user/group":
        given["policy"] = whole_policy(given.get("policy", ""))
    password = given.pop("password", "") if path == "user" else ""
    row = configuration.add(path, given)
    if path == "user":
        router.accounts.set_password(row, password)
    if path == "ip/address" and "network" not in row.values:
        router.fill_network(row)
    return row


def _set(router: Simulated, caller: Caller, path: str, rows: Sequence[Row], given: dict[str, str]) -> None:
    if path == "system/scheduler":
        router.scheduler.check(caller, given)
    if path == "user/group" and "policy" in given:
        given["policy"] = whole_policy(given["policy"])
    password = given.pop("password", None) if path == "user" else None
    router.configuration.set(path, rows, given)
    for row in rows if password is not None else []:
        router.accounts.set_password(row, password or "")


def _own(caller: Caller) -> str:
    """The policy of a job that says none: what is usual, as far as whoever makes it has it himself."""
    return ",".join(name for name in JOB_POLICY.split(",") if name in caller.policies)


def whole_policy(policy: str) -> str:
    """A group's policy as the router keeps it: what it has, then what it has not."""
    order = MENUS["user/group"].factory[2]["policy"].split(",")
    held = [name for name in order if name in policy.split(",")]
    return ",".join([*held, *(f"!{name}" for name in order if name not in held)])
