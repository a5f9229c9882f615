"""SNMP on a device as its driver sets it up: one user of version 3 of ours, and what versions 1 and 2c still say."""

from __future__ import annotations

from typing import Protocol

from obet.devices.snmp import AuthProtocol, PrivProtocol
from obet.model import Address
from obet.secret import Secret
from obet.vault.snmp_passphrases import Passphrases

Protocols = tuple[AuthProtocol, PrivProtocol]


class SnmpSetup(Protocol):
    def stands(self, sources: tuple[Address, ...]) -> bool:
        """Whether our user is there, signed and encrypted, for exactly these sources, also after the next start.

        Which passphrases it takes no device says: that is for asking it.
        """
        ...

    def preview(self, sources: tuple[Address, ...]) -> str:
        """What `put` and `drop_communities` would change, as a diff without a secret; empty for nothing."""
        ...

    def put(self, sources: tuple[Address, ...], passphrases: Passphrases) -> Protocols:
        """Makes our user, or gives it these, by the best protocols that the device has; it may read, saved."""
        ...

    def communities(self) -> tuple[Secret, ...]:
        """Those of version 1 and 2c that are answered; their names are passwords of a kind."""
        ...

    def in_clear(self) -> int:
        """How many communities, groups and notifications of version 1 and 2c there are."""
        ...

    def drop_communities(self) -> None:
        """Takes those out of use; saved."""
        ...

    def remove(self) -> None:
        """Takes away all that is ours, and sees that it is gone; saved. Done twice is no error."""
        ...
