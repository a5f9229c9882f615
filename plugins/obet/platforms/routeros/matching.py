"""Which sources a rule of RouterOS matches, for packets over TCP from the network to one port of the router itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from ipaddress import ip_address, ip_network

import msgspec

from obet.access.intervals import EVERYONE, Intervals, both, minus, union
from obet.platforms.routeros.export import Entry, Export

# What says nothing of which packets are meant.
_NO_MATCH = {"action", "chain", "comment", "disabled", "log", "log-prefix", "jump-target", "reject-with", "passthrough"}
_NO_MATCH |= {"address-list", "address-list-timeout", "to-addresses", "to-ports", "sniff-target", "sniff-target-port"}
_STATES = {"established", "invalid", "new", "related", "untracked"}


class Matched(msgspec.Struct, frozen=True):
    """Sources that surely match, that possibly do, and that do as far as the export tells of address lists."""

    sure: Intervals
    possible: Intervals
    exported: Intervals


class Lists(msgspec.Struct, frozen=True):
    """Address lists of one family by name: who is surely in, and who is as far as the export tells."""

    held: Mapping[str, tuple[Intervals, Intervals]]
    everyone: Intervals
    uncertain: bool

    @classmethod
    def read(cls, export: Export, path: str) -> Lists:
        """The lists under `path` (`ip firewall`), with what fills them while the router runs."""
        version = 6 if path.startswith("ipv6") else 4
        everyone = EVERYONE[version]
        sure: dict[str, list[tuple[int, int]]] = {}
        told: dict[str, list[tuple[int, int]]] = {}
        for entry in export.entries(f"{path} address-list"):
            if not entry.on:
                continue
            found, name = _addresses(entry.get("address"), version), entry.get("list")
            told.setdefault(name, []).extend(everyone if found is None else found)
            if found and not {"timeout", "dynamic"} & entry.properties.keys():
                sure.setdefault(name, []).extend(found)
        for name in _filled(export, path):
            told[name] = list(everyone)
        held = {name: (union(sure.get(name, ())), union(told.get(name, ()))) for name in {*sure, *told}}
        radius = any(e.get("use-radius") == "yes" for own in export.paths.values() for e in own)
        return cls(held, everyone, radius)

    def members(self, name: str) -> Matched:
        sure, told = self.held.get(name, ((), ()))
        return Matched(sure, self.everyone, self.everyone if self.uncertain else told)


class Case(msgspec.Struct, frozen=True):
    version: int
    port: int
    lists: Lists


def match(entry: Entry, case: Case) -> Matched:
    """Whom the rule matches: all of its properties must."""
    everyone = EVERYONE[case.version]
    parts = [_property(name, value, case) for name, value in entry.properties.items() if not _says_nothing(name)]
    return reduce(
        lambda one, other: Matched(
            both(one.sure, other.sure), both(one.possible, other.possible), both(one.exported, other.exported)
        ),
        parts,
        Matched(everyone, everyone, everyone),
    )


def _says_nothing(name: str) -> bool:
    return name in _NO_MATCH or name.startswith("new-")


def _property(name: str, value: str, case: Case) -> Matched:
    everyone = EVERYONE[case.version]
    negated, value = value.startswith("!"), value.removeprefix("!")
    whom: Intervals | None = None
    if name == "src-address-list":
        found = case.lists.members(value)
    else:
        if name == "src-address":
            whom = _addresses(value, case.version)
        elif (truth := _truth(name, value, case.port)) is not None:
            whom = everyone if truth else ()
        if whom is None:
            return Matched((), everyone, everyone)
        found = Matched(whom, whom, whom)
    if not negated:
        return found
    outside = minus(everyone, found.sure)
    return Matched(minus(everyone, found.possible), outside, outside)


def _truth(name: str, value: str, port: int) -> bool | None:
    """Whether any packet of the case has this; None when some may and some may not, or nobody knows."""
    if name == "protocol":
        return value in {"tcp", "6"}
    if name == "dst-port":
        return _has(value, port)
    if name == "port":
        return _has(value, port) or None  # the sender's own port may be any
    if name == "in-interface-list":
        return {"all": True, "none": False}.get(value)
    if name == "connection-state":
        return True if set(value.split(",")) >= _STATES else None
    return None


def _has(ports: str, port: int) -> bool | None:
    """Whether `22,8000-8100` holds the port; None when it is written in another way."""
    try:
        ranges = [[int(end) for end in part.split("-")] for part in ports.split(",")]
    except ValueError:
        return None
    if any(not 1 <= len(ends) <= 2 for ends in ranges):
        return None
    return any(ends[0] <= port <= ends[-1] for ends in ranges)


def _addresses(text: str, version: int) -> Intervals | None:
    """`a`, `a/n` or `a-b`; None for a name or what else it may be."""
    low, dash, high = text.partition("-")
    try:
        if dash:
            first, last = ip_address(low), ip_address(high)
            own, ends = {first.version, last.version}, (int(first), int(last))
        else:
            network = ip_network(text, strict=False)
            own, ends = {network.version}, (int(network.network_address), int(network.broadcast_address))
        return union([ends]) if own == {version} else None
    except ValueError:
        return None


def _filled(export: Export, path: str) -> set[str]:
    """Names of lists that rules of the firewall, leases, logins or answers of DNS fill while the router runs."""
    names: set[str] = set()
    for place, own in export.paths.items():
        for entry in own:
            if place.startswith(("ip firewall", "ipv6 firewall")):
                if place.startswith(path) and entry.get("action").startswith("add-"):
                    names.add(entry.get("address-list"))
            else:
                lists = (entry.get("address-list"), entry.get("address-lists"))
                names.update(name for value in lists for name in value.split(",") if name)
    return names
