"""Linux's side of the commit protocol: a program on the server itself, which the role `management_access` puts there.

The rules that a change loads are those that the role has placed and had checked by `nft -c`.
"""

from __future__ import annotations

import shlex

from obet.devices.driver import Change
from obet.devices.shell import Shell
from obet.errors import DeviceError

_PROGRAM = "/usr/local/sbin/obet-management-access"
_LONGEST = 300  # characters of a server's own words in a message of ours


class LinuxDriver:
    def __init__(self, device: str, shell: Shell) -> None:
        self._device = device
        self._shell = shell

    def is_kept(self, change: Change) -> bool:
        answer = self._shell.run(_command("state", change.digest))
        return not answer.detail and answer.output.strip() == "current"

    def pending(self) -> str | None:
        return self._do("waiting") or None

    def arm(self, change: Change) -> None:
        self._do("arm", change.run, str(change.revert_seconds))

    def check_pending(self, change: Change, denied: int) -> None:
        self._do("pending", change.run, str(denied))

    def confirm(self, change: Change) -> None:
        self._do("confirm", change.run)

    def revert(self, run: str) -> None:
        self._do("revert", run)

    def _do(self, *arguments: str) -> str:
        answer = self._shell.run(_command(*arguments))
        said = answer.output.strip()
        if answer.detail:
            words = (said or answer.complaint.strip() or answer.detail).splitlines()[-1]
            raise DeviceError(f"{self._device}: {arguments[0]}: {words[:_LONGEST]}")
        return said


def _command(*arguments: str) -> str:
    return shlex.join(["sudo", "-n", _PROGRAM, *arguments])
