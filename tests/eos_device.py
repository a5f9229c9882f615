"""A device with EOS for tests of its rules: takes a text line by line, shows what runs, and lets sources in or not.

It knows what our texts and the tests' own need: access lists of hosts, the services that they are bound to, blocks of
settings. What it does not know, it refuses. A list changes when it is left, as EOS has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address
Tree = dict[str, "Tree"]
_NAMES = {"22": "ssh", "443": "https", "80": "www", "830": "netconf-ssh"}
_LIST = re.compile(r"(ip|ipv6) access-list (?:standard )?(\S+)")
_OPENS = re.compile(r"management .*|vrf \S+|transport .*|ssl profile .*|(?:ip|ipv6) access-list .*")
# Settings of which there is one: what of them stays the same.
_ONE = (
    r"(ip|ipv6) access-group \S+()",
    r"(ip|ipv6) access-group \S+ in()",
    r"(ip|ipv6) access-group \S+ (vrf \S+) in",
    r"(?:no )?(shutdown)()",
    r"(?:no )?(protocol https?)()",
    r"(cipher|key-exchange|mac|idle-timeout|tls versions|authentication empty-passwords|protocol https port) .*()",
)


class EosDevice:
    def __init__(self, running: str) -> None:
        self._path: list[tuple[str, Tree]] = []
        self._edited: Tree = {}
        self.tree = self._loaded(running)

    @staticmethod
    def _loaded(running: str) -> Tree:
        """What is shown stands as it is, a banner with its text."""
        tree: Tree = {}
        above = [(-1, tree)]
        lines = iter(line for line in running.split("\n") if line.strip() and not line.strip().startswith("!"))
        for line in lines:
            if line == "end":
                continue
            indent, command = len(line) - len(line.lstrip()), line.strip()
            if command.startswith("banner "):
                command = "\n".join([command, *iter(lambda: next(lines), "EOF"), "EOF"])
            while above[-1][0] >= indent:
                above.pop()
            above.append((indent, above[-1][1].setdefault(command, {})))
        return tree

    def leave(self) -> None:
        while self._path:
            self.take("exit")

    def merge(self, text: str) -> Iterator[str]:
        """Each line of a text, after it was taken."""
        for line in text.splitlines():
            self.take(line)
            yield line
        assert self._path == [], "each block is left"

    def take(self, line: str) -> None:
        command = " ".join(line.split())
        if command == "exit":
            head, _ = self._path.pop()
            if _LIST.fullmatch(head):
                self.tree[head] = self._edited
        elif self._path and _LIST.fullmatch(self._path[-1][0]):
            self._take_entry(command)
        elif command.startswith("no ") and _LIST.fullmatch(command.removeprefix("no ")):
            del self.tree[command.removeprefix("no ")]
        elif _LIST.fullmatch(command):
            clashes = [head for head in self.tree if head != command and self._name(head) == self._name(command)]
            assert clashes == [], "a list of another kind has this name"
            self._edited = dict(self.tree.get(command, {}))
            self._path.append((command, self._edited))
        else:
            self._take_setting(command)

    @staticmethod
    def _name(head: str) -> tuple[str, str] | None:
        found = _LIST.fullmatch(head)
        return (found[1], found[2]) if found else None

    def _take_entry(self, command: str) -> None:
        if command.startswith("no "):
            gone = command.removeprefix("no ")
            (entry,) = [e for e in self._edited if e == gone or e.split()[0] == gone]
            del self._edited[entry]
            return
        number = command.split(maxsplit=1)[0]
        assert command == "counters per-entry" or number.isdigit(), command
        assert not number.isdigit() or all(e.split()[0] != number for e in self._edited), "a number is given once"
        self._edited[command] = {}
        ordered = sorted(self._edited, key=lambda e: int(e.split()[0]) if e[0].isdigit() else -1)
        self._edited = {entry: {} for entry in ordered}

    def _take_setting(self, command: str) -> None:
        where = self._path[-1][1] if self._path else self.tree
        if _OPENS.fullmatch(command):
            self._path.append((command, where.setdefault(command, {})))
            return
        for pattern in _ONE:
            if found := re.fullmatch(pattern, command):
                for other in [
                    o for o in where if (same := re.fullmatch(pattern, o)) and same.groups() == found.groups()
                ]:
                    del where[other]
        if command.startswith("no ") and command not in {"no shutdown", "no protocol https"}:
            where.pop(command.removeprefix("no "), None)
        elif command != "shutdown" or not self._path or self._path[-1][0] != "management telnet":
            where[command] = {}

    def running(self) -> str:
        """As `show running-config` shows it: ports by their names."""
        shown = ["! Command: show running-config", "! device: leaf1 (DCS-7050SX3-48YC8, EOS-4.30.5M)", "!"]
        for head, beneath in self.tree.items():
            shown += [*self._shown(head, beneath, 0), "!"]
        return "\n".join([*shown, "end", ""])

    def _shown(self, head: str, beneath: Tree, depth: int) -> Iterator[str]:
        yield "   " * depth + re.sub(r"(?<= eq )\d+", lambda m: _NAMES.get(m[0], m[0]), head)
        for inner, more in beneath.items():
            if more:
                yield "   " * (depth + 1) + "!"
            yield from self._shown(inner, more, depth + 1)

    def lets_in(self, source: Address, port: int = 22) -> set[bool]:
        """The answers of what listens on that port, in each VRF."""
        found = set()
        for vrf, lists in self._listening(port):
            names = lists[source.version]
            found.add(all(self._permits(name, source, port) for name in names) if names else True)
            assert vrf
        return found

    def _listening(self, port: int) -> Iterator[tuple[str, dict[int, list[str]]]]:
        vrfs = ["default", *(head.split()[2] for head in self.tree if head.startswith("vrf instance "))]
        for vrf in vrfs:
            ssh = self.tree.get("management ssh", {})
            if port == 22:
                ending = " in" if vrf == "default" else f" vrf {vrf} in"
                yield vrf, {v: self._bound(ssh, word, ending) for v, word in ((4, "ip"), (6, "ipv6"))}
            web = self.tree.get("management api http-commands", {})
            own = web.get(f"vrf {vrf}", {})
            named = any(head.startswith("vrf ") for head in web)
            on = "no shutdown" in own or (vrf == "default" and not named)
            if port == 443 and "no shutdown" in web and on:
                yield vrf, {v: self._bound(own, word, "") for v, word in ((4, "ip"), (6, "ipv6"))}

    @staticmethod
    def _bound(block: Tree, word: str, ending: str) -> list[str]:
        found = [re.fullmatch(rf"{word} access-group (\S+){ending}", line) for line in block]
        return [match[1] for match in found if match]

    def _permits(self, name: str, source: Address, port: int) -> bool:
        word = "ip" if source.version == 4 else "ipv6"
        entries = self.tree.get(f"{word} access-list {name}")
        if not entries:
            return True  # what a missing list does is not known: the worst is taken
        for entry in entries:
            _, verdict, *words = entry.split() if entry[0].isdigit() else ["", "", ""]
            if verdict not in {"permit", "deny"}:
                continue
            from_it = words[1] == "any" or (words[1] == "host" and ip_address(words[2]) == source)
            to_port = "eq" not in words or {words[-1], _NAMES.get(words[-1])} & {str(port), _NAMES.get(str(port))}
            if from_it and to_port:
                return verdict == "permit"
        return False
