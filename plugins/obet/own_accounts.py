"""Our own accounts on a network device: what Vault holds of them, and how password and key of one are made and renewed.

What is new stands in Vault before the device gets it, and what is old until the device was seen to refuse it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from obet.devices.driver import NetworkDriver, Rights
from obet.devices.key_pairs import Kind, generate, public_key
from obet.devices.own_login import takes, takes_wholly
from obet.errors import DeviceError, RunError
from obet.run import Run
from obet.secret import Secret
from obet.vault import account_logins, device_secrets
from obet.vault.account_logins import AccountLogin
from obet.vault.device_secrets import Login


def entry(run: Run, device: str, account: str) -> AccountLogin:
    return account_logins.read(run.child(device), run.estate.customer_of(device).id, device, account)


def is_ours(run: Run, device: str, account: str) -> bool:
    """Whether the device takes our account already, as Vault holds it."""
    return any(takes_wholly(run.device(device), login) for login in entry(run, device, account).logins)


def made_password(run: Run, device: str, account: str) -> Secret:
    """The account's password, which stands in Vault before the device gets it."""
    found = entry(run, device, account)
    if found.password is not None:
        return found.password
    made = device_secrets.generate()
    _write(run, device, msgspec.structs.replace(found, password=made))
    return made


def must_take(run: Run, device: str, account: str) -> None:
    passwords = entry(run, device, account).passwords
    if not any(takes(run.device(device), Login(account, password)) for password in passwords):
        raise DeviceError(f"{device}: has made the account {account}, and does not take its password")


def renew_password(run: Run, driver: NetworkDriver, device: str, account: str, rights: Rights) -> None:
    """One that was cut off is taken up where it was."""
    found = entry(run, device, account)
    old, new = found.password, found.upcoming or device_secrets.generate()
    if old is None:
        raise RunError(f"{device}: Vault holds no password of {account}: onboarding puts it there")
    if found.upcoming is None:
        found = _write(run, device, msgspec.structs.replace(found, upcoming=new))
    driver.put_account(account, new, rights)
    must_have_changed(run, device, account, old=old, new=new)
    _write(run, device, msgspec.structs.replace(found, password=new, upcoming=None))


def must_have_changed(run: Run, device: str, user: str, *, old: Secret, new: Secret) -> None:
    """DeviceError unless the device takes the new password of that account, and the old one no more."""
    if not takes(run.device(device), Login(user, new)):
        raise DeviceError(f"{device}: was told a new password of {user}, and does not take it")
    if takes(run.device(device), Login(user, old)):
        raise DeviceError(f"{device}: was told a new password of {user}, and takes the old one still")


def renew_key(run: Run, driver: NetworkDriver, device: str, account: str, kind: Kind) -> None:
    """The old key goes when the new one was seen to open the account; one that was cut off is taken up where it was."""
    found = entry(run, device, account)
    old, new = found.key, found.upcoming_key or generate(kind)
    if found.upcoming_key is None:
        found = _write(run, device, msgspec.structs.replace(found, upcoming_key=new))
    assert found.password is not None  # noqa: S101 - an account has one before it has a key
    driver.put_keys(account, tuple(public_key(key) for key in (old, new) if key is not None))
    if not takes(run.device(device), Login(account, found.password, key=new)):
        raise DeviceError(f"{device}: was given a new key of {account}, and does not take it")
    if old is not None:
        driver.put_keys(account, (public_key(new),))
        if takes(run.device(device), Login(account, found.password, key=old)):
            raise DeviceError(f"{device}: was told to drop the old key of {account}, and takes it still")
    _write(run, device, msgspec.structs.replace(found, key=new, upcoming_key=None))


def must_have_no_key(run: Run, device: str, accounts: Iterable[str]) -> None:
    """Of a device that takes none: DeviceError where one that it was given would be left as it is."""
    if keyed := next((account for account in accounts if entry(run, device, account).key), None):
        raise DeviceError(
            f"{device}: takes no SSH key any more, and {keyed} has one: it was not renewed; let it take keys again, "
            "and name ssh among its management services"
        )


def _write(run: Run, device: str, changed: AccountLogin) -> AccountLogin:
    return account_logins.write(run.child(device), run.estate.customer_of(device).id, device, changed)
