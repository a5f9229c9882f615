"""Whether a customer is to be offboarded now, and if not, what his data waits for. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from obet.model import Contract
from obet.obligations import Obligation, Requirement, State


class Offboarding(msgspec.Struct, frozen=True):
    """`due` only when all services are over and paid and no legal hold stands; `why` says which fact decides."""

    due: bool
    why: str


def offboarding(contract: Contract, found: Iterable[Obligation]) -> Offboarding:
    """From the obligations of the estate at a time."""
    duties = [o for o in found if o.customer == contract.id and o.requirement is Requirement.DATA_ABSENT]
    for duty in duties:
        if duty.state is State.IN_FORCE:
            return Offboarding(due=True, why=duty.cause)
    waits = "; ".join(_waits(contract)) or "; ".join(f"{duty.cause}, from {duty.since:%Y-%m-%d}" for duty in duties)
    return Offboarding(due=False, why=waits or "a service goes on, or its warranty does")


def _waits(contract: Contract) -> Iterable[str]:
    """What is open, a phrase each. Access ends without regard to it; only what is kept stays."""
    for service in contract.services:
        if service.kind == "managed" and service.ended is None:
            yield f"service {service.id} runs"
        elif not service.invoices and not service.free_of_charge:
            yield f"service {service.id} has no invoice and does not say `free_of_charge: true`"
        for invoice in service.invoices:
            if invoice.state != "paid":
                yield f"invoice {invoice.id} of service {service.id} is {invoice.state}"
        if service.legal_hold and service.legal_hold.until is None:
            yield f"legal hold {service.legal_hold.id} stands"
