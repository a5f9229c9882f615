"""A session's terminal: echo, keys, paging; what is typed goes to the commands, line by line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from lab.simulators.faults import DroppedError, RefusedError

from . import commands, configure
from .tree import INVALID, Context

if TYPE_CHECKING:
    from .device import Simulated

LATIN = "latin-1"  # bytes as characters, so that any text comes back as it came
MORE = " --More-- "
PROMPT_LENGTH = 20
SPACE, ENTER, INTERRUPT, END_KEY, ERASE_LINE = " ", "\r\n", "\x03", "\x1a", "\x15"
BACKSPACE = ("\x08", "\x7f")


class ClosedError(Exception):
    """The session has ended."""


class Console:
    """One session on a line. `read` answers bytes, none at the end; `cut` ends the connection without a word."""

    def __init__(
        self, device: Simulated, read: Callable[[], Awaitable[bytes]], write: Callable[[bytes], None],
        cut: Callable[[], None], user: str, address: str, line: int,
    ) -> None:  # fmt: skip
        """A session that has logged in."""
        self.device, self.user, self.address, self.line = device, user, address, line
        self._read, self._write, self._cut = read, write, cut
        self._pending = ""
        self._said: list[bytes] = []  # what goes out in one piece before the session waits for more
        self.unsettled = False  # lines were taken that are not in force yet
        self._after_return = False
        self.privilege = device.users.privilege(user, line)
        self.length = 24
        self.monitors = False
        self.contexts: list[Context] = []  # in configuration mode, where the next line goes
        self.typed = ""  # the command under way, without its filter

    @property
    def configuring(self) -> bool:
        """Whether it is in configuration mode; a configuration that was replaced leaves nothing but the top."""
        if self.contexts and self.contexts[0].sections[0] is not self.device.config.root:
            self.contexts = self.device.config.top()
        return bool(self.contexts)

    @property
    def prompt(self) -> str:
        """As it is printed."""
        if self.configuring:
            return f"{self.device.hostname[:PROMPT_LENGTH]}({configure.mode_name(self.contexts)})#"
        return f"{self.device.hostname}{'#' if self.privilege > 1 else '>'}"

    async def run(self) -> None:
        """Serve until the session ends."""
        if banner := self.device.banner("motd") + self.device.banner("exec"):
            self.print(banner)
        try:
            while True:
                self.put(self.prompt)
                await self.take(await self.line_of_text())
        except ClosedError:
            return

    async def take(self, line: str) -> None:
        """Work on one line, in the mode that the session is in."""
        await self.take_with(Console.execute, line)

    async def take_with(self, execute: Callable[[Console, str], Awaitable[str]], line: str) -> None:
        """Work on one line, with the faults that are set."""
        faults = self.device.faults
        if line.strip() and faults.set:
            self.flush()
            try:
                self._write(await faults.before(line))
            except DroppedError:
                self._cut()
                raise ClosedError from None
            except RefusedError as refused:
                self.print(str(refused) or INVALID)
                return
        output = await execute(self, line.strip())
        if line.strip() and faults.drops_after(line):
            self._cut()
            raise ClosedError
        await self.page(output)
        if line.strip() and faults.reboots_after(line):
            self.device.reboot_soon()

    async def execute(self, line: str) -> str:
        """One line's output, by the mode that the session is in."""
        if not line or line.startswith("!"):
            return ""
        if self.configuring:
            return await configure.execute(self, line)
        await self.settle()
        return await commands.execute(self, line)

    closed = ClosedError

    def close(self) -> None:
        """End the session from within a command."""
        raise ClosedError

    def cut(self) -> None:
        """End the connection from outside."""
        self._cut()

    def put(self, text: str) -> None:
        """Send text as it is."""
        self._said.append(text.replace("\r\n", "\n").replace("\n", "\r\n").encode(LATIN, "replace"))

    async def settle(self) -> None:
        """What was typed comes into force, lines that came in one piece at once, before anything is answered."""
        if self.unsettled:
            self.unsettled = False
            await self.device.changed(self.user)

    def flush(self) -> None:
        """Let what was put go out now."""
        said, self._said = b"".join(self._said), []
        if said:
            self._write(said)

    def print(self, text: str) -> None:
        """Send whole lines."""
        self.put(text if text.endswith("\n") else text + "\n")

    async def page(self, text: str) -> None:
        """Send an output, a screen at a time."""
        if not text:
            return
        lines = text.removesuffix("\n").split("\n")
        left = self.length - 1 if self.length else len(lines)
        while lines:
            self.put("".join(f"{line}\n" for line in lines[:left]))
            lines = lines[left:]
            if not lines:
                return
            self.put(MORE)
            key = await self.key()
            self.put("\r" + " " * len(MORE) + "\r")
            if key in ENTER:
                left = 1
            elif key == SPACE:
                left = self.length - 1
            else:
                return

    async def key(self) -> str:
        """The next character; a ClosedError at the end of the session, or when nothing is typed for too long."""
        while not self._pending:
            await self.settle()
            self.flush()
            try:
                received = await asyncio.wait_for(self._read(), self.device.idle_seconds(self.line))
            except TimeoutError:
                raise ClosedError from None
            if not received:
                raise ClosedError
            self._pending = received.decode(LATIN)
        character, self._pending = self._pending[0], self._pending[1:]
        if character == "\n" and self._after_return:
            self._after_return = False
            return await self.key()
        self._after_return = character == "\r"
        return "\n" if character == "\r" else character

    async def line_of_text(self, *, echo: bool = True) -> str:
        """What is typed until Enter, echoed."""
        typed, echoed = "", ""
        while True:
            character = await self.key()
            if character == "\n":
                self.put(echoed + "\n")
                return typed
            if character == INTERRUPT:
                self.contexts = []
                self.put(echoed + "\n")
                return ""
            if character == END_KEY:
                self.put(echoed + "^Z\n")
                return await self._ended(typed)
            if character in BACKSPACE:
                echoed += "\b \b" if typed and echo else ""
                typed = typed[:-1]
            elif character == ERASE_LINE:
                typed = ""
            elif character >= " " or character == "\t":
                typed += character
                echoed += character if echo else ""
            if not self._pending and echoed:
                self.put(echoed)
                echoed = ""

    async def _ended(self, typed: str) -> str:
        if self.configuring and typed.strip():
            self.print(await configure.execute(self, typed.strip()))
        return "end" if self.configuring else ""

    async def ask(self, question: str, *, echo: bool = True) -> str:
        """What is answered to a question."""
        self.put(question)
        return await self.line_of_text(echo=echo)

    async def confirmed(self, question: str) -> bool:
        """Whether `[confirm]` is answered with Enter or y, one key."""
        self.put(question)
        key = await self.key()
        self.put("\n" if key == "\n" else key + "\n")
        return key in "\nyY"
