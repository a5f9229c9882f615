"""A host of the lab as its user sees it: run a command there, open a connection from there."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import IO, TYPE_CHECKING

from . import network, this_host
from .errors import CommandError, CommandTimeoutError
from .topology import Place, namespace

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Mapping, Sequence

DEFAULT_TIMEOUT = 60.0
NO_CAPABILITIES = ("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all")
# ssh looks into the home that passwd names, whatever HOME says: the node's own .ssh lies over it, seen by it alone.
OWN_SSH_FOLDER = 'mount --bind "$1" "$2"; shift 2; exec "$@"'


class Host(ABC):
    """Anything with a network namespace in the lab."""

    def __init__(self, lab: str, place: Place) -> None:
        """Only names; making it is `create`'s business."""
        self.lab = lab
        self.place = place
        self.namespace = namespace(lab, place.name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.namespace}>"

    @property
    def name(self) -> str:
        """The name in the lab, also its host name if it is a machine."""
        return self.place.name

    @property
    def ipv4(self) -> str:
        """Its IPv4 address."""
        return self.place.ipv4

    @property
    def ipv6(self) -> str:
        """Its IPv6 address."""
        return self.place.ipv6

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The whole environment of a command there: nothing of the caller's own leaks in."""

    @abstractmethod
    def entered(self, arguments: Sequence[str], cwd: Path | None) -> list[str]:
        """The command line, for the host, that runs these arguments there."""

    def run(
        self,
        arguments: Sequence[str | Path],
        *,
        input: str | None = None,  # noqa: A002 - the name that subprocess.run gives it
        env: Mapping[str, str] | None = None,
        check: bool = True,
        timeout: float = DEFAULT_TIMEOUT,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; text in, text out.

        What it started in the background is ended with it when the time is over.
        """
        words = [str(argument) for argument in arguments]
        process = self.popen(
            words,
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd=cwd,
        )
        try:
            stdout, stderr = process.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            _end_session(process)
            raise CommandTimeoutError(f"{self.name}: {' '.join(words)}: not done in {timeout:.0f} s") from None
        except BaseException:
            _end_session(process)
            raise
        result = subprocess.CompletedProcess(words, process.returncode, stdout, stderr)
        if check and result.returncode != 0:
            raise CommandError(self.name, result)
        return result

    def popen(
        self,
        arguments: Sequence[str | Path],
        *,
        stdin: int | IO[str] | None = subprocess.DEVNULL,
        stdout: int | IO[str] | None = None,
        stderr: int | IO[str] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        pass_fds: Iterable[int] = (),
    ) -> subprocess.Popen[str]:
        """Start a command; killing the process that this answers ends the command."""
        return subprocess.Popen(
            self.entered([str(argument) for argument in arguments], cwd),
            stdin=stdin, stdout=stdout, stderr=stderr, pass_fds=tuple(pass_fds),
            env=self.environment() | dict(env or {}), start_new_session=True,
            encoding="utf-8", errors="backslashreplace",
        )  # fmt: skip

    def connect(self, address: str, port: int, timeout: float = 5.0) -> socket.socket:
        """A TCP connection from this host, held by the calling process."""
        return network.connect(self.namespace, address, port, timeout)

    def listen(self, address: str, port: int) -> socket.socket:
        """A listening TCP socket on this host, held by the calling process."""
        return network.listen(self.namespace, address, port)

    def replace_process(self, arguments: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Become a command there, for an interactive shell."""
        command = self.entered(arguments, None)
        os.execve(command[0], command, self.environment() | dict(env or {}))  # noqa: S606 - no shell is meant


def _end_session(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=5)


class Node(Host):
    """A host on the machine's own file tree, in its own namespace, without any capability.

    Each has a home and temporary folders of its own: with a shared one, an outsider's ssh got in through another
    node's control socket.
    """

    def __init__(self, lab: str, place: Place, directory: Path) -> None:
        """The folders are in the lab's tmpfs, under `directory`."""
        super().__init__(lab, place)
        self.directory = directory
        self.home = directory / "home"

    @property
    def folders(self) -> dict[str, Path]:
        """The variables that say where programs keep what is theirs."""
        return {
            "HOME": self.home,
            "ANSIBLE_HOME": self.home / ".ansible",
            "XDG_RUNTIME_DIR": self.directory / "run",
            "XDG_STATE_HOME": self.home / ".local/state",
            "XDG_CACHE_HOME": self.home / ".cache",
            "XDG_CONFIG_HOME": self.home / ".config",
            "TMPDIR": self.directory / "tmp",
        }

    def create(self) -> None:
        """Make the folders, for their owner only."""
        for folder in [*self.folders.values(), self.home / ".ssh"]:
            for missing in reversed([folder, *folder.parents]):
                missing.mkdir(mode=0o700, exist_ok=True)

    def environment(self) -> dict[str, str]:
        """A minimal one."""
        passed_on = {"PATH": os.environ.get("PATH", this_host.SYSTEM_PATH), "LANG": "C.UTF-8"}
        if terminal := os.environ.get("TERM"):
            passed_on["TERM"] = terminal
        return passed_on | {name: str(folder) for name, folder in self.folders.items()}

    def entered(self, arguments: Sequence[str], cwd: Path | None) -> list[str]:
        """In its namespace, in the checkout unless said otherwise, with no capability and no way to get one."""
        where = [f"--net={network.NAMESPACES / self.namespace}", "--", this_host.tool("unshare"), "--mount"]
        folder = ["/bin/sh", "-euc", OWN_SSH_FOLDER, "sh", str(self.home / ".ssh"), str(_ssh_folder())]
        inside = [this_host.tool("setpriv"), *NO_CAPABILITIES, "--", *arguments]
        return [this_host.tool("nsenter"), *where, f"--wd={cwd or this_host.CHECKOUT}", "--", *folder, *inside]


def _ssh_folder() -> Path:
    folder = Path(pwd.getpwuid(os.geteuid()).pw_dir) / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
