"""Endings that are open: what each waits for. Pure; the journal's entries say how far one is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from obet.erasure.steps import Entry, Step
from obet.model import Device, Estate, Purpose
from obet.obligations import Obligation, State
from obet.plan import confirmed


class OpenEnding(msgspec.Struct, frozen=True, kw_only=True):
    """An ending that is due and not done, what it waits for, and when nobody may reach the device any more."""

    customer: str
    device: str
    waits_for: str
    hard_stop: datetime | None

    def __str__(self) -> str:
        return f"{self.device}: {self.waits_for}"


def open_endings(
    estate: Estate, found: Iterable[Obligation], done: Mapping[str, Mapping[Step, Entry]]
) -> tuple[OpenEnding, ...]:
    """Those that may be done now; and, of devices that the journal knows, those that nobody may do any more.

    `done` is the journal's latest entry of each step, by device.
    """
    endings = [o for o in found if o.purpose is Purpose.ENDING and o.device and o.state is not State.COMING]
    return tuple(
        OpenEnding(customer=o.customer, device=o.device, waits_for=why, hard_stop=o.until)
        for o in endings
        if o.device and (o.state is State.IN_FORCE or done.get(o.device))
        if (why := _waits_for(estate, o, done.get(o.device, {})))
    )


def _waits_for(estate: Estate, ending: Obligation, done: Mapping[Step, Entry]) -> str:
    device = estate.customers[ending.customer].devices[ending.device or ""]
    why = waits_for(device, done)
    if not why or ending.state is State.IN_FORCE:
        return why
    return f"the hard stop has passed, nobody may reach the device any more, its case stays open: {why}"


def waits_for(device: Device, done: Mapping[Step, Entry]) -> str:
    """What the next step of the device's ending is; empty when it is done."""
    if device.not_served:
        return "is not served yet: nothing was done on it"
    last = next((step for step in _SAYS if step in done), None)
    if confirmed(device, done) and last in _HANDED_OVER:
        return f"the customer has confirmed his own access, ours is to be removed: {_RUN} again"
    return _SAYS[last].format(device=device.id)


_RUN = "run playbooks/post_warranty.yml"
_HANDED_OVER = {Step.CUSTOMER_ACCESS_CONFIRMED, Step.CUSTOMER_ACCESS_PLACED}
_PLACED = (
    "the customer's own access is in place; once the customer has logged in with it, record it with "
    f"`obet handover confirm {{device}}` and {_RUN} again"
)
# By the last step that is on record; a confirmation of another key than the contract's confirms nothing.
_SAYS: Mapping[Step | None, str] = {
    Step.SECRETS_DESTROYED: "",
    Step.CREDENTIALS_REFUSED: f"the secrets in Vault are to be destroyed: {_RUN} again",
    Step.ACCESS_REMOVED: f"our access is removed, the old logins are not yet shown to be refused: {_RUN} again",
    Step.REMOVAL_STARTED: f"the removal of our access was begun and is not on record: {_RUN} again",
    Step.CUSTOMER_ACCESS_CONFIRMED: _PLACED,
    Step.CUSTOMER_ACCESS_PLACED: _PLACED,
    None: f"the customer's own access is to be placed: {_RUN}",
}
