"""A device with IOS for tests of its rules: takes a text line by line, shows what runs, and lets sources in or not.

It knows what our texts and the tests' own need: lists of access (their entries as people write them, hosts alone),
virtual lines, and commands that are there or not. What it does not know, it refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import groupby

Address = IPv4Address | IPv6Address
_LISTS = ("ip access-list extended ", "ip access-list standard ", "ipv6 access-list ")


class IosDevice:
    """`lines` are virtual lines by number, each with its settings."""

    def __init__(self, running: str) -> None:
        self.commands: list[str] = []
        self.lists: dict[str, list[str]] = {}
        self.blocks: dict[str, list[str]] = {}
        self.lines: dict[int, list[str]] = {}
        self._mode = ""
        for line in running.splitlines():
            self.take(line)

    def merge(self, text: str) -> Iterator[str]:
        """Each line of a text, after it was taken."""
        self._mode = ""
        for line in text.splitlines():
            self.take(line)
            yield line

    def take(self, line: str) -> None:
        command = line.strip()
        if command in {"", "!", "end", "exit"}:
            self._mode = ""
        elif line[0].isspace():
            self._take_beneath(command)
        elif command.startswith(_LISTS):
            self._mode = command
            self.lists.setdefault(command, [])
        elif command.startswith("no ") and command.removeprefix("no ").startswith(_LISTS):
            del self.lists[command.removeprefix("no ")]
        elif command.startswith("line vty "):
            self._mode = command
            for number in self._numbers(command):
                self.lines.setdefault(number, [])
        elif command.startswith(("interface ", "line ", "archive")):
            self._mode = command
            self.blocks.setdefault(command, [])
        else:
            self._take_command(command)

    def _take_command(self, command: str) -> None:
        self._mode = ""
        undone = command.removeprefix("no ")
        self.commands = [other for other in self.commands if not f"{other} ".startswith(f"{undone} ")]
        if undone.startswith("ip ssh "):
            word = " ".join(undone.split()[: 5 if "algorithm" in undone else 3])
            self.commands = [other for other in self.commands if not other.startswith(word)]
        if undone.startswith("snmp-server group "):
            word = " ".join(undone.split()[:4])
            self.commands = [other for other in self.commands if not other.startswith(f"{word} ")]
        if command == undone or command in {"no ip http server", "no ip http secure-server", "no vstack"}:
            self.commands.append(command)

    def _take_beneath(self, command: str) -> None:
        if self._mode.startswith("line vty "):
            for number in self._numbers(self._mode):
                self.lines[number] = self._with(self.lines[number], command)
        elif self._mode in self.lists:
            assert command.split(maxsplit=1)[0] in {"permit", "deny", "remark"}, command
            if command not in self.lists[self._mode]:
                self.lists[self._mode].append(command)
        elif command.startswith("no "):
            self.blocks[self._mode].remove(command.removeprefix("no "))
        else:
            self.blocks[self._mode].append(command)

    @staticmethod
    def _with(settings: list[str], command: str) -> list[str]:
        if command.startswith("no "):
            assert command.removeprefix("no ") in settings, command
            return [setting for setting in settings if setting != command.removeprefix("no ")]
        for word in ("access-class", "ipv6 access-class", "transport input"):
            if command.startswith(f"{word} "):
                settings = [setting for setting in settings if not setting.startswith(f"{word} ")]
        return [*settings, command] if command not in settings else settings

    @staticmethod
    def _numbers(command: str) -> range:
        first, *last = map(int, command.split()[2:])
        return range(first, (last[0] if last else first) + 1)

    def running(self) -> str:
        """As `show running-config` shows it: IPv6 in capitals, a deny with its spaces, numbers nowhere."""
        shown = ["Building configuration...", "", "!", "version 15.2", *self.commands, "!"]
        for head, beneath in [*self.blocks.items(), *self.lists.items()]:
            if beneath or head in self.blocks:
                shown += [head, *(f" {self._as_shown(line)}" for line in beneath), "!"]
        for settings, numbers in groupby(sorted(self.lines), key=lambda number: self.lines[number]):
            group = list(numbers)
            for part in ([n for n in group if n < 5], [n for n in group if n >= 5]):
                if part:
                    shown += [f"line vty {part[0]} {part[-1]}", *(f" {setting}" for setting in settings)]
        return "\n".join([*shown, "!", "end", ""])

    @staticmethod
    def _as_shown(line: str) -> str:
        words = [word.upper() if ":" in word else word for word in line.split()]
        return " ".join(words).replace("deny ", "deny   ", 1) if words[0] == "deny" else " ".join(words)

    def lets_in(self, source: Address, port: int = 22) -> set[bool]:
        """The answers of those lines that take SSH: both of them, when they differ."""
        return {
            self._line_lets_in(settings, source, port)
            for settings in self.lines.values()
            if any(setting.startswith("transport input") and "ssh" in setting for setting in settings)
        }

    def _line_lets_in(self, settings: list[str], source: Address, port: int) -> bool:
        word = "access-class" if source.version == 4 else "ipv6 access-class"
        names = [setting.removeprefix(word).split()[0] for setting in settings if setting.startswith(f"{word} ")]
        for name in names:
            kind = "ip " if source.version == 4 else "ipv6 "
            heads = [head for head in self.lists if head.startswith(kind) and head.split()[-1] == name]
            entries = [entry for head in heads for entry in self.lists[head]]
            if not entries:
                return True  # missing and empty lists let everybody in
            return any(self._permits(entries, source, port))
        return True

    @staticmethod
    def _permits(entries: list[str], source: Address, port: int) -> Iterator[bool]:
        for entry in entries:
            verdict, *words = entry.split()
            if verdict == "remark":
                continue
            if words[0] in {"tcp", "ip", "ipv6"}:
                words = words[1:]
            from_it = words[0] == "any" or (words[0] == "host" and ip_address(words[1]) == source)
            if from_it and ("eq" not in words or words[-1] == str(port)):
                yield verdict == "permit"
                return
