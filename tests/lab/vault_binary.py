"""A Vault to run: the user's own from PATH, or one built from the pinned module, once.

Vault is under the Business Source License: it is the lab's server only, and nothing of it is shipped.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from . import this_host
from .errors import LabError

VERSION = "1.21.1"
MODULE = Path(__file__).parent / "vault"
PACKAGE = "github.com/hashicorp/vault"
OLDEST_GO = (1, 24)  # the first that knows `tool` in go.mod
GIGABYTES = 4.0  # modules, compiled packages and the 360 MB of the result


def ensure_vault() -> Path:
    """The path of a Vault (or OpenBao) server program; built first if there is none."""
    for name in ("vault", "bao"):
        if found := shutil.which(name):
            return Path(found)
    path = this_host.cache_directory() / f"vault-{VERSION}" / "vault"
    if path.exists():
        return path
    with this_host.locked(path.parent / "lock"):
        if not path.exists():
            build_vault(path)
    return path


def build_vault(path: Path) -> None:
    """Compile Vault to this path; a build that is killed leaves no file of that name."""
    go = _require_go()
    path.parent.mkdir(parents=True, exist_ok=True)
    this_host.require_space(path.parent, GIGABYTES)
    for left in path.parent.glob("vault.building-*"):
        left.unlink()
    temporary = path.with_name(f"vault.building-{os.getpid()}")
    this_host.build(
        [go, "build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", str(temporary), PACKAGE],
        f"building Vault {VERSION}; this takes 8-12 minutes once, on two cores (put a `vault` on PATH to skip it)",
        path.with_name("build.log"),
        cwd=MODULE,
    )
    temporary.rename(path)


def _require_go() -> str:
    go = shutil.which("go")
    wanted = ".".join(map(str, OLDEST_GO))
    advice = (
        f"building Vault needs Go {wanted} or newer (https://go.dev/dl/; Debian 12's own golang is too old), "
        "or put a `vault` on PATH"
    )
    if go is None:
        raise LabError(f"no go on PATH: {advice}")
    said = subprocess.run([go, "version"], capture_output=True, text=True, check=False).stdout.strip()
    if go_version(said) < OLDEST_GO:
        raise LabError(f"{go} is too old ({said or 'it does not run'}): {advice}")
    return go


def go_version(said: str) -> tuple[int, ...]:
    """The numbers in what `go version` says (`go1.24rc1`, `go1.26.8`, `devel go1.27-abc`); none: ()."""
    match = re.search(r"\bgo(\d+)\.(\d+)(?:\.(\d+))?", said)
    return tuple(int(number) for number in match.groups() if number is not None) if match else ()
