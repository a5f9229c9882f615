"""The device as the rules of Junos see it: lines of `show configuration | display set`, and what hinders a change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

from obet.errors import PolicyError

Path = tuple[str, ...]

_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|[^ ]+')
_BARE = re.compile(r"[A-Za-z0-9_.:/+-]+")


_DEEP = 4  # words of a path that find lines at once: `interfaces lo0 unit 0`


class Shown(msgspec.Struct, frozen=True):
    """Paths as words; those beneath what is inactive are among `there`, and are not in force.

    `deep` holds them by their first words, `applied` the groups that are applied anywhere.
    """

    there: tuple[Path, ...]
    deep: Mapping[Path, Sequence[Path]]
    applied: frozenset[str]
    inactive: frozenset[Path]
    protected: frozenset[Path]

    @classmethod
    def read(cls, running: str) -> Shown:
        kinds: dict[str, list[Path]] = {"set": [], "deactivate": [], "protect": []}
        for line in running.split("\n"):
            words = [_unquoted(word) for word in _WORD.findall(line.strip())]
            if words and words[0] in kinds:
                kinds[words[0]].append(tuple(words[1:]))
        there = kinds["set"]
        deep: dict[Path, list[Path]] = {}
        for path in there:
            deep.setdefault(path[:_DEEP], []).append(path)
        applied = frozenset(path[-1] for path in there if path[-2:-1] == ("apply-groups",))
        return cls(tuple(there), deep, applied, frozenset(kinds["deactivate"]), frozenset(kinds["protect"]))

    def beneath(self, *path: str) -> Iterator[Path]:
        """What follows the path, in force or not."""
        known = self.deep.get(path[:_DEEP], ()) if len(path) >= _DEEP else self.there
        return (words[len(path) :] for words in known if words[: len(path)] == path)

    def next(self, *path: str) -> list[str]:
        """The words next after the path, each once."""
        return list(dict.fromkeys(rest[0] for rest in self.beneath(*path) if rest))

    def has(self, *path: str) -> bool:
        return any(True for _ in self.beneath(*path))

    def is_in_force(self, *path: str) -> bool:
        return self.has(*path) and not any(path[:length] in self.inactive for length in range(1, len(path) + 1))

    def is_partly_inactive(self, *path: str) -> bool:
        """Whether something at or beneath it is inactive, or it is beneath what is."""
        return any(path[: len(one)] == one or one[: len(path)] == path for one in self.inactive)

    def inherited(self, *path: str) -> str:
        """A group that may put something at or beneath the path; empty where none does."""
        for words in self.beneath("groups") if self.applied else ():
            name, said = words[0], words[1:]
            meant = name in self.applied or any("$" in one for one in self.applied)
            if meant and len(said) > len(path) and all(map(_covers, said, path)):
                return name
        return ""


def check_free(shown: Shown, written: Iterable[Path], taken: Iterable[Path]) -> None:
    """PolicyError where a line could not do what it says: what it is beneath is inactive, or it is protected."""
    gone = list(taken)
    for path in written:
        for length in range(1, len(path) + 1):
            start = path[:length]
            if start in shown.inactive and not any(start[: len(one)] == one for one in gone):
                raise PolicyError(f"`{' '.join(start)}` is inactive on the device: activate or delete it by hand")
    for path in (*gone, *written):
        for one in shown.protected:
            if path[: len(one)] == one or (path in gone and one[: len(path)] == path):
                raise PolicyError(f"`{' '.join(one)}` is protected on the device: unprotect it by hand")


def line(verb: str, path: Path) -> str:
    return f"{verb} {' '.join(word if _BARE.fullmatch(word) else _quoted(word) for word in path)}"


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unquoted(word: str) -> str:
    if len(word) > 1 and word[0] == word[-1] == '"':
        return re.sub(r"\\(.)", r"\1", word[1:-1])
    return word


def _covers(said: str, word: str) -> bool:
    return fnmatchcase(word, said[1:-1]) if said[:1] == "<" and said[-1:] == ">" else said == word
