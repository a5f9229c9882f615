"""The file tree that all machines start from: a small Debian 12, made once and kept in the cache.

It is a lower layer that nobody writes to, and not the host's own tree, so that no host file shows in a machine.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from . import apt_sources, this_host

SUITE = "bookworm"
PACKAGES = (
    "openssh-server", "openssh-client", "nftables", "iproute2", "sudo", "python3", "rsyslog", "openssl",
    "iputils-ping", "netcat-openbsd",
)  # fmt: skip
RECIPE = "2"  # raise it when _finish changes, so that an older tree is not taken for a new one
GIGABYTES = 1.0


def ensure_base() -> Path:
    """The base's path; built first if this cache has none, by one process at a time."""
    digest = hashlib.sha256(" ".join((SUITE, RECIPE, *sorted(PACKAGES))).encode()).hexdigest()[:12]
    path = this_host.cache_directory() / f"base-{digest}"
    if path.exists():
        return path
    with this_host.locked(path.with_suffix(".lock")):
        if not path.exists():
            _build(path)
    return path


def _build(path: Path) -> None:
    this_host.require_space(path.parent, GIGABYTES)
    mirror = apt_sources.debian_mirror(Path("/etc/apt"), SUITE)
    for left in path.parent.glob(f"{path.name}.building-*"):
        shutil.rmtree(left)  # of a build that was killed; we hold the lock, so none runs
    tree = path.with_name(f"{path.name}.building-{os.getpid()}")
    # Its own mount and process namespaces: a killed build leaves neither a mounted /proc nor a process.
    namespaces = [this_host.tool("unshare"), "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    include = f"--include={','.join(PACKAGES)}"
    this_host.build(
        [*namespaces, this_host.tool("debootstrap"), "--variant=minbase", include, SUITE, str(tree), mirror],
        "making the machines' base system (about a minute, once)",
        path.with_suffix(".log"),
        cwd=path.parent,
        environment=os.environ | {"PATH": f"{os.environ.get('PATH', '')}:{this_host.SYSTEM_PATH}"},
    )
    _finish(tree)
    tree.rename(path)


def _finish(tree: Path) -> None:
    """Take out what must not be shared or would reach the host: host keys, the host kernel's log."""
    for key in (tree / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for archive in (tree / "var/cache/apt/archives").glob("*.deb"):
        archive.unlink()
    for folder, pattern in (("var/lib/apt/lists", "*"), ("var/log", "*.log")):
        for file in (tree / folder).rglob(pattern):
            if file.is_file():
                file.unlink()
    configuration = tree / "etc/rsyslog.conf"
    text = configuration.read_text(encoding="utf-8").replace('module(load="imklog")', "")
    configuration.write_text(text, encoding="utf-8")
    (tree / "etc/hostname").unlink(missing_ok=True)
    (tree / "etc/resolv.conf").write_text("", encoding="utf-8")
