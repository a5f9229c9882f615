"""A report for machines: what its page says, under keys that stay as they are. Pure.

    {"at", "another_time", "nodes": [name], "control_node", "counts", "broken",
     "looks":     [{"run", "at", "digest", "checks"}],
     "customers": [{"id", "zone", "counts", "devices": [{"id", "now", "because", "points": [POINT]}],
                    "promises": [PROMISE]}],
     "elsewhere": [PROMISE],
     "pending":   [{"customer", "zone", "device", "what", "because", "point": POINT or null, "late"}],
     "timeline":  [{"at", "run", "by", "what", "customer", "device", "purpose", "detail"}],
     "reads":     [{"place", "purpose", "refused", "source", "run", "times", "first", "last"}], null without --audit}

    PROMISE {"name", "holds": true, false or null, "due", "missing": [proof], "not_looked_at": [device],
             "proofs": [{"name", "passed", "seen": [{"where", "passed", "text", "remedy", "at", "run"}]}]}
    POINT   {"at", "begins", "days", "what", "because"}

`counts` is {"holds", "broken", "open"}, of customers' promises; `broken` counts what is elsewhere as well. Times are
RFC 3339 with an offset. Names are those of `obet verify --json` and `obet due --json`, in English.
"""

from __future__ import annotations

from typing import Any

import msgspec

from obet.evidence.report import CustomerPart, Promise, Report


def document(report: Report) -> dict[str, Any]:
    """Plain values, in the shape above."""
    found: dict[str, Any] = msgspec.to_builtins(report)
    del found["audit_given"]
    return found | {
        "counts": _counts(report),
        "broken": report.broken,
        # Not the checks as they came in: what they saw stands under its promise, without addresses.
        "looks": [
            {"run": look.run, "at": look.at.isoformat(), "digest": look.digest, "checks": len(look.checks)}
            for look in report.looks
        ],
        "customers": [_customer(customer) for customer in report.customers],
        "elsewhere": [_promise(promise) for promise in report.elsewhere],
        "reads": found["reads"] if report.audit_given else None,
    }


def _customer(customer: CustomerPart) -> dict[str, Any]:
    promises = [_promise(promise) for promise in customer.promises]
    return {**msgspec.to_builtins(customer), "counts": _counts(customer), "promises": promises}


def _promise(promise: Promise) -> dict[str, Any]:
    return {**msgspec.to_builtins(promise), "missing": list(promise.missing)}


def _counts(part: Report | CustomerPart) -> dict[str, int]:
    return {name: part.count(holds) for name, holds in (("holds", True), ("broken", False), ("open", None))}
