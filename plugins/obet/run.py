"""One run: one login to Vault, in the memory of one process and its forks, revoked when that process ends.

A run has an estate, Vault's clock, an identity of its own, and for each play the grants of that play's purpose and the
locks of its devices. Ansible's workers are forks of the process that opened it (`obet.current_run`): they inherit it
and open no login of their own. What it is granted, reads and does stands in the ledger.
"""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from obet import estate as estates
from obet.devices.identity import Certificate, Identity, ca_public_key
from obet.devices.lookout import Lookout
from obet.devices.ssh_files import known_hosts, source_towards
from obet.erasure.journal import Journal
from obet.erasure.steps import Step
from obet.errors import ClockError, ObetError, RunError, VaultDeniedError, VaultError
from obet.evidence.account import Account, Doer
from obet.evidence.chain import Checkpoint
from obet.evidence.ledger import DamagedLedgerError, Ledger
from obet.holdings import Holdings
from obet.model import Device, Estate, Purpose
from obet.obligations import Grant, Obligation, grants, obligations
from obet.plan import DevicePlan, device_plan
from obet.platforms import served
from obet.run_directory import DIRECTORY_VARIABLE, RunDirectory, left_behind
from obet.secret import Secret
from obet.vault import checkpoint, credentials, device_secrets, locks, names, operators, sealing
from obet.vault.desired import CERTIFICATE_LIFE, TOKEN_LIFE
from obet.vault.device_secrets import DeviceSecrets
from obet.vault.session import AppRoleCredential, Session

_SKEW = 30  # seconds


class Run:
    """Open with `current_run.open_run`."""

    def __init__(
        self, folder: Path, role: str | None, environment: Mapping[str, str], estate: Estate | None = None
    ) -> None:
        self.id = str(uuid.uuid4())
        self.estate: Estate = estate or estates.load(folder)
        self.node = environment.get("OBET_NODE") or self.estate.control_node
        self.journal = Journal.of_this_node(environment)
        self.ledger = Ledger.of_this_node(environment)
        self.purpose: Purpose | None = None
        self.off_record = ""  # why a verifier's run is not in the ledger
        self._process = os.getpid()
        self._held = Holdings()
        self._retired: list[Session] = []
        self._wanted: dict[str, list[str]] = {}
        self._locks: dict[str, locks.Lock] = {}
        self._lock_devices = False
        self._granted = 0.0
        self._secrets: dict[str, DeviceSecrets] = {}
        self._agent: subprocess.Popen[bytes] | None = None
        self._ca_public_key = ""
        self._due: tuple[datetime, tuple[Obligation, ...]] | None = None
        self.lookout = Lookout(self._vantage_certificate)
        self._operator = None if role else operators.logged_in(self.estate.settings.vault, self.id, environment)
        self.by = self._operator.name if self._operator else role or names.node_role(self.node)
        credential = None if self._operator else credentials.load(credentials.directory(environment), self.by)
        self._place = RunDirectory.make(environment, self.id)
        self.account = Account(self.ledger, self._place, Doer(run=self.id, node=self.node, by=self.by))
        self.session = Session(self.estate.settings.vault, self.id)
        try:
            # Before the login: a run that must not be leaves no token behind.
            self.now = _vault_time(self.session)
            self.session = self._log_in(credential)
            # The registrar reads no secrets, and as a system user of its own has no place in this ledger.
            self._keeps_account = self.by != names.REGISTRAR
            if self._keeps_account:
                self._begin_account(environment)
        except ObetError:
            with suppress(VaultError):
                self.session.close()
            self._place.remove()
            raise
        self.identity = Identity()

    def _log_in(self, credential: AppRoleCredential | None) -> Session:
        """Vault's own address rules decide; an operator's run gets a child of his login."""
        if self._operator:
            return self._operator.for_run(self.account)
        assert credential is not None  # noqa: S101 - one of the two was made above
        return Session.login(self.estate.settings.vault, self.id, credential, self.account)

    def _begin_account(self, environment: Mapping[str, str]) -> None:
        try:
            torn = self.ledger.torn()  # before anything is written in its place
            for left in left_behind(environment):
                self.account.tell_of(left)
                left.remove()
            self.account.began(self.session.token, torn)
        except DamagedLedgerError as error:
            if self.by != names.VERIFIER:
                raise
            # It looks, and says so; what would be read off the record it does not read.
            self.off_record, self._keeps_account = str(error), False

    def _vantage_certificate(self) -> Certificate:
        return self.identity.sign(self.session, names.VANTAGE, [names.VANTAGE_PRINCIPAL])

    @property
    def directory(self) -> Path:
        """On tmpfs: the agent's socket, public keys and certificates."""
        return self._place.path

    def obligations(self) -> tuple[Obligation, ...]:
        """Of the whole estate: found once for each reading of Vault's clock, not for each device."""
        if self._due is None or self._due[0] != self.now:
            self._due = self.now, obligations(self.estate, self.now)
        return self._due[1]

    def grants(self) -> frozenset[Grant]:
        """What Vault is to allow now: what the obligations call for, but no ending where it is done."""
        ended = self.journal.ended()
        return frozenset(
            g for g in grants(self.obligations()) if g.purpose is not Purpose.ENDING or g.device not in ended
        )

    def sees_the_record(self) -> None:
        """RunError unless ledger and journal are the nodes' own: else which endings are done is not known here.

        A node's line is written before Vault vouches for it and a step's before its line, so that it cannot be wrong
        about what goes on; an estate for which nothing was done yet has neither.
        """
        vouched = checkpoint.read(self.session)  # first: the ledger may grow meanwhile
        if vouched is not None and not self.ledger.holds(vouched.number, vouched.hash):
            raise RunError(
                f"{self.ledger.path}: is not the ledger that the nodes keep, so the journal beside it does not say "
                "which endings are done: point STATE_DIRECTORY at the nodes', or restore both"
            )
        known = {(entry.run, entry.device, entry.step) for entry in self.journal.entries()}
        told = ((line.run, line.device, line.facts.get("step")) for line in self.ledger.lines())
        if missing := next((step for step in told if step[2] and step not in known), None):
            raise RunError(
                f"{self.journal.path}: lacks a step that the ledger tells of ({missing[1]}, {missing[2]}): restore it, "
                "or endings that are done are opened again"
            )

    def device(self, device: str) -> Device:
        try:
            return self.estate.customer_of(device).devices[device]
        except KeyError:
            raise RunError(f"{device}: is no device of this estate") from None

    def plan(self, device: str) -> DevicePlan:
        """The finished plan of a device at this run's time."""
        found = self.device(device)
        return device_plan(
            self.estate,
            found,
            self.obligations(),
            granted=self.grants(),
            ca_public_key=self._ca_public_key,
            our_source=source_towards(found.addresses.first, found.port("ssh")),
            done=self.journal.last(device),
        )

    def record(self, device: str, step: Step, detail: Mapping[str, str | int] | None = None) -> None:
        """A step in the journal, from which an ending goes on, and in the ledger, which tells of it."""
        self.journal.append(self.id, device, step, detail)
        self.account.step(self.estate.customer_of(device).id, device, step, detail or {})

    def child(self, device: str) -> Session:
        """The session of this play's purpose for the device's customer; RunError says why there is none."""
        held = self._held
        if device in held.refusals:  # another works on it: nothing is read or written either
            raise RunError(self._refused(device))
        customer = self.estate.customer_of(device).id
        try:
            return held.children[customer]
        except KeyError:
            raise RunError(self._refused(device)) from None

    def certificate(self, device: str) -> Certificate:
        """The certificate of this play's purpose for the device's customer."""
        held = self._held
        if device in held.refusals:
            raise RunError(self._refused(device))
        try:
            return held.certificates[self.estate.customer_of(device).id]
        except KeyError:
            raise RunError(self._refused(device)) from None

    def _refused(self, device: str) -> str:
        if self.purpose is None:
            return "the play says no purpose: give it `obet_purpose: technical` or `ending` under vars"
        return (
            self._held.refusals.get(device)
            or f"{device}: no {self.purpose} access: it is not in force; `obet due` says why"
        )

    def secret(self, device: str, field: str) -> Secret:
        """A field of the device's secrets: as read at the play's start, else read now."""
        found = self._secrets.get(device)
        if found is None or not found.has(field):
            found = device_secrets.read(self.child(device), self.estate.customer_of(device).id, device)
        return found.field(field)

    def begin_play(
        self, purpose: Purpose, devices: Iterable[str], *, read_secrets: bool = False, lock: bool = True
    ) -> None:
        """Locks, tokens and certificates for one play, before Ansible forks; without a grant a device gets none."""
        if self._agent is None:
            self._agent = self.identity.serve(self.directory / "agent")
            (self.directory / "key.pub").write_text(f"{self.identity.public_key}\n")
            (self.directory / "known_hosts").write_text(known_hosts(self.estate))
            self._ca_public_key = ca_public_key(self.session, self.estate.settings.vault)
            os.environ[DIRECTORY_VARIABLE] = str(self.directory)
        self.end_play()
        self.purpose, self._lock_devices = purpose, lock
        for device in devices:
            self._wanted.setdefault(self.estate.customer_of(device).id, []).append(device)
            if not (found := self.device(device)).not_served:
                served.rules(found.platform)  # loaded here, or each of Ansible's forks would do it
        self._grant_all(read_secrets=read_secrets)
        self._vouch()

    @property
    def lasts(self) -> bool:
        """Whether what is begun now can end before the tokens and locks do that it needs."""
        return time.monotonic() - self._granted < TOKEN_LIFE / 2

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """For a fork that calls `refresh` itself, as its work goes on for long: the tokens that it made end with it.

        Its parent holds older ones, and renews those when it goes on; the locks are the run's, whoever renewed them.
        """
        inherited = [*self._held.children.values(), *self._retired]
        try:
            yield
        finally:
            if os.getpid() != self._process:
                for session in (*self._held.children.values(), *self._retired):
                    if not any(session is one for one in inherited):
                        with suppress(VaultError):  # it ends with its minutes of life, or with the run
                            session.close()

    def refresh(self) -> None:
        """Renews what ends in minutes, for a play that goes on: by Ansible's own process before each fork, and by one
        that works for long. Where Vault gives no answer what is held is held on to: a VaultError, or not `lasts`.
        """
        if self.purpose is None or time.monotonic() - self._granted < CERTIFICATE_LIFE / 2:
            return
        if self._operator:
            self._operator.renew()
        self.session.renew()
        self._grant_all(read_secrets=False)

    def _grant_all(self, *, read_secrets: bool) -> None:
        assert self.purpose is not None  # noqa: S101 - both callers have seen to it
        begun, self.now = time.monotonic(), _vault_time(self.session)
        due = {o.device: o.cause for o in self.obligations() if o.purpose is self.purpose}
        granted = {grant.device for grant in self.grants() if grant.purpose is self.purpose}
        before, held = self._held, Holdings()
        for customer, own in self._wanted.items():
            if causes := {device: due[device] for device in own if device in granted}:
                self._grant(held, customer, causes, read_secrets=read_secrets)
        self._held = held
        if held.renewed:
            self._granted = begun
        # Workers that are under way still use the old tokens: those end with the login that they are children of.
        kept = held.children
        self._retired += [session for customer, session in before.children.items() if kept.get(customer) is not session]

    def _grant(self, held: Holdings, customer: str, causes: Mapping[str, str], *, read_secrets: bool) -> None:
        assert self.purpose is not None  # noqa: S101 - see above
        purpose, former = self.purpose, self._held
        try:
            session = self.session.child(names.token_role(self.node, purpose), names.grant(purpose, customer))
            held.children[customer] = session
            self.account.granted(purpose, customer, session.token, causes)
            devices = [device for device in causes if self._locked(held, session, customer, device)]
            if devices:
                certificate = self.identity.sign(session, names.grant(purpose, customer), devices)
                held.certificates[customer] = certificate
                (self.directory / f"{customer}-cert.pub").write_text(f"{certificate.line}\n")
                if read_secrets:
                    self._secrets |= {device: device_secrets.read(session, customer, device) for device in devices}
        except VaultError as error:
            refused = isinstance(error, VaultDeniedError)  # else Vault is away or sealed: no grant would help
            if not refused and customer in former.children:
                self._retired += [session for session in [held.children.get(customer)] if session]
                held.keep(customer, former)
                return
            # The registrar has not opened it, or has closed it: the play's first task says so for each host.
            for device in causes:
                remedy = "; the registrar's `obet vault apply` opens it" if refused else ""
                held.refusals[device] = f"{device}: no {purpose} access: {error}{remedy}"

    def _locked(self, held: Holdings, session: Session, customer: str, device: str) -> bool:
        """Whether this run may work on the device: it holds the lock, or the play only looks."""
        if not self._lock_devices:
            return True
        now = self.now.timestamp()
        until, lock, over = now + locks.LOCK_LIFE, self._locks.get(device), self.account.is_over
        wanted = locks.Lock(customer=customer, device=device, holder=self.id, by=self.by, until=until, number=0)
        try:
            self._locks[device] = (
                locks.renew(session, lock, until) if lock else locks.acquire(session, wanted, now, over)
            )
        except RunError as error:
            self._locks.pop(device, None)
            held.refusals[device] = str(error)
            return False
        return True

    def end_play(self) -> None:
        """Connections, locks, tokens and certificates end with their play: the next may be for another purpose."""
        try:
            if self.purpose is not None and self._keeps_account:
                mine = {d: c for c, own in self._wanted.items() for d in own if c in self._held.children}
                self.account.play_ended(self.purpose, mine, self._seal)
        finally:  # what cannot be put on record ends all the same
            self._give_up()

    def _give_up(self) -> None:
        self.purpose, self._wanted = None, {}
        self._place.close_connections()
        for path in self.directory.glob("*-cert.pub"):
            path.unlink()
        for lock in self._locks.values():
            if session := self._held.children.get(lock.customer):
                with suppress(ObetError):  # a lock that cannot be released ends by itself
                    locks.release(session, lock)
        tokens = [*self._held.children.values(), *self._retired]
        self._held, self._secrets, self._retired, self._locks = Holdings(), {}, [], {}
        for session in tokens:
            session.close()

    def _seal(self, device: str, text: str) -> str | None:
        customer = self.estate.customer_of(device).id
        try:
            return sealing.seal(self._held.children[customer], names.device_key(customer, device), text)
        except VaultError:
            return None  # its key is destroyed, or Vault is away: the counts stand in the ledger without the names

    def _vouch(self) -> None:
        """Vault keeps how far the ledger goes."""
        if self._keeps_account:
            checkpoint.advance(self.session, Checkpoint(*self.ledger.head()), self.ledger.holds)

    def close(self) -> None:
        """Revokes the login and removes what stood on tmpfs; in a fork it does nothing."""
        if os.getpid() != self._process:
            return
        self._process = 0
        told = False
        try:
            # A Vault that is away leaves the tokens to their minutes of life.
            with suppress(VaultError):
                self.end_play()
            if self._keeps_account:
                self.account.ended()
            told = True
        finally:
            with suppress(ObetError):
                self._vouch()
            with suppress(VaultError):
                self.session.close()
            if self._agent is not None:
                self._agent.terminate()
                self._agent.wait()
            self._place.remove(keep_reads=not told)
            self.lookout.close()


def _vault_time(session: Session) -> datetime:
    seconds = session.server_time()
    if abs(seconds - time.time()) > _SKEW:
        raise ClockError(
            f"this machine's clock is {seconds - time.time():+.0f} s from Vault's: correct it; nothing is applied by "
            "a wrong clock"
        )
    return datetime.fromtimestamp(seconds, UTC)
