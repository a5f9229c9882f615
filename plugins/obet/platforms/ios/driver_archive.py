"""The archive of an IOS device, without which it takes no change back, and the copies of configurations on flash."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from obet.devices.driver import Gap

FILES = "dir"
_PRIVILEGE, _TIMER = "show privilege", "show archive config rollback timer"
QUESTIONS = (_PRIVILEGE, _TIMER, FILES)
_OURS = "obet-archive"
_COPIES = 2  # that our own archive keeps: one for each change under way, and one before
_SPARE = 64 * 1024  # bytes beside the copies
_COPY = re.compile(r"(?:Backing up current running config to|Rolling to:) (\S+)")
_LOCAL = re.compile(r"(flash|bootflash|disk\d|slot\d|usbflash\d|harddisk|nvram)[\w-]*:")


def copy_named(said: str) -> str:
    """The copy that a timer was armed with; empty where none is named."""
    found = _COPY.search(said)
    return found[1] if found else ""


def gaps(running: str, answers: Mapping[str, str]) -> tuple[Gap, ...]:
    """`answers`: to each of QUESTIONS."""
    found = []
    if "privilege level is 15" not in answers[_PRIVILEGE]:
        found.append(Gap(what="our account has not privilege 15", remedy="onboard it again, or look at its AAA"))
    if "Rollback Confirmed Change" not in answers[_TIMER] and "Timer type:" not in answers[_TIMER]:
        found.append(Gap(what="its IOS has no timer for changes", remedy="it needs one with `configure revert`"))
    path = _path(running)
    if not path:
        remedy = "`--extra-vars obet_mend=true` configures `archive` with a `path` on its flash"
        found.append(Gap(what="it keeps no archive of configurations", remedy=remedy))
    elif not _LOCAL.match(path):
        remedy = "give `archive` a `path` on its own flash: copies hold hashes"
        found.append(Gap(what="its archive is not on the device", remedy=remedy))
    free = re.search(r"\((\d+) bytes free\)", answers[FILES])
    if free is None or int(free[1]) < _COPIES * len(running) + _SPARE:
        found.append(Gap(what="its flash has no room for copies of its configuration", remedy="delete old files there"))
    return tuple(found)


def mended(running: str, listing: str) -> str:
    """The text that configures an archive where there is none."""
    place = re.match(r"\s*Directory of (\w+):", listing)
    if _path(running) or place is None:
        return ""
    return f"archive\n path {place[1]}:{_OURS}\n maximum {_COPIES}\nexit\n"


def unmended(running: str) -> str:
    """The text that takes our own archive away again."""
    return "archive\n no path\n no maximum\nexit\n" if _OURS in _path(running) else ""


def folders(running: str) -> list[str]:
    """What to ask for the files that `candidates` looks through."""
    system, _, name = _path(running).partition(":")
    folder = name.rpartition("/")[0].strip("/")
    return [FILES, f"dir {system}:{folder}"] if folder else [FILES]


def candidates(running: str, listings: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Files that may be copies of a configuration, and whether their name alone makes them ours."""
    hostname = re.search(r"^hostname (\S+)$", running, re.MULTILINE)
    path = _path(running).replace("$h", hostname[1] if hostname else "").partition("$")[0]
    begin = path.partition(":")[2].lstrip("/")
    for listing in listings:
        place = re.match(r"\s*Directory of (\w+):/?(.*)", listing)
        for found in re.finditer(r"^\s*\d+\s+-\S+\s+\d+\s+.*\s(\S+)$", listing, re.MULTILINE):
            folder = f"{place[2].strip('/')}/".lstrip("/") if place else ""
            name = found[1] if found[1].startswith(folder) else folder + found[1]
            if place and (name.startswith(_OURS) or (begin and name.startswith(begin))):
                yield f"{place[1]}:{name}", name.startswith(_OURS)


def names_of_ours(text: str, accounts: Iterable[str]) -> list[str]:
    """Names of ours that a configuration holds: accounts, lists, the archive."""
    words = {word for line in text.splitlines() if not line.startswith("!") for word in line.split()}
    lists = {word for word in words if re.fullmatch(r"OBET-[A-Z0-9-]+", word)}
    users = {found for found in re.findall(r"^\s*username (\S+)", text, re.MULTILINE) if found in set(accounts)}
    archives = {word for word in words if _OURS in word}
    return sorted(lists | users | archives)


def _path(running: str) -> str:
    section = re.search(r"^archive\n((?: .*\n)*)", running, re.MULTILINE)
    found = re.search(r"^ path (\S+)", section[1], re.MULTILINE) if section else None
    return found[1] if found else ""
