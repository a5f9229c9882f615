"""Asks devices and Vault afresh whether the promises hold. Changes nothing; a value that it reads it forgets at once.

It looks through an account that can only look, and its proof of the rules shares no code with what renders them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from obet.current_run import open_run
from obet.erasure.steps import Entry, Step
from obet.errors import VaultDeniedError
from obet.evidence import fixed_ip
from obet.evidence.promises import Check
from obet.evidence.trail import trail
from obet.model import Customer, Device, Purpose
from obet.obligations import Requirement, State
from obet.run import Run
from obet.vault import credentials, names
from obet.vault.session import Session


def verify(
    run: Run,
    devices: Iterable[str] = (),
    audit_log: Path | None = None,
    step: Callable[[], None] = lambda: None,
    environment: Mapping[str, str] = os.environ,
) -> list[Check]:
    """All checks for these devices, or for all of the estate. `run` is open in the verifier's role.

    `step` is told of each device that was looked at.
    """
    pairs = _wanted(run, devices)
    technical = {grant.device for grant in run.grants() if grant.purpose is Purpose.TECHNICAL}
    checks = trail(run, [device.id for _, device in pairs], audit_log)  # first: what is read below is read by this run
    with _as_a_node(run, environment) as node:
        looked_at = [pair for pair in pairs if pair[1].id in technical]
        checks += asyncio.run(fixed_ip.look(run, node, looked_at, step))
        if node is not None:
            checks += _consent(run, node, pairs)
    due = {o.device: o for o in run.obligations() if o.purpose is Purpose.ENDING and o.state is not State.COMING}
    for _, device in pairs:
        if device.id in due:
            checks += _ended(run, device, over=due[device.id].state is State.OVER)
        if device.id not in technical:
            step()
    return checks


def verify_rules(
    run: Run,
    devices: Iterable[str] = (),
    step: Callable[[], None] = lambda: None,
    environment: Mapping[str, str] = os.environ,
) -> list[Check]:
    """What the rules on the devices say and no more: nothing is tried, and Vault is asked nothing about its grants."""
    technical = {grant.device for grant in run.grants() if grant.purpose is Purpose.TECHNICAL}
    pairs = [pair for pair in _wanted(run, devices) if pair[1].id in technical]
    with _as_a_node(run, environment) as node:
        return fixed_ip.rules(run, node, pairs, step)


def _wanted(run: Run, devices: Iterable[str]) -> list[tuple[Customer, Device]]:
    wanted = {run.device(device).id for device in devices}
    return [
        (customer, device)
        for customer in run.estate.customers.values()
        for device in customer.devices.values()
        if not wanted or device.id in wanted
    ]


@contextmanager
def _as_a_node(run: Run, environment: Mapping[str, str]) -> Iterator[Session | None]:
    """This node's own login, with what a job gets by it; None for a run that cannot be put on record."""
    if run.off_record:
        yield None
        return
    role = names.node_role(run.estate.control_node)
    credential = credentials.load(credentials.directory(environment), role)
    node = Session.login(run.estate.settings.vault, run.id, credential, run.account)
    try:
        yield node
    finally:
        node.close()


def open_verifier(folder: Path, environment: Mapping[str, str] = os.environ) -> Run:
    """A run in the verifier's role, which can look and sign for looking, and nothing else."""
    return open_run(folder, names.VERIFIER, environment)


# consent


_SERVED, _REFUSED = "a job with a valid record is served by Vault", "a job without one is refused by Vault"


def _consent(run: Run, node: Session, pairs: list[tuple[Customer, Device]]) -> list[Check]:
    """Reads as a job would, as this node, for each device: with what a valid record opens, and without it.

    So each customer is shown both: whether a job is served where his record opens a grant, and that nothing else does.
    """
    forbidden = {o.device for o in run.obligations() if o.requirement is Requirement.ACCESS_FORBIDDEN}
    technical = {grant.device for grant in run.grants() if grant.purpose is Purpose.TECHNICAL}
    checks = []
    for customer, device in pairs:
        if device.id in technical:
            answer = _read_as_a_job(run, node, device, customer.id, _SERVED)
            checks.append(_consented(_SERVED, device, {"read": True, _DENIED: False}.get(answer), answer))
            answer = _read_as_a_job(run, node, device, names.NOBODY, _REFUSED)
            seen = f"{answer} to the same job without the grant that the record opens"
            checks.append(_consented(_REFUSED, device, answer == _DENIED, seen))
        elif device.id in forbidden:
            answer = _read_as_a_job(run, node, device, customer.id, _REFUSED)
            checks.append(_consented(_REFUSED, device, answer == _DENIED, answer))
    return checks


_DENIED = "403"


def _read_as_a_job(run: Run, node: Session, device: Device, grant: str, why: str) -> str:
    """What Vault answers to a job with the technical grant of that customer; what it reads is on record."""
    customer = run.estate.customer_of(device.id).id
    role = names.token_role(run.estate.control_node, Purpose.TECHNICAL)
    job = None
    try:
        job = node.child(role, names.grant(Purpose.TECHNICAL, grant))
        if why == _SERVED:
            run.account.granted(Purpose.TECHNICAL, customer, job.token, {device.id: why})
        answer = job.get(f"{node.settings.kv_mount}/data/{names.device_secret(customer, device.id)}")
        if why != _SERVED:  # it was granted all the same: what is refused was granted nothing, and is not told as that
            run.account.granted(Purpose.TECHNICAL, customer, job.token, {device.id: why})
        served = answer is not None and answer.get("data") is not None  # of what was deleted only metadata is left
    except VaultDeniedError:
        return _DENIED
    finally:
        if job is not None:
            job.close()
    return "read" if served else "granted, and nothing is there to be read"


def _consented(proof: str, device: Device, passed: bool | None, seen: str) -> Check:
    remedy = "" if passed else "obet vault apply"
    return Check(promise="consent", proof=proof, where=device.id, passed=passed, seen=seen, remedy=remedy)


# post-warranty


def _ended(run: Run, device: Device, *, over: bool) -> list[Check]:
    """What the ending saw, from its journal, and what Vault says now; open until the hard stop, then broken."""
    customer = run.estate.customer_of(device.id).id
    entries = run.journal.last(device.id)
    removed, refused = entries.get(Step.ACCESS_REMOVED), entries.get(Step.CREDENTIALS_REFUSED)
    seen = f"{refused.detail.get('tried')} tried, {_recorded(refused)}" if refused else "not tried"
    gone = removed is not None and removed.detail.get("seen") == "removed"
    unfinished = False if over or Step.SECRETS_DESTROYED in entries else None
    kept = "; ".join(_kept(run.session, customer, device))
    return [
        _post_warranty(
            "our access was removed from the device",
            device,
            True if gone else None if removed else unfinished,
            f"{removed.detail.get('seen')}, {_recorded(removed)}" if removed else "not removed",
        ),
        _post_warranty("the device refuses each old credential", device, True if refused else unfinished, seen),
        _post_warranty(
            "Vault holds no secret and no grant for the device",
            device,
            unfinished if kept else True,
            f"still there: {kept}" if kept else "404, no grant",
        ),
    ]


def _recorded(entry: Entry) -> str:
    """These two cannot be asked again: the login that would ask is gone."""
    return f"recorded {entry.at:%Y-%m-%d %H:%M:%S}Z by run {entry.run[:8]}"


def _kept(session: Session, customer: str, device: Device) -> list[str]:
    kv, ssh = session.settings.kv_mount, session.settings.ssh_mount
    places = names.secrets_of(customer, device)
    found = [what for what, place in places.items() if session.get(f"{kv}/metadata/{place}") is not None]
    for purpose in Purpose:
        name = names.grant(purpose, customer)
        policy = session.get(f"sys/policies/acl/{name}")
        role = session.get(f"{ssh}/roles/{name}")
        if policy and device.id in str(policy.get("policy")):
            found.append(f"policy {name}")
        if role and device.id in str(role.get("allowed_users")):
            found.append(f"SSH role {name}")
    return found


def _post_warranty(proof: str, device: Device, passed: bool | None, seen: str) -> Check:
    remedy = "" if passed else f"ansible-playbook playbooks/post_warranty.yml --limit {device.id}; obet vault apply"
    return Check(promise="post-warranty", proof=proof, where=device.id, passed=passed, seen=seen, remedy=remedy)
