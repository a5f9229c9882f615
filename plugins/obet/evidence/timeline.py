"""Lines of the ledger as people read them: ids, digests and counts. Pure."""

from __future__ import annotations

from datetime import datetime

from obet.evidence.chain import Event, Line
from obet.evidence.report import TimelineEntry


def entry(line: Line) -> TimelineEntry:
    """What a line tells without what is sealed in it."""
    return TimelineEntry(
        at=datetime.fromisoformat(line.at),
        run=line.run,
        by=line.by if line.by.endswith(line.node) else f"{line.by} on {line.node}",
        what=line.event,
        customer=line.customer,
        device=line.device,
        purpose=line.purpose,
        detail=_detail(line),
    )


def _detail(line: Line) -> str:
    """What people want of a line's facts; ids of tokens and requests are for the join with Vault's audit log."""
    facts = line.facts
    if line.event is Event.ACCESS_GRANTED:
        return str(facts.get("because", ""))
    if line.event is Event.SECRETS_READ:
        return f"{len(facts.get('requests', ()))} times"
    if line.event is Event.STEP:
        return str(facts.get("step", ""))
    if line.event is Event.DEVICE_DONE:
        return ", ".join(f"{count} {outcome}" for outcome, count in sorted(facts.items()))
    return ""
