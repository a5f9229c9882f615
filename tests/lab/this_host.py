"""What the lab asks of the machine it runs on: tools, the cache, locks, a word about what takes long."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CHECKOUT = Path(__file__).resolve().parents[2]
RUN_DIRECTORY = Path("/run/obet-lab")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PACKAGES = {
    "ip": "iproute2",
    "mount": "mount",
    "umount": "mount",
    "nft": "nftables",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "openssl": "openssl",
    "debootstrap": "debootstrap",
}
PROGRESS_SECONDS = 15


def require_host() -> None:
    """Refuse at once, in one line, what could only fail half-way."""
    if sys.platform != "linux" or sys.version_info < (3, 11):
        raise LabError("the lab needs Linux and Python 3.11 or newer")
    if os.geteuid() != 0:
        raise LabError("the lab needs root (network namespaces and mounts): run it with sudo")
    missing = [name for name in PACKAGES if find_tool(name) is None]
    if missing:
        packages = " ".join(sorted({PACKAGES[name] for name in missing}))
        raise LabError(f"missing: {', '.join(missing)}; install with: apt-get install {packages}")


def find_tool(name: str) -> str | None:
    """A tool's path; the system's sbin counts even where a user's PATH leaves it out."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}")


def tool(name: str) -> str:
    """A tool's path, or one line saying which package has it."""
    path = find_tool(name)
    if path is None:
        raise LabError(f"missing: {name}; install with: apt-get install {PACKAGES.get(name, name)}")
    return path


def command(name: str, *arguments: str, text: str | None = None) -> str:
    """Run a host tool that takes well under a second and answer what it printed."""
    result = subprocess.run(
        [tool(name), *arguments], input=text, capture_output=True, text=True, check=False, timeout=60
    )
    if result.returncode != 0:
        said = " ".join(result.stderr.split()) or f"exit status {result.returncode}"
        raise LabError(f"{name} {' '.join(arguments)}: {said}")
    return result.stdout


def cache_directory() -> Path:
    """Where what takes minutes to make is kept: OBET_CACHE, or obet in the user's cache folder."""
    if chosen := os.environ.get("OBET_CACHE"):
        path = Path(chosen)
    else:
        path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "obet"
    path.mkdir(parents=True, exist_ok=True)
    return path.resolve()


def require_space(directory: Path, gigabytes: float) -> None:
    """A full disk is said before the minutes are spent, not after."""
    free = shutil.disk_usage(directory).free / 1e9
    if free < gigabytes:
        raise LabError(
            f"no space: {directory} has {free:.1f} GB free and this takes {gigabytes} GB; "
            "free some, or set OBET_CACHE to a folder elsewhere"
        )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock; the kernel gives it back however its holder ends.

    The file goes with the lock: whoever waited for it then holds a lock on a file that is no longer there, and
    tries again on the new one.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("w", encoding="utf-8")
        except FileNotFoundError:
            continue  # its folder was just tidied away
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _still_there(path, file.fileno()):
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _still_there(path: Path, descriptor: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


def say(message: str) -> None:
    """A line about progress, on stderr: stdout is for answers."""
    print(f"lab: {message}", file=sys.stderr, flush=True)


def build(
    arguments: Sequence[str], what: str, log: Path, *, cwd: Path, environment: Mapping[str, str] | None = None
) -> None:
    """Run what takes minutes: a line every few seconds, the output in a log, the log's end in the error.

    setpriv ends the work with us: a killed lab shall not leave a compiler running.
    """
    say(f"{what} …")
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [tool("setpriv"), "--pdeathsig=KILL", "--", *arguments],
            cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
        while _still_running(process):
            say(f"{what}: {time.monotonic() - started:.0f} s so far")
    if process.returncode != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), f"exit status {process.returncode}")
        raise LabError(f"{what}: failed: {last.strip()} (all of it: {log})")
    say(f"{what}: done in {time.monotonic() - started:.0f} s")


def _still_running(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(PROGRESS_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    except BaseException:
        process.kill()
        process.wait()
        raise
    return False
