"""Every error that Obet raises, with the exit code that a command ends with.

    ObetError 1
    ├── EstateError 3       (ValueError)       a contract or the estate's file is not valid: file, line, remedy
    ├── PolicyError 4       (ValueError)       a management policy that would be unsafe; nothing was sent
    ├── VaultError 5        (ConnectionError)  Vault cannot be reached or answers wrongly
    │   └── VaultDeniedError 6 (PermissionError)  Vault refuses: no valid grant for this purpose
    ├── DeviceError 7       (ConnectionError)  a device cannot be reached or does not do as told
    │   ├── LoginRefusedError 7                it refuses this login
    │   └── NotLetInError 7                    it is there, and takes no connection from this address
    ├── ClockError 8                           this machine's clock and Vault's are too far apart
    ├── RunError 9                             no run is open, or not for what was asked
    └── ProofError 10                          a proof found what must not be, or could not look

2 is left to the command line's own usage errors and to "there is drift". A message never holds a secret: whoever raises
names places (file, path, field), not values.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """One line that does nothing to a terminal: what a device or a file brought along is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class ObetError(Exception):
    """The root; `str()` is one clear line: what, where, how to fix."""

    exit_code = 1

    def __str__(self) -> str:
        return printable(super().__str__())


class EstateError(ObetError, ValueError):
    exit_code = 3


class PolicyError(ObetError, ValueError):
    exit_code = 4


class VaultError(ObetError, ConnectionError):
    exit_code = 5


class VaultDeniedError(VaultError, PermissionError):
    exit_code = 6


class DeviceError(ObetError, ConnectionError):
    exit_code = 7


class LoginRefusedError(DeviceError):
    pass


class NotLetInError(DeviceError):
    pass


class ClockError(ObetError):
    exit_code = 8


class RunError(ObetError):
    exit_code = 9


class ProofError(ObetError):
    exit_code = 10
