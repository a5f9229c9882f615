"""A lab's network with one simulated device and nothing else on it, and code that runs as a host of it."""

from __future__ import annotations

import contextlib
import os
import threading
import uuid
from typing import TYPE_CHECKING, TypeVar

from lab import network, state, this_host
from lab.processes import Process
from lab.simulators.simulator import Simulator
from lab.state import State
from lab.topology import PLACES, SIMULATED, namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Result = TypeVar("Result")


@contextlib.contextmanager
def cabled(place: str) -> Iterator[Simulator]:
    """A new device at a place of the topology; all of it is gone afterwards."""
    name = f"s{uuid.uuid4().hex[:12]}"
    where = next(one for one in PLACES if one.name == place)
    try:
        with this_host.locked(state.lock_file(name)):  # or a lab that starts elsewhere would take it for abandoned
            state.mount(name)
            myself = Process.of(os.getpid())
            state.save(name, State(myself, myself))
        network.create(name)
        device = Simulator(name, where, state.directory(name) / place, SIMULATED[where.kind])
        device.create()
        yield device
    finally:
        with this_host.locked(state.lock_file(name)):
            state.destroy(name)
        state.tidy()


def at(device: Simulator, host: str, work: Callable[[], Result]) -> Result:
    """Run something in this process whose sockets are those of a host beside the device; its error is raised here."""
    outcome: list[Result] = []
    errors: list[BaseException] = []

    def enter_and_work() -> None:
        try:
            network.enter(namespace(device.lab, host))
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=enter_and_work, name=f"{host}-{os.getpid()}")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return outcome[0]


def reaches(device: Simulator, host: str, address: str, port: int) -> bool:
    """Whether a host gets a TCP connection to the device."""
    try:
        network.connect(namespace(device.lab, host), address, port, 1.0).close()
    except OSError:
        return False
    return True
