"""A report for machines: the same as the page, under keys that stay as they are, without addresses."""

from __future__ import annotations

import json
import re
from typing import Any

from obet.evidence import report_json
from obet.evidence.compose import compose
from obet.evidence.report_json import document
from obet.evidence.report_page import page
from reports import NOW, everything, two_customers

# Whoever reads it relies on these; a key may be added, none may go or mean something else.
POINT = {"at", "begins", "days", "what", "because"}
PROMISE = {"name", "holds", "due", "missing", "not_looked_at", "proofs"}
KEYS: dict[str, set[str]] = {
    "": {
        *("at", "another_time", "nodes", "control_node", "counts", "broken", "looks", "customers", "elsewhere"),
        *("pending", "timeline", "reads"),
    },
    "counts": {"holds", "broken", "open"},
    "looks": {"run", "at", "digest", "checks"},
    "customers": {"id", "zone", "counts", "devices", "promises"},
    "customers.counts": {"holds", "broken", "open"},
    "customers.devices": {"id", "now", "because", "points"},
    "customers.devices.points": POINT,
    "customers.promises": PROMISE,
    "customers.promises.proofs": {"name", "passed", "seen"},
    "customers.promises.proofs.seen": {"where", "passed", "text", "remedy", "at", "run"},
    "elsewhere": PROMISE,
    "elsewhere.proofs": {"name", "passed", "seen"},
    "elsewhere.proofs.seen": {"where", "passed", "text", "remedy", "at", "run"},
    "pending": {"customer", "zone", "device", "what", "because", "point", "late"},
    "pending.point": POINT,
    "timeline": {"at", "run", "by", "what", "customer", "device", "purpose", "detail"},
    "reads": {"place", "purpose", "refused", "source", "run", "times", "first", "last"},
}


def keys(value: Any, place: str = "") -> dict[str, set[str]]:
    """The keys of each mapping in it, by the keys that lead there."""
    if isinstance(value, list):
        value = {"": value}
    found: dict[str, set[str]] = {}
    if isinstance(value, dict):
        if "" not in value:
            found[place] = set(value)
        for key, inner in value.items():
            for one in inner if isinstance(inner, list) else [inner]:
                for where, names in keys(one, f"{place}.{key}".strip(".") if key else place).items():
                    found[where] = found.get(where, names) & names
    return found


def test_its_keys_are_those_that_it_documents() -> None:
    assert keys(json.loads(json.dumps(document(everything())))) == KEYS
    documented = set(re.findall(r'"(\w+)"', report_json.__doc__ or ""))
    assert documented == set().union(*KEYS.values())


def test_it_says_what_the_page_says() -> None:
    report = everything()
    told, shown = document(report), page(report)
    assert (told["counts"]["holds"], told["broken"]) == (report.count(holds=True), report.broken)
    assert sum(told["customers"][0]["counts"].values()) == 10
    for customer in told["customers"]:
        assert [f'id="{customer["id"]}-{promise["name"]}"' in shown for promise in customer["promises"]] == [True] * 10
        assert all(device["id"] in shown for device in customer["devices"])
    assert len(told["timeline"]) == len(report.timeline)
    assert [read["times"] for read in told["reads"]] == [read.times for read in report.reads]


def test_it_holds_no_address() -> None:
    assert not re.search(r"198\.51\.100\.|2001:db8", json.dumps(document(everything())))


def test_without_an_audit_log_no_reads_is_told_apart_from_none() -> None:
    assert document(compose(two_customers(), [], NOW))["reads"] is None
    assert document(compose(two_customers(), [], NOW, reads=[]))["reads"] == ()
