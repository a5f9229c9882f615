"""Which of the logins that Vault holds a device takes: a change that was cut off leaves more than one."""

from __future__ import annotations

import asyncio

from obet.devices.connection import try_login, with_login
from obet.devices.driver import open_driver
from obet.errors import DeviceError, LoginRefusedError, NotLetInError, RunError
from obet.model import Device
from obet.vault.account_logins import AccountLogin
from obet.vault.device_secrets import Login

# As RouterOS' API has it too: a filter may refuse, or say nothing.
_NOT_LET_IN = {"ConnectionRefusedError", "ConnectionResetError", "TimeoutError"}


def takes(device: Device, login: Login) -> bool:
    """Whether a new connection gets in, by the key if there is one; DeviceError for what is neither yes nor no."""
    if login.key is not None:
        return _takes_over_ssh(device, login)
    try:
        with open_driver(device, login):
            return True
    except LoginRefusedError:
        return False


def own_login(device: Device, entry: AccountLogin, *, doubted: bool = False) -> Login:
    """The login of an account of ours; nothing is tried where there is but one, and no doubt.

    With `doubted` a key may also be gone from the device, which then takes the password.
    """
    logins = entry.logins
    if not logins:
        raise RunError(f"{device.id}: Vault holds no login of {entry.account} for it: onboarding makes one")
    if doubted:
        logins += tuple(Login(entry.account, password) for password in entry.passwords)
    logins = tuple(dict.fromkeys(logins))
    return next((login for login in logins[:-1] if takes_wholly(device, login)), logins[-1])


def takes_wholly(device: Device, login: Login) -> bool:
    """Whether it gets in by each protocol that the device is managed by."""
    protocols = {service.protocol for service in device.management}
    if "ssh" in protocols and not _takes_over_ssh(device, login):
        return False
    return protocols == {"ssh"} or takes(device, Login(login.user, login.password))


def _takes_over_ssh(device: Device, login: Login) -> bool:
    if all(service.protocol != "ssh" for service in device.management):
        raise DeviceError(f"{device.id}: a key of {login.user} cannot be tried: name ssh among its management services")
    answer = asyncio.run(try_login(device, device.addresses.first, device.port("ssh"), with_login(login)))
    if answer.outcome in {"accepted", "refused"}:
        return answer.outcome == "accepted"
    kind = NotLetInError if answer.detail in _NOT_LET_IN else DeviceError
    raise kind(f"{device.id}: {answer.outcome}: {answer.detail}")
