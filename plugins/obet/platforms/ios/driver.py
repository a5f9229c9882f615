"""IOS's side of the commit protocol and of an ending: commands over one session, the device's own timer, read back.

A change is known to the device by a list of ours that nothing is bound to: its name holds the run's id. It comes under
the timer, so it goes with the change when the device takes that back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from obet.devices.driver import Change, Gap, Rights
from obet.devices.key_pairs import Kind
from obet.errors import DeviceError, ObetError, PolicyError, printable
from obet.model import Address, CustomerAccess, Device
from obet.platforms.ios import driver_accounts as accounts
from obet.platforms.ios import driver_archive as archive
from obet.platforms.ios.driver_console import Console, first_line, opened
from obet.platforms.ios.driver_snmp import Configuration, Snmp
from obet.platforms.ios.proof import counter
from obet.platforms.ios.rules import Present, commands, remove, remove_unbound
from obet.secret import Secret
from obet.vault.device_secrets import Login

_MARK = "ip access-list extended OBET-CHANGE-"
_NOTHING_PENDING = "No Rollback Confirmed Change pending"
_TIMER = "show archive config rollback timer"
_RUNNING = re.compile(
    r"\s*Building configuration\.\.\.\s*\n\s*Current configuration ?: ?\d+ bytes[^\n]*\n(?P<text>.*\nend)\s*", re.DOTALL
)
_STARTUP = re.compile(r"\s*Using \d+ out of \d+ bytes[^\n]*\n(?P<text>.*\nend)\s*", re.DOTALL)
_ABSENT = re.compile(r"\s*(?:startup-config is not present|%+ ?Non-volatile configuration memory .*not present)")
_BOUND = re.compile(r"^ (?:ipv6 )?access-class OBET-MANAGEMENT-", re.MULTILINE)
_REMOVAL_MINUTES = 5
_LIST = re.compile(r"access list (OBET-MANAGEMENT-V[46](?:-\d+)?)$", re.MULTILINE)


@contextmanager
def open_driver(device: Device, login: Login) -> Iterator[IosDriver]:
    with opened(device, login) as console:
        yield IosDriver(device, login.user, console)


class IosDriver:
    def __init__(self, device: Device, user: str, console: Console) -> None:
        self._device, self._user, self._console = device, user, console
        self._facts: tuple[int, str, bool] | None = None
        self._denied_before: dict[str, int] = {}
        self._copy = ""
        configuration = Configuration(self.running, self._startup, self._none_pending, self._save)
        self.snmp = Snmp(device.id, console, configuration)

    def running(self) -> str:
        answer = self._console.ask("show running-config view full")
        if self._console.is_refused(answer):
            answer = self._console.ask("show running-config")
        if self._console.is_refused(answer):
            raise self._error(f"shows {self._user} no running configuration: the account needs privilege 15")
        return self._whole(_RUNNING, answer, "running")

    def denied(self) -> int | None:
        counts = self._counts()
        return sum(counts.values()) if counts else None

    def is_kept(self, change: Change) -> bool:
        return all(
            text and not _marks(text) and not self._commands(change, text) for text in (self.running(), self._startup())
        )

    def pending(self) -> str | None:
        """DeviceError for a change that is no run's: a colleague's is his to confirm."""
        return self._waits(lambda: self._shown(f"show running-config | include ^{_MARK}"))

    def arm(self, change: Change) -> None:
        minutes = change.revert_seconds // 60
        if not 1 <= minutes <= 120:
            raise self._error(f"takes a change back after 1 to 120 minutes, and not after {change.revert_seconds} s")
        running = self.running()
        text = self._commands(change, running)
        self._console.configure(_unmark(running))  # a run that was killed behind its confirmation has left it
        self._denied_before = self._counts()
        said = self._console.enter(f"configure terminal revert timer {minutes}")
        self._copy = archive.copy_named(said)
        try:
            self._console.take([f"{_MARK}{change.run}", "deny ip any any", "exit"])
            self._console.take_text(text)
            self._console.leave()
        except DeviceError as error:
            self._back_out(error)

    def check_pending(self, change: Change, denied: int) -> None:
        self._must_run(change)
        if denied and self._denied_since() < denied:
            raise self._error(f"its lists have refused fewer than the {denied} attempts that were made on it")

    def confirm(self, change: Change) -> None:
        running = self._must_run(change)
        if answer := self._console.ask("configure confirm").strip():
            raise self._error(f"does not confirm: {first_line(answer)}")
        self._console.configure(_unmark(running) + remove_unbound(running))
        self._save()
        self._delete(self._copy)

    def revert(self, run: str) -> None:
        waiting = self.pending()
        if waiting is None:
            return  # the timer was faster
        if waiting != run:
            raise self._error(f"the change of run {waiting} is pending, and not that of run {run}")
        self._revert_now()

    def gaps(self) -> tuple[Gap, ...]:
        running = self.running()
        answers = {command: self._console.ask(command) for command in archive.QUESTIONS}
        return archive.gaps(running, answers)

    def mend(self) -> None:
        self._none_pending()
        text = archive.mended(self.running(), self._console.ask(archive.FILES))
        if text:
            self._console.configure(text)
            self._save()

    def preview(self, change: Change) -> str:
        lines = self._commands(change, self.running()).splitlines()
        signed = (f"-{line.removeprefix('no ')}" if line.startswith("no ") else f"+{line}" for line in lines)
        return "".join(f"{line}\n" for line in signed if line != "+exit")

    def accounts(self) -> Mapping[str, Rights]:
        return accounts.shown(self.running())

    def put_account(self, name: str, password: Secret, rights: Rights) -> None:
        self._none_pending()
        running = self.running()
        text = accounts.account(self._device.id, running, name, accounts.hashed(password), rights)
        if accounts.has_password(running, name):  # IOS takes no secret beside a password that can be read back
            if name == self._user:
                raise self._error(f"keeps the password of {name} readable, and we are logged in as {name}: use another")
            self._remove_user(name)
        self._console.configure(text)
        self._save()

    def key_kind(self) -> Kind | None:
        return accounts.key_kind(self._shown("show ip ssh"))

    def put_keys(self, name: str, public_keys: tuple[str, ...]) -> None:
        self._none_pending()
        self._console.configure(accounts.only_keys(self.running(), name, public_keys))
        self._save()
        if sorted(accounts.keys(self.running(), name)) != sorted(map(accounts.kept, public_keys)):
            raise self._error(f"has not taken the public key of {name}")

    def put_customer(self, access: CustomerAccess) -> None:
        text = accounts.customer(self._device.id, self.running(), access)
        self._none_pending()
        self._console.configure(text)
        self._save()

    def remove_ours(self, ours: tuple[str, ...], refused: Callable[[], None]) -> None:
        """Sources of the customer's own stay the only ones; where he names none, all may knock again.

        Under the device's own timer: until all of it was seen to be gone and is saved, it comes back by itself.
        """
        self.mend()  # an observed device may have no archive, and so no timer
        running = self.running()
        for path in self._archived(running, ours):
            self._delete(path, strict=True)
        self._console.configure(accounts.rights_of_looking(running))
        said = self._console.enter(f"configure terminal revert timer {_REMOVAL_MINUTES}")
        self._copy = archive.copy_named(said)
        self._console.leave()
        try:
            self._remove_accounts(ours)
            refused()
            self._unbind_ours()
            self._must_be_gone(self.running(), ours)
            self._save()
            self._must_be_gone(self._startup(), ours)
        except ObetError as error:
            self._back_out(error)
        if answer := self._console.ask("configure confirm").strip():
            raise self._error(f"does not confirm: {first_line(answer)}")
        self._console.configure(archive.unmended(self.running()))
        self._save()
        self._delete(self._copy)
        if left := self.residue(ours):
            raise self._error(f"not everything was removed: {', '.join(left)}")

    def leave(self) -> str:
        return ""  # a session outlives its account, and saw all of it

    def _remove_accounts(self, ours: tuple[str, ...]) -> None:
        running = self.running()
        for name in ours:
            if accounts.has_keys(running, name):  # they outlive the account
                self._remove_user(name, accounts.CHAIN)
        names = [name for name in accounts.shown(running) if name in ours]
        for name in sorted(names, key=lambda name: name == self._user):
            self._remove_user(name)

    def _unbind_ours(self) -> None:
        """A device that was only observed is bound to nothing of ours, and stays as it is."""
        running = self.running()
        if _BOUND.search(running):
            self._unbind(running, [address for host in self._device.co_managers for address in host.both])

    def _must_be_gone(self, text: str, ours: tuple[str, ...]) -> None:
        """But for the archive, which the timer needs until the end."""
        if left := [name for name in archive.names_of_ours(text, ours) if ":" not in name]:
            raise self._error(f"not everything was removed: {', '.join(left)}")

    def residue(self, ours: tuple[str, ...]) -> tuple[str, ...]:
        running, startup = self.running(), self._startup()
        found = [*archive.names_of_ours(running, ours), *archive.names_of_ours(startup, ours)]
        return tuple(dict.fromkeys([*found, *self._archived(running, ours), *self.snmp.residue()]))

    def _counts(self) -> dict[str, int]:
        """What each list of ours has refused."""
        shown = self._shown("show ip access-lists") + "\n" + self._shown("show ipv6 access-list")
        return {name: counter(shown, name) or 0 for name in _LIST.findall(shown)}

    def _denied_since(self) -> int:
        return sum(max(0, count - self._denied_before.get(name, 0)) for name, count in self._counts().items())

    def _unbind(self, running: str, customers: Sequence[Address]) -> None:
        present = self._present(running)
        with _as_device_errors(self._device.id):
            text = remove(present, customers, [self._device.port("ssh")])
        self._console.configure(text)
        running = self.running()
        self._console.configure(_unmark(running) + remove_unbound(running))

    def _remove_user(self, name: str, section: str = "") -> None:
        """IOS asks whether that is meant; old ones do not."""
        self._console.enter()
        self._console.take([section] if section else [])
        answer = self._console.ask(f"no username {name}", confirm=True)
        self._console.leave()
        if self._console.is_refused(answer):
            raise self._error(f"does not remove the account {name}: {first_line(answer)}")

    def _archived(self, running: str, ours: tuple[str, ...]) -> list[str]:
        """Files on flash that are ours, and copies of the configuration that name our accounts."""
        listings = [self._console.ask(command) for command in archive.folders(running)]
        return [
            path
            for path, is_ours in archive.candidates(running, listings)
            if is_ours or archive.names_of_ours(self._console.ask(f"more {path} | include ^username"), ours)
        ]

    def _delete(self, path: str, *, strict: bool = False) -> None:
        answer = self._console.ask(f"delete /force {path}") if path else ""
        if strict and answer.strip():
            raise self._error(f"does not delete {path}: {first_line(answer)}")

    def _must_run(self, change: Change) -> str:
        """The running configuration, where the change still waits and is all that it must be."""
        running = self.running()
        waiting = self._waits(lambda: running)
        if waiting != change.run:
            what = "no change is" if waiting is None else f"the change of run {waiting} is"
            raise self._error(f"{what} pending, and not that of run {change.run}: the device has taken it back")
        if missing := self._commands(change, running):
            raise self._error(f"does not run the rules as they were loaded: it lacks `{first_line(missing)}`")
        return running

    def _waits(self, running: Callable[[], str]) -> str | None:
        answer = self._console.ask(_TIMER)
        if _NOTHING_PENDING in answer:
            return None
        user = re.search(r"^User: (\S+)$", answer, re.MULTILINE)
        if user is None:
            raise self._error(f"does not say whether a change is pending: {first_line(answer)}")
        runs = _marks(running())
        if len(runs) != 1 or user[1] != self._user:
            whose = printable(user[1])[:40]
            raise self._error(f"a change of user {whose} is pending: wait until it is confirmed or has been taken back")
        return runs[0]

    def _none_pending(self) -> None:
        """What is saved while a change is pending would be taken back with it, or keep it."""
        if (run := self.pending()) is not None:
            raise self._error(f"the change of run {run} is pending: nothing else is changed meanwhile")

    def _back_out(self, error: ObetError) -> None:
        """Takes back what was begun; where that fails the timer does it."""
        try:
            self._console.leave()
            self._revert_now()
        except DeviceError:
            raise DeviceError(f"{error}; the device takes back by itself what was begun") from None
        raise DeviceError(f"{error}; what was begun was taken back") from None

    def _revert_now(self) -> None:
        answer = self._console.ask("configure revert now")
        if _NOTHING_PENDING in answer:
            return
        if "Rollback Done" not in answer:
            raise self._error(f"does not take the change back: {first_line(answer)}")
        self._delete(archive.copy_named(answer))

    def _save(self) -> None:
        answer = self._console.ask("write memory", confirm=True)
        if "[OK]" not in answer:
            raise self._error(f"does not save its configuration: {first_line(answer)}")

    def _commands(self, change: Change, running: str) -> str:
        if change.policy is None:
            raise self._error("a change of its rules needs their policy: its lists are made of that")
        with _as_device_errors(self._device.id):
            return commands(change.policy, self._present(running))

    def _present(self, running: str) -> Present:
        """What does not change with the rules is asked once."""
        if self._facts is None:
            lines = len(re.findall(r"^\*?\s*\d+\s+(?:[\d/]+\s+)?VTY\b", self._shown("show line"), re.MULTILINE))
            if not lines:
                raise self._error("does not say by `show line` how many virtual lines it has")
            install = re.search(r"Role: (?!NA\b)", self._console.ask("show vstack config"))
            self._facts = lines, self._shown("show ip ssh"), install is not None
        lines, ssh, install_known = self._facts
        heads = re.findall(r"^line vty (\d+)(?: (\d+))?$", running, re.MULTILINE)
        ranges = tuple((int(first), int(last or first)) for first, last in heads)
        covered = {number for first, last in ranges for number in range(first, last + 1)}
        whole = ranges if covered == set(range(lines)) else ((0, lines - 1),)
        return Present(running=running, lines=whole, ssh=ssh, smart_install=install_known)

    def _shown(self, command: str) -> str:
        answer = self._console.ask(command)
        if self._console.is_refused(answer):
            raise self._error(f"refuses `{command}`: {first_line(answer)}")
        return answer

    def _startup(self) -> str:
        answer = self._console.ask("show startup-config")
        return "" if _ABSENT.match(answer) else self._whole(_STARTUP, answer, "saved")

    def _whole(self, form: re.Pattern[str], answer: str, which: str) -> str:
        found = form.fullmatch(answer)
        if found is None:
            raise self._error(f"does not show its {which} configuration, or not all of it: {first_line(answer)}")
        return found["text"] + "\n"

    def _error(self, what: str) -> DeviceError:
        return DeviceError(f"{self._device.id}: {what}")


@contextmanager
def _as_device_errors(device: str) -> Iterator[None]:
    try:
        yield
    except PolicyError as error:
        raise DeviceError(str(error) if str(error).startswith(device) else f"{device}: {error}") from None


def _marks(running: str) -> list[str]:
    """The runs that marks of ours name."""
    return re.findall(rf"^{_MARK}(\S+)$", running, re.MULTILINE)


def _unmark(running: str) -> str:
    return "".join(f"no {_MARK}{run}\n" for run in _marks(running))
