"""Menus that only tell: what the router is, who is logged in, what its log says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .values import written_duration

if TYPE_CHECKING:
    from .device import Simulated

Rows = list[dict[str, str]]
COUNTERS = dict.fromkeys(("rx-byte", "tx-byte", "rx-packet", "tx-packet"), "0")


def resource(router: Simulated) -> Rows:
    """`/system/resource`."""
    memory = {"free-memory": "914358272", "total-memory": "1073741824"}
    disk = {"free-hdd-space": "993452032", "total-hdd-space": "1073741824"}
    board = {"architecture-name": "arm64", "board-name": "RB5009UG+S+", "platform": "MikroTik"}
    processor = {"cpu": "ARM64", "cpu-count": "4", "cpu-frequency": "1400", "cpu-load": "1"}
    version = {
        "version": f"{router.version} (stable)",
        "build-time": "2025-02-27 11:16:56",
        "factory-software": "7.4.1",
    }
    return [{"uptime": written_duration(router.uptime), **version, **memory, **processor, **disk, **board}]


def routerboard(router: Simulated) -> Rows:
    """`/system/routerboard`."""
    return [{"routerboard": "yes", "board-name": "RB5009UG+S+", "model": "RB5009UG+S+", "serial-number": router.serial,
             "firmware-type": "70x0", "factory-firmware": "7.4.1", "current-firmware": router.version,
             "upgrade-firmware": router.version}]  # fmt: skip


def package_update(router: Simulated) -> Rows:
    """`/system/package/update`."""
    return [{"channel": "stable", "installed-version": router.version}]


def interfaces(router: Simulated) -> Rows:
    """`/interface`."""
    rows: Rows = []
    configuration, path = router.configuration, "interface/ethernet"
    for row in configuration.rows[path]:
        disabled = configuration.value(path, row, "disabled") or "no"
        up = "yes" if not rows and disabled == "no" else "no"
        rows.append({".id": row.id, **row.values, "type": "ether", "mtu": "1500", "actual-mtu": "1500", "running": up,
                     "disabled": disabled, **COUNTERS})  # fmt: skip
    rows.append({".id": "*F", "name": "lo", "type": "loopback", "mtu": "65536", "actual-mtu": "65536",
                 "mac-address": "00:00:00:00:00:00", "running": "yes", "disabled": "no", **COUNTERS})  # fmt: skip
    return rows


def clock(router: Simulated) -> Rows:
    """`/system/clock`."""
    now, configuration = router.timers.now, router.configuration
    zone = configuration.single("system/clock", "time-zone-name")
    return [{"time": f"{now:%H:%M:%S}", "date": f"{now:%Y-%m-%d}", "time-zone-name": zone, "gmt-offset": "+00:00"}]


def active(router: Simulated) -> Rows:
    """`/user/active`."""
    return [{".id": f"*{number:X}", "name": caller.user, "address": caller.address, "via": caller.service.split("-")[0],
             "group": ""} for number, caller in enumerate(router.active, 1)]  # fmt: skip


def log(router: Simulated) -> Rows:
    """`/log`."""
    return [{".id": f"*{number:X}", **entry} for number, entry in enumerate(router.log, 1)]


FACTS: dict[str, Callable[[Simulated], Rows]] = {
    "system/resource": resource,
    "system/routerboard": routerboard,
    "system/package/update": package_update,
    "interface": interfaces,
    "user/active": active,
    "log": log,
    "system/script/job": lambda _: [],
    "system/health": lambda _: [],
}
