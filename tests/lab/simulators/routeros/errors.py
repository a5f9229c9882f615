"""How RouterOS refuses: the text goes into a `!trap` or onto the console."""

from __future__ import annotations


class RouterError(Exception):
    """A refused command; `category` as the API numbers them (0 missing, 1 wrong argument, 2 interrupted, 5 other)."""

    def __init__(self, message: str, category: int | None = None) -> None:
        """The message as the router words it."""
        super().__init__(message)
        self.category = category


class ScriptSyntaxError(RouterError):
    """A line that is no command; the message ends with where."""

    def __init__(self, message: str, line: int, column: int) -> None:
        """Lines and columns count from one."""
        super().__init__(f"{message} (line {line} column {column})", 1)
