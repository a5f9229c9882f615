"""A router of RouterOS 7 as small as can be: it runs the commands that our rules consist of, prints what it holds, and
judges packets one by one. It shares no code with the product and checks no value; a command it does not know is an
error, as on the device.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Item = dict[str, str]
Address = IPv4Address | IPv6Address
LISTS = (
    *(f"ip firewall {name}" for name in ("address-list", "filter", "mangle", "nat", "raw")),
    *(f"ipv6 firewall {name}" for name in ("address-list", "filter", "mangle", "nat", "raw")),
)
HEADER = "# 2026-11-23 10:00:00 by RouterOS 7.17.2\n# software id = AAAA-BBBB\n#\n"
SERVICES = {"telnet": "no", "ftp": "no", "www": "no", "ssh": "no", "www-ssl": "yes", "api": "no", "winbox": "no"}
SERVICES |= {"api-ssl": "no"}
DELIVERED: dict[str, Item] = {f"ip service/{n}": {"disabled": off, "address": '""'} for n, off in SERVICES.items()}
for _name in ("www-ssl", "api-ssl"):
    DELIVERED[f"ip service/{_name}"]["tls-version"] = "any"
DELIVERED |= {
    "ip ssh": {"strong-crypto": "no", "forwarding-enabled": "no"},
    "tool mac-server": {"allowed-interface-list": "all"},
    "tool mac-server mac-winbox": {"allowed-interface-list": "all"},
    "tool mac-server ping": {"enabled": "yes"},
    "tool bandwidth-server": {"enabled": "yes"},
    "tool romon": {"enabled": "no"},
    "ip neighbor discovery-settings": {"discover-interface-list": "static"},
}
_WORD = re.compile(r'(?:"(?:[^"\\]|\\.)*"|\[(?:[^\[\]]|\[[^\]]*\])*\]|[^\s"\[])+')


def bare(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


@dataclass
class Router:
    """`lists` are menus of items in their order, `settings` all else; values are as they were written."""

    lists: dict[str, list[Item]] = field(default_factory=lambda: {path: [] for path in LISTS})
    settings: dict[str, Item] = field(default_factory=lambda: {path: dict(own) for path, own in DELIVERED.items()})

    def load(self, text: str) -> Iterator[str]:
        """Runs line by line, and stops after each so that one may look."""
        for line in text.splitlines():
            self.run(line)
            yield line

    def run(self, line: str) -> None:
        if line.startswith("#"):
            return
        if attempt := re.fullmatch(r":do \{ (.*) \} on-error=\{ (.*)\}", line):
            try:
                self.run(attempt[1])
            except (LookupError, ValueError):
                if attempt[2].strip():
                    self.run(attempt[2].strip())
            return
        path, verb, rest = re.fullmatch(r"/(.*?) (add|set|remove) ?(.*)", line).groups()  # type: ignore[union-attr]
        words = _WORD.findall(rest)
        selector = words.pop(0) if words and "=" not in words[0].split("[")[0] else ""
        values = dict(word.split("=", 1) for word in words)
        if path not in self.lists:
            assert verb == "set"
            self._set_one(self.settings[f"{path}/{selector}" if selector else path], values)
        elif verb == "add":
            place = values.pop("place-before", None)
            items = self.lists[path]
            items.insert(len(items) if place is None else self._picked(place), values)
        else:
            picked = selector.startswith("[:pick")
            chosen = [self.lists[path][self._picked(selector)]] if picked else self._found(path, selector.strip("[]"))
            self._change(path, verb, chosen, values)

    def _set_one(self, own: Item, values: Item) -> None:
        for name, value in values.items():
            if name not in own:
                raise LookupError(name)
            own[name] = value

    def _change(self, path: str, verb: str, chosen: list[Item], values: Item) -> None:
        if verb == "remove":
            self.lists[path] = [item for item in self.lists[path] if not any(item is one for one in chosen)]
        for item in chosen if verb == "set" else ():
            item.update(values)

    def _picked(self, text: str) -> int:
        """The place of the item that `[:pick [/path find …] n]` gives."""
        path, query, number = re.fullmatch(r"\[:pick \[/(.*?) (find where .*)\] (\d+)\]", text).groups()  # type: ignore[union-attr]
        item = self._found(path, query)[int(number)]
        return next(n for n, other in enumerate(self.lists[path]) if other is item)

    def _found(self, path: str, query: str) -> list[Item]:
        terms = query.removeprefix("find where ").split(" && ")
        return [item for item in self.lists[path] if all(holds(term, item) for term in terms)]

    def export(self, *, verbose: bool = False) -> str:
        lines = [HEADER]
        for path, items in self.lists.items():
            lines.append(f"/{path}\n")
            for item in items:
                verb = "set [ find default=yes ]" if item.get("name") == "public" else "add"
                lines.append(f"{verb} {' '.join(f'{name}={value}' for name, value in item.items())}\n")
        for place, own in self.settings.items():
            path, _, name = place.partition("/")
            changed = {n: v for n, v in own.items() if verbose or v != DELIVERED[place][n]}
            if changed:
                lines.append(f"/{path}\nset {name} {' '.join(f'{n}={v}' for n, v in changed.items())}\n")
        return "".join(lines)

    def reaches(self, source: Address, port: int, service: int, luck: Iterator[bool], friend: bool = False) -> bool:
        """Whether a connection from `source` to `port` gets to the service that listens on `service`.

        `luck` says what unknown properties turn out to be; a `friend` is in no address list but those that are written.
        """
        packet = Packet(source, port, luck, friend)
        family = "ip" if source.version == 4 else "ipv6"
        if self._judge(f"{family} firewall raw", "prerouting", packet) == "drop":
            return False
        rewritten = self._judge(f"{family} firewall nat", "dstnat", packet)
        if rewritten == "dst-nat":
            return False
        if rewritten.startswith("redirect "):
            packet.port = int(rewritten.split()[1])
        return packet.port == service and self._judge(f"{family} firewall filter", "input", packet) == "accept"

    def _judge(self, path: str, chain: str, packet: Packet) -> str:
        verdict = self._run_chain(path, chain, packet)
        return "accept" if verdict == "return" else verdict

    def _run_chain(self, path: str, chain: str, packet: Packet) -> str:
        for rule in self.lists[path]:
            if rule["chain"] != chain or rule.get("disabled") == "yes":
                continue
            if not all(self._matches(name, value, packet) for name, value in rule.items()):
                continue
            action = rule.get("action", "accept")
            if action == "jump":
                verdict = self._run_chain(path, rule["jump-target"], packet)
                if verdict != "return":
                    return verdict
            elif action == "redirect":
                return f"redirect {rule['to-ports']}"
            elif action in {"accept", "return", "dst-nat"}:
                return action
            elif action in {"drop", "reject"}:
                return "drop"
        return "return"

    def _matches(self, name: str, value: str, packet: Packet) -> bool:
        """Whether the packet has this property, as far as it is one that packets have."""
        negated, value = value.startswith("!"), value.removeprefix("!")
        if name == "protocol":
            found = value == "tcp"
        elif name == "dst-port":
            found = any(int(e[0]) <= packet.port <= int(e[-1]) for e in (part.split("-") for part in value.split(",")))
        elif name == "src-address":
            found = within(packet.source, value)
        elif name == "src-address-list":
            path = f"{'ip' if packet.source.version == 4 else 'ipv6'} firewall address-list"
            entries = [e for e in self.lists[path] if e["list"] == value and e.get("disabled") != "yes"]
            found = any(within(packet.source, e["address"]) for e in entries)
            found = found or (not packet.friend and next(packet.luck, False))
        elif name in {"connection-state", "in-interface", "limit", "src-port", "something-new"}:
            return next(packet.luck, False)
        else:
            return True
        return found is not negated


@dataclass
class Packet:
    source: Address
    port: int
    luck: Iterator[bool]
    friend: bool


def holds(term: str, item: Item) -> bool:
    if denied := re.fullmatch(r"!\((.*)\)", term):
        return not holds(denied[1], item)
    name, operator, value = re.fullmatch(r"([a-z-]+)(=|~)(.*)", term).groups()  # type: ignore[union-attr]
    own = bare(item.get(name, "no" if name == "dynamic" else ""))
    return bool(re.search(bare(value), own)) if operator == "~" else own == bare(value)


@cache
def ends(written: str) -> tuple[int, int, int]:
    """The version of IP, the first and the last address of `a`, `a/n` or `a-b`."""
    if "-" in written:
        low, high = map(ip_address, written.split("-"))
        return low.version, int(low), int(high)
    network = ip_network(written)
    return network.version, int(network[0]), int(network[-1])


def within(source: Address, written: str) -> bool:
    version, low, high = ends(written)
    return source.version == version and low <= int(source) <= high
