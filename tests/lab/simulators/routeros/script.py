"""Runs scripts: `/import`, the scheduler's events, the console's lines, the API's `/execute`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from . import values
from .errors import RouterError, ScriptSyntaxError
from .syntax import Block, Expression, Literal, Operation, Statement, Substitution, Text, Variable, Word, parsed

Value = str | list[str]


@dataclass(frozen=True)
class Argument:
    """A word with its value found out: `name` is empty for a bare one, `operator` is how they were joined."""

    name: str
    operator: str
    value: Value


class Commands(Protocol):
    """What runs the commands of menus."""

    def is_menu(self, path: str) -> bool:
        """Whether there is such a menu, or one below it."""

    def has_command(self, path: str, command: str) -> bool:
        """Whether this menu has such a command."""

    async def run(self, path: str, command: str, arguments: Sequence[Argument]) -> Value:
        """Run it; what it answers is what `[…]` is."""


@dataclass
class Script:
    """One run: the menu that it is in, its variables, what it prints. `check`: say what is wrong, do nothing."""

    commands: Commands
    write: Callable[[str], None]
    delay: Callable[[float], Awaitable[None]]
    check: bool = False
    menu: str = ""
    variables: dict[str, Value] = field(default_factory=dict)

    async def run(self, source: str) -> None:
        """All of a script, up to its first error."""
        for statement in parsed(source):
            await self.statement(statement)

    async def statement(self, statement: Statement, within: str | None = None) -> Value:
        """One command; a menu's name alone goes there."""
        words = list(statement.words)
        if words and words[0].name.startswith(":"):
            return await self.language(words[0], words[1:])
        path = "" if statement.absolute else (self.menu if within is None else within)
        while words and not words[0].operator and words[0].value is None and words[0].name == "..":
            path = path.rpartition("/")[0]
            words.pop(0)
        while words and not words[0].operator and self._goes_to(path, words[0]):
            path = f"{path}/{words.pop(0).name}".strip("/")
        if not words:
            self.menu = path
            return ""
        name = words.pop(0)
        if name.operator or not self.commands.has_command(path, name.name):
            raise ScriptSyntaxError(f"bad command name {name.name}", name.line, name.column)
        arguments = [await self.argument(word, path) for word in words]
        return "" if self.check else await self.commands.run(path, name.name, arguments)

    def _goes_to(self, path: str, word: Word) -> bool:
        deeper = f"{path}/{word.name}".strip("/")
        return bool(word.name) and word.value is None and self.commands.is_menu(deeper)

    async def argument(self, word: Word, path: str) -> Argument:
        """A word's value, whose own commands run in the menu of the command that it belongs to."""
        value: Value = word.name if word.value is None else await self.value(word.value, path)
        return Argument(word.name if word.operator else "", word.operator, value)

    async def value(self, expression: Expression, path: str) -> Value:
        """What an expression comes to."""
        if isinstance(expression, Literal):
            return expression.text
        if isinstance(expression, Text):
            return "".join([joined(await self.value(part, path)) for part in expression.parts])
        if isinstance(expression, Variable):
            return self.variables.get(expression.name, "")
        if isinstance(expression, Block):
            return expression.source
        if isinstance(expression, Substitution):
            return [await self.statement(one, path) for one in expression.statements][-1]
        return await self.operation(expression, path)

    async def operation(self, operation: Operation, path: str) -> Value:
        """Comparisons, and, or, not, sums and joined text."""
        right = joined(await self.value(operation.right, path))
        if operation.left is None:
            return _word(not _true(right))
        left = joined(await self.value(operation.left, path))
        operator = operation.operator
        if operator in ("+", "-"):
            return str(_whole(left) + (1 if operator == "+" else -1) * _whole(right))
        if operator == ".":
            return left + right
        if operator in ("&&", "and"):
            return _word(_true(left) and _true(right))
        if operator in ("||", "or"):
            return _word(_true(left) or _true(right))
        return _word(compared(left, operator, right))

    async def blocks(self, block: Expression | None) -> None:
        """Run a block."""
        if not isinstance(block, Block):
            raise RouterError("syntax error", 1)
        for statement in block.statements:
            await self.statement(statement)

    async def language(self, name: Word, words: list[Word]) -> Value:
        """The commands that begin with a colon."""
        known = {":put", ":log", ":delay", ":error", ":local", ":global", ":set", ":len", ":tostr", ":do", ":if",
                 ":foreach", ":pick"}  # fmt: skip
        if name.name not in known:
            raise ScriptSyntaxError(f"bad command name {name.name[1:]}", name.line, name.column)
        named = {word.name: word.value for word in words if word.operator}
        bare = [word for word in words if not word.operator]
        if name.name == ":do":
            return await self._do(bare, named)
        if name.name == ":if":
            condition = await self.value(bare[0].value or Literal(bare[0].name), self.menu)
            chosen = named.get("do") if _true(joined(condition)) else named.get("else")
            await self.blocks(chosen) if chosen else None
            return ""
        if name.name == ":foreach":
            return await self._foreach(bare, named)
        arguments = [(await self.argument(word, self.menu)).value for word in bare]
        return "" if self.check and name.name in (":error", ":delay") else await self._simple(name.name, arguments)

    async def _do(self, bare: list[Word], named: dict[str, Expression | None]) -> Value:
        try:
            await self.blocks(bare[0].value)
        except RouterError:
            if "on-error" not in named:
                raise
            await self.blocks(named["on-error"])
        return ""

    async def _foreach(self, bare: list[Word], named: dict[str, Expression | None]) -> Value:
        items = named.get("in")
        answer = await self.value(items, self.menu) if items else []
        for item in answer if isinstance(answer, list) else [answer]:
            self.variables[bare[0].name] = item
            await self.blocks(named.get("do"))
        return ""

    async def _simple(self, name: str, arguments: list[Value]) -> Value:
        first = arguments[0] if arguments else ""
        if name == ":len":
            return str(len(first))
        if name == ":pick":
            return _picked(first, [_whole(joined(one)) for one in arguments[1:]])
        if name == ":tostr":
            return joined(first)
        if name == ":put":
            self.write(joined(first) + "\r\n")
        elif name == ":delay":
            await self.delay(values.seconds(joined(first) or "1s"))
        elif name == ":error":
            raise RouterError(joined(first))
        elif name in (":local", ":global", ":set"):
            self.variables[joined(first)] = arguments[1] if len(arguments) > 1 else ""
        return ""


def joined(value: Value) -> str:
    """A value as text: what `find` found is between semicolons."""
    return value if isinstance(value, str) else ";".join(value)


def compared(left: str, operator: str, right: str) -> bool:
    """As `where` and `(…)` compare."""
    if operator == "~":
        return re.search(right, left) is not None
    if operator in ("<", ">", "<=", ">="):
        one, other = _whole(left), _whole(right)
        return {"<": one < other, ">": one > other, "<=": one <= other, ">=": one >= other}[operator]
    same = left == right or {left, right} in ({"yes", "true"}, {"no", "false"})
    return same if operator == "=" else not same


def _picked(value: Value, ends: list[int]) -> Value:
    """One item (of an array, or a character), or those from the first place up to the second; nothing past the end."""
    if len(ends) == 1:
        return value[ends[0]] if ends[0] < len(value) else ""
    return value[ends[0] : ends[1]]


def _whole(text: str) -> int:
    try:
        return int(text or "0")
    except ValueError:
        raise RouterError(f"cannot compute with {text!r}", 1) from None


def _true(text: str) -> bool:
    return text in ("true", "yes")


def _word(truth: bool) -> str:
    return "true" if truth else "false"
