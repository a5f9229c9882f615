"""The Debian mirror that this machine's own apt uses: the lab names no host of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OTHER_SUITES = ("bullseye", "trixie", "forky", "oldstable", "stable", "testing", "sid", "unstable")
ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)")


@dataclass(frozen=True)
class Source:
    """One archive that apt may install packages from."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]


def debian_mirror(directory: Path, suite: str) -> str:
    """The address that has the suite: an archive named for it, or another Debian suite's (same archive)."""
    sources = [
        source
        for source in _sources(directory)
        if "main" in source.components and source.uri.startswith(("http://", "https://", "file:"))
    ]
    for wanted in (suite, *OTHER_SUITES):
        for source in sources:
            if wanted in source.suites:
                return source.uri
    raise LabError(f"no Debian mirror in the apt sources under {directory}: add one that has {suite} main")


def _sources(directory: Path) -> Iterator[Source]:
    lists = [directory / "sources.list", *sorted((directory / "sources.list.d").glob("*.list"))]
    for path in lists:
        if path.exists():
            yield from _one_line(path.read_text(encoding="utf-8"))
    for path in sorted((directory / "sources.list.d").glob("*.sources")):
        yield from _deb822(path.read_text(encoding="utf-8"))


def _one_line(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        if match := ONE_LINE.match(line.partition("#")[0].strip()):
            yield Source(match["uri"], (match["suite"],), tuple(match["components"].split()))


def _deb822(text: str) -> Iterator[Source]:
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", lines):
        fields = {
            name.lower(): value
            for name, value in re.findall(r"^(\S+?):[ \t]*((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        }
        enabled = fields.get("enabled", "yes").strip().lower() not in ("no", "false", "0", "off")
        if enabled and "deb" in fields.get("types", "").split():
            for uri in fields.get("uris", "").split():
                components = tuple(fields.get("components", "").split())
                yield Source(uri, tuple(fields.get("suites", "").split()), components)
