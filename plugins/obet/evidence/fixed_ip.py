"""`fixed-ip`: each device's own rules, whom it lets in and what it counts, asked afresh through an account that looks.

The proof of the rules shares no code with what renders them, and what they must let in is taken from the estate itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from obet.devices.connection import try_login, with_certificate, with_login
from obet.devices.driver import open_driver
from obet.devices.identity import Certificate
from obet.devices.own_login import own_login
from obet.devices.probe import Probe, probe
from obet.errors import ObetError, ProofError, VaultDeniedError, VaultError
from obet.evidence.promises import Check
from obet.model import Customer, Device, Purpose
from obet.platforms import served
from obet.platforms.linux.proof import counter
from obet.run import Run
from obet.vault import account_logins, names
from obet.vault.device_secrets import Login
from obet.vault.names import READ_ACCOUNT
from obet.vault.session import Session

_RULES = "sudo -n /usr/sbin/nft -j list ruleset"
_SSHD = "sudo -n /usr/sbin/sshd -T"
_TABLE, _COUNTER = "obet_management", "denied"

_MATCHES = "the device's own rules let no other source match"
_LISTENS = "the device is managed where it is named, and by nothing in clear"
_COUNTS = "the device itself counted what it denied"


async def look(
    run: Run, node: Session | None, pairs: Iterable[tuple[Customer, Device]], step: Callable[[], None]
) -> list[Check]:
    """All checks of these devices, all at once. `node` is this node's own login; `step` is told of each device."""

    async def looked(customer: Customer, device: Device) -> list[Check]:
        found = await _device(run, node, customer, device)
        step()
        return found

    found = await asyncio.gather(*(looked(customer, device) for customer, device in pairs))
    return [check for group in found for check in group]


async def _device(run: Run, node: Session | None, customer: Customer, device: Device) -> list[Check]:
    if why := device.not_served or ("only observed so far" if device.enforce == "observe" else ""):
        return [_check(_MATCHES, device, None, why)]
    try:
        if device.platform == "linux":
            return await _server(run, customer, device)
        if node is None:
            return [
                _check(_MATCHES, device, None, f"its password is not read by a run off the record: {run.off_record}")
            ]
        return await _network_device(run, node, customer, device)
    except ObetError as error:
        if isinstance(error, VaultError) and not isinstance(error, VaultDeniedError):
            raise  # a Vault that is away says nothing about the device
        return [_check(_MATCHES, device, False, str(error))]
    except Exception as error:  # noqa: BLE001 - what a driver's library lets through must not end the other devices' look
        return [_check(_MATCHES, device, False, f"{device.id}: {type(error).__name__}")]


async def _server(run: Run, customer: Customer, device: Device) -> list[Check]:
    """Rules, probes, and the server's own count of what it denied meanwhile."""
    reading = run.identity.sign(run.session, names.reader(customer.id), [names.read_principal(device.id)])
    settings = await _ask(device, reading, _SSHD)
    before = await _ask(device, reading, _RULES)
    probes = await _probes(run, device, with_certificate(READ_ACCOUNT, reading))
    after = await _ask(device, reading, _RULES)
    counts = (counter(before, _TABLE, _COUNTER), counter(after, _TABLE, _COUNTER))
    return [_proven(run, device, before), _listens(device, settings), *_seen(device, probes, *counts)]


async def _network_device(run: Run, node: Session, customer: Customer, device: Device) -> list[Check]:
    """The same, over the platform's driver; a driver works in a thread of its own."""
    login, running, before = await asyncio.to_thread(_first_look, run, node, customer, device)
    probes = await _probes(run, device, with_login(login))
    _, after = await asyncio.to_thread(_read, device, login)
    collectors = [a for host in run.estate.settings.collectors.values() for a in host.addresses.both]
    clear = "; ".join(f.what for f in served.services(device.platform).prove_services(running, collectors))
    doors = _check(_LISTENS, device, not clear, clear or "nothing else is open, and nothing is sent in clear")
    return [_proven(run, device, running), doors, *_seen(device, probes, before, after)]


def _first_look(run: Run, node: Session, customer: Customer, device: Device) -> tuple[Login, str, int | None]:
    """As a job would: by the technical grant, which the customer's record opens."""
    job = node.child(
        names.token_role(run.estate.control_node, Purpose.TECHNICAL), names.grant(Purpose.TECHNICAL, customer.id)
    )
    try:
        run.account.granted(Purpose.TECHNICAL, customer.id, job.token, {device.id: "its rules are proven"})
        entry = account_logins.read(job, customer.id, device.id, READ_ACCOUNT)
    finally:
        job.close()
    login = own_login(device, entry)
    return login, *_read(device, login)


def _read(device: Device, login: Login) -> tuple[str, int | None]:
    with open_driver(device, login) as driver:
        return driver.running(), driver.denied()


async def _probes(run: Run, device: Device, login: dict[str, object]) -> list[Probe]:
    looking = run.identity.sign(run.session, names.VANTAGE, [names.VANTAGE_PRINCIPAL])
    return await probe(run.estate, device, login, looking)


async def _ask(device: Device, reading: Certificate, command: str) -> str:
    answer = await try_login(
        device,
        device.addresses.first,
        device.port("ssh"),
        with_certificate(READ_ACCOUNT, reading),
        command=command,
    )
    if answer.outcome != "accepted" or answer.detail:
        raise ProofError(f"{device.id}: cannot be asked ({command}): {answer.outcome} {answer.detail}".rstrip())
    return answer.output


def _proven(run: Run, device: Device, rules: str) -> Check:
    # Straight from the estate: what the rules were rendered from is not asked.
    settings = run.estate.settings
    fixed = [*(node.addresses for node in settings.nodes.values()), *([settings.reserve] if settings.reserve else [])]
    nodes = [a for host in device.seen_as or fixed for a in (host.ipv4, host.ipv6) if a]
    others = [a for host in device.co_managers for a in (host.ipv4, host.ipv6) if a]
    findings = served.proof(device.platform).prove(
        rules, [*nodes, *others], [service.port for service in device.management]
    )
    seen = "; ".join(finding.what for finding in findings) or f"{len(nodes)} addresses of ours, {len(others)} of others"
    return _check(_MATCHES, device, not findings, seen)


def _listens(device: Device, settings: str) -> Check:
    """sshd's own word (`sshd -T`): a port that nobody named would be outside of every rule."""
    pairs = [line.partition(" ")[::2] for line in settings.splitlines()]
    ports = {int(value) for key, value in pairs if key == "port"}
    wanted = {service.port for service in device.management}
    passwords = dict(pairs).get("passwordauthentication")
    strange = ", ".join(map(str, sorted(ports - wanted)))  # the managed ports are the device's, and no evidence
    where = f"also on port {strange}" if strange else "where it is managed" if ports else "nowhere that it says"
    passed = bool(ports) and not strange and passwords == "no"
    return _check(_LISTENS, device, passed, f"listens {where}, passwords {passwords}")


def _probed(device: Device, found: Probe) -> Check:
    proof = "the fixed addresses get in" if found.expected == "gets in" else "outsiders do not get in"
    return _check(proof, device, found.passed, f"{found.source} to {found.address}: {found.seen}")


def _seen(device: Device, probes: list[Probe], before: int | None, after: int | None) -> list[Check]:
    """Silence alone could be a broken network: the device must have counted each outsider's attempt."""
    looked = [_probed(device, found) for found in probes]
    attempts = sum(p.expected == "is refused" and p.passed is True for p in probes)
    if before is None or after is None or not attempts:
        return [*looked, _check(_COUNTS, device, None, "no counter or no attempt")]
    seen = f"{after - before} packets denied during {attempts} attempts"
    return [*looked, _check(_COUNTS, device, after - before >= attempts, seen)]


def _check(proof: str, device: Device, passed: bool | None, seen: str) -> Check:
    remedy = "" if passed else f"ansible-playbook playbooks/restrict_access.yml --limit {device.id}"
    return Check(promise="fixed-ip", proof=proof, where=device.id, passed=passed, seen=seen, remedy=remedy)
