"""Proof of a router's own filter, from `/export` of RouterOS 7, by interval arithmetic.

It shares no code with what renders the rules. Whatever it does not understand counts against the claim: an unknown
match on an accept may match anything, an unknown match on a drop may match nothing. Only `input` of the filter can
close a port: what `raw` drops may come back by `nat` from another port. A service's own list of addresses closes
nothing either, as it is asked when the connection stands.

Not seen, as no export tells it: dynamic rules (`services` names what makes them), and entries that were put into an
address list with a timeout; so a list that is accepted may hold anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address

import msgspec

from obet.access.finding import Finding
from obet.access.intervals import EVERYONE, Intervals, both, minus, name_of, union
from obet.errors import ProofError, printable
from obet.platforms.routeros.export import Entry, Export, parse
from obet.platforms.routeros.matching import Case, Lists, match
from obet.platforms.routeros.services import prove_listening

_PATH = {4: "ip firewall", 6: "ipv6 firewall"}
_ON = {"passthrough", "log", "add-src-to-address-list", "add-dst-to-address-list"}
_FILTER = dict.fromkeys(_ON, "on") | dict.fromkeys(("drop", "reject", "tarpit"), "drop")
_FILTER |= {"accept": "accept", "return": "return", "jump": "jump"}
_RAW = _FILTER | {"notrack": "on"}
_MARKING = {"mark-connection", "mark-packet", "change-dscp", "change-mss", "clear-df", "set-priority"}
_MARKING |= {"strip-ipv4-options", "sniff-tzsp", "sniff-pc"}
_MANGLE = dict.fromkeys(_ON | _MARKING, "on") | {"accept": "accept", "return": "return", "jump": "jump"}
# Where such a packet goes is not known, but it comes from whom it came.
_MANGLE |= dict.fromkeys(("mark-routing", "route", "change-ttl", "change-hop-limit"), "divert")
_NAT = dict.fromkeys(_ON, "on") | {"accept": "accept", "return": "return", "jump": "jump"}
_NAT |= dict.fromkeys(("dst-nat", "redirect", "netmap"), "drop")
# What a packet from the network to the router itself passes, in this order, and what each action there does.
_BEFORE = (
    ("raw", "prerouting", _RAW),
    ("mangle", "prerouting", _MANGLE),
    ("nat", "dstnat", _NAT),
    ("mangle", "input", _MANGLE),
)


class _Event(msgspec.Struct, frozen=True):
    """What an entry may do, and to whom."""

    entry: Entry
    does: str
    whom: Intervals


class _Table(msgspec.Struct, frozen=True):
    """The rules of one table that are on, by chain, for one case."""

    chains: Mapping[str, Sequence[Entry]]
    case: Case
    verdicts: Mapping[str, str]
    events: list[_Event]
    walked: dict[tuple[str, Intervals], tuple[Intervals, Intervals]]


def prove(running: str, allowed: Iterable[IPv4Address | IPv6Address], ports: Iterable[int]) -> list[Finding]:
    """What contradicts "these ports take these sources and no other"; an empty list is the proof.

    ProofError when `running` is no whole export of RouterOS 7.
    """
    sources, wanted_ports = list(allowed), sorted(set(ports))
    if not wanted_ports:
        raise ProofError("no port to prove anything about: nothing is proven")
    export = parse(running)
    findings = prove_listening(export, sources, wanted_ports)
    for version, path in _PATH.items():
        lists = Lists.read(export, path)
        wanted = union((int(a), int(a)) for a in sources if a.version == version)
        for port in wanted_ports:
            findings += _prove_port(export, path, Case(version, port, lists), wanted)
    return list(dict.fromkeys(findings))


def _prove_port(export: Export, path: str, case: Case, wanted: Intervals) -> list[Finding]:
    findings = []
    for name, chain, verdicts in _BEFORE:
        table = _table(export, f"{path} {name}", case, verdicts)
        _walk(table, chain, EVERYONE[case.version])
        # An accept here only ends this table; what is unknown here may also hide who sends.
        findings += [f for event in table.events if event.does != "accept" for f in _judged(event, case, wanted)]
    table = _table(export, f"{path} filter", case, _FILTER)
    _, through = _walk(table, "input", EVERYONE[case.version])
    findings += [f for event in table.events for f in _judged(event, case, wanted)]
    if strangers := minus(through, wanted):
        findings.append(_finding(case, "also takes", strangers, f"no rule of /{path} filter refuses it"))
    return findings


def _judged(event: _Event, case: Case, wanted: Intervals) -> list[Finding]:
    entry, found = event.entry, []
    why = f"/{entry.path} rule {entry.number} ({printable(entry.text)[:200]})"
    if event.does != "drop" and (strangers := minus(event.whom, wanted)):
        found.append(_finding(case, "also takes", strangers, why))
    if event.does != "accept" and (refused := both(event.whom, wanted)):
        found.append(_finding(case, "may refuse", refused, why))
    return found


def _finding(case: Case, what: str, whom: Intervals, why: str) -> Finding:
    names = ", ".join(name_of(interval, case.version) for interval in whom[:3])
    more = f" and {len(whom) - 3} ranges more" if len(whom) > 3 else ""
    return Finding(f"port {case.port}: {what} {names}{more}: {why}")


def _table(export: Export, path: str, case: Case, verdicts: Mapping[str, str]) -> _Table:
    chains: dict[str, list[Entry]] = {}
    for entry in export.entries(path):
        if entry.verb != "add":
            raise ProofError(f"the device's export sets a rule of /{path} without adding it: nothing is proven")
        if entry.on:
            chains.setdefault(entry.get("chain"), []).append(entry)
    return _Table(chains, case, verdicts, [], {})


def _walk(table: _Table, chain: str, whom: Intervals, depth: int = 0) -> tuple[Intervals, Intervals]:
    """Who of `whom` may be accepted in this chain, and who may come back out of it; on the way, its events."""
    if depth > 16:
        raise ProofError("the device's chains are nested too deep: nothing is proven")
    if (chain, whom) not in table.walked:
        table.walked[chain, whom] = _walk_anew(table, chain, whom, depth)
    return table.walked[chain, whom]


def _walk_anew(table: _Table, chain: str, whom: Intervals, depth: int) -> tuple[Intervals, Intervals]:
    here, accepted, back = whom, (), ()  # type: Intervals, Intervals, Intervals
    for entry in table.chains.get(chain, ()):
        matched = match(entry, table.case)
        reached = both(here, matched.possible)
        verdict = table.verdicts.get(entry.get("action", "accept"), "unknown")
        if not reached or verdict == "on":
            continue
        if verdict == "jump":
            inner, returned = _walk(table, entry.get("jump-target"), reached, depth + 1)
            accepted, here = union([*accepted, *inner]), union([*minus(here, matched.sure), *returned])
            continue
        if verdict == "return":
            back = union([*back, *reached])
        elif verdict in {"accept", "unknown"}:
            accepted = union([*accepted, *reached])
        if verdict != "return":
            whom_it_hits = both(here, matched.exported) if verdict in {"drop", "divert"} else reached
            table.events.append(_Event(entry, "drop" if verdict == "divert" else verdict, whom_it_hits))
        if verdict not in {"unknown", "divert"}:
            here = minus(here, matched.sure)
    return accepted, union([*back, *here])
