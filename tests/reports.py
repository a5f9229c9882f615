"""What the tests make reports from: looks, an estate with something of everything, and text that means harm."""

from __future__ import annotations

from typing import Any

from builders import (
    CUSTOMER,
    DEVICE,
    OTHER_CUSTOMER,
    OTHER_DEVICE,
    SECOND_DEVICE,
    SECOND_SERVICE,
    addresses,
    customer,
    device,
    estate,
    instant,
    managed,
    one_off,
    record,
)
from obet.evidence.compose import compose
from obet.evidence.promises import PROOFS, Check
from obet.evidence.report import Look, Report, TimelineEntry
from obet.model import Estate
from obet.vault.audit import SecretRead

NOW = instant("2026-05-01 10:00")
HARM = (
    "<script>document.title='taken'</script>",
    '"><img src="http://203.0.113.9/x" onerror="alert(1)">',
    "{{ 7 * 7 }} {% raw %} {# no #}",
    "'; </style><link rel=stylesheet href=//203.0.113.9/x.css>",
    "\u202egnirts\u0000\u001b[31mred\u001b[0m\r\n",
    "javascript:alert(1) &lt; &#60;b> {name} {0}",
    "x" * 5000,
)


def check(promise: str, proof: str, where: str = DEVICE, *, passed: bool | None = True, **changes: str) -> Check:
    fields: dict[str, Any] = {"seen": "seen", "remedy": ""}
    return Check(promise=promise, proof=proof, where=where, passed=passed, **(fields | changes))


def all_of(promise: str, where: str = DEVICE) -> list[Check]:
    return [check(promise, proof, where) for proof in PROOFS[promise]]


def look(*checks: Check, at: str = "2026-05-01 09:00", run: str = "0b5ee1f0-run") -> Look:
    return Look(run=run, at=instant(at), digest=f"sha256:{'d' * 64}", checks=checks)


def two_customers() -> Estate:
    """Work under a warranty until the end of June on two devices, and a managed service on another's."""
    second = device(SECOND_DEVICE, addresses=addresses("198.51.100.102"))
    other = device(OTHER_DEVICE, addresses=addresses("198.51.100.103"))
    return estate(
        customer([one_off(devices=(DEVICE, SECOND_DEVICE))], [record()], [device(), second]),
        customer([managed(SECOND_SERVICE, (OTHER_DEVICE,))], [record(services=(SECOND_SERVICE,))], [other],
                 name=OTHER_CUSTOMER),
    )  # fmt: skip


def everything() -> Report:
    """Held, broken, open, harmful, done, read, refused, and one beyond all customers."""
    harm = [check("consent", PROOFS["consent"][0], OTHER_DEVICE, passed=False, seen=text, remedy=text) for text in HARM]
    checks = [
        *(found for name in (DEVICE, SECOND_DEVICE) for found in all_of("fixed-ip", name)),
        *harm,
        check("purpose", PROOFS["purpose"][0], "vault", seen="node1 to 198.51.100.101: logged in"),
    ]
    entry = TimelineEntry(at=instant("2026-05-01 08:59"), run=HARM[0], by=HARM[1], what=HARM[2], detail=HARM[4])
    done = TimelineEntry(
        at=NOW, run="1c", by="obet-node-node1", what="secrets read", customer=CUSTOMER, device=DEVICE, detail="count: 2"
    )
    read = {"at": "2026-05-01T09:00:00Z", "run": "none", "path": f"kv/data/access/{CUSTOMER}/{DEVICE}"}
    reads = [
        SecretRead(**read, purpose="technical", address="198.51.100.11", refused=False),
        SecretRead(**read, purpose="none", address="203.0.113.9", refused=True),
    ]
    return compose(two_customers(), [look(*checks)], NOW, timeline=[entry, done], reads=reads, another_time=True)
