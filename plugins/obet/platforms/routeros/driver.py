"""RouterOS' side of the commit protocol, over its API with TLS; its configuration is read over SSH, if that is managed.

NAPALM's own commit is not used: it says OK while locked out, its way back is a reboot into a backup that lies on the
flash with all secrets, its dry run finds only errors of syntax, and of what fails in the middle the first half stays.
Here the undo is made of the configuration that was read before, lies on the device, and is armed before the rules are
imported. RouterOS saves each command at once: what runs is kept as soon as no timer waits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from obet.devices.connection import with_login
from obet.devices.driver import Change, Gap, Rights
from obet.devices.key_pairs import Kind
from obet.devices.shell import Shell
from obet.errors import DeviceError, ProofError, printable
from obet.model import CustomerAccess, Device
from obet.platforms.routeros import standing
from obet.platforms.routeros.driver_accounts import Accounts
from obet.platforms.routeros.driver_api import PATIENCE, Api
from obet.platforms.routeros.driver_ending import Ending
from obet.platforms.routeros.driver_files import Files
from obet.platforms.routeros.driver_snmp import Snmp
from obet.platforms.routeros.driver_timer import Timer, Timers, check_run
from obet.platforms.routeros.export import parse
from obet.platforms.routeros.handover import narrowing
from obet.platforms.routeros.undo import REMOVAL, undo
from obet.secret import Secret
from obet.vault.device_secrets import Login

_OLDEST = (7, 13)
_ROOM = 256 * 1024  # bytes: some times as much as the undo and the rules take
_FILTERS = ("/ip/firewall/filter", "/ipv6/firewall/filter")
_DENIED = "obet: denied"
_SERVICES = "/ip/service"


@contextlib.contextmanager
def open_driver(device: Device, login: Login, patience: float = PATIENCE) -> Iterator[RouterosDriver]:
    """`patience`: seconds for one command. LoginRefusedError for a login that is refused, DeviceError for all else."""
    with contextlib.ExitStack() as opened:
        api = Api(device, login, patience)
        opened.callback(api.close)
        yield RouterosDriver(device, login, api, opened, patience)


class RouterosDriver:
    def __init__(
        self, device: Device, login: Login, api: Api, opened: contextlib.ExitStack, patience: float = PATIENCE
    ) -> None:
        self._device, self._login, self._api, self._opened, self._patience = device, login, api, opened, patience
        self._files, self._timers = Files(device.id, api), Timers(device.id, api)
        self._accounts = Accounts(device.id, login.user, api, self._files)
        self._ending = Ending(device, api, self._files)
        self.snmp = Snmp(device.id, api)
        self._shell: Shell | None = None

    def running(self) -> str:
        """Over SSH nothing is written to the flash, and an account that only looks can do it."""
        if self._has_ssh():
            if self._shell is None:
                self._shell = self._opened.enter_context(Shell(self._device, with_login(self._login)))
            answer = self._shell.run("/export terse", self._patience)
            if answer.detail:
                raise DeviceError(f"{self._device.id}: /export: {answer.detail}")
            text = answer.output.replace("\r\n", "\n")
        else:
            text = self._api.export()
        with self._translated():
            parse(text)
        return text

    def is_kept(self, change: Change) -> bool:
        """What a cut-off ending has armed would take these rules away, and our account."""
        return not self._timers.all() and not self._ending.there() and self._stands(change)

    def pending(self) -> str | None:
        return next((timer.run for timer in self._timers.all() if timer.on), None)

    def arm(self, change: Change) -> None:
        check_run(change.run)
        self._check_the_way()
        self._sweep()
        with self._translated():
            back = undo(self.running())
        there, way_back = self._names(change.run)
        try:
            for name, content in ((way_back, back), (there, self._timers.guard(change.run) + change.text)):
                self._files.put(name, content)
                self._files.check(name)
            self._timers.arm(change.run, change.revert_seconds, way_back, there)
            self._check_alone(change.run, way_back)
        except DeviceError:
            with contextlib.suppress(DeviceError):  # the first error is what there is to say
                self._clear(change.run)
            raise
        try:
            self._files.run(there)
            self._files.remove(there)
        except DeviceError as error:
            within = f"the device takes the change back within {change.revert_seconds} s"
            with contextlib.suppress(DeviceError):
                self.revert(change.run)
                within = "the change was taken back"
            raise DeviceError(f"{error}; {within}") from None

    def check_pending(self, change: Change, denied: int) -> None:
        self._waiting(change)
        if not self._stands(change):
            raise self._error("other management rules run than were loaded")
        counted = self.denied() or 0
        if counted < denied:
            raise self._error(f"has denied {counted} packets, and {denied} attempts were made")

    def confirm(self, change: Change) -> None:
        timer = self._waiting(change)
        if not self._stands(change):
            raise self._error("other management rules run than were loaded; not confirmed")
        self._timers.switch(timer, on=False)  # what has not begun by now does not begin any more
        stopped = self._timers.of(change.run)
        if stopped is None or stopped.began:
            if stopped is not None:
                self._timers.switch(stopped, on=True)
            raise self._error("the device has taken the change back: too late to confirm")
        self._clear(change.run)
        if self._timers.of(change.run):
            raise self._error("the timer is still there after it was removed")

    def revert(self, run: str) -> None:
        timer = self._timers.of(run)
        if timer is None:
            return
        _, way_back = self._names(run)
        if not self._files.has(way_back):
            raise self._error(f"the change of run {run} is pending, and the file {way_back} is gone: undo it by hand")
        if not timer.whole:
            self._timers.switch(timer, on=True)
        self._files.run(way_back)
        self._clear(run)

    def denied(self) -> int | None:
        words = ("=stats=", "=.proplist=packets", f"?comment={_DENIED}")
        rows = [row for path in _FILTERS for row in self._api.ask(f"{path}/print", *words)]
        if not rows:
            return None
        return sum(int(row["packets"]) for row in rows if row.get("packets", "").isdecimal())

    def gaps(self) -> tuple[Gap, ...]:
        found = []
        resource = (self._api.ask("/system/resource/print") or [{}])[0]
        version = resource.get("version", "")
        if _numbers(version) < _OLDEST:
            oldest = ".".join(map(str, _OLDEST))
            found.append(Gap(what=f"RouterOS {printable(version)[:40]}", remedy=f"upgrade it to {oldest} or newer"))
        room = resource.get("free-hdd-space", "")
        if not room.isdecimal() or int(room) < _ROOM:
            found.append(Gap(what="its flash is full", remedy=f"remove files until {_ROOM // 1024} KiB are free"))
        mode = self._api.try_("/system/device-mode/print") or [{}]
        if mode[0].get("scheduler", "yes") not in {"yes", "true"}:
            remedy = "`/system/device-mode/update scheduler=yes`, and press its button as it then asks"
            found.append(Gap(what="its device-mode forbids the scheduler", remedy=remedy))
        if lacks := ", ".join(self._accounts.lacks(self._login.user)):
            remedy = "give it the group `full`, as onboarding does"
            found.append(Gap(what=f"the account {self._login.user} lacks {lacks}", remedy=remedy))
        return tuple(found)

    def mend(self) -> None:
        """Only room can be made, of files that a cut-off run left; all else needs a person at the device."""
        self._sweep()

    def preview(self, change: Change) -> str:
        with self._translated():
            lines = standing.difference(change.text, self.running()).splitlines()
        return "\n".join(map(printable, lines))

    def accounts(self) -> Mapping[str, Rights]:
        return self._accounts.all()

    def put_account(self, name: str, password: Secret, rights: Rights) -> None:
        self._accounts.put(name, password, rights)

    def key_kind(self) -> Kind | None:
        """Each RouterOS that is served takes ed25519; its API takes passwords alone."""
        return "ssh-ed25519" if self._has_ssh() else None

    def put_keys(self, name: str, public_keys: tuple[str, ...]) -> None:
        self._accounts.put_keys(name, public_keys)

    def put_customer(self, access: CustomerAccess) -> None:
        self._accounts.put_customer(access)

    def remove_ours(self, accounts: tuple[str, ...], refused: Callable[[], None]) -> None:
        """Sources of the customer's own stay the only ones, by `leave`; where he names none, his filter alone decides.

        What is left is looked for before the account goes that is logged in: afterwards nobody may ask.
        """
        for timer in self._timers.all():
            self._timers.remove(timer)
        self._ending.clear()
        self._files.remove()
        own = self._login.user if self._login.user in accounts else ""
        with self._translated():
            running = self.running()
            rules = standing.residue(running)
            last = self._last_step(running, own) if rules else ""
        if rules and not last:
            name = f"{self._files.folder()}obet-end.rsc"
            self._files.put(name, REMOVAL)
            self._files.run(name)
            self._files.remove()
        self._accounts.remove(tuple(name for name in accounts if name != own))
        going = {f"account {own}", f"SSH key of {own}", *(rules if last else ())}
        if left := [what for what in self.residue(accounts) if what not in going]:
            raise self._error(f"not everything was removed: {', '.join(left)}")
        if last:
            self._ending.arm(last)
            self._accounts.shut(own)
        else:
            self._accounts.remove((own,))
        refused()

    def leave(self) -> str:
        """Our account, which nothing opens any more that anybody knows, and the rules that let us in go together."""
        return self._ending.go_on()

    def _last_step(self, running: str, own: str) -> str:
        """What is left to the router itself; nothing where the customer names no managers."""
        managers = [address for host in self._device.co_managers for address in host.both]
        ports = [service.port for service in self._device.management]
        return narrowing(running, managers, ports, own) if managers else ""

    def residue(self, accounts: tuple[str, ...]) -> tuple[str, ...]:
        with self._translated():
            found = standing.residue(self.running())
        found += [f"scheduler entry of run {timer.run}" for timer in self._timers.all()]
        found += ["scheduler entry of the ending"] if self._ending.there() else []
        found += [f"file {printable(name)}" for name in self._files.ours()]
        found += self.snmp.residue()
        return (*found, *self._accounts.residue(accounts))

    def _has_ssh(self) -> bool:
        return any(service.protocol == "ssh" for service in self._device.management)

    def _check_the_way(self) -> None:
        """No change of anybody's waits: what it would take back is unknown."""
        if other := self.pending():
            raise self._error(f"the change of run {other} is pending")
        if others := self._timers.strangers():
            names = printable(", ".join(others))[:100]
            raise self._error(
                f"a colleague's change waits for its confirmation (scheduler: {names}): left alone; wait for its end"
            )

    def _check_alone(self, run: str, way_back: str) -> None:
        """Two runs that began at once: both may have looked before either had armed."""
        if [timer.run for timer in self._timers.all()] != [run] or not self._files.has(way_back):
            raise self._error("another run changes its management rules at the same time: left alone")

    def _sweep(self) -> None:
        """Removes what cut-off runs have left; another's way back stays, should one have armed just now."""
        self._ending.clear()
        there, timers = self._files.ours(), self._timers.all()
        for timer in timers:
            if not timer.on:  # cut off when it was about to be confirmed
                self._timers.remove(timer)
        armed = [timer.run for timer in timers if timer.on]
        if stale := [name for name in there if not any(run in name for run in armed)]:
            self._files.remove(*stale)

    def _names(self, run: str) -> tuple[str, str]:
        """The files of a run's change: its rules, and the way back."""
        folder = self._files.folder()
        return f"{folder}obet-rules-{run}.rsc", f"{folder}obet-undo-{run}.rsc"

    def _waiting(self, change: Change) -> Timer:
        timer = self._timers.of(change.run)
        if timer is None or timer.began:
            raise self._error(f"the change of run {change.run} is pending no more: the device has taken it back")
        if not timer.whole:
            raise self._error("its timer was switched off, or a part of it")
        return timer

    def _stands(self, change: Change) -> bool:
        with self._translated():
            return standing.stands(change.text, self.running())

    def _clear(self, run: str) -> None:
        """The timer first: without its undo it would fail for ever."""
        if timer := self._timers.of(run):
            self._timers.remove(timer)
        self._files.remove(*self._names(run))

    def _error(self, what: str) -> DeviceError:
        return DeviceError(f"{self._device.id}: {what}")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except ProofError as error:
            raise self._error(str(error)) from None


def _numbers(version: str) -> tuple[int, ...]:
    """`7.18.2 (stable)` as (7, 18, 2); empty for what is no version."""
    parts = version.partition(" ")[0].split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()
