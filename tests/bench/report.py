"""What was measured, as a table for people and as JSON for programs."""

from __future__ import annotations

import os
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .bench_fleet import Found, Party

_HEADS = ("", "devices", "devices/s", "from", "to", "own CPU", "switches", "Vault", "Obet is")


def as_json(found: Found) -> dict[str, Any]:
    """Rates are devices a second of whole processes; `where_time_goes` is in seconds of processor time a device."""
    parties = [*found.reads, *found.scale, *found.pushes]
    return {
        "name": "fleet",
        "unit": "devices/s",
        "devices": found.options.devices,
        "cores": os.cpu_count(),
        "results": {
            party.name: {
                "median": median(party.rates),
                "min": min(party.rates),
                "max": max(party.rates),
                "runs": len(party.rates),
                "devices": party.devices,
            }
            for party in parties
        },
        "ratios": _ratios(found.reads) | _ratios(found.pushes),
        "versions": found.versions,
        "where_time_goes": {party.name: _spent(party) for party in parties},
        "notes": found.notes,
    }


def table(found: Found) -> str:
    """One block for each kind of work; ratios are Obet's rate over the other's."""
    blocks = [("Rules read and proven (a)", found.reads), ("The same by Obet alone", found.scale)]
    blocks += [("Rules put in force (b): Obet by the protected protocol, others bare", found.pushes)]
    text = [
        f"fleet: {found.options.devices} simulated switches, {os.cpu_count()} cores shared with them and with Vault"
    ]
    for title, parties in blocks:
        if parties:
            text += ["", title, *_rows(parties)]
    text += ["", "CPU: milliseconds of processor time a device; the median run. Whole processes, their start included."]
    return "\n".join([*text, *found.notes])


def _rows(parties: Sequence[Party]) -> list[str]:
    ratios, lines = _ratios(parties), [_HEADS]
    for party in parties:
        spent, rates = _spent(party), party.rates
        own, switches, vault = (f"{1000 * spent[name]:.1f}" for name in ("own", "switches", "vault"))
        times = f"{ratios[party.name]:.1f} times as fast" if party.name in ratios else ""
        rate = (f"{median(rates):.2f}", f"{min(rates):.2f}", f"{max(rates):.2f}")
        lines.append((party.name, str(party.devices), *rate, own, switches, vault, times))
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _ratios(parties: Sequence[Party]) -> dict[str, float]:
    if not parties:
        return {}
    own = median(parties[0].rates)
    return {party.name: own / median(party.rates) for party in parties[1:] if "obet" not in party.name}


def _spent(party: Party) -> dict[str, float]:
    found = {"own": median(use.cpu for use in party.uses) / party.devices}
    for name in party.uses[0].apart:
        found[name] = median(use.apart[name] for use in party.uses) / party.devices
    return found | {"wall": median(use.wall for use in party.uses) / party.devices}
