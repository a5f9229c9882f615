"""One run: one login to Vault, in the memory of one process and its forks, revoked when that process ends.

A run has an estate, Vault's clock, an identity of its own, and for each play the grants of that play's purpose.
Ansible's workers are forks of the process that opened it: they inherit it and open no login of their own.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from obet import estate as estates
from obet.devices.identity import Certificate, Identity, ca_public_key
from obet.erasure.journal import Journal
from obet.errors import ClockError, ObetError, RunError, VaultError
from obet.model import Address, Device, Estate, Purpose
from obet.obligations import Grant, Obligation, grants, obligations
from obet.plan import DevicePlan, device_plan
from obet.secret import Secret
from obet.vault import credentials, device_secrets, names
from obet.vault.desired import CERTIFICATE_LIFE
from obet.vault.device_secrets import DeviceSecrets
from obet.vault.session import Session

DIRECTORY_VARIABLE = "OBET_RUN"
_SKEW = 30  # seconds


class Run:
    """Open with `open_run`; ask for `current()` afterwards."""

    def __init__(self, folder: Path, role: str | None, environment: Mapping[str, str]) -> None:
        self.id = str(uuid.uuid4())
        self.estate: Estate = estates.load(folder)
        self.node = environment.get("OBET_NODE") or self.estate.control_node
        self.journal = Journal.of_this_node(environment)
        self.purpose: Purpose | None = None
        self._process = os.getpid()
        self._children: dict[str, Session] = {}
        self._retired: list[Session] = []
        self._wanted: dict[str, list[str]] = {}
        self._granted = 0.0
        self._secrets: dict[str, DeviceSecrets] = {}
        self._agent: subprocess.Popen[bytes] | None = None
        self.directory = _runtime_directory(environment)
        credential = credentials.load(credentials.directory(environment), role or names.node_role(self.node))
        self.session = Session.login(self.estate.settings.vault, self.id, credential)
        self.now = _vault_time(self.session)
        self._ca_public_key = ""
        self.identity = Identity()
        self._certificates: dict[str, Certificate] = {}
        self._refusals: dict[str, str] = {}

    def obligations(self) -> tuple[Obligation, ...]:
        return obligations(self.estate, self.now)

    def grants(self) -> frozenset[Grant]:
        """What Vault is to allow now: what the obligations call for, but no ending where it is done."""
        ended = {Grant(c.id, d, Purpose.ENDING) for c in self.estate.customers.values() for d in self.journal.ended()}
        return grants(self.obligations()) - ended

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
            our_source=source_towards(found.addresses.first, found.management[0].port),
            done=self.journal.last(device),
        )

    def child(self, device: str) -> Session:
        """The session of this play's purpose for the device's customer; VaultDeniedError when Vault grants none."""
        if self.purpose is None:
            raise RunError("the play says no purpose: give it `obet_purpose: technical` or `ending` under vars")
        customer = self.estate.customer_of(device).id
        if customer not in self._children:
            self._children[customer] = self.session.child(
                names.token_role(self.node, self.purpose), names.grant(self.purpose, customer)
            )
        return self._children[customer]

    def certificate(self, device: str) -> Certificate:
        """The certificate of this play's purpose for the device's customer."""
        customer = self.estate.customer_of(device).id
        try:
            return self._certificates[customer]
        except KeyError:
            why = self._refusals.get(customer, "it is not in force")
            raise RunError(
                f"{device}: no {self.purpose} access: {why}; the registrar's `obet vault apply` opens it"
            ) from None

    def secret(self, device: str, field: str) -> Secret:
        """A field of the device's secrets: as read at the play's start, else read now."""
        found = self._secrets.get(device)
        if found is None or not found.has(field):
            found = device_secrets.read(self.child(device), self.estate.customer_of(device).id, device)
        return found.field(field)

    def begin_play(self, purpose: Purpose, devices: Iterable[str], *, read_secrets: bool) -> None:
        """Tokens and certificates for one play, before Ansible forks; a customer without a grant is left without."""
        if self._agent is None:
            self._agent = self.identity.serve(self.directory / "agent")
            (self.directory / "key.pub").write_text(f"{self.identity.public_key}\n")
            (self.directory / "known_hosts").write_text(known_hosts(self.estate))
            self._ca_public_key = ca_public_key(self.session, self.estate.settings.vault)
            os.environ[DIRECTORY_VARIABLE] = str(self.directory)
        self.end_play()
        self.purpose = purpose
        for device in devices:
            self._wanted.setdefault(self.estate.customer_of(device).id, []).append(device)
        self._grant_all(read_secrets=read_secrets)

    def refresh(self) -> None:
        """Renews what ends in minutes, for a play that goes on; called in Ansible's own process before each fork."""
        if self.purpose is None or time.monotonic() - self._granted < CERTIFICATE_LIFE / 2:
            return
        self.session.renew()
        # Workers that are under way still use the old tokens: those end with the login that they are children of.
        self._retired += self._children.values()
        self._children, self._certificates, self._refusals = {}, {}, {}
        self._grant_all(read_secrets=False)

    def _grant_all(self, *, read_secrets: bool) -> None:
        assert self.purpose is not None  # noqa: S101 - both callers have seen to it
        self._granted, self.now = time.monotonic(), _vault_time(self.session)
        granted = {grant.device for grant in self.grants() if grant.purpose is self.purpose}
        for customer, own in self._wanted.items():
            if devices := [device for device in own if device in granted]:
                self._grant(self.purpose, customer, devices, read_secrets=read_secrets)

    def _grant(self, purpose: Purpose, customer: str, devices: list[str], *, read_secrets: bool) -> None:
        try:
            session = self.child(devices[0])
            certificate = self.identity.sign(session, names.grant(purpose, customer), devices)
            self._certificates[customer] = certificate
            (self.directory / f"{customer}-cert.pub").write_text(f"{certificate.line}\n")
            if read_secrets:
                self._secrets |= {device: device_secrets.read(session, customer, device) for device in devices}
        except ObetError as error:
            # The registrar has not opened it, or has closed it: the play's first task says so for each host.
            self._refusals[customer] = str(error)

    def end_play(self) -> None:
        """Connections, tokens and certificates end with their play: the next may be for another purpose, or none."""
        self.purpose, self._wanted = None, {}
        for path in self.directory.glob("control-*"):
            subprocess.run(["ssh", "-o", f"ControlPath={path}", "-O", "exit", "none"], capture_output=True, check=False)
        for path in self.directory.glob("*-cert.pub"):
            path.unlink()
        tokens = [*self._children.values(), *self._retired]
        self._children, self._secrets, self._certificates, self._refusals, self._retired = {}, {}, {}, {}, []
        for session in tokens:
            session.close()

    def close(self) -> None:
        """Revokes the login and removes what stood on tmpfs; in a fork it does nothing."""
        if os.getpid() != self._process:
            return
        self._process = 0
        try:
            # A Vault that is away leaves the tokens to their minutes of life.
            with suppress(VaultError):
                self.end_play()
            with suppress(VaultError):
                self.session.close()
        finally:
            if self._agent is not None:
                self._agent.terminate()
                self._agent.wait()
            shutil.rmtree(self.directory, ignore_errors=True)


_current: Run | None = None
_failure: ObetError | None = None


def open_run(folder: Path, role: str | None = None, environment: Mapping[str, str] = os.environ) -> Run:
    """Opens the run of this process; it is closed when the process ends, at the latest.

    `role` is the AppRole role: this node's own unless said otherwise. OBET_NODE names the node where it is not the
    control node.
    """
    global _current  # noqa: PLW0603 - forks of this process inherit it, which is what makes one login enough
    _current = Run(folder, role, environment)
    atexit.register(_current.close)
    return _current


def play_starts(sources: Iterable[str], purpose: str | None, hosts: Iterable[str], *, read_secrets: bool) -> None:
    """What Ansible's callback says of a play; a failure is kept for `current()`, as a callback cannot stop a play."""
    global _failure  # noqa: PLW0603 - see above
    folder, _failure = estates.folder_among(sources), None
    try:
        if _current is not None:
            _current.end_play()
        if folder is None or purpose is None:
            return
        run = _current or open_run(folder)
        known = {device for customer in run.estate.customers.values() for device in customer.devices}
        run.begin_play(_purpose(purpose), [host for host in hosts if host in known], read_secrets=read_secrets)
    except ObetError as error:
        _failure = error


def task_starts() -> None:
    """Before a task is handed to a worker: what the run holds lasts as long as the task may take to connect."""
    global _failure  # noqa: PLW0603 - see above
    try:
        if _current is not None:
            _current.refresh()
    except ObetError as error:
        _failure = error


def play_ends() -> None:
    """Closes the run of this process, when there is one; a playbook that follows in the same process opens its own."""
    global _current, _failure
    if _current is not None:
        _current.close()
    _current, _failure = None, None


def _purpose(text: str) -> Purpose:
    try:
        return Purpose(text)
    except ValueError:
        raise RunError(f"obet_purpose: {text!r} is none: technical or ending") from None


def current() -> Run:
    """The open run; RunError when there is none, or why it could not be opened."""
    if _failure is not None:
        raise _failure
    if _current is None:
        raise RunError("no run is open: the callback obet_run opens it; enable it in ansible.cfg as this project does")
    return _current


def known_hosts(estate: Estate) -> str:
    """The pinned host keys of all devices (ssh-known-hosts, sshd(8))."""
    lines = [
        f"{address if service.port == 22 else f'[{address}]:{service.port}'} {device.host_key}\n"
        for customer in estate.customers.values()
        for device in customer.devices.values()
        for address in device.addresses.both
        for service in device.management
    ]
    return "".join(lines)


def source_towards(address: Address, port: int) -> Address | None:
    """The address that this machine's routes would connect from; nothing is sent. None without a route."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), port))
        except OSError:
            return None
        return type(address)(probe.getsockname()[0])


def _vault_time(session: Session) -> datetime:
    seconds = session.server_time()
    if abs(seconds - time.time()) > _SKEW:
        raise ClockError(
            f"this machine's clock is {seconds - time.time():+.0f} s from Vault's: correct it; nothing is applied by "
            "a wrong clock"
        )
    return datetime.fromtimestamp(seconds, UTC)


def _runtime_directory(environment: Mapping[str, str]) -> Path:
    """A directory of this process on tmpfs, for this user alone; those of dead processes are removed."""
    base = Path(environment.get("XDG_RUNTIME_DIR") or f"/dev/shm/obet-{os.getuid()}") / "obet"  # noqa: S108
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    if base.stat().st_uid != os.getuid() or base.stat().st_mode & 0o077:
        raise RunError(f"{base}: must belong to this user alone: chmod 0700")
    if credentials.file_system(base) not in {"tmpfs", "ramfs"}:
        raise RunError(f"{base}: is on disk; point XDG_RUNTIME_DIR at a tmpfs")
    for left in base.glob("run-*"):
        if not Path("/proc", left.name.removeprefix("run-")).exists():
            shutil.rmtree(left, ignore_errors=True)
    own = base / f"run-{os.getpid()}"
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(mode=0o700)
    return own
