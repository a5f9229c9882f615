"""`fixed-ip`: each device's own rules, whom it lets in and what it counts, asked afresh through an account that looks.

The proof of the rules shares no code with what renders them, and what they must let in is taken from the estate itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from obet.devices import fleet
from obet.devices.connection import try_login, with_certificate, with_login
from obet.devices.driver import NetworkDriver, open_driver
from obet.devices.identity import Certificate
from obet.devices.own_login import own_login
from obet.devices.probe import Probe
from obet.errors import ObetError, ProofError, VaultDeniedError, VaultError
from obet.evidence.looking import Known, logins
from obet.evidence.promises import Check
from obet.model import Customer, Device
from obet.platforms import served as platforms
from obet.platforms.linux.proof import counter
from obet.run import Run
from obet.vault import names
from obet.vault.device_secrets import Login
from obet.vault.names import READ_ACCOUNT
from obet.vault.session import Session

Read = TypeVar("Read")

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
    told = list(pairs)
    known = _known(run, node, told)

    async def looked(customer: Customer, device: Device) -> list[Check]:
        try:
            if device.platform == "linux":
                found = await _server(run, customer, device)
            else:
                found = await _network_device(run, device, known[device.id])
        except Exception as error:  # noqa: BLE001 - what a driver's library lets through must not end the others' look
            found = [_not_seen(device, error)]
        step()
        return found

    served, checks = _served(run, node, told)
    found = await asyncio.gather(*(looked(customer, device) for customer, device in served))
    return [*checks, *(check for group in found for check in group)]


def rules(
    run: Run, node: Session | None, pairs: Iterable[tuple[Customer, Device]], step: Callable[[], None]
) -> list[Check]:
    """What the devices' own rules say, proven; nothing is tried on them. Network devices by one Nornir run."""
    told = list(pairs)
    known = _known(run, node, told)
    served, checks = _served(run, node, told)
    others = [device.id for _, device in served if device.platform != "linux"]

    async def server(customer: Customer, device: Device) -> list[Check]:
        try:
            _, settings, listed = await _rules_of_server(run, customer, device)
            found = [_proven(run, device, listed), _listens(device, settings)]
        except Exception as error:  # noqa: BLE001 - as above
            found = [_not_seen(device, error)]
        step()
        return found

    async def servers() -> list[list[Check]]:
        return await asyncio.gather(*(server(*pair) for pair in served if pair[1].platform == "linux"))

    def network_device(device: Device) -> dict[str, list[Check]]:
        try:
            _, running = _first_look(device, known[device.id], lambda driver: driver.running())
            found = [_proven(run, device, running), _clear(run, device, running)]
        except Exception as error:  # noqa: BLE001 - as above
            found = [_not_seen(device, error)]
        return {"checks": found}

    worked = fleet.work(run.estate, others, "rules", network_device) if others else {}
    if lost := [outcome.failure for outcome in worked.values() if outcome.failure]:
        raise ProofError(lost[0])
    groups = [*asyncio.run(servers()), *(outcome.result["checks"] for outcome in worked.values())]
    return [*checks, *(check for group in groups for check in group)]


def _known(run: Run, node: Session | None, pairs: Iterable[tuple[Customer, Device]]) -> Mapping[str, Known]:
    """Of all network devices at once, before any of them is looked at."""
    read = [pair for pair in pairs if pair[1].platform != "linux" and not _passed_over(pair[1])]
    return logins(run, node, read) if node else {}


def _served(
    run: Run, node: Session | None, pairs: Iterable[tuple[Customer, Device]]
) -> tuple[list[tuple[Customer, Device]], list[Check]]:
    """Those that are looked at, and what there is to say of the others."""
    served, checks = [], []
    for customer, device in pairs:
        why = _passed_over(device)
        if not why and node is None and device.platform != "linux":
            why = f"its password is not read by a run off the record: {run.off_record}"
        if why:
            checks.append(_check(_MATCHES, device, None, why))
        else:
            served.append((customer, device))
    return served, checks


def _passed_over(device: Device) -> str:
    return device.not_served or ("only observed so far" if device.enforce == "observe" else "")


def _not_seen(device: Device, error: Exception) -> Check:
    if isinstance(error, VaultError) and not isinstance(error, VaultDeniedError):
        raise error  # a Vault that is away says nothing about the device
    seen = str(error) if isinstance(error, ObetError) else f"{device.id}: {type(error).__name__}"
    return _check(_MATCHES, device, False, seen)


async def _server(run: Run, customer: Customer, device: Device) -> list[Check]:
    """Rules, probes, and the server's own count of what it denied meanwhile."""
    reading, settings, before = await _rules_of_server(run, customer, device)
    probes = await _probes(run, device, with_certificate(READ_ACCOUNT, reading))
    after = await _ask(device, reading, _RULES)
    counts = (counter(before, _TABLE, _COUNTER), counter(after, _TABLE, _COUNTER))
    return [_proven(run, device, before), _listens(device, settings), *_seen(device, probes, *counts)]


async def _rules_of_server(run: Run, customer: Customer, device: Device) -> tuple[Certificate, str, str]:
    reading = run.identity.sign(run.session, names.reader(customer.id), [names.read_principal(device.id)])
    return reading, await _ask(device, reading, _SSHD), await _ask(device, reading, _RULES)


async def _network_device(run: Run, device: Device, known: Known) -> list[Check]:
    """The same, over the platform's driver; a driver works in a thread of its own."""
    login, (running, before) = await asyncio.to_thread(_first_look, device, known, _rules_and_count)
    probes = await _probes(run, device, with_login(login))
    _, (_, after) = await asyncio.to_thread(_look_with, device, login, _rules_and_count)
    return [_proven(run, device, running), _clear(run, device, running), *_seen(device, probes, before, after)]


def _first_look(device: Device, known: Known, read: Callable[[NetworkDriver], Read]) -> tuple[Login, Read]:
    if isinstance(known, VaultDeniedError):
        raise known
    return _look_with(device, own_login(device, known), read)


def _look_with(device: Device, login: Login, read: Callable[[NetworkDriver], Read]) -> tuple[Login, Read]:
    with open_driver(device, login) as driver:
        return login, read(driver)


def _rules_and_count(driver: NetworkDriver) -> tuple[str, int | None]:
    return driver.running(), driver.denied()


def _clear(run: Run, device: Device, running: str) -> Check:
    collectors = [a for host in run.estate.settings.collectors.values() for a in host.addresses.both]
    clear = "; ".join(f.what for f in platforms.services(device.platform).prove_services(running, collectors))
    return _check(_LISTENS, device, not clear, clear or "nothing else is open, and nothing is sent in clear")


async def _probes(run: Run, device: Device, login: dict[str, object]) -> list[Probe]:
    return await asyncio.wrap_future(run.lookout.begin(run.estate, device, login))


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
    findings = platforms.proof(device.platform).prove(
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
