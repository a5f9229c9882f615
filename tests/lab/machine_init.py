"""PID 1 of a machine: its rules, its host key, its services; it raises what falls and reaps what dies.

Runs on the machine's own Python, from a copy in its file tree. Says "ready" on stdout once every service accepts
connections, or one line about why not.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SYSTEM_LOG = Path("/dev/log")
STATUS_SERVICE = Path(__file__).with_name("status_service.py")
RULES = Path("/etc/nftables.conf")
START_SECONDS = 20.0
PAUSE_SECONDS = 0.01
RESTART_PAUSE_SECONDS = 1.0
STOP_SECONDS = 1.5
LISTENING = "0A"
WATCHED = {signal.SIGCHLD, signal.SIGTERM}


class StartError(Exception):
    """The machine cannot start; the message says why."""


class Services:
    """The machine's long-running processes, by number."""

    def __init__(self) -> None:
        """None runs yet."""
        self.commands: dict[int, list[str]] = {}
        self.started: dict[int, float] = {}

    def start(self, command: list[str]) -> None:
        """Start one; its output goes nowhere, its word goes to the system log."""
        null = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0) for number in (0, 1, 2)]
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=null, setsid=True, setsigmask=[])
        self.commands[pid] = command
        self.started[pid] = time.monotonic()

    def reap(self) -> None:
        """Take every dead child's status, and start again what was a service."""
        for pid in dead_children():
            if command := self.commands.pop(pid, None):
                if time.monotonic() - self.started.pop(pid) < RESTART_PAUSE_SECONDS:
                    time.sleep(RESTART_PAUSE_SECONDS)  # one that falls at once shall not eat the processor
                self.start(command)


def dead_children() -> list[int]:
    """The children, own and inherited, that have ended since."""
    dead = []
    with contextlib.suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            dead.append(pid)
    return dead


def run(*command: str) -> None:
    """Run a command that has to succeed."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise StartError(f"{' '.join(command)}: {' '.join(result.stderr.split())}")


def wait_for(what: str, services: Services, *, port: int = 0, path: Path | None = None) -> None:
    """Wait for a socket in the file tree or for a listening port."""
    deadline = time.monotonic() + START_SECONDS
    while not (path.exists() if path else listening(port)):
        if time.monotonic() > deadline:
            raise StartError(f"{what} did not start in {START_SECONDS:.0f} s")
        services.reap()
        time.sleep(PAUSE_SECONDS)


def listening(port: int) -> bool:
    """Whether something listens on the port on IPv6 (all services do on both), seen without connecting."""
    lines = Path("/proc/net/tcp6").read_text(encoding="ascii").splitlines()[1:]
    fields = [line.split() for line in lines]
    return any(field[1].endswith(f":{port:04X}") and field[3] == LISTENING for field in fields)


def boot(services: Services) -> None:
    """What a boot does, in order: rules before anything listens, the log before anything writes to it."""
    run("/usr/sbin/nft", "flush", "ruleset")  # a real machine's kernel would have come up without
    if RULES.exists():
        run("/usr/sbin/nft", "-f", str(RULES))
    if not Path("/etc/ssh/ssh_host_ed25519_key").exists():
        run("/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/ssh_host_ed25519_key")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    services.start(["/usr/sbin/rsyslogd", "-n"])
    if STATUS_SERVICE.exists():
        services.start(["/usr/bin/python3", "-I", str(STATUS_SERVICE)])
    wait_for("rsyslogd", services, path=SYSTEM_LOG)
    services.start(["/usr/sbin/sshd", "-D"])
    wait_for("sshd", services, port=22)
    if STATUS_SERVICE.exists():
        wait_for("the status service", services, port=8443)


def stop_everything() -> None:
    """Ask every process to end and wait a moment; the kernel ends the rest together with PID 1."""
    os.kill(-1, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < deadline:
            os.waitpid(-1, os.WNOHANG)
            signal.sigtimedwait({signal.SIGCHLD}, PAUSE_SECONDS)


def main() -> int:
    """Boot, say so, then serve until SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    services = Services()
    try:
        boot(services)
    except (StartError, OSError) as error:
        print(error, flush=True)
        return 1
    print("ready", flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    while signal.sigwait(WATCHED) != signal.SIGTERM:
        services.reap()
    stop_everything()
    return 0


if __name__ == "__main__":
    sys.exit(main())
