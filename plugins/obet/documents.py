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
_INTEGER = re.compile(r"^(0|-?[1-9][0-9]{0,15})$")


def read(path: Path, kind: type[T]) -> T:
    """The document at `path` as `kind`; EstateError with file, line and what is wrong."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise EstateError(f"{path}: cannot be read: {error.strerror}") from error
    if len(raw) > _LARGEST:
        raise EstateError(f"{path}: is larger than {_LARGEST // 1024} KiB: no contract is")
    root = _compose(path, raw)
    try:
        return msgspec.convert(_plain(path, root), kind, dec_hook=_decode)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `")
        unknown = re.search(r"unknown field `([^`]+)`", message)
        node = _find(root, where.rstrip("`"), unknown.group(1) if unknown else None)
        place = where.rstrip("`").removeprefix("$").lstrip(".") or "the document"
        raise EstateError(f"{path}:{node.start_mark.line + 1}: {place}: {message}") from None


def _compose(path: Path, raw: bytes) -> Any:
    try:
        events = list(yaml.parse(raw, Loader=_LOADER))
        for event in events:
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise EstateError(f"{path}:{_line(event)}: anchors and aliases are not allowed here")
        root = yaml.compose(raw, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise EstateError(f"{path}:{line}: is not YAML: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise EstateError(f"{path}: is not YAML in UTF-8") from None
    if not isinstance(root, yaml.MappingNode):
        raise EstateError(f"{path}: must be one mapping of fields to values")
    return root


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _plain(path: Path, node: Any, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        raise EstateError(f"{path}:{node.start_mark.line + 1}: is nested too deep")
    if isinstance(node, yaml.MappingNode):
        return _mapping(path, node, depth)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(path, item, depth + 1) for item in node.value]
    return _scalar(path, node)


def _mapping(path: Path, node: Any, depth: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise EstateError(f"{path}:{line}: a field's name must be plain text")
        if key.value in result:
            raise EstateError(f"{path}:{line}: {key.value}: stands twice in one mapping")
        result[key.value] = _plain(path, value, depth + 1)
    return result


def _scalar(path: Path, node: Any) -> Any:
    """Tags other than YAML's own plain ones are refused; quoted text is always text."""
    if node.tag.startswith("!"):
        raise EstateError(f"{path}:{node.start_mark.line + 1}: the tag {node.tag} is not allowed here")
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
