"""What the journal holds of a device: the steps, and one line. Pure: the file is `journal`'s business."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec


class Step(StrEnum):
    """What is put on record of a device: taken into service, changed, and the steps of its ending in their order."""

    ONBOARDED = "onboarded"
    MANAGEMENT_CHANGE_STARTED = "management change started"
    MANAGEMENT_CHANGE_CONFIRMED = "management change confirmed"
    CUSTOMER_ACCESS_PLACED = "customer access placed"
    CUSTOMER_ACCESS_CONFIRMED = "customer access confirmed"
    REMOVAL_STARTED = "removal started"
    ACCESS_REMOVED = "access removed"
    CREDENTIALS_REFUSED = "credentials refused"
    SECRETS_DESTROYED = "secrets destroyed"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `detail` holds digests, counts and public keys' fingerprints, never a value that is secret."""

    at: datetime
    run: str
    device: str
    step: Step
    detail: Mapping[str, str | int] = {}
