"""What a play holds of Vault's grants, for the time of a quarter of an hour."""

from __future__ import annotations

import msgspec

from obet.devices.identity import Certificate
from obet.vault.session import Session


class Holdings(msgspec.Struct):
    """By customer its tokens and certificates, by device why it has none.

    Threads read it while it is renewed: what is new is made beside it, and takes its place at once.
    """

    children: dict[str, Session] = {}
    certificates: dict[str, Certificate] = {}
    refusals: dict[str, str] = {}
    renewed: bool = True  # all of it

    def keep(self, customer: str, former: Holdings) -> None:
        """Vault gave no answer for this customer's: what there was goes on until it ends by itself."""
        self.renewed = False
        self.children[customer] = former.children[customer]
        if customer in former.certificates:
            self.certificates[customer] = former.certificates[customer]
