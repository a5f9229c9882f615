"""Configuration mode."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import commands, users_lines
from .templates import MODES
from .tree import Context, LineError

if TYPE_CHECKING:
    from .console import Console

REMOVES_USER = (
    "This operation will remove all username related configurations with same name.Do you want to continue? [confirm]"
)
ENTERED = "Enter configuration commands, one per line.  End with CNTL/Z."


def mode_name(contexts: list[Context]) -> str:
    """What the prompt shows in brackets."""
    return MODES[contexts[-1].mode][1]


async def execute(console: Console, line: str) -> str:
    """One line in configuration mode; answers what is printed."""
    if re.fullmatch(r"do\s+\S.*", line):
        await console.settle()
        return await commands.execute(console, line[2:].strip())
    inside = console.contexts[-1].mode in ("certificate", "pubkey-data")
    if line == "end" or (line in ("exit", "quit") and len(console.contexts) == 1):
        console.contexts = []
        console.device.noted(console.user)
        return ""
    if not inside and re.match(r"no\s+user\S*\s+\S", line) and not await console.confirmed(REMOVES_USER):
        return ""
    if start := users_lines.banner_start(line):
        line = await _banner(console, start, line)
    config = console.device.config
    config.said.clear()
    try:
        console.contexts = config.enter(console.contexts, line)
    except LineError as refused:
        return marked(console, str(refused))
    console.device.noted(console.user)
    console.unsettled = True
    return "\n".join(text for text in config.said if text)


def marked(console: Console, refused: str) -> str:
    """A refusal; one that has a marker is printed with it, under the line that was typed."""
    return f"{' ' * len(console.prompt)}^\n{refused}\n" if "marker" in refused else refused


async def _banner(console: Console, start: re.Match[str], line: str) -> str:
    mark, text = start[2], start[3]
    if mark not in text:
        console.print(f"Enter TEXT message.  End with the character '{mark}'.")
    while mark not in text:
        text += "\n" + await console.line_of_text()
    return f"{line[: start.start(3)]}{text}".replace(mark, "^C") if mark != "^C" else f"{line[: start.start(3)]}{text}"
