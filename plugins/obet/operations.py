"""What a task of a playbook asks of a run: one function each, device in, plain values out, no secret among them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import msgspec

from obet.defaults import LOGINS_AT_ONCE
from obet.devices.commit import commit
from obet.devices.connection import Answer, try_login, with_certificate, with_password
from obet.devices.driver import Change
from obet.devices.shell import Shell
from obet.endings import waits_for
from obet.erasure.steps import Step
from obet.errors import DeviceError, PolicyError, RunError
from obet.platforms.linux.driver import LinuxDriver
from obet.run import Run
from obet.vault import device_secrets, names
from obet.vault.device_secrets import DeviceSecrets
from obet.vault.names import ACCOUNT, READ_ACCOUNT

Values = dict[str, Any]


def plan(run: Run, device: str, options: Mapping[str, Any]) -> Values:
    """The device's finished plan as the fact `obet_plan`; with `required`, no grant of this purpose is an error."""
    found = run.plan(device)
    granted = run.purpose in found.purposes
    why = "" if granted else f"{device}: passed over: no {run.purpose} access now; `obet due` says why"
    if not granted and options.get("required", True):
        raise RunError(why)
    if granted:
        run.certificate(device)  # Vault's word counts, not ours: what it refused ends the play for this host
    facts = found.variables() | {"digest": found.digest, "granted": granted, "why": why, "run": run.id}
    facts |= {"accounts_expired": 0 <= found.accounts_expire <= run.now.timestamp()}
    return {"ansible_facts": {"obet_plan": facts}}


def try_own_login(run: Run, device: str, _: Mapping[str, Any]) -> Values:
    """Whether the device takes our own certificate: `outcome` is accepted or refused; anything else is an error."""
    found = run.device(device)
    login = with_certificate(ACCOUNT, run.certificate(device))
    answer = asyncio.run(try_login(found, found.addresses.first, found.port("ssh"), login))
    if answer.outcome not in {"accepted", "refused"}:
        raise DeviceError(f"{device}: {answer.outcome}: {answer.detail}")
    return {"outcome": answer.outcome}


def try_initial_login(run: Run, device: str, _: Mapping[str, Any]) -> Values:
    """Sees that the device takes the customer's initial login; DeviceError when it does not, and why."""
    found, user, password = run.device(device), run.secret(device, "login.user"), run.secret(device, "login.password")
    login = with_password(device_secrets.Login(user.reveal(), password))
    answer = asyncio.run(try_login(found, found.addresses.first, found.port("ssh"), login))
    if answer.outcome == "refused":
        raise DeviceError(f"{device}: refuses the customer's initial login: `obet secret login {device}` takes another")
    if answer.outcome != "accepted":
        raise DeviceError(f"{device}: {answer.outcome}: {answer.detail}")
    return {}


def change_management(run: Run, device: str, options: Mapping[str, Any]) -> Values:
    """Puts `rules` in force by the commit protocol, where the device does not keep them yet."""
    change = _change(run, options)
    seen: Values = {}

    def attempt() -> int:
        seen.update(probe_access(run, device, {}))
        return int(seen["outsiders"])

    with _shell(run, device) as shell:
        driver = LinuxDriver(device, shell)
        if driver.is_kept(change):
            return {"changed": False}
        record = partial(run.record, device)
        commit(driver, change, attempt=attempt, record=record, is_over=run.account.is_over)
    return {"changed": True} | seen


def management_would_change(run: Run, device: str, options: Mapping[str, Any]) -> Values:
    with _shell(run, device) as shell:
        return {"changed": not LinuxDriver(device, shell).is_kept(_change(run, options))}


def _change(run: Run, options: Mapping[str, Any]) -> Change:
    return Change(run=run.id, text=options["rules"], revert_seconds=int(options["revert_seconds"]))


def _shell(run: Run, device: str) -> Shell:
    return Shell(run.device(device), with_certificate(ACCOUNT, run.certificate(device)))


def probe_access(run: Run, device: str, options: Mapping[str, Any]) -> Values:
    """New logins from every node get in, outsiders do not; any doubt is an error."""
    return without_doubt(device, probe_access_dry(run, device, options))


def probe_access_dry(run: Run, device: str, options: Mapping[str, Any]) -> Values:
    """What `probe_access` sees, as nothing was changed; doubts are told."""
    return try_access(run, device, with_certificate(ACCOUNT, run.certificate(device)), options.get("down", ()))


def try_access(run: Run, device: str, login: dict[str, Any], down: Iterable[str] = ()) -> Values:
    """What comes of that login (one of the `with_…`); who was `down` before is no doubt."""
    probes = run.lookout.begin(run.estate, run.device(device), login).result()
    exempt = set(down)
    doubts = [str(p) for p in probes if not p.passed and p.source not in exempt]
    outsiders = sum(p.expected == "is refused" and p.passed is True for p in probes)
    return {"probes": [str(p) for p in probes], "outsiders": outsiders, "doubts": doubts}


def without_doubt(device: str, seen: Values) -> Values:
    if seen["doubts"]:
        raise DeviceError(f"{device}: access is not as it must be: {'; '.join(seen['doubts'])}")
    return seen


def take_over_prepare(run: Run, device: str, options: Mapping[str, Any], *, write: bool = True) -> Values:
    """Makes the next password and writes it to Vault before the device gets it. `needed` is false when it is ours.

    With `again`, also when it is ours already; one that was cut off is always taken up where it was.
    """
    found = device_secrets.read(run.child(device), run.estate.customer_of(device).id, device)
    if not is_to_take_over(device, found, again=bool(options.get("again"))):
        return {"needed": False}
    if write:
        with_next_password(run, device, found)
    return {"needed": True, "changed": True}


def is_to_take_over(device: str, found: DeviceSecrets, *, again: bool) -> bool:
    """Whether its login is to get a password of ours; RunError where Vault holds none."""
    if found.login is None:
        raise RunError(f"{device}: Vault holds no login of the customer's: `obet secret login {device}` takes it")
    return again or not found.login.taken_over or found.next_password is not None


def with_next_password(run: Run, device: str, found: DeviceSecrets) -> DeviceSecrets:
    """With the password that is being introduced, which then stands in Vault."""
    if found.next_password is not None:
        return found
    grown = msgspec.structs.replace(found, next_password=device_secrets.generate())
    return device_secrets.write(run.child(device), run.estate.customer_of(device).id, device, grown)


def take_over_foretell(run: Run, device: str, options: Mapping[str, Any]) -> Values:
    """What `take_over_prepare` would answer."""
    return take_over_prepare(run, device, options, write=False)


def take_over_complete(run: Run, device: str, _: Mapping[str, Any]) -> Values:
    """Makes the next password the login's: the device was seen to take it and to refuse the old one."""
    customer = run.estate.customer_of(device).id
    found = device_secrets.read(run.child(device), customer, device)
    if found.login is None or found.next_password is None:
        raise RunError(f"{device}: no password is being introduced: nothing to complete")
    login = msgspec.structs.replace(found.login, password=found.next_password, taken_over=True)
    completed = msgspec.structs.replace(found, login=login, next_password=None)
    device_secrets.write(run.child(device), customer, device, completed)
    return {"changed": True}


def service_secrets_prepare(run: Run, device: str, options: Mapping[str, Any]) -> Values:
    """Writes a next value to Vault for each service secret that has none yet; with `again`, for all of them.

    One that was cut off is taken up where it was. The answer says by name which `field` of the device's secrets is to
    be in the file, which are being introduced (`next`), and which of those take the place of another (`replaced`).
    """
    found, introduced, answer = _service_secrets(run, device, again=bool(options.get("again")))
    missing = {name: device_secrets.generate() for name in introduced if name not in found.next_services}
    if missing:
        grown = msgspec.structs.replace(found, next_services={**found.next_services, **missing})
        device_secrets.write(run.child(device), run.estate.customer_of(device).id, device, grown)
    return answer | {"changed": bool(missing), "unmade": []}


def service_secrets_foretell(run: Run, device: str, options: Mapping[str, Any]) -> Values:
    """What `service_secrets_prepare` would answer; those that it would make are `unmade`: nothing can be read yet."""
    found, introduced, answer = _service_secrets(run, device, again=bool(options.get("again")))
    unmade = [name for name in introduced if name not in found.next_services]
    return answer | {"changed": bool(unmade), "unmade": unmade}


def _service_secrets(run: Run, device: str, *, again: bool) -> tuple[DeviceSecrets, list[str], Values]:
    names = [secret.name for secret in run.device(device).service_secrets]
    found = device_secrets.read(run.child(device), run.estate.customer_of(device).id, device)
    introduced = [n for n in names if again or n in found.next_services or n not in found.services]
    fields = {name: f"next.services.{name}" if name in introduced else f"services.{name}" for name in names}
    replaced = [name for name in introduced if name in found.services]
    return found, introduced, {"fields": fields, "next": introduced, "replaced": replaced}


def service_secrets_complete(run: Run, device: str, _: Mapping[str, Any]) -> Values:
    """Makes each next value the service secret's own: where a check is named, it was seen to be taken."""
    customer = run.estate.customer_of(device).id
    found = device_secrets.read(run.child(device), customer, device)
    if not found.next_services:
        raise RunError(f"{device}: no service secret is being introduced: nothing to complete")
    services = {**found.services, **found.next_services}
    completed = msgspec.structs.replace(found, services=services, next_services={})
    device_secrets.write(run.child(device), customer, device, completed)
    return {"changed": True}


def logins_refused(run: Run, device: str, options: Mapping[str, Any]) -> Values:
    """Tries logins that must not work any more; DeviceError unless the device itself refuses every one.

    `which: replaced` (while access goes on): passwords that came before the present one. `which: all` (access has
    ended): every password Vault ever held, and a valid certificate for each account of ours.
    """
    found, customer = run.device(device), run.estate.customer_of(device).id
    logins = device_secrets.every_login(run.child(device), customer, device)
    attempts = {f"password {n} of {login.user}": with_password(login) for n, login in enumerate(logins, start=1)}
    if options["which"] == "replaced":
        attempts = dict(list(attempts.items())[:-1])
    else:
        attempts |= _certificates(run, device)
    port = found.port("ssh")
    answers = asyncio.run(_try_all(run, device, attempts, port))
    accepted = [f"{name}: {answer.outcome}" for name, answer in answers.items() if answer.outcome != "refused"]
    if accepted:
        raise DeviceError(f"{device}: not shown to be refused: {'; '.join(accepted)}")
    if options["which"] == "all":
        record(run, device, {"step": Step.CREDENTIALS_REFUSED, "detail": {"tried": len(answers)}})
    return {"refused": sorted(answers)}


def _certificates(run: Run, device: str) -> dict[str, dict[str, Any]]:
    """Fresh certificates, valid but for the device's own word, for both accounts of ours."""
    customer, session = run.estate.customer_of(device).id, run.child(device)
    assert run.purpose is not None  # noqa: S101 - child() has refused a play without one
    signed = {
        ACCOUNT: run.identity.sign(session, names.grant(run.purpose, customer), [device]),
        READ_ACCOUNT: run.identity.sign(session, names.reader(customer), [names.read_principal(device)]),
    }
    return {f"certificate for {name}": with_certificate(name, found) for name, found in signed.items()}


async def _try_all(run: Run, device: str, attempts: Mapping[str, Mapping[str, Any]], port: int) -> dict[str, Answer]:
    """A few at a time: a server under a rush of failures drops connections instead of answering (MaxStartups)."""
    found, few = run.device(device), asyncio.Semaphore(LOGINS_AT_ONCE)

    async def attempt(login: Mapping[str, Any]) -> Answer:
        async with few:
            return await try_login(found, found.addresses.first, port, login)

    answers = await asyncio.gather(*map(attempt, attempts.values()))
    return dict(zip(attempts, answers, strict=True))


def destroy_secrets(run: Run, device: str, _: Mapping[str, Any]) -> Values:
    """Destroys the device's secrets in Vault, after the device was seen to refuse them, and sees the 404."""
    if Step.CREDENTIALS_REFUSED not in run.journal.steps(device):
        raise PolicyError(f"{device}: its old logins were not yet shown to be refused: nothing is destroyed")
    session = run.child(device)
    device_secrets.destroy(session, run.estate.customer_of(device).id, device)
    record(run, device, {"step": Step.SECRETS_DESTROYED})
    return {"changed": True}


def pending(run: Run, device: str, _: Mapping[str, Any]) -> Values:
    """What the device's ending waits for, and in `left` what those of its customer's devices that have not ended do."""
    devices, done = run.estate.customer_of(device).devices.values(), run.journal.latest()
    left = {other.id: waits_for(other, done.get(other.id, {})) for other in devices}
    return {"waits_for": left[device], "left": {name: why for name, why in sorted(left.items()) if why}}


def record(run: Run, device: str, options: Mapping[str, Any]) -> Values:
    """Writes a step to the journal; with `once`, not again when it stands there already with the same detail."""
    step, last = Step(options["step"]), run.journal.last(device)
    ending = last.keys() - {Step.ONBOARDED, Step.MANAGEMENT_CHANGE_STARTED, Step.MANAGEMENT_CHANGE_CONFIRMED}
    again = step is Step.ONBOARDED and ending  # taken into service again: what was done for an ending is history
    known = step in last and last[step].detail == options.get("detail", {})
    if options.get("once", True) and known and not again:
        return {"changed": False}
    run.record(device, step, options.get("detail"))
    return {"changed": True}
