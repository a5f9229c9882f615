"""What a task of a playbook asks of a run for a network device: one function each, device in, plain values out.

The verbs are those of `operations`; here all of a device's work is done over its driver, by no role and no module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from functools import partial
from typing import Any, TextIO

import msgspec

from obet import operations, own_accounts, snmp_operations
from obet.access.policy import management_policy
from obet.devices import fleet
from obet.devices.commit import commit
from obet.devices.connection import with_login
from obet.devices.driver import Change, NetworkDriver, Rights, open_driver
from obet.devices.own_login import own_login, takes
from obet.devices.ssh_files import source_towards
from obet.erasure.steps import Step
from obet.errors import DeviceError, LoginRefusedError, NotLetInError, ObetError, RunError
from obet.model import Device
from obet.operations import (
    Values,
    destroy_secrets,
    is_to_take_over,
    record,
    take_over_complete,
    try_access,
    with_next_password,
    without_doubt,
)
from obet.run import Run
from obet.vault import account_logins, device_secrets
from obet.vault.device_secrets import Login
from obet.vault.names import ACCOUNT, READ_ACCOUNT

Operation = Callable[[Run, str, Mapping[str, Any]], Values]

_COMES_BACK = timedelta(minutes=10)  # longer than any driver's timer for a removal
_CUT_OFF = "not seen: cut off before"
_RIGHTS: Mapping[str, Rights] = {ACCOUNT: "full", READ_ACCOUNT: "read"}


def onboard(run: Run, device: str, options: Mapping[str, Any]) -> Values:
    """Makes our accounts by the customer's initial login, then takes that login over; done twice it changes nothing."""
    ours = all(own_accounts.is_ours(run, device, account) for account in _RIGHTS)
    if options["check_mode"]:
        return {"changed": not ours or bool(_unkeyed(run, device))}
    if not ours:
        with _driver(run, device, _way_in(run, device)) as driver:
            for account, rights in _RIGHTS.items():
                driver.put_account(account, own_accounts.made_password(run, device, account), rights)
        own_accounts.must_take(run, device, ACCOUNT)
        own_accounts.must_take(run, device, READ_ACCOUNT)
    keyed = _renew_keys(run, device, _unkeyed(run, device) if ours else tuple(_RIGHTS))
    taken = _take_over(run, device)
    recorded = record(run, device, {"step": Step.ONBOARDED})
    return {"changed": not ours or keyed or taken or recorded["changed"]}


def restrict(run: Run, device: str, options: Mapping[str, Any]) -> Values:
    """Puts the plan's management rules in force by the commit protocol; a dry run says what would change."""
    if passed_over := _passed_over(run, device, options):
        return passed_over
    plan = run.plan(device)
    wait = int(options.get("revert_seconds") or plan.management.revert_seconds)
    found = run.device(device)
    policy = management_policy(run.estate, found, source_towards(found.addresses.first, found.management[0].port))
    change = Change(run=run.id, text=plan.management.text, revert_seconds=wait, policy=policy)
    seen: Values = {}

    login = _own_login(run, device)

    def attempt() -> int:
        seen.update(without_doubt(device, try_access(run, device, with_login(login))))
        return int(seen["outsiders"])

    with _driver(run, device, login) as driver:
        changes = not driver.is_kept(change)
        if not changes:
            _confirmed_before(run, device, change, options)
        prepared = driver.preview(change) if changes else ""
        if changes:
            _mend(device, driver, mend=bool(options.get("mend")), check=options["check_mode"])
        if changes and not options["check_mode"]:
            over = run.account.is_over
            commit(driver, change, attempt=attempt, record=partial(run.record, device), is_over=over)
        monitored = snmp_operations.restrict(run, device, driver, check=options["check_mode"])
    if prepared := prepared + monitored.pop("diff", ""):
        seen["diff"] = {"prepared": prepared}
    return monitored | {"changed": changes or monitored["changed"]} | seen


def _confirmed_before(run: Run, device: str, change: Change, options: Mapping[str, Any]) -> None:
    """A run that was killed between its confirmation and its word of it: what the device keeps is told now."""
    last = run.journal.last(device)
    started, confirmed = last.get(Step.MANAGEMENT_CHANGE_STARTED), last.get(Step.MANAGEMENT_CHANGE_CONFIRMED)
    told = confirmed is not None and started is not None and confirmed.at >= started.at
    if started and not told and started.detail.get("rules") == change.digest and not options["check_mode"]:
        run.record(device, Step.MANAGEMENT_CHANGE_CONFIRMED, {"rules": change.digest})


def _passed_over(run: Run, device: str, options: Mapping[str, Any]) -> Values | None:
    """What there is to say of a device that is only observed, or, in a dry run, was never taken over."""
    if run.device(device).enforce != "restrict":
        return {"changed": False, "msg": f"{device}: only observed: its rules are its own"}
    if options["check_mode"] and not own_accounts.entry(run, device, ACCOUNT).logins:
        return {"changed": False, "msg": f"{device}: not taken over yet: a dry run ends here"}
    return None


def look(run: Run, device: str, options: Mapping[str, Any]) -> Values:
    """Who gets in and who does not, tried afresh; nothing is changed. A dry run tells of doubts and fails for none."""
    if passed_over := _passed_over(run, device, options):
        return passed_over
    seen = try_access(run, device, with_login(_own_login(run, device)))
    return {"changed": False} | (seen if options["check_mode"] else without_doubt(device, seen))


def rotate(run: Run, device: str, options: Mapping[str, Any]) -> Values:
    """New passwords and keys of ours, and of the login that was taken over; each seen to work, each old one refused."""
    if options["check_mode"]:
        return {"changed": True, "msg": f"{device}: a dry run rotates nothing"}
    for account, rights in _RIGHTS.items():
        with _ours(run, device, doubted=True) as driver:
            own_accounts.renew_password(run, driver, device, account, rights)
    _renew_keys(run, device, tuple(_RIGHTS))
    _take_over(run, device, again=True)
    with _ours(run, device) as driver:
        return {"changed": True} | snmp_operations.rotate(run, device, driver)


def end(run: Run, device: str, options: Mapping[str, Any]) -> Values:
    """The customer's own access first, then ours away, every old login refused, the secrets destroyed."""
    plan = run.plan(device)
    if options["check_mode"]:
        return {"changed": True, "msg": f"{device}: a dry run ends nothing"}
    if not {Step.ACCESS_REMOVED, Step.CREDENTIALS_REFUSED} <= set(plan.done):
        ended = _remove(run, device)
        if ended is not None:
            return ended
    customer = run.estate.customer_of(device).id
    for account in _RIGHTS:
        account_logins.destroy(run.child(device), customer, device, account)
    snmp_operations.destroy(run, device)
    destroy_secrets(run, device, {})
    return {"changed": True, "msg": f"{device}: our access has ended, and each old login is refused"}


def work_on_all(run: Run, devices: Iterable[str], options: Mapping[str, Any], progress: TextIO | None = None) -> Values:
    """One verb on many devices, by one Nornir run: `{"devices": {id: {"result": …, "failure": …}}}`."""
    operation = OPERATIONS[options["do"]]

    def work(device: Device) -> Values:
        if not run.lasts:
            raise RunError(f"{device.id}: not begun, as Vault renews our tokens no more: run the playbook again")
        planned = operations.plan(run, device.id, {"required": False})["ansible_facts"]["obet_plan"]
        if not planned["granted"]:
            return {"changed": False, "msg": planned["why"]}
        return operation(run, device.id, options)

    def renew() -> None:
        with suppress(ObetError):  # tried again soon; what is held says how long devices may still be begun
            run.refresh()

    with run.renewing():
        found = fleet.work(run.estate, devices, options["do"], work, meanwhile=renew, out=progress)
    return {"devices": msgspec.to_builtins(found)}


def outcome(run: Run, device: str, options: Mapping[str, Any]) -> Values:  # noqa: ARG001 - an operation like others
    """A device's part of it, as its own task's result."""
    if options["of"]["failure"]:
        raise DeviceError(options["of"]["failure"])
    return dict(options["of"]["result"])


OPERATIONS: Mapping[str, Operation] = {
    "onboard": onboard,
    "restrict": restrict,
    "look": look,
    "rotate": rotate,
    "end": end,
}


def _remove(run: Run, device: str) -> Values | None:
    """What there is to say while the ending cannot go on; None once our access is removed."""
    plan = run.plan(device)
    try:
        with _ours(run, device, doubted=True) as driver:
            if not plan.customer_confirmed:
                driver.put_customer(plan.customer_access)
                placed = {"step": Step.CUSTOMER_ACCESS_PLACED, "detail": {"key": plan.customer_key}}
                changed = record(run, device, placed)["changed"]
                return {"changed": changed, "msg": _pending(device), "pending": "the customer has not confirmed"}
            run.record(device, Step.REMOVAL_STARTED)  # each time: what is cut off is believed so long after its begin
            customers, ours = _customers_logins(run, device), _our_logins(run, device)
            asked = snmp_operations.end(run, device, driver)
            _lock(run, device, driver, customers)
            _must_refuse(run, device, customers)  # while we can still do something about it
            driver.remove_ours(tuple(_RIGHTS), lambda: _must_refuse(run, device, ours))
            tried = {"tried": len(customers) + len(ours)} | asked
            record(run, device, {"step": Step.CREDENTIALS_REFUSED, "detail": tried})
            unseen = driver.leave()
    except LoginRefusedError:
        if Step.REMOVAL_STARTED not in plan.done:
            raise DeviceError(
                f"{device}: refuses our login, and removing our access was never begun: the case stays open until the "
                "device takes us again or is closed as gone"
            ) from None
        _wait_for_what_was_begun(run, device)
        logins = [*_customers_logins(run, device), *_our_logins(run, device)]
        _must_refuse(run, device, logins)  # one of them may be refused for another reason
        record(run, device, {"step": Step.CREDENTIALS_REFUSED, "detail": {"tried": len(logins)}})
        unseen = _CUT_OFF
    except NotLetInError:
        # Anything may refuse a connection: only where each login was seen to be refused is that the end of it.
        if Step.CREDENTIALS_REFUSED not in plan.done:
            raise
        unseen = _CUT_OFF
    record(run, device, {"step": Step.ACCESS_REMOVED, "detail": {"seen": unseen or "removed"}})
    return None


def _wait_for_what_was_begun(run: Run, device: str) -> None:
    """A removal that was cut off may come back by the device's own timer: its refusal proves nothing before that."""
    since = run.journal.last(device)[Step.REMOVAL_STARTED].at
    if run.now - since < _COMES_BACK:
        until = f"{since + _COMES_BACK:%H:%M}Z"
        raise DeviceError(
            f"{device}: refuses us since a removal that was cut off, and may take it back: again at {until}"
        )


def _pending(device: str) -> str:
    return (
        f"{device}: pending: the customer's own access is in place; once the customer has logged in with it, record it "
        f"with `obet handover confirm {device}` and run this playbook again"
    )


def _customers_logins(run: Run, device: str) -> list[Login]:
    """Each that Vault ever held of the customer's own: as he gave it, and as we took it over."""
    return device_secrets.every_login(run.child(device), run.estate.customer_of(device).id, device)


def _our_logins(run: Run, device: str) -> list[Login]:
    """Each password and each key that our accounts ever had."""
    customer, session = run.estate.customer_of(device).id, run.child(device)
    return [login for account in _RIGHTS for login in account_logins.every(session, customer, device, account)]


def _must_refuse(run: Run, device: str, logins: Sequence[Login]) -> None:
    """DeviceError unless the device itself refuses every one: one that takes no connection has refused no login."""
    for number, login in enumerate(logins, start=1):
        if _takes(run, device, login):
            raise DeviceError(f"{device}: still takes a login of {login.user} (number {number} of {len(logins)})")


def _lock(run: Run, device: str, driver: NetworkDriver, logins: Sequence[Login]) -> None:
    """An account that a password which we know opens gets one that nobody knows; its rights stay as they are."""
    shown = driver.accounts()
    for login in logins:
        if login.user in shown and _takes(run, device, login):
            driver.put_account(login.user, device_secrets.generate(), shown[login.user])


def _mend(device: str, driver: NetworkDriver, *, mend: bool, check: bool) -> None:
    """Without a timer of the device's own no management rule is changed."""
    gaps = driver.gaps()
    if gaps and mend and not check:
        driver.mend()
        gaps = driver.gaps()
    if gaps and not (mend and check):
        raise DeviceError(
            f"{device}: cannot take a change back by itself, so its rules are left alone: {'; '.join(map(str, gaps))}"
        )


def _way_in(run: Run, device: str) -> Login:
    """Our own account's password, where only its key or the other account has gone; else the customer's login."""
    known = [Login(ACCOUNT, password) for password in own_accounts.entry(run, device, ACCOUNT).passwords]
    return next((login for login in known if _takes(run, device, login)), None) or _initial_login(run, device)


def _initial_login(run: Run, device: str) -> Login:
    found = device_secrets.read(run.child(device), run.estate.customer_of(device).id, device)
    if found.login is None:
        raise RunError(f"{device}: Vault holds no login of the customer's: `obet secret login {device}` takes it")
    for login in reversed(found.logins):
        if _takes(run, device, login):
            return login
    raise DeviceError(f"{device}: refuses the customer's initial login: `obet secret login {device}` takes another")


def _take_over(run: Run, device: str, *, again: bool = False) -> bool:
    """The customer's login gets a password of ours; the device was seen to take it and to refuse the one before."""
    found = device_secrets.read(run.child(device), run.estate.customer_of(device).id, device)
    if not is_to_take_over(device, found, again=again):
        return False
    assert found.login is not None  # noqa: S101 - just seen
    user, old = found.login.user, found.login.password
    with _ours(run, device) as driver:
        shown = driver.accounts()
        if again and user not in shown:
            return False  # the customer has removed it: nothing of his is made anew
        new = with_next_password(run, device, found).next_password
        assert new is not None  # noqa: S101 - just made
        driver.put_account(user, new, shown.get(user, "full"))
    own_accounts.must_have_changed(run, device, user, old=old, new=new)
    take_over_complete(run, device, {})
    return True


def _unkeyed(run: Run, device: str) -> tuple[str, ...]:
    """Our accounts whose key is missing or was not seen to work, on a device that takes keys."""
    entries = [own_accounts.entry(run, device, account) for account in _RIGHTS]
    found = tuple(entry.account for entry in entries if entry.key is None or entry.upcoming_key is not None)
    if not found or not entries[0].logins:
        return ()
    with _ours(run, device) as driver:
        return found if driver.key_kind() else ()


def _renew_keys(run: Run, device: str, accounts: Sequence[str]) -> bool:
    """Whether these accounts got new keys: a device that takes none is left with passwords."""
    if not accounts:
        return False
    with _ours(run, device, doubted=True) as driver:
        kind = driver.key_kind()
        if kind is None:
            own_accounts.must_have_no_key(run, device, accounts)
            return False
        for account in accounts:
            own_accounts.renew_key(run, driver, device, account, kind)
    return True


def _takes(run: Run, device: str, login: Login) -> bool:
    return takes(run.device(device), login)


def _own_login(run: Run, device: str, *, doubted: bool = False) -> Login:
    return own_login(run.device(device), own_accounts.entry(run, device, ACCOUNT), doubted=doubted)


def _ours(run: Run, device: str, *, doubted: bool = False) -> AbstractContextManager[NetworkDriver]:
    return _driver(run, device, _own_login(run, device, doubted=doubted))


def _driver(run: Run, device: str, login: Login) -> AbstractContextManager[NetworkDriver]:
    return open_driver(run.device(device), login)
