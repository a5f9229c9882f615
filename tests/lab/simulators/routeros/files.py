"""The router's file store: real files in a folder of the lab's tmpfs, so that SFTP serves the same."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ..faults import FaultKind, Faults
from .errors import RouterError

INLINE = 50_000  # bytes that `contents` shows
TYPES = {".rsc": "script", ".backup": "backup", ".txt": ".txt file", ".crt": ".crt file", ".pub": "ssh key"}


class Files:
    """All files, by the name that the router prints."""

    def __init__(self, root: Path, faults: Faults) -> None:
        """The folder is made."""
        self.root, self._faults = root, faults
        root.mkdir(mode=0o700, exist_ok=True)
        self._numbers: dict[str, int] = {}

    def path(self, name: str) -> Path:
        """Where a file is; no name leads out of the store."""
        clean = name.strip("/")
        if not clean or any(part in ("", ".", "..") for part in clean.split("/")) or "\0" in clean:
            raise RouterError("invalid file name", 1)
        return self.root / clean

    def id(self, name: str) -> str:
        """A file's number, the same as long as this process runs."""
        return f"*{self._numbers.setdefault(name, len(self._numbers) + 1):X}"

    def names(self) -> list[str]:
        """All of them, folders too, in order."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*"))

    def read(self, name: str) -> bytes:
        """What is in it."""
        path = self.path(name)
        if not path.is_file():
            raise RouterError("no such item", 0)
        return path.read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """Make it or replace it."""
        self.check_space()
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def check_space(self) -> None:
        """Refuse while the fault says that the flash is full."""
        if self._faults.active(FaultKind.FULL):
            raise RouterError("failure: not enough disk space")

    def remove(self, name: str) -> None:
        """Take it away."""
        path = self.path(name)
        path.rmdir() if path.is_dir() else path.unlink()

    def described(self, name: str) -> dict[str, str]:
        """A row of `/file print`."""
        path = self.path(name)
        status = path.stat()
        at = f"{datetime.fromtimestamp(status.st_mtime, UTC):%Y-%m-%d %H:%M:%S}"
        kind = "directory" if path.is_dir() else TYPES.get(path.suffix, "file")
        row = {".id": self.id(name), "name": name, "type": kind, "last-modified": at}
        if not path.is_dir():
            row["size"] = str(status.st_size)
            if status.st_size <= INLINE and kind != "backup":
                row["contents"] = path.read_bytes().decode("utf-8", "surrogateescape")
        return row
