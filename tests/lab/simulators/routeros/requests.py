"""Who asks the router for what, and what it answers: the same for the API and for scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import RouterError
from .facts import FACTS
from .menus import MENUS, Shape
from .script import Argument, compared, joined


@dataclass(frozen=True)
class Caller:
    """A login or a job, and what its group lets it do."""

    user: str
    policies: frozenset[str]
    service: str
    address: str = ""

    def need(self, *policies: str) -> None:
        """Refuse whoever lacks one of these."""
        if not self.policies.issuperset(policies):
            raise RouterError("not enough permissions (9)")


@dataclass(frozen=True)
class Request:
    """One command of a menu. `numbers`: the rows that it is about, by id, name or number; None: none were named."""

    path: str
    command: str
    given: Mapping[str, str] = field(default_factory=dict)
    conditions: tuple[Argument, ...] = ()
    numbers: tuple[str, ...] | None = None
    flags: frozenset[str] = frozenset()

    def value(self, name: str, default: str | None = None) -> str:
        """An argument that must be there, unless it has a default."""
        if name in self.given:
            return self.given[name]
        if default is None:
            raise RouterError(f"missing value(s) of argument(s) {name}", 1)
        return default

    def flag(self, name: str) -> bool:
        """Whether a word like `terse` was given, bare or as the API gives it."""
        return name in self.flags or self.given.get(name) in ("", "yes", "true")


@dataclass(frozen=True)
class Answer:
    """Rows for `print`; `ret` what a substitution comes to; `text` what a console shows."""

    rows: list[dict[str, str]] | None = None
    ret: str | list[str] | None = None
    text: str = ""


NUMBERED = {
    "set",
    "get",
    "remove",
    "enable",
    "disable",
    "unset",
    "move",
    "comment",
    "run",
    "sign",
    "export-certificate",
}
FLAGS = {"terse", "verbose", "compact", "show-sensitive", "hide-sensitive", "detail", "without-paging", "dry-run",
         "stats", "count-only", "as-value", "where", "from", "no-defaults", "keep-users",
         "skip-backup", "dont-encrypt"}  # fmt: skip


def from_script(path: str, command: str, arguments: list[Argument]) -> Request:
    """A command line's words."""
    given: dict[str, str] = {}
    numbers: list[str] | None = None
    flags, conditions, where = set(), [], command == "find"
    settings = path in FACTS or (path in MENUS and MENUS[path].shape is Shape.SINGLE)
    for argument in arguments:
        name, value = argument.name, argument.value
        if not argument.operator and value == "where":
            where = True
        elif where:
            conditions.append(argument)
        elif name in ("numbers", ".id"):
            numbers = _listed(value)
        elif argument.operator:
            given[name] = joined(value)
        elif isinstance(value, str) and value in FLAGS:
            flags.add(value)
        elif command in NUMBERED and numbers is None and not settings:
            numbers = _listed(value)
        else:
            given |= _positional(command, joined(value), given)
    return Request(
        path, command, given, tuple(conditions), None if numbers is None else tuple(numbers), frozenset(flags)
    )


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [one for one in value.replace(";", ",").split(",") if one]


def _positional(command: str, value: str, given: Mapping[str, str]) -> dict[str, str]:
    """The bare word that some commands take."""
    names = {
        "import": "file-name",
        "get": "value-name",
        "unset": "value-name",
        "move": "destination",
        "comment": "comment",
    }
    if command in names and names[command] not in given:
        return {names[command]: value}
    raise RouterError("expected end of command", 1)


def matching(row: Mapping[str, str], conditions: tuple[Argument, ...]) -> bool:
    """Whether a row is what `find` looks for; `or` between conditions, otherwise all of them hold."""
    groups: list[list[bool]] = [[]]
    for condition in conditions:
        word = joined(condition.value)
        if condition.operator:
            groups[-1].append(compared(row.get(condition.name, ""), condition.operator, word))
        elif word in ("||", "or"):
            groups.append([])
        elif word not in ("&&", "and"):
            groups[-1].append((row.get(word.lstrip("!"), "no") in ("yes", "true")) != word.startswith("!"))
    return any(all(group) for group in groups)
