"""Vault's audit log against the ledger: a read of a secret belongs to a run, an obligation and a purpose, or is told.

Any client can write any run's id, and a token can be stolen: so the token's accessor, its entity, the address and
Vault's own id of the request must be the run's as well. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from obet.evidence.chain import Checkpoint, Event, Line
from obet.vault.audit import SecretRead


class Judged(msgspec.Struct, frozen=True):
    """A read, whether it is accounted for (None: its run is still under way), and what is wrong."""

    read: SecretRead
    accounted: bool | None
    why: str


class _Run(msgspec.Struct):
    """What the ledger says of one run."""

    node: str = ""
    began: str = ""
    over: bool = False
    granted: dict[tuple[str, str, str, str], str] = {}
    requests: set[tuple[str, str]] = set()


def reconcile(
    lines: Iterable[Line], reads: Iterable[SecretRead], addresses: Mapping[str, Iterable[str]], open_since: datetime
) -> list[Judged]:
    """Each read that was answered. `addresses` are the nodes' own; a run that began before `open_since` is over."""
    runs = _runs(lines)
    return [
        Judged(read, *_judge(read, runs.get(read.run), addresses, open_since)) for read in reads if not read.refused
    ]


def unlogged(lines: Iterable[Line], reads: Iterable[SecretRead], since: datetime) -> list[str]:
    """The path of each read that the ledger tells of and Vault does not, of runs that began after its log (`since`)."""
    logged = {(read.accessor, read.request) for read in reads}
    began: dict[str, datetime] = {}
    found = []
    for line in lines:
        if line.event is Event.RUN_BEGAN:
            began[line.run] = datetime.fromisoformat(line.at)
        elif line.event is Event.SECRETS_READ and line.run in began and began[line.run] > since:
            accessor, path = str(line.facts.get("accessor")), str(line.facts.get("path"))
            found += [path for request in line.facts.get("requests", ()) if (accessor, request) not in logged]
    return found


def shortened(lines: Sequence[Line], vouched: Checkpoint | None) -> str:
    """What is wrong with the end of the ledger, which its chain cannot show; empty when it is as Vault knows it."""
    if vouched is None:
        return "Vault vouches for no line of it" if lines else ""
    if len(lines) < vouched.number:
        return f"{vouched.number - len(lines)} lines are cut off at its end"
    if lines[vouched.number - 1].hash != vouched.hash:
        return f"line {vouched.number} is not the one that Vault vouches for"
    return ""


def _runs(lines: Iterable[Line]) -> dict[str, _Run]:
    runs: dict[str, _Run] = defaultdict(_Run)
    for line in lines:
        run, facts = runs[line.run], line.facts
        if line.event is Event.RUN_BEGAN:
            run.node, run.began = line.node, line.at
        elif line.event in {Event.RUN_ENDED, Event.RUN_CUT_OFF}:
            run.over = True
        elif line.event is Event.ACCESS_GRANTED:
            key = (str(facts.get("accessor")), str(facts.get("entity")), str(line.purpose), str(line.device))
            run.granted[key] = str(facts.get("because", ""))
        elif line.event is Event.SECRETS_READ:
            run.requests |= {(str(facts.get("accessor")), str(request)) for request in facts.get("requests", ())}
    return runs


def _judge(
    read: SecretRead, run: _Run | None, addresses: Mapping[str, Iterable[str]], open_since: datetime
) -> tuple[bool | None, str]:
    if run is None or not run.began:
        return False, "it belongs to no run of ours"
    if strange := _strange(read, run, addresses):
        return False, strange
    if (read.accessor, read.request) in run.requests:
        return True, ""
    if not run.over and datetime.fromisoformat(run.began) >= open_since:
        return None, "its run is still under way"
    return False, "that run did not make it: its token was used by another"


def _strange(read: SecretRead, run: _Run, addresses: Mapping[str, Iterable[str]]) -> str:
    """What of Vault's own words about the read is not the run's."""
    if read.accessor not in {accessor for accessor, *_ in run.granted}:
        return "it carries a run's id, but its token was not given to that run"
    if not run.granted.get((read.accessor, read.entity, read.purpose, read.device)):
        return f"no obligation let that run read it for the purpose {read.purpose}"
    if read.address not in set(addresses.get(run.node, ())):
        return f"it came from {read.address}, which is not an address of {run.node}"
    return ""
