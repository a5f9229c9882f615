"""The SSH console: one command of an exec request, or a prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..faults import DroppedError, RefusedError
from .errors import RouterError
from .requests import Answer, Caller, Request, from_script
from .script import Argument, Value

if TYPE_CHECKING:
    import asyncssh

    from .device import Simulated

PARAMETERS = re.compile(r"\+[a-z0-9]*$")
CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
MARK = {"disabled": "X", "invalid": "I", "dynamic": "D"}


class Bound:
    """The router's commands as one caller may run them; what they print goes to `write`."""

    def __init__(self, router: Simulated, caller: Caller, write: Any) -> None:
        """For one script or one session."""
        self._router, self._caller, self._write = router, caller, write

    def is_menu(self, path: str) -> bool:
        """Whether there is such a menu, or one below it."""
        return self._router.is_menu(path)

    def has_command(self, path: str, command: str) -> bool:
        """Whether this menu has such a command."""
        return self._router.has_command(path, command)

    async def run(self, path: str, command: str, arguments: Sequence[Argument]) -> Value:
        """Run it, print what it says, answer what it comes to."""
        request = from_script(path, command, list(arguments))
        answer = await self._router.request(self._caller, request)
        if answer.rows is not None:
            self._write(printed(request, answer))
        self._write(answer.text)
        return answer.ret if answer.ret is not None and command in ("find", "get", "add", "execute") else ""


def printed(request: Request, answer: Answer) -> str:
    """Rows as a console shows them, without columns."""
    rows = answer.rows or []
    if request.flag("count-only"):
        return f"{len(rows)}\r\n"
    if rows and ".id" not in rows[0]:
        width = max(len(name) for name in rows[0])
        return "".join(f"  {name:>{width}}: {value}\r\n" for name, value in rows[0].items())
    lines = ["Flags: X - DISABLED, I - INVALID; D - DYNAMIC"] if any("disabled" in row for row in rows) else []
    for number, row in enumerate(rows):
        flags = "".join(mark for name, mark in MARK.items() if row.get(name) == "yes")
        words = [f"{name}={value}" for name, value in row.items() if name not in (".id", *MARK, "comment")]
        comment = f";;; {row['comment']}\r\n      " if row.get("comment") else ""
        lines.append(f"{number:2} {flags:2}  {comment}{' '.join(words)}")
    return "".join(f"{line}\r\n" for line in lines)


async def session(router: Simulated, process: asyncssh.SSHServerProcess[str]) -> None:
    """One SSH session."""
    user = router.account(str(process.get_extra_info("username")))
    address = str(process.get_extra_info("peername")[0])
    caller = router.accounts.caller(user, "ssh", address)
    router.active.append(caller)
    router.note("info", f"user {user} logged in from {address} via ssh")
    try:
        if process.command is not None:
            await _line(router, caller, process, process.command, "")
            process.exit(0)
        else:
            await _prompt(router, caller, process)
    finally:
        router.active.remove(caller)


async def _line(
    router: Simulated, caller: Caller, process: asyncssh.SSHServerProcess[str], line: str, menu: str
) -> str:
    """One line; answers the menu that the console is in afterwards."""
    caller = router.accounts.caller(caller.user, caller.service, caller.address)
    faults = router.faults
    script = router.script(caller, process.stdout.write, menu=menu)
    try:
        if garbage := await faults.before(line):
            process.stdout.write(garbage.decode("latin-1"))
        await script.run(line)
    except RefusedError as refused:
        process.stdout.write(f"{refused}\r\n")
    except RouterError as error:
        process.stdout.write(f"{error}\r\n")
    except DroppedError:
        process.get_extra_info("connection").abort()
        raise BrokenPipeError from None
    if faults.drops_after(line):
        process.get_extra_info("connection").abort()
        raise BrokenPipeError
    if faults.reboots_after(line):
        router.reboot_soon()
    return script.menu


async def _prompt(router: Simulated, caller: Caller, process: asyncssh.SSHServerProcess[str]) -> None:
    process.stdout.write(
        f"\r\n\r\n  MikroTik RouterOS {router.version} (c) 1999-2025       https://www.mikrotik.com/\r\n\r\n"
    )
    menu, line = "", ""
    process.stdout.write(_prompt_text(router, caller, menu))
    while character := await process.stdin.read(1):
        if character in "\r\n":
            process.stdout.write("\r\n")
            if line.strip() in ("quit", "/quit"):
                break
            menu = await _line(router, caller, process, CONTROL.sub("", line), menu) if line.strip() else menu
            line = ""
            process.stdout.write(_prompt_text(router, caller, menu))
        elif character == "\x04":
            break
        elif character in "\x7f\x08":
            line = line[:-1]
        else:
            line += character
            process.stdout.write(character)
    process.exit(0)


def _prompt_text(router: Simulated, caller: Caller, menu: str) -> str:
    name = router.configuration.single("system/identity", "name")
    return f"[{caller.user}@{name}] {f'/{menu}' if menu else ''}> "
