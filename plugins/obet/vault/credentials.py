"""Login material of this node: systemd credentials, or files of mode 0600 on tmpfs. The one exception to "no disk"."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from obet.errors import RunError
from obet.vault.session import AppRoleCredential

_MEMORY = {"tmpfs", "ramfs"}
_DEFAULT = "/run/obet/credentials"


def directory(environment: Mapping[str, str]) -> Path:
    """systemd's own directory of a unit, else OBET_CREDENTIALS_DIRECTORY, else /run/obet/credentials."""
    named = environment.get("CREDENTIALS_DIRECTORY") or environment.get("OBET_CREDENTIALS_DIRECTORY")
    return Path(named or _DEFAULT)


def load(folder: Path, role: str) -> AppRoleCredential:
    """The AppRole credential of `role`; RunError when it is not there or not kept as it must be."""
    return AppRoleCredential(_read(folder / f"{role}.role-id"), _read(folder / f"{role}.secret-id"))


def save(folder: Path, role: str, credential: AppRoleCredential) -> None:
    """Writes it for this user alone; RunError when `folder` is not memory."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part, value in (("role-id", credential.role_id), ("secret-id", credential.secret_id)):
        path = folder / f"{role}.{part}"
        if file_system(path) not in _MEMORY:
            raise RunError(f"{folder}: is on disk; login material may only stand on tmpfs")
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(value)


def file_system(path: Path) -> str:
    """The type of the file system that `path` stands on, or would (proc_pid_mountinfo(5))."""
    place = path.resolve()
    found, longest = "", -1
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        mount = Path(before.split()[4].replace("\\040", " "))
        if place.is_relative_to(mount) and len(mount.parts) >= longest:
            found, longest = after.split()[0], len(mount.parts)
    return found


def _read(path: Path) -> str:
    return read_private(
        path,
        "the registrar hands it out with `obet vault credential`, and OBET_CREDENTIALS_DIRECTORY says where it stands",
    )


def read_private(path: Path, remedy: str) -> str:
    """What stands in a file of this user alone on tmpfs; RunError, with `remedy`, when it is not there or not so."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise RunError(f"{path}: login material of this node cannot be read: {error.strerror}; {remedy}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise RunError(f"{path}: login material of this node must be a file")
    with os.fdopen(descriptor) as file:
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise RunError(f"{path}: must belong to this user alone: chmod 0600")
        if file_system(path) not in _MEMORY:
            raise RunError(f"{path}: is on disk; login material may only stand on tmpfs")
        return file.read().strip()
