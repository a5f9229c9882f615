"""The router's script language, as far as exports and small scripts use it: text to statements.

No abbreviations, no functions, no arrays but what `find` answers; what is not understood is a syntax error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import ScriptSyntaxError

CONTINUED = re.compile(r"(?<!\\)((?:\\\\)*)\\\r?\n[ \t]*")
NAME = re.compile(r"[A-Za-z.][A-Za-z0-9._-]*")
BARE = re.compile(r"[^\s;\[\]{}()\"]+")
VARIABLE = re.compile(r"\$([A-Za-z][A-Za-z0-9_-]*)")
OPERATOR = re.compile(r"!=|<=|>=|&&|\|\||and\b|or\b|in\b|[=<>~.+\-]")
COMPARED = re.compile(r"!=|~|<|>|=")
SIMPLE = {"n": "\n", "r": "\r", "t": "\t", "_": " ", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclass(frozen=True)
class Text:
    """A string; variables and commands in it have been split off."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Literal:
    """A word or a part of a string."""

    text: str


@dataclass(frozen=True)
class Variable:
    """`$name`."""

    name: str


@dataclass(frozen=True)
class Substitution:
    """`[command]`."""

    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Block:
    """`{…}`, which a command runs or not."""

    statements: tuple[Statement, ...]
    source: str


@dataclass(frozen=True)
class Operation:
    """`(left operator right)`; with no left it is a negation."""

    operator: str
    left: Expression | None
    right: Expression


Expression = Literal | Text | Variable | Substitution | Block | Operation


@dataclass(frozen=True)
class Word:
    """One word of a command: a bare one, or name, operator and value. Line and column count from one."""

    name: str
    operator: str
    value: Expression | None
    line: int
    column: int


@dataclass(frozen=True)
class Statement:
    """One command; `absolute`: it began with a slash."""

    words: tuple[Word, ...]
    absolute: bool
    line: int
    column: int


def parsed(source: str) -> tuple[Statement, ...]:
    """A whole script."""
    scanner = _Scanner(CONTINUED.sub(r"\1", source))
    statements = scanner.statements("")
    if scanner.here():
        raise scanner.error("syntax error")
    return statements


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def here(self) -> str:
        return self.text[self.at : self.at + 1]

    def error(self, message: str, at: int | None = None) -> ScriptSyntaxError:
        return ScriptSyntaxError(message, *self.place(self.at if at is None else at))

    def place(self, at: int) -> tuple[int, int]:
        before = self.text[:at]
        return before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1

    def skip(self, characters: str) -> None:
        while self.here() and self.here() in characters:
            self.at += 1

    def taken(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if not found:
            return ""
        self.at = found.end()
        return found[0]

    def statements(self, end: str) -> tuple[Statement, ...]:
        found = []
        while True:
            self.skip(" \t\r\n;")
            if self.here() == "#":
                self.at = (self.text + "\n").index("\n", self.at)
            elif not self.here() or self.here() in "]}":
                break
            else:
                found.append(self.statement())
        if end and self.here() != end:
            raise self.error("expected closing brace" if end == "}" else "expected closing bracket")
        return tuple(found)

    def statement(self) -> Statement:
        line, column = self.place(self.at)
        absolute = self.here() == "/"
        if absolute:
            self.at += 1
        words: list[Word] = []
        while True:
            self.skip(" \t\r")
            if not self.here() or self.here() in ";\n]}":
                return Statement(tuple(words), absolute, line, column)
            words += self.word()

    def word(self) -> list[Word]:
        start = self.at
        place = self.place(start)
        if self.here() == "=":  # the API's way of writing, which scripts take as well
            self.at += 1
        name = self.taken(NAME)
        if name and (operator := self.taken(COMPARED)):
            self.skip(" \t") if self.here() in " \t" and operator != "=" else None
            return [Word(name, operator, self.value(), *place)]
        self.at = start
        if self.here() in '"[{($':
            return [Word("", "", self.value(), *place)]
        bare = self.taken(BARE)
        if not bare:
            raise self.error("syntax error")
        path = [bare] if bare.startswith((":", "!")) or not re.fullmatch(r"[A-Za-z0-9/_-]+", bare) else bare.split("/")
        return [Word(part, "", None, *place) for part in path if part]

    def value(self) -> Expression:
        here = self.here()
        if here == '"':
            return self.string()
        if here == "[":
            self.at += 1
            statements = self.statements("]")
            self.at += 1
            return Substitution(statements)
        if here == "{":
            start = self.at
            self.at += 1
            block = self.statements("}")
            self.at += 1
            return Block(block, self.text[start + 1 : self.at - 1])
        if here == "(":
            self.at += 1
            inside = self.operation(0)
            self.skip(" \t\r\n")
            if self.here() != ")":
                raise self.error("expected closing parenthesis")
            self.at += 1
            return inside
        if found := VARIABLE.match(self.text, self.at):
            self.at = found.end()
            return Variable(found[1])
        return Literal(self.taken(BARE))

    def string(self) -> Expression:
        start = self.at
        self.at += 1
        parts: list[Expression] = []
        plain = bytearray()
        while self.here() != '"':
            if not self.here():
                raise self.error("expected closing quote", start)
            if self.here() == "\\":
                plain += self.escape()
            elif self.here() == "$" and (
                self.text[self.at + 1 : self.at + 2] == "[" or VARIABLE.match(self.text, self.at)
            ):
                parts.append(Literal(plain.decode("utf-8", "surrogateescape")))
                plain.clear()
                self.at += self.text[self.at + 1] == "["
                parts.append(self.value())
            else:
                plain += self.here().encode("utf-8", "surrogateescape")
                self.at += 1
        self.at += 1
        last = Literal(plain.decode("utf-8", "surrogateescape"))
        return Text((*parts, last)) if parts else last

    def escape(self) -> bytes:
        self.at += 1
        following = self.text[self.at : self.at + 2]
        if re.fullmatch(r"[0-9A-F]{2}", following):
            self.at += 2
            return bytes([int(following, 16)])
        self.at += 1
        return SIMPLE.get(following[:1], following[:1]).encode("utf-8", "surrogateescape")

    def operation(self, least: int) -> Expression:
        levels = {"||": 1, "or": 1, "&&": 2, "and": 2, ".": 4, "+": 5, "-": 5}
        self.skip(" \t\r\n")
        if self.here() == "!":
            self.at += 1
            left: Expression = Operation("!", None, self.operation(6))
        else:
            left = self.operand()
        while True:
            self.skip(" \t\r\n")
            before = self.at
            operator = self.taken(OPERATOR)
            level = levels.get(operator, 3)
            if not operator or level <= least:
                self.at = before
                return left
            left = Operation(operator, left, self.operation(level))

    def operand(self) -> Expression:
        if self.here() in '"[($':
            return self.value()
        word = self.taken(re.compile(r"[^\s()=<>!~&|.+\"\[\]{};]+"))
        if not word:
            raise self.error("syntax error")
        return Literal(word)
