"""`/export`: the configuration as commands that make it, as RouterOS 7 prints them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .configuration import Configuration, Row
from .menus import MENUS, Menu, Reference, Shape

ROOM = 77  # of a line up to a word's end
WIDTH = 79  # of a line that breaks inside a word, with its backslash
INDENT = "    "
PLAIN = re.compile(r"[A-Za-z0-9_.,:/@*+%!<>~^-]+")
ESCAPES = {'"': '\\"', "\\": "\\\\", "$": "\\$", "\r": "\\r", "\n": "\\n", "\t": "\\t"}


@dataclass(frozen=True)
class Style:
    """What was asked for: `terse` one line a command, `verbose` defaults as well."""

    terse: bool = False
    verbose: bool = False
    show_sensitive: bool = False
    path: str = ""


def escaped(value: str) -> list[str]:
    """The parts of a quoted value, none of which may be broken; what is not ASCII in hexadecimal bytes."""
    parts = []
    for character in value:
        if character in ESCAPES:
            parts.append(ESCAPES[character])
        elif " " <= character <= "~":
            parts.append(character)
        else:
            parts += [f"\\{byte:02X}" for byte in character.encode("utf-8", "surrogateescape")]
    return parts


def quoted(value: str) -> str:
    """A value as one word of a command."""
    return value if PLAIN.fullmatch(value) else f'"{"".join(escaped(value))}"'


def wrapped(words: list[tuple[str, str]]) -> str:
    """A command over as many lines as it needs; each word is what comes before the `=` (or all of it) and a value."""
    lines, line = [], ""
    for name, value in words:
        gap = " " if line.strip() else ""
        shown = quoted(value) if name.endswith("=") else value
        if len(line + gap + name + shown) > ROOM and len(line + gap + name) > ROOM:
            lines.append(f"{line}{gap}\\")
            line, gap = INDENT, ""
        if len(line + gap + name + shown) <= ROOM:
            line += gap + name + shown
        elif len(INDENT + shown) <= ROOM:
            lines.append(f"{line}{gap}{name}\\")
            line = INDENT + shown
        else:
            *full, line = _broken(f'{line}{gap}{name}"', value)
            lines += full
    return "\n".join([*lines, line])


def _broken(line: str, value: str) -> Iterator[str]:
    """The lines of a quoted value that is too long for one; each line of a script begins one."""
    for part in escaped(value):
        if len(line) + len(part) > WIDTH - 1 or (part == "\\n" and line.strip()):
            yield line + "\\"
            line = INDENT
        line += "\\_" if part == " " and line == INDENT else part  # a line's first blanks do not count
    yield line + '"'


def exported(configuration: Configuration, style: Style, header: str) -> str:
    """The whole text, or that of one menu and those below it."""
    lines = header.splitlines()
    for path, menu in MENUS.items():
        inside = not style.path or path == style.path or path.startswith(f"{style.path}/")
        commands = list(_commands(configuration, path, menu, style)) if menu.exported and inside else []
        section = "/" + path.replace("/", " ")
        if style.terse:
            lines += [" ".join([section, *(name + (quoted(v) if name.endswith("=") else v) for name, v in words)])
                      for words in commands]  # fmt: skip
        elif commands:
            lines += [section, *(wrapped(words) for words in commands)]
    return "\n".join(lines) + "\n"


def _commands(configuration: Configuration, path: str, menu: Menu, style: Style) -> Iterator[list[tuple[str, str]]]:
    for row in configuration.rows[path]:
        shown = _shown(configuration, path, row, style)
        if row.factory is None:
            yield [("add", ""), *shown]
            continue
        reference = _reference(menu, row)
        if shown:
            yield [("set", ""), *([("", reference)] if reference else []), *shown]


def _reference(menu: Menu, row: Row) -> str:
    if menu.shape is Shape.SINGLE:
        return ""
    number = row.factory or 0
    return {
        Reference.NAME: menu.factory[number].get("name", ""),
        Reference.INDEX: str(number),
        Reference.DEFAULT: "[ find default=yes ]",
        Reference.DEFAULT_NAME: f"[ find default-name={menu.factory[number].get('default-name')} ]",
    }[menu.reference]


def _shown(configuration: Configuration, path: str, row: Row, style: Style) -> list[tuple[str, str]]:
    menu, words = MENUS[path], []
    fresh = menu.factory[row.factory] if row.factory is not None and menu.factory else {}
    for name in sorted(menu.properties):
        known = menu.properties[name]
        value = configuration.value(path, row, name)
        if value is None or (known.sensitive and not style.show_sensitive):
            continue
        if menu.shape is not Shape.LIST and name in menu.read_only:
            continue
        usual = fresh.get(name, known.default) if row.factory is not None else known.default
        always = name == "action" and row.factory is None
        if style.verbose or always or value != usual:
            words.append((f"{name}=", value))
    return words
