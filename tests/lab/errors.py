"""The lab's errors, each one line that a user can act on.

LabError
├── CommandError (also subprocess.CalledProcessError)   a command on a host of the lab failed
└── CommandTimeoutError (also TimeoutError)             it did not end in time
"""

from __future__ import annotations

import subprocess


class LabError(Exception):
    """Something that stops the lab; its message is one clear line."""

    exit_code = 1


class CommandError(LabError, subprocess.CalledProcessError):
    """A command ended with an exit status other than 0; the message carries what it said."""

    def __init__(self, host: str, result: subprocess.CompletedProcess[str]) -> None:
        subprocess.CalledProcessError.__init__(self, result.returncode, result.args, result.stdout, result.stderr)
        self.host = host

    def __str__(self) -> str:
        said = (self.stderr or self.stdout or "").strip()[-2000:]
        return f"{self.host}: {' '.join(self.cmd)}: exit status {self.returncode}: {said}"


class CommandTimeoutError(LabError, TimeoutError):
    """A command was ended because its time was over."""
