"""The files of a switch: flash with its size, and NVRAM."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

CAPACITY = 122_185_728
STARTUP, RUNNING, NULL = "nvram:startup-config", "system:running-config", "null:"
SHORT = {"startup-config": STARTUP, "running-config": RUNNING, "start": STARTUP, "run": RUNNING, "null": NULL}


class FileError(Exception):
    """A file cannot be had or written; the message is what stands in brackets after its name."""


class Flash:
    """One file system; `full` is asked before each write."""

    def __init__(self, directory: Path, capacity: int, full: Callable[[], bool]) -> None:
        """Its files are in a folder of the lab's tmpfs."""
        self._directory, self._capacity, self._full = directory, capacity, full
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def free(self) -> int:
        """Bytes."""
        return 0 if self._full() else self._capacity - sum(path.stat().st_size for path in self.files())

    def files(self) -> list[Path]:
        """All files, by name."""
        return sorted(path for path in self._directory.rglob("*") if path.is_file())

    def path(self, name: str) -> Path:
        """Where a file of this name is kept; there is nothing above the file system's root."""
        relative = name.partition(":")[2].lstrip("/") or name
        path = (self._directory / relative).resolve()
        if not relative or not path.is_relative_to(self._directory.resolve()):
            raise FileError("Invalid argument")
        return path

    def read(self, name: str) -> bytes:
        """A file's content."""
        path = self.path(name)
        if not path.is_file():
            raise FileError("No such file or directory")
        return path.read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """Make a file or replace it."""
        path = self.path(name)
        if len(content) > self.free or self._full():
            raise FileError("No space left on device")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def delete(self, name: str) -> None:
        """Remove a file."""
        path = self.path(name)
        if not path.is_file():
            raise FileError("No such file or directory")
        path.unlink()

    def digest(self, name: str) -> str:
        """A file's MD5, as `verify /md5` has it."""
        return hashlib.md5(self.read(name), usedforsecurity=False).hexdigest()

    def listing(self, name: str) -> str:
        """What `dir` prints, of a file or of all."""
        asked = name.partition(":")[2].strip("/")
        chosen = [path for path in self.files() if not asked or path == self.path(name)
                  or path.is_relative_to(self.path(name))]  # fmt: skip
        if asked and not chosen:
            return f"%Error opening {name} (No such file or directory)"
        title = name if asked else "flash:/"
        rows = [f"Directory of {title}", ""]
        for number, path in enumerate(chosen, 11):
            status = path.stat()
            when = datetime.fromtimestamp(status.st_mtime, UTC).strftime("%b %d %Y %H:%M:%S +00:00")
            rows.append(f"{number:5}  -rw-{status.st_size:>18}  {when}  {path.relative_to(self._directory)}")
        if not chosen:
            rows.append("No files in directory")
        return "\n".join([*rows, "", f"{self._capacity} bytes total ({self.free} bytes free)"])


def full_name(typed: str) -> str:
    """A file's whole name: `startup-config` is nvram's, and a bare name is flash's."""
    if typed in SHORT:
        return SHORT[typed]
    for whole in (STARTUP, RUNNING):
        if typed.replace("/", "") == whole:
            return whole
    if typed.startswith("null:"):
        return NULL
    return typed if ":" in typed else f"flash:{typed}"
