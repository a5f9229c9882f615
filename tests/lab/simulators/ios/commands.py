"""The commands of the exec: which there are, from which privilege on, and the filters behind them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from . import grammar

if TYPE_CHECKING:
    from .console import Console

Command = Callable[["Console", list[str]], Awaitable[str]]
TABLE: dict[str, tuple[Command, int]] = {}
FILTER = re.compile(r"\s\|\s*(inc\w*|exc\w*|beg\w*|sec\w*|count|i|e|b|s)\s+(.*)$")


def command(*templates: str, privilege: int = 15) -> Callable[[Command], Command]:
    """Registers a command under the templates by which it is typed."""

    def register(function: Command) -> Command:
        for template in templates:
            TABLE[template] = (function, privilege)
        return function

    return register


async def execute(console: Console, line: str) -> str:
    """One command's output, filtered as it asks."""
    filtered = FILTER.search(f"{line}")
    typed = line[: filtered.start()].strip() if filtered else line
    console.typed = typed
    found = _best(console, typed)
    if found is None:
        return unknown(console, typed)
    function, arguments = found
    output = await function(console, arguments)
    return _filtered(output, filtered[1], filtered[2].strip()) if filtered else output


def _best(console: Console, typed: str) -> tuple[Command, list[str]] | None:
    """The command with most of its words spelt out, of those that the session's privilege opens."""
    best, best_score = None, -1
    for template, (function, privilege) in TABLE.items():
        arguments = grammar.arguments(template, typed)
        if arguments is None or console.privilege < console.device.needed(template, privilege):
            continue
        literals = [word for word in template.split() if word[0] not in "<("]
        score = len(literals) * 2 + sum(word in typed.split() for word in literals)
        if score > best_score:
            best, best_score = (function, arguments), score
    return best


def unknown(console: Console, typed: str) -> str:
    """What is printed for a command that there is not, or not for this session."""
    first = typed.split(maxsplit=1)[0].lower()
    if not any(template.startswith(first) for template in TABLE) and " " not in typed:
        return f'Translating "{typed}"\n% Bad IP address or host name\n% Unknown command or computer name, or unable to find computer address'  # noqa: E501
    begun = any(template.startswith(typed.lower() + " ") for template in TABLE)
    if begun and not any(grammar.arguments(template, typed) is not None for template in TABLE):
        return '% Type "show ?" for a list of subcommands' if typed == "show" else "% Incomplete command.\n"
    return f"{' ' * len(console.prompt)}^\n% Invalid input detected at '^' marker.\n"


def _filtered(output: str, how: str, pattern: str) -> str:
    try:
        wanted = re.compile(pattern)
    except re.error:
        wanted = re.compile(re.escape(pattern))
    lines = output.split("\n")
    if how.startswith("i"):
        return "\n".join(line for line in lines if wanted.search(line))
    if how.startswith("e"):
        return "\n".join(line for line in lines if not wanted.search(line))
    if how.startswith("c"):
        return f"Number of lines which match regexp = {sum(bool(wanted.search(line)) for line in lines)}"
    if how.startswith("b"):
        start = next((place for place, line in enumerate(lines) if wanted.search(line)), len(lines))
        return "\n".join(lines[start:])
    return "\n".join(_sections(lines, wanted))


def _sections(lines: list[str], wanted: re.Pattern[str]) -> list[str]:
    """The lines that match, each with what is indented under it."""
    chosen: list[str] = []
    depth = -1
    for line in lines:
        indent = len(line) - len(line.lstrip(" "))
        if depth >= 0 and indent > depth and line.strip():
            chosen.append(line)
            continue
        depth = -1
        if wanted.search(line):
            chosen.append(line)
            depth = indent
    return chosen
