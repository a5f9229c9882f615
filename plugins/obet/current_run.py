"""The run of this process: what Ansible's callback, tasks and commands open, ask for and close."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from obet import estate as estates
from obet.errors import ObetError, RunError
from obet.model import Estate, Purpose
from obet.run import Run
from obet.run_directory import clear_after_the_dead

_current: Run | None = None
_failure: ObetError | None = None


def open_run(
    folder: Path,
    role: str | None = None,
    environment: Mapping[str, str] = os.environ,
    estate: Estate | None = None,
) -> Run:
    """Opens the run of this process; it is closed when the process ends, at the latest.

    `role` is the AppRole role: this node's own unless said otherwise. OBET_NODE names the node where it is not the
    control node. `estate` is what was read of `folder` already.
    """
    global _current  # noqa: PLW0603 - forks of this process inherit it, which is what makes one login enough
    _current = Run(folder, role, environment, estate)
    atexit.register(_current.close)
    return _current


def play_starts(
    sources: Iterable[str],
    purpose: str | None,
    hosts: Iterable[str],
    *,
    read_secrets: bool,
    lock: bool,
    temporary: str | None = None,
) -> None:
    """What Ansible's callback says of a play; a failure is kept for `current()`, as a callback cannot stop a play.

    `temporary` is this process's own folder for what Ansible keeps on the node, beside those of others.
    """
    global _failure  # noqa: PLW0603 - see above
    # Until it has begun: whatever else is raised in a callback is a warning to Ansible, and the play goes on.
    _failure = RunError("the run of this play could not begin: Ansible's warning says why")
    if temporary:
        clear_after_the_dead(Path(temporary).parent)
    folder = estates.folder_among(sources)
    try:
        if _current is not None:
            _current.end_play()
        if folder is None or purpose is None:
            _failure = None
            return
        run = _current or open_run(folder)
        known = {device for customer in run.estate.customers.values() for device in customer.devices}
        # A YAML inventory beside the estate's gives names that carry Ansible's tags; plain ones go further.
        devices = [str(host) for host in hosts if host in known]
        run.begin_play(_purpose(purpose), devices, read_secrets=read_secrets, lock=lock)
        _failure = None
    except ObetError as error:
        _failure = error
    except OSError as error:  # a disk that is full, say
        where = f"{error.filename}: " if error.filename else ""
        _failure = RunError(f"{where}{error.strerror}: the run cannot begin")


def task_starts() -> None:
    """Before a task is handed to a worker: what the run holds lasts as long as the task may take to connect."""
    global _failure  # noqa: PLW0603 - see above
    try:
        if _current is not None:
            _current.refresh()
    except ObetError as error:
        _failure = error


def task_ended(host: str, task: str, result: Mapping[str, Any]) -> None:
    """How a task ended on a host: unreachable, failed, changed or ok, the worst that its result says.

    A play that says no purpose is no business of the run that an earlier play opened.
    """
    if _current is not None and _current.purpose is not None:
        outcome = next((word for word in ("unreachable", "failed", "changed") if result.get(word)), "ok")
        _current.account.saw(str(host), str(task), outcome)  # without Ansible's tags


def play_ends() -> None:
    """Closes the run of this process, when there is one; a playbook that follows in the same process opens its own."""
    global _current, _failure
    if _current is not None:
        _current.close()
    _current, _failure = None, None


def current() -> Run:
    """The open run; RunError when there is none, or why it could not be opened."""
    if _failure is not None:
        raise _failure
    if _current is None:
        raise RunError("no run is open: the callback obet_run opens it; enable it in ansible.cfg as this project does")
    return _current


def _purpose(text: str) -> Purpose:
    try:
        return Purpose(text)
    except ValueError:
        raise RunError(f"obet_purpose: {text!r} is none: technical or ending") from None
