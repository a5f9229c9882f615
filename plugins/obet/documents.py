"""Strict YAML: one mapping a file, each key once, no anchors, bounded size; an error names file and line.

Scalars stay what they look like in YAML 1.2's core schema (`no` is a word, a date is text): the model gives meaning.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import yaml

from obet.errors import EstateError
from obet.model import Moment

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")
_LARGEST = 256 * 1024
_DEEPEST = 20
# All but what YAML 1.2 calls printable (5.1), and a byte order mark.
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTEGER = re.compile(r"^(0|-?[1-9][0-9]{0,15})$")


def read(path: Path, kind: type[T]) -> T:
    """The document at `path` as `kind`; EstateError with file, line and what is wrong."""
    try:
        if path.exists() and not path.is_file():
            raise EstateError(f"{path}: cannot be read: is no plain file")
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise EstateError(f"{path}: cannot be read: {error.strerror}") from error
    if len(raw) > _LARGEST:
        raise EstateError(f"{path}: is larger than {_LARGEST // 1024} KiB: no contract is")
    root = _compose(path, raw)
    plain = _plain(path, root)
    try:
        return msgspec.convert(plain, kind, dec_hook=_decode)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `")
        where = where.rstrip("`")
        found = re.search(r"unknown field `([^`]+)`", message) or re.match(r"(\w+): ", message)
        field = found.group(1) if found else None
        if where.startswith("key` in `"):
            where = where.removeprefix("key` in `")
            field = _named(plain, kind, str(error), where)
        elif "[...]" in where:
            where = where.replace("[...]", f".{_named(plain, kind, str(error), where)}", 1)
        node = _find(root, where, field)
        place = where.removeprefix("$").lstrip(".") or "the document"
        raise EstateError(f"{path}:{_line(node)}: {place}: {message}") from None


def place(path: Path, where: str) -> str:
    """File and line of what stands at msgspec's path `where` in a document that was read."""
    return f"{path}:{_line(_find(_compose(path, path.read_bytes()), where))}"


def _named(plain: Any, kind: type[Any], message: str, where: str) -> str:
    """msgspec says `[...]` for any name in a mapping: the one that alone gives the same error."""
    mapping = plain
    for step in where.partition("[...]")[0].removeprefix("$").strip(".").split("."):
        mapping = mapping[step]
    entries = dict(mapping)
    for name, value in entries.items():
        mapping.clear()
        mapping[name] = value
        try:
            msgspec.convert(plain, kind, dec_hook=_decode)
        except msgspec.ValidationError as error:
            if str(error) == message:
                return str(name)
    return ""


def _check_text(path: Path, raw: bytes) -> None:
    """UTF-8 that can be shown. YAML's own parsers would take UTF-16 as well."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise EstateError(f"{path}: is UTF-16: save it as UTF-8")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise EstateError(f"{path}:{line}: is not UTF-8: save the file as UTF-8") from None
    if found := _UNPRINTABLE.search(text):
        line = text[: found.start()].count("\n") + 1
        raise EstateError(f"{path}:{line}: holds a character that does not print: {found[0]!a}")


def _compose(path: Path, raw: bytes) -> Any:
    _check_text(path, raw)
    try:
        depth = -1  # the document itself
        for event in yaml.parse(raw, Loader=_LOADER):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise EstateError(f"{path}:{_line(event)}: anchors and aliases are not allowed here")
            if (tag := getattr(event, "tag", None)) is not None:
                raise EstateError(f"{path}:{_line(event)}: the tag {tag} is not allowed here")
            # Composing recurses, libyaml's in C: what is too deep must not get that far.
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise EstateError(f"{path}:{_line(event)}: is nested too deep")
        root = yaml.compose(raw, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise EstateError(f"{path}:{line}: is not YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError):
        raise EstateError(f"{path}: is not YAML") from None
    if not isinstance(root, yaml.MappingNode):
        raise EstateError(f"{path}: must be one mapping of fields to values")
    return root


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _plain(path: Path, node: Any) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(path, node)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(path, item) for item in node.value]
    return _scalar(node)


def _mapping(path: Path, node: Any) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise EstateError(f"{path}:{line}: a field's name must be plain text")
        if key.value in result:
            raise EstateError(f"{path}:{line}: {key.value}: stands twice in one mapping")
        result[key.value] = _plain(path, value)
    return result


def _scalar(node: Any) -> Any:
    """Quoted text is always text."""
    text: str = node.value
    if node.style:  # quoted or a block: libyaml says "" of plain text, Python's own parser None
        return text
    if text in {"true", "false"}:
        return text == "true"
    if text in {"", "~", "null"}:
        return None
    return int(text) if _INTEGER.match(text) else text


def _decode(kind: type[Any], value: Any) -> Any:
    """msgspec's hook for the types that it does not know itself."""
    if kind is Moment and isinstance(value, str):
        return Moment.parse(value)
    if kind in {IPv4Address, IPv6Address} and isinstance(value, str):
        return kind(value)
    raise ValueError(f"expected {kind.__name__}, got {type(value).__name__}")


def _find(node: Any, where: str, field: str | None = None) -> Any:
    """The node nearest to msgspec's path (`$.services[0].kind`), or that field's name in it, for its line."""
    for step in re.findall(r"\.([^.\[\]]+)|\[([^\]]+)\]", where):
        key = step[0] or step[1]
        if isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
            node = node.value[int(key)]
        elif isinstance(node, yaml.MappingNode):
            node = next((value for name, value in node.value if name.value == key), node)
    names = node.value if isinstance(node, yaml.MappingNode) else []
    return next((name for name, _ in names if name.value == field), node)


# libyaml's parser where it is built in: ten times faster, the same events.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
