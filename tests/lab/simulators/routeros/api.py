"""The API's protocol: sentences of words, over TLS or not; each command is a task, so that tags mean something."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..faults import DroppedError, RefusedError
from .errors import RouterError
from .requests import Answer, Caller, Request
from .script import compared

if TYPE_CHECKING:
    from .device import Simulated

LONGEST = 4 * 1024 * 1024
ENCODING = ("utf-8", "surrogateescape")
LOGIN_SECONDS = 30.0


def encoded(*words: str) -> bytes:
    """A sentence."""
    out = bytearray()
    for word in words:
        content = word.encode(*ENCODING)
        out += _length(len(content)) + content
    return bytes(out + b"\0")


def _length(size: int) -> bytes:
    for bits, count in ((0, 1), (0x80, 2), (0xC0, 3), (0xE0, 4)):
        if size < 1 << 7 * count:
            return (size | bits << 8 * (count - 1)).to_bytes(count, "big")
    raise RouterError("too long")


async def _word(reader: asyncio.StreamReader) -> str:
    first = (await reader.readexactly(1))[0]
    for mask, more in ((0x80, 0), (0xC0, 1), (0xE0, 2), (0xF0, 3)):
        if first < mask:
            rest = await reader.readexactly(more)
            size = int.from_bytes(bytes([first & ~(mask << 1 & 0xFF) if more else first]) + rest, "big")
            break
    else:
        raise DroppedError
    if size > LONGEST:
        raise DroppedError
    return (await reader.readexactly(size)).decode(*ENCODING)


async def sentence(reader: asyncio.StreamReader) -> list[str]:
    """The words of the next one; an empty sentence is passed over."""
    words: list[str] = []
    while True:
        word = await _word(reader)
        if word:
            words.append(word)
        elif words:
            return words


class Session:
    """One connection. `service`: api or api-ssl."""

    def __init__(
        self, router: Simulated, service: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Nobody has logged in yet."""
        self.router, self.service, self.reader, self.writer = router, service, reader, writer
        self.address: str = writer.get_extra_info("peername")[0]
        self.caller: Caller | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the client or the router ends it."""
        gone = (asyncio.IncompleteReadError, ConnectionError, DroppedError, ssl.SSLError, TimeoutError)
        self.router.sessions.add(self)
        try:
            with contextlib.suppress(*gone):
                while not self.writer.is_closing():
                    patience = None if self.caller else LOGIN_SECONDS
                    words = await asyncio.wait_for(sentence(self.reader), patience)
                    await self._begin(words)
        finally:
            self.close()

    def close(self) -> None:
        """Cut the connection."""
        self.router.sessions.discard(self)
        if self.caller in self.router.active:
            self.router.active.remove(self.caller)
        self.writer.close()

    def end(self) -> None:
        """Without power nothing of it goes on, not even a command that has begun."""
        for task in list(self.tasks):
            task.cancel()
        self.drop()

    def drop(self) -> None:
        """Cut it without a word."""
        self.writer.transport.abort()

    async def _begin(self, words: list[str]) -> None:
        if self.caller is None or words[0] == "/login":
            await self._command(words)
            return
        task = asyncio.get_running_loop().create_task(self._command(words))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        if not any(word.startswith(".tag=") for word in words):
            await task

    def _send(self, words: tuple[str, ...], tag: str) -> None:
        if not self.writer.is_closing():
            self.writer.write(encoded(*words, *([f".tag={tag}"] if tag else [])))

    async def _command(self, words: list[str]) -> None:
        tag = next((word[5:] for word in words if word.startswith(".tag=")), "")
        line = words[0] if words[0] == "/login" else " ".join(words)
        faults = self.router.faults
        try:
            self.writer.write(await faults.before(line))
            answer = await (self._login(words) if line == "/login" else self._work(words))
            self.drop() if faults.drops_after(line) else self._answer(answer, words, tag)
        except RefusedError as refused:
            self._trap(RouterError(str(refused)), tag)
        except RouterError as error:
            self._trap(error, tag)
        except DroppedError:
            self.drop()
        with contextlib.suppress(ConnectionError):
            await self.writer.drain()
        if faults.reboots_after(line):
            self.router.reboot_soon()

    def _trap(self, error: RouterError, tag: str) -> None:
        category = [] if error.category is None else [f"=category={error.category}"]
        self._send(("!trap", *category, f"=message={error}"), tag)
        self._send(("!done",), tag)

    def _answer(self, answer: Answer, words: list[str], tag: str) -> None:
        if answer.rows is not None:
            rows = _selected(answer.rows, words)
            if "=count-only=" in words:
                answer = Answer(ret=str(len(rows)))
            else:
                for row in rows:
                    self._send(("!re", *(f"={name}={_api(value)}" for name, value in row.items())), tag)
                if not rows:
                    self._send(("!empty",), tag)
        ret = answer.ret if isinstance(answer.ret, str) or answer.ret is None else ";".join(answer.ret)
        self._send(("!done", *([] if ret is None else [f"=ret={ret}"])), tag)

    async def _login(self, words: list[str]) -> Answer:
        given = _arguments(words)
        user, password = given.get("name", ""), given.get("password", "")
        users = self.router.users
        users.note_user(user, self.service)
        allowed = self.router.may_log_in(user, "password", self.service, self.address)
        if not (users.check_password(user, password, self.service) and allowed):
            self.router.note("error", f"login failure for user {user} from {self.address} via api")
            raise RouterError("invalid user name or password (6)")
        self.caller = self.router.accounts.caller(user, self.service, self.address)
        self.router.active.append(self.caller)
        self.router.note("info", f"user {user} logged in from {self.address} via api")
        return Answer()

    async def _work(self, words: list[str]) -> Answer:
        if self.caller is None:
            self._send(("!fatal", "not logged in"), "")
            raise DroppedError
        if words[0] == "/quit":
            self._send(("!fatal", "session terminated on request"), "")
            raise DroppedError
        if words[0] == "/cancel":
            return Answer()
        path, _, command = words[0].strip("/").rpartition("/")
        given = _arguments(words)
        numbers = given.pop(".id", given.pop("numbers", None))
        listed = None if numbers is None else tuple(one for one in numbers.split(",") if one)
        for word in (".proplist", "count-only", "detail", "stats", "without-paging"):
            given.pop(word, None)
        caller = self.router.accounts.caller(self.caller.user, self.service, self.address)
        return await self.router.request(caller, Request(path, command, given, (), listed))


def _arguments(words: list[str]) -> dict[str, str]:
    return dict(word[1:].partition("=")[::2] for word in words[1:] if word.startswith("="))


def _api(value: str) -> str:
    return {"yes": "true", "no": "false"}.get(value, value)


def _selected(rows: list[dict[str, str]], words: list[str]) -> list[dict[str, str]]:
    queries = [word[1:] for word in words[1:] if word.startswith("?")]
    kept = [row for row in rows if _holds(row, queries)]
    names = _arguments(words).get(".proplist")
    if names is None:
        return kept
    wanted = names.split(",")
    return [chosen for row in kept if (chosen := {name: row[name] for name in wanted if name in row})]


def _holds(row: Mapping[str, str], queries: list[str]) -> bool:
    """The API's queries: words push truths onto a stack, `#` works on it; at the end all must be true."""
    stack: list[bool] = []
    for query in queries:
        if query.startswith("#"):
            _operate(stack, query[1:])
            continue
        operator = query[0] if query[0] in "-<>=" else ""
        name, joined, value = query[len(operator) :].partition("=")
        if operator == "-":
            stack.append(name not in row)
        elif not joined:
            stack.append(name in row)
        else:
            stack.append(name in row and compared(row[name], operator or "=", value))
    return all(stack)


def _operate(stack: list[bool], operations: str) -> None:
    for operation in operations:
        if operation == "!":
            stack.append(not stack.pop())
        elif operation in "&|":
            right, left = stack.pop(), stack.pop()
            stack.append((left and right) if operation == "&" else (left or right))
