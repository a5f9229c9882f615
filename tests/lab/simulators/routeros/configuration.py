"""The configuration tree: rows in menus, checked as the router checks them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import RouterError
from .menus import MENUS, Menu, Shape


@dataclass
class Row:
    """`values` holds what was set; `hidden` what no command shows (hashes, keys); `factory` a new router's number."""

    number: int
    values: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, str] = field(default_factory=dict)
    factory: int | None = None

    @property
    def id(self) -> str:
        """As the API names it."""
        return f"*{self.number:X}"


class Configuration:
    """All menus' rows. Every change goes through here; `changed` says which menus were, until it is emptied."""

    def __init__(self) -> None:
        """As a new router has it, without users."""
        self.rows: dict[str, list[Row]] = {}
        self.changed: set[str] = set()
        self._last: dict[str, int] = {}
        self._keys: dict[str, set[tuple[str | None, ...]]] = {}
        for path, menu in MENUS.items():
            self.rows[path] = []
            self._last[path] = 0
            for index, factory in enumerate(menu.factory or ([{}] if menu.shape is Shape.SINGLE else [])):
                self._append(path, Row(0, dict(factory), factory=index), None)

    def _append(self, path: str, row: Row, place: int | None) -> Row:
        self._last[path] += 1
        row.number = self._last[path]
        self.rows[path].insert(len(self.rows[path]) if place is None else place, row)
        return row

    def dumped(self) -> dict[str, Any]:
        """All of it, hashes and keys included, as JSON."""
        rows = {path: [vars(row) for row in rows] for path, rows in self.rows.items()}
        return {"rows": json.loads(json.dumps(rows)), "last": dict(self._last)}

    @classmethod
    def loaded(cls, dumped: Mapping[str, Any]) -> Configuration:
        """What `dumped` answered."""
        made = cls()
        for path, rows in dumped["rows"].items():
            made.rows[path] = [Row(**row) for row in rows]
        made._last |= dumped["last"]
        return made

    def value(self, path: str, row: Row, name: str) -> str | None:
        """A property as it is in force: set or by default."""
        known = MENUS[path].properties.get(name)
        return row.values.get(name, known.default if known else None)

    def single_row(self, path: str) -> Row:
        """The only row of a menu of settings."""
        return self.rows[path][0]

    def single(self, path: str, name: str) -> str:
        """A property of a menu of settings."""
        return self.value(path, self.rows[path][0], name) or ""

    def enabled(self, path: str) -> list[Row]:
        """The rows that are not disabled."""
        return [row for row in self.rows[path] if self.value(path, row, "disabled") != "yes"]

    def named(self, path: str, name: str) -> Row | None:
        """The row of this name."""
        return next((row for row in self.rows[path] if row.values.get("name") == name), None)

    def find(self, path: str, reference: str) -> Row:
        """The row that `*1F`, a name or a number as printed stands for."""
        for row in self.rows[path]:
            if reference == row.id or (reference and row.values.get("name") == reference):
                return row
        if reference.isdigit() and int(reference) < len(self.rows[path]):
            return self.rows[path][int(reference)]
        raise RouterError("no such item", 0)

    def add(self, path: str, given: Mapping[str, str]) -> Row:
        """One more row; `place-before` may say where."""
        menu = MENUS[path]
        if menu.shape is not Shape.LIST:
            raise RouterError("no such command", 0)
        given = dict(given)
        before = given.pop("place-before", None) if menu.ordered else None
        copied = given.pop("copy-from", None)
        base = dict(self.find(path, copied).values) if copied else {}
        values = base | self._converted(path, given)
        for name in menu.required:
            if not values.get(name):
                raise RouterError(f"missing value(s) of argument(s) {name}", 1)
        self._check_new(path, values)
        place = None if before is None else self.rows[path].index(self.find(path, before))
        self.changed.add(path)
        return self._append(path, Row(0, values), place)

    def set(self, path: str, rows: Iterable[Row], given: Mapping[str, str]) -> None:
        """Change properties; one set to what it is by default is as if nobody had set it."""
        values = self._converted(path, given)
        for row in rows:
            self._check_unique(path, row.values | values, row)
            row.values |= values
        self._touch(path)

    def unset(self, path: str, rows: Iterable[Row], names: Iterable[str]) -> None:
        """Take properties away."""
        for row in rows:
            for name in names:
                self._known(MENUS[path], name)
                row.values.pop(name, None)
        self._touch(path)

    def remove(self, path: str, rows: Iterable[Row]) -> None:
        """Take rows away; those of a new router stay where they are the menu's own."""
        menu = MENUS[path]
        if menu.shape is not Shape.LIST:
            raise RouterError("no such command", 0)
        gone = list(rows)
        if any(row.factory is not None for row in gone):
            raise RouterError("can not remove builtin")
        self.rows[path] = [row for row in self.rows[path] if row not in gone]
        self._touch(path)

    def move(self, path: str, rows: Iterable[Row], before: Row | None) -> None:
        """Put rows before another, or at the end."""
        if not MENUS[path].ordered:
            raise RouterError("no such command", 0)
        moved = list(rows)
        rest = [row for row in self.rows[path] if row not in moved]
        place = len(rest) if before is None else rest.index(before)
        self.rows[path] = rest[:place] + moved + rest[place:]
        self.changed.add(path)

    def take_over(self, path: str, rows: list[Row]) -> None:
        """Another configuration's rows instead of its own."""
        self.rows[path] = rows
        self._last[path] = max([0, *(row.number for row in rows)])
        self._touch(path)

    def _touch(self, path: str) -> None:
        self._keys.pop(path, None)
        self.changed.add(path)

    def _known(self, menu: Menu, name: str) -> None:
        if name not in menu.properties:
            raise RouterError(f"unknown parameter {name}", 1)

    def _converted(self, path: str, given: Mapping[str, str]) -> dict[str, str]:
        menu, values = MENUS[path], {}
        for name, value in given.items():
            self._known(menu, name)
            try:
                values[name] = menu.properties[name].kind(value)
            except ValueError:
                raise RouterError(f"invalid value for argument {name}", 1) from None
        return values

    def _check_new(self, path: str, values: Mapping[str, str]) -> None:
        """As `_check_unique`, for one row more, without looking at all of them each time."""
        unique = MENUS[path].unique
        if not unique:
            return
        if path not in self._keys:
            self._keys[path] = {tuple(row.values.get(name) for name in unique) for row in self.rows[path]}
        key = tuple(values.get(name) for name in unique)
        if key in self._keys[path]:
            raise _duplicate(path)
        self._keys[path].add(key)

    def _check_unique(self, path: str, values: Mapping[str, str], but: Row) -> None:
        unique = MENUS[path].unique
        if unique and any(
            row is not but and all(row.values.get(name) == values.get(name) for name in unique)
            for row in self.rows[path]
        ):
            raise _duplicate(path)


def _duplicate(path: str) -> RouterError:
    one = path.rsplit("/", maxsplit=1)[-1].rstrip("s")
    named = f"failure: {one} with the same name already exists"
    return RouterError(named if MENUS[path].unique == ("name",) else "failure: already have such entry")
