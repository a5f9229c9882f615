"""Many network devices at once: one Nornir run, a thread for each device that is being worked on.

A result for every device comes back, whatever happens to the others; progress is told while it goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Lock
from typing import Any, TextIO

import msgspec
from nornir.core import Nornir
from nornir.core.inventory import Host, Inventory
from nornir.core.task import AggregatedResult, MultiResult, Result, Task

from obet.devices.nornir_inventory import inventory
from obet.errors import ObetError
from obet.model import Device, Estate
from obet.progress import Progress

WORKERS = 50
_PAUSE = 2.0  # seconds between two calls of `meanwhile`

Job = Callable[[Device], dict[str, Any]]


class Outcome(msgspec.Struct, frozen=True):
    """What came of one device: the job's own result, or the one line that says why there is none."""

    result: dict[str, Any] = {}
    failure: str = ""


def work(
    estate: Estate,
    devices: Iterable[str],
    what: str,
    job: Job,
    workers: int = WORKERS,
    meanwhile: Callable[[], None] = lambda: None,
    pause: float = _PAUSE,
    out: TextIO | None = None,
) -> dict[str, Outcome]:
    """Runs `job` on each of these devices; nothing of one device's trouble reaches another.

    `meanwhile` is called by this thread again and again while the others work, `pause` seconds apart. `out` takes what
    is told of the progress, if not standard error.
    """
    wanted = set(devices)
    chosen = inventory(estate)
    hosts = {name: host for name, host in chosen.hosts.items() if name in wanted}
    with Progress(what, len(hosts), out) as progress:

        def in_between() -> None:
            progress.tell()
            meanwhile()

        run = Nornir(
            inventory=Inventory(hosts=type(chosen.hosts)(hosts), groups=chosen.groups, defaults=chosen.defaults),
            runner=_Runner(min(workers, max(len(hosts), 1)), in_between, pause),
        )
        found = run.with_processors([_Telling(progress)]).run(task=_one, name=what, job=job)
    return {name: result[0].result for name, result in found.items()}


def _one(task: Task, job: Job) -> Result:
    """What is raised comes back as a line: Nornir would log it, with a traceback that may show a secret."""
    try:
        return Result(host=task.host, result=Outcome(result=job(task.host.data["device"])))
    except ObetError as error:
        return Result(host=task.host, result=Outcome(failure=str(error)))
    except Exception as error:  # noqa: BLE001 - a driver's library must not end the work on the other devices
        return Result(host=task.host, result=Outcome(failure=f"{task.host.name}: {type(error).__name__}"))


class _Runner:
    """A pool of threads (nornir.core.plugins.runners.RunnerPlugin), and this thread has something to do meanwhile."""

    def __init__(self, workers: int, meanwhile: Callable[[], None], pause: float) -> None:
        self._workers, self._meanwhile, self._pause = workers, meanwhile, pause

    def run(self, task: Task, hosts: list[Host]) -> AggregatedResult:
        found = AggregatedResult(task.name)
        with ThreadPoolExecutor(self._workers) as pool:
            futures = {host.name: pool.submit(task.copy().start, host) for host in hosts}
            try:
                while wait(futures.values(), self._pause).not_done:
                    self._meanwhile()
            except BaseException:  # interrupted, say: no further device is begun, and none is left half done
                pool.shutdown(cancel_futures=True)
                raise
        for name, future in futures.items():
            found[name] = future.result()
        return found


class _Telling:
    """Counts the devices that are done (nornir.core.processor.Processor)."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._one_at_a_time = Lock()

    def task_started(self, task: Task) -> None: ...

    def task_completed(self, task: Task, result: AggregatedResult) -> None: ...

    def task_instance_started(self, task: Task, host: Any) -> None: ...

    def task_instance_completed(self, task: Task, host: Any, result: MultiResult) -> None:  # noqa: ARG002 - Nornir's
        with self._one_at_a_time:
            self._progress.step()

    def subtask_instance_started(self, task: Task, host: Any) -> None: ...

    def subtask_instance_completed(self, task: Task, host: Any, result: MultiResult) -> None: ...
