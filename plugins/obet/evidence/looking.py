"""The logins of the account that looks, read as a job would: one token for each customer, for all his devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from obet.errors import VaultDeniedError
from obet.model import Customer, Device, Purpose
from obet.run import Run
from obet.vault import account_logins, names
from obet.vault.account_logins import AccountLogin
from obet.vault.names import READ_ACCOUNT
from obet.vault.session import Session

Known = AccountLogin | VaultDeniedError


def logins(run: Run, node: Session, pairs: Iterable[tuple[Customer, Device]]) -> Mapping[str, Known]:
    """By device: what Vault holds of them, or Vault's refusal; a Vault that is away is an error.

    By the technical grant, which the customer's record opens. `node` is this node's own login.
    """
    customers: dict[str, list[str]] = {}
    for customer, device in pairs:
        customers.setdefault(customer.id, []).append(device.id)
    found: dict[str, Known] = {}
    for name, devices in customers.items():
        try:
            found |= _of_customer(run, node, name, devices)
        except VaultDeniedError as refusal:
            found |= dict.fromkeys(devices, refusal)
    return found


def _of_customer(run: Run, node: Session, customer: str, devices: list[str]) -> dict[str, Known]:
    role, grant = names.token_role(run.estate.control_node, Purpose.TECHNICAL), names.grant(Purpose.TECHNICAL, customer)
    job = node.child(role, grant)
    try:
        run.account.granted(Purpose.TECHNICAL, customer, job.token, dict.fromkeys(devices, "its rules are proven"))
        return {device: _known(job, customer, device) for device in devices}
    finally:
        job.close()


def _known(job: Session, customer: str, device: str) -> Known:
    try:
        return account_logins.read(job, customer, device, READ_ACCOUNT)
    except VaultDeniedError as refusal:
        return refusal
