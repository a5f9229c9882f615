"""Finds values in bytes, however they are spelt or packed; `test_search.py` shows that it sees."""

from __future__ import annotations

import base64
import bz2
import html
import io
import json
import lzma
import os
import re
import shlex
import stat
import subprocess
import tarfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

SHORTEST = 8  # bytes: a shorter value is met by chance
DEEPEST = 4  # a package in a package in a package
LARGEST = 256 << 20  # bytes out of one package: more is a bomb, and an error rather than a blind spot
_PREFIX = 4

Content = tuple[str, bytes]


@dataclass(frozen=True)
class Canary:
    """A value that must not be found; printing it shows only what it is."""

    name: str
    value: bytes = field(repr=False)


@dataclass(frozen=True)
class Hit:
    """What was found, how it was spelt, and where."""

    canary: str
    spelling: str
    where: str


def spellings(value: bytes) -> Iterator[tuple[str, bytes]]:
    """Each way in which programs write a value down, by name."""
    text = value.decode()
    yield "raw", value
    for offset in range(3):
        for name, encoded in _base64(value, offset):
            yield f"{name}, shifted by {offset}", encoded
    yield "hex", value.hex().encode()
    yield "HEX", value.hex().upper().encode()
    for form in {quote(text, safe=""), quote(text), quote_plus(text)}:
        yield "URL", form.encode()
        yield "url", re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), form).encode()
    for ascii_only in (True, False):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        twice = json.dumps(once, ensure_ascii=ascii_only)[1:-1]
        yield "JSON", once.encode()
        yield "JSON in JSON", twice.encode()
        yield "JSON for HTML", _for_html(once).encode()
    yield "Python", repr(text)[1:-1].encode()
    yield "YAML", text.replace("'", "''").encode()
    yield "shell, quoted", shlex.quote(text).strip("'").encode()
    yield "shell, doubly quoted", re.sub(r'([\\"$`])', r"\\\1", text).encode()
    yield "shell, escaped", re.sub(r"([^\w@%+=:,./-])", r"\\\1", text).encode()
    yield "HTML", html.escape(text).encode()
    yield "UTF-16, little-endian", text.encode("utf-16-le")
    yield "UTF-16, big-endian", text.encode("utf-16-be")


def _base64(value: bytes, offset: int) -> Iterator[Content]:
    """The characters that the value alone decides when `offset` bytes come before it in its group of three."""
    shifted = bytes(offset) + value
    decided = slice(-(-8 * offset // 6), 8 * len(shifted) // 6)
    yield "base64", base64.b64encode(shifted)[decided]
    yield "urlsafe base64", base64.urlsafe_b64encode(shifted)[decided]


def _for_html(text: str) -> str:
    """As Go's encoder writes it, and thus Vault."""
    return re.sub("[<>&']", lambda found: f"\\u{ord(found[0]):04x}", text)


class Search:
    """Looks for all canaries in all their spellings at once."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        """A value that is too short to tell from chance is refused."""
        needles: dict[bytes, tuple[str, str]] = {}
        for canary in canaries:
            if len(canary.value) < SHORTEST:
                raise ValueError(f"{canary.name}: is too short to be told from chance")
            for spelling, needle in spellings(canary.value):
                needles.setdefault(needle, (canary.name, spelling))
        # Tokens begin alike in each spelling: one look for what they share spares one for each of them.
        alike: dict[bytes, list[bytes]] = defaultdict(list)
        for needle in needles:
            alike[needle[:_PREFIX]].append(needle)
        self._needles = needles
        self._groups: dict[bytes, list[bytes]] = {}
        for group in alike.values():
            self._groups[os.path.commonprefix(group) or b""] = group  # noqa: RUF071 - bytes, not paths

    def hits(self, contents: Iterable[Content]) -> Iterator[Hit]:
        """What is found in the contents themselves, in their names, and in whatever is packed into them."""
        for where, content in contents:
            for inner, unpacked in [(where, where.encode(errors="surrogateescape")), *unpack(where, content)]:
                for name, spelling in self._found(unpacked):
                    yield Hit(name, spelling, inner)

    def _found(self, content: bytes) -> set[tuple[str, str]]:
        return {
            self._needles[needle]
            for shared, group in self._groups.items()
            if shared in content
            for needle in group
            if needle in content
        }


# Base64 in lines of a fixed width, as `base64`, PEM and MIME write it; a line's end may itself be escaped.
_LINE_END = rb"(?:\\r)?(?:\\n)|\r?\n"
_WRAPPED = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{48,}+(?:" + _LINE_END + rb")[A-Za-z0-9+/_-]")
_PACKED_IN_BASE64 = re.compile(rb"(?:UEsDB|H4sI|eJ|eN|QlpoO|/Td6WFo)[A-Za-z0-9+/]{16,}={0,2}")


def unpack(where: str, content: bytes, depth: int = 0) -> Iterator[Content]:
    """The content, and what it holds: compressed, in an archive, as lines of base64, an archive as base64."""
    yield where, content
    if depth == DEEPEST:
        return
    for name, inner in _members(content):
        yield from unpack(f"{where}!{name}", inner, depth + 1)
    flat = re.sub(_LINE_END, b"", content) if _WRAPPED.search(content) else content
    if flat is not content:
        yield f"{where}!lines", flat
    for found in _PACKED_IN_BASE64.finditer(flat):
        whole = found[0].rstrip(b"=")
        for name, inner in _members(base64.b64decode(whole[: len(whole) // 4 * 4] + _padding(whole))):
            yield from unpack(f"{where}!base64!{name}", inner, depth + 1)


def _padding(text: bytes) -> bytes:
    rest = text[len(text) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


# It only began like a package, or is encrypted.
_UNREADABLE = (zlib.error, lzma.LZMAError, OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, RuntimeError)


def _members(content: bytes) -> Iterator[Content]:
    """What one package holds; as much as can be read of one that is cut off."""
    if content[:2] == b"\x1f\x8b":
        yield "gzip", _inflate(zlib.decompressobj(31), content)
    elif content[:2] in {b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"}:
        yield "zlib", _inflate(zlib.decompressobj(), content)
    elif content[:3] == b"BZh":
        yield "bzip2", _inflate(bz2.BZ2Decompressor(), content)
    elif content[:6] == b"\xfd7zXZ\0":
        yield "xz", _inflate(lzma.LZMADecompressor(), content)
    elif content[:4] == b"PK\x03\x04":
        with suppress(*_UNREADABLE), zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                with archive.open(name) as packed:
                    yield name, _limited(packed.read(LARGEST + 1))
    elif content[257:262] == b"ustar":
        with suppress(*_UNREADABLE), tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                if (file := archive.extractfile(member)) is not None:
                    yield member.name, _limited(file.read(LARGEST + 1))


def _inflate(decompressor: zlib._Decompress | bz2.BZ2Decompressor | lzma.LZMADecompressor, content: bytes) -> bytes:
    try:
        return _limited(decompressor.decompress(content, LARGEST + 1))
    except _UNREADABLE:
        return b""


def _limited(content: bytes) -> bytes:
    if len(content) > LARGEST:
        raise ValueError("a package holds more than is searched")
    return content


def files(folder: Path, *, since: float = 0.0, without: Iterable[Path] = ()) -> Iterator[Content]:
    """Each regular file and each link under a folder that changed since then; what vanishes meanwhile is gone."""
    left_out = {str(path) for path in without}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if f"{place}/{name}" not in left_out]
        for name in names:
            path = Path(place, name)
            with suppress(FileNotFoundError):
                status = path.lstat()
                if max(status.st_mtime, status.st_ctime) < since:
                    continue
                if stat.S_ISLNK(status.st_mode):
                    yield str(path), os.fsencode(path.readlink())
                elif stat.S_ISREG(status.st_mode):
                    yield str(path), path.read_bytes()


def git_objects(checkout: Path, environment: dict[str, str] | None = None) -> Iterator[Content]:
    """Every object of a checkout's repository, loose or packed, reachable or not; CalledProcessError without git."""
    command = ["git", "-c", "safe.directory=*", "-C", str(checkout), "cat-file", "--batch-all-objects", "--batch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as git:
        assert git.stdout is not None
        for header in git.stdout:
            name, kind, size = header.split()
            yield f"{kind.decode()} {name.decode()}", git.stdout.read(int(size))
            git.stdout.read(1)
    if git.returncode:
        raise subprocess.CalledProcessError(git.returncode, command)
