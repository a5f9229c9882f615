"""A Junos device for the tests of what is sent to it: a candidate that takes `set` and `delete`, and judges packets.

It knows of filters only what is sent: hosts, protocols, destination ports, and foreign terms of the same kind.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_network

Address = IPv4Address | IPv6Address
Path = tuple[str, ...]

# Statements that hold one value; a new one takes the place of the old.
_SINGLE = {"input", "root-login", "port", "host-name", "version"}
_EXTENSIONS = {0, 43, 44, 60, 135, 139, 140}
_NUMBERS = {"tcp": 6, "udp": 17, "ospf": 89, "icmp6": 58}


class RefusedError(ValueError):
    """The device refuses the whole text."""


@dataclass
class JunosDevice:
    text: str
    paths: list[Path] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)  # deactivate and protect, as they are shown

    def __post_init__(self) -> None:
        for line in self.text.splitlines():
            verb, *path = shlex.split(line)
            if verb == "set":
                self._set(tuple(path))
            else:
                self.marks.append(line)

    def load(self, text: str) -> JunosDevice:
        """All of it or nothing, as a candidate is committed."""
        made = JunosDevice(self.running())
        for line in text.splitlines():
            verb, *path = shlex.split(line)
            if verb == "set":
                made._set(tuple(path))
            elif verb == "delete":
                made._delete(tuple(path))
            else:
                raise RefusedError(line)
        made._check()
        return made

    def running(self) -> str:
        lines = [" ".join(["set", *(_quoted(word) for word in path)]) for path in self.paths]
        return "".join(f"{line}\n" for line in [*lines, *self.marks])

    def lets_in(self, source: Address, port: int = 22, unit: str = "0", extension: int | None = None) -> bool:
        """Whether a packet of TCP gets to the port through the unit; `extension` stands before it in IPv6."""
        return self._passes(source, unit, 6, port, extension)

    def passes(self, source: Address, protocol: str, unit: str = "0") -> bool:
        return self._passes(source, unit, _NUMBERS[protocol], 0, None)

    def _passes(self, source: Address, unit: str, protocol: int, port: int, extension: int | None) -> bool:
        family = "inet" if source.version == 4 else "inet6"
        bound = ("interfaces", "lo0", "unit", unit, "family", family, "filter")
        names = [path[-1] for path in self.paths if path[:7] == bound and path[7:8] != ("output",)]
        for name in names:
            for said in self._terms(("firewall", "family", family, "filter", name, "term")).values():
                if _matches(said, source, protocol, port, extension):
                    return ("then", "accept") in said
        return not names

    def _terms(self, start: Path) -> dict[str, list[Path]]:
        terms: dict[str, list[Path]] = {}
        for path in self.paths:
            if path[: len(start)] == start:
                terms.setdefault(path[len(start)], []).append(path[len(start) + 1 :])
        return terms

    def _set(self, path: Path) -> None:
        if path[-2:-1] and path[-2] in _SINGLE:
            self.paths = [one for one in self.paths if one[:-1] != path[:-1]]
        if path not in self.paths:
            self.paths.append(path)

    def _delete(self, path: Path) -> None:
        left = [one for one in self.paths if one[: len(path)] != path]
        if len(left) == len(self.paths):
            raise RefusedError(f"statement not found: {' '.join(path)}")
        self.paths = left
        self.marks = [mark for mark in self.marks if tuple(shlex.split(mark)[1:])[: len(path)] != path]

    def _check(self) -> None:
        """What a commit checks: filters that are bound are there, and there is one binding in a place."""
        for path in self.paths:
            if path[:2] == ("interfaces", "lo0") and path[6:7] == ("filter",):
                if not any(one[:5] == ("firewall", "family", path[5], "filter", path[-1]) for one in self.paths):
                    raise RefusedError(f"filter {path[-1]} is not there")
                words = {one[7] for one in self.paths if one[:7] == path[:7]}
                if {"input", "input-list"} <= words:
                    raise RefusedError("input and input-list")


def _quoted(word: str) -> str:
    return f'"{word}"' if "@" in word or " " in word else word


def _matches(said: list[Path], source: Address, protocol: int, port: int, extension: int | None) -> bool:
    conditions: dict[str, list[Path]] = {}
    for path in said:
        if path[0] == "from":
            conditions.setdefault(path[1], []).append(path[2:])
    return all(_holds(name, values, source, protocol, port, extension) for name, values in conditions.items())


def _holds(name: str, values: list[Path], source: Address, protocol: int, port: int, extension: int | None) -> bool:
    numbers = [_NUMBERS.get(value[0]) or (int(value[0]) if value[0].isdecimal() else -1) for value in values]
    if name == "source-address":
        return any(source in ip_network(value[0]) for value in values)
    if name == "destination-address":
        return True  # the device's own, none of them multicast
    if name == "next-header":
        return (protocol if extension is None else extension) in numbers
    if name in {"protocol", "payload-protocol"}:
        return protocol in numbers
    if name == "destination-port":
        return port in numbers
    raise AssertionError(name)
