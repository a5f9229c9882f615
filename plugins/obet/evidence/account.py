"""What one run puts into the ledger: who it is, what it was granted, read and did.

Written before a secret is read (who, and what was granted) and when a play ends (what was read and done).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from obet.evidence.chain import Event, Happening
from obet.evidence.ledger import Ledger
from obet.run_directory import RunDirectory, SecretRequest
from obet.vault.names import DEVICE_SECRETS
from obet.vault.session import Token

Seal = Callable[[str, str], str | None]


class Doer(msgspec.Struct, frozen=True, kw_only=True):
    """The run, the execution node that it is on, and who runs it: a role of ours, or an operator by name."""

    run: str
    node: str
    by: str


class Account:
    """Opened with the run."""

    def __init__(self, ledger: Ledger, directory: RunDirectory, doer: Doer) -> None:
        self._ledger, self._directory, self._doer = ledger, directory, doer
        self._seen: dict[str, list[tuple[str, str]]] = {}

    def noted(self, accessor: str, path: str, request: str) -> None:
        """A secret was read, in this process or a fork of it."""
        self._directory.note(SecretRequest(accessor=accessor, path=path, request=request))

    def began(self, login: Token, torn: int = 0) -> None:
        """`torn` is how many bytes of a line a kill had left at the ledger's end."""
        facts = {**_named(login), **({"torn": torn} if torn else {})}
        self._write([self._happening(Event.RUN_BEGAN, facts=facts)])

    def granted(self, purpose: str, customer: str, token: Token, causes: Mapping[str, str]) -> None:
        """Before anything is read with the token: which devices, and the contract fact that allows each."""
        self._write(
            self._happening(
                Event.ACCESS_GRANTED,
                customer=customer,
                device=device,
                purpose=purpose,
                facts={**_named(token), "because": because},
            )
            for device, because in causes.items()
        )

    def step(self, customer: str, device: str, step: str, detail: Mapping[str, Any]) -> None:
        self._write(
            [
                self._happening(
                    Event.STEP, customer=customer, device=device, facts={"step": step, "detail": dict(detail)}
                )
            ]
        )

    def saw(self, device: str, task: str, outcome: str) -> None:
        """How a task ended on a device: ok, changed, failed or unreachable."""
        self._seen.setdefault(device, []).append((task, outcome))

    def play_ended(self, purpose: str, customers: Mapping[str, str], seal: Seal) -> None:
        """`seal(device, text)` puts the names of tasks under the device's key; None: it could not."""
        lines = [
            self._happening(
                Event.DEVICE_DONE,
                customer=customers[device],
                device=device,
                purpose=purpose,
                facts=_counts(outcome for _, outcome in seen),
                sealed=seal(device, "\n".join(f"{outcome}: {task}" for task, outcome in seen)),
            )
            for device, seen in self._seen.items()
            if device in customers
        ]
        self._write([*self._reads_of(self._directory, self._doer), *lines])
        self._directory.forget_reads()
        self._seen = {}

    def ended(self) -> None:
        self._write([*self._reads_of(self._directory, self._doer), self._happening(Event.RUN_ENDED)])
        self._directory.forget_reads()

    def tell_of(self, left: RunDirectory) -> None:
        """A run that was killed could not say itself what it had read."""
        doer = Doer(run=left.run or "unknown", node=self._doer.node, by="unknown")
        self._write([*self._reads_of(left, doer), _happening(doer, Event.RUN_CUT_OFF)])

    def is_over(self, run: str) -> bool:
        """Whether the ledger knows that run to have ended or, by the lock of its directory, to have been killed."""
        ends = {Event.RUN_ENDED, Event.RUN_CUT_OFF}
        return any(line.run == run and line.event in ends for line in self._ledger.lines())

    def _reads_of(self, directory: RunDirectory, doer: Doer) -> Iterable[Happening]:
        """One line for each token and path."""
        reads = sorted(directory.reads(), key=_token_and_path)
        for (accessor, path), group in itertools.groupby(reads, key=_token_and_path):
            customer, device, *_ = path.partition(f"/data/{DEVICE_SECRETS}")[2].split("/")
            facts = {"accessor": accessor, "path": path, "requests": [read.request for read in group]}
            yield _happening(doer, Event.SECRETS_READ, customer=customer, device=device, facts=facts)

    def _happening(self, event: Event, **fields: Any) -> Happening:
        return _happening(self._doer, event, **fields)

    def _write(self, happenings: Iterable[Happening]) -> None:
        self._ledger.append(happenings)


def _happening(doer: Doer, event: Event, **fields: Any) -> Happening:
    return Happening(run=doer.run, node=doer.node, by=doer.by, event=event, **fields)


def _named(token: Token) -> dict[str, str]:
    """What Vault's audit log names a token by."""
    return {"accessor": token.accessor, "entity": token.entity}


def _token_and_path(read: SecretRequest) -> tuple[str, str]:
    return read.accessor, read.path


def _counts(outcomes: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for outcome in outcomes:
        found[outcome] = found.get(outcome, 0) + 1
    return found
