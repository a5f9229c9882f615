"""Proof of a device's own nftables rules, from `nft -j list ruleset` (libnftables-json(5)), by interval arithmetic.

It shares no code with what renders them. Whatever it does not understand counts against the claim: an unknown match on
an accept may match anything, an unknown match on a drop may match nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import msgspec

from obet.access.finding import Finding
from obet.access.intervals import EVERYONE, Intervals, both, minus, name_of, union
from obet.errors import ProofError

_PROTOCOL = {4: "ip", 6: "ip6"}
# What hands a packet on to another socket, address or device, whatever its port says.
_REWRITING = {"tproxy", "dup", "fwd"}
_NFPROTO = {4: "ipv4", 6: "ipv6"}


class _Chain(msgspec.Struct, frozen=True):
    family: str
    table: str
    rules: tuple[Sequence[Mapping[str, Any]], ...]
    policy: str
    hook: str | None
    certain: bool


class _Case(msgspec.Struct, frozen=True):
    """Packets over TCP to `port` in IP `version`, arriving from the network (not from the loopback)."""

    version: int
    port: int
    sets: Mapping[tuple[str, str, str], Any]
    walked: dict[Any, Any]


def prove(ruleset: str, allowed: Iterable[IPv4Address | IPv6Address], ports: Iterable[int]) -> list[Finding]:
    """What contradicts "these ports take these sources and no other"; an empty list is the proof.

    ProofError when `ruleset` is not what nft prints.
    """
    try:
        return _prove(ruleset, list(allowed), list(ports))
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, RecursionError):
        raise ProofError("the device's answer is not nftables JSON: nothing is proven") from None


def _prove(ruleset: str, sources: list[IPv4Address | IPv6Address], ports: list[int]) -> list[Finding]:
    if not ports:
        raise ProofError("no port to prove anything about: nothing is proven")
    chains, sets, rewritten = _parse(ruleset)
    findings = [Finding(f"table {name} rewrites packets: who is let in is not known") for name in rewritten]
    for version in (4, 6):
        wanted = union((int(a), int(a)) for a in sources if a.version == version)
        for port in ports:
            case = _Case(version, port, sets, {})
            base = [c for c in chains.values() if c.hook == "input" and c.family in {"inet", _PROTOCOL[version]}]
            everyone = EVERYONE[version]
            surely_dropped = union(i for c in base if c.certain for i in _walk(c, chains, case, everyone)[0])
            maybe_dropped = union(i for c in base for i in _walk(c, chains, case, everyone)[1])
            open_to = minus(minus(everyone, wanted), surely_dropped)
            shut_out = both(wanted, maybe_dropped)
            findings += [Finding(f"port {port}: also takes {name_of(i, version)}") for i in open_to]
            findings += [Finding(f"port {port}: may refuse {name_of(i, version)}") for i in shut_out]
    return findings


def counter(ruleset: str, table: str, name: str) -> int | None:
    """Packets that a named counter has seen; None when there is no such counter."""
    for item in _items(ruleset):
        found = item.get("counter")
        if found and found.get("table") == table and found.get("name") == name:
            return int(found["packets"])
    return None


def _items(ruleset: str) -> list[dict[str, Any]]:
    try:
        items = json.loads(ruleset)["nftables"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ProofError("the device's answer is not nftables JSON: nothing is proven") from None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ProofError("the device's answer is not nftables JSON: nothing is proven")
    return items


def _parse(ruleset: str) -> tuple[dict[tuple[str, str, str], _Chain], dict[tuple[str, str, str], Any], list[str]]:
    rules: dict[tuple[str, str, str], list[Any]] = {}
    heads: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    sets: dict[tuple[str, str, str], Any] = {}
    flagged, rewritten, filled = set(), [], set()
    for item in _items(ruleset):
        # Which flag it is cannot be told: nft 1.0.6 prints any text for `dormant`.
        if (table := item.get("table")) and table.get("flags"):
            flagged.add((table["family"], table["name"]))
        if head := item.get("chain"):
            heads[head["family"], head["table"], head["name"]] = head
        elif rule := item.get("rule"):
            rules.setdefault((rule["family"], rule["table"], rule["chain"]), []).append(rule["expr"])
            for expression in rule["expr"]:
                if _REWRITING & expression.keys() or "payload" in (expression.get("mangle") or {}).get("key", {}):
                    rewritten.append(rule["table"])
                if "set" in expression:
                    filled.add((rule["family"], rule["table"], expression["set"]["set"].removeprefix("@")))
        elif named := item.get("set"):
            passing = named.get("flags") and {"timeout", "dynamic"} & set(named["flags"])
            sets[named["family"], named["table"], named["name"]] = None if passing else named.get("elem", [])
    for name in filled:
        sets[name] = None  # packets fill it: what is in it now says nothing
    chains = {
        key: _Chain(
            key[0],
            key[1],
            tuple(rules.get(key, ())),
            head.get("policy", "accept"),
            head.get("hook"),
            key[:2] not in flagged and head.get("type") == "filter",
        )
        for key, head in heads.items()
    }
    return chains, sets, rewritten


def _walk(
    chain: _Chain, chains: Mapping[Any, _Chain], case: _Case, sources: Intervals, depth: int = 0
) -> tuple[Intervals, Intervals, Intervals, Intervals]:
    """What of `sources` this chain surely drops, may drop, and surely or maybe hands back to its caller."""
    if depth > 16:
        raise ProofError("the device's chains are nested too deep: nothing is proven")
    key = id(chain), sources
    if key not in case.walked:
        case.walked[key] = _walk_anew(chain, chains, case, sources, depth)
    found: tuple[Intervals, Intervals, Intervals, Intervals] = case.walked[key]
    return found


def _walk_anew(
    chain: _Chain, chains: Mapping[Any, _Chain], case: _Case, sources: Intervals, depth: int = 0
) -> tuple[Intervals, Intervals, Intervals, Intervals]:
    sure, maybe = sources, sources  # who surely, who possibly gets as far as this rule
    dropped: Intervals = ()
    maybe_dropped: Intervals = ()
    back: Intervals = ()
    maybe_back: Intervals = ()
    for rule in chain.rules:
        hit, may_hit, verdict, target = _rule(rule, case, chain)
        if verdict == "continue":
            continue
        surely, possibly = both(sure, hit), both(maybe, may_hit)
        sure, maybe = minus(sure, may_hit), minus(maybe, hit)
        if verdict == "drop":
            dropped, maybe_dropped = union([*dropped, *surely]), union([*maybe_dropped, *possibly])
        elif verdict == "return":
            back, maybe_back = union([*back, *surely]), union([*maybe_back, *possibly])
        elif verdict == "unknown":
            maybe_dropped = union([*maybe_dropped, *possibly])
        elif verdict != "accept":
            called = _called(chain, chains, target)
            inner = _walk(called, chains, case, surely, depth + 1)
            outer = _walk(called, chains, case, possibly, depth + 1)
            dropped, maybe_dropped = union([*dropped, *inner[0]]), union([*maybe_dropped, *outer[1]])
            if verdict == "jump":
                sure, maybe = union([*sure, *inner[2]]), union([*maybe, *outer[3]])
            else:
                back, maybe_back = union([*back, *inner[2]]), union([*maybe_back, *outer[3]])
    back, maybe_back = union([*back, *sure]), union([*maybe_back, *maybe])
    if chain.hook and chain.policy == "drop":
        return union([*dropped, *back]), union([*maybe_dropped, *maybe_back]), (), ()
    return dropped, maybe_dropped, back, maybe_back


def _called(chain: _Chain, chains: Mapping[Any, _Chain], target: str) -> _Chain:
    try:
        return chains[chain.family, chain.table, target]
    except KeyError:
        raise ProofError(f"the device's rules name a chain {target} that they do not have") from None


def _rule(rule: Sequence[Mapping[str, Any]], case: _Case, chain: _Chain) -> tuple[Intervals, Intervals, str, str]:
    """Which sources the rule surely and possibly matches, its verdict, and the chain it goes to."""
    everyone = EVERYONE[case.version]
    hit, may_hit = everyone, everyone
    for expression in rule:
        ((kind, body),) = expression.items()
        if kind == "match":
            sure, possible = _match(body, case, chain)
            hit, may_hit = both(hit, sure), both(may_hit, possible)
        elif kind in {"accept", "drop", "return"}:
            return hit, may_hit, kind, ""
        elif kind == "reject":
            return *_rejected((hit, may_hit), body, rule, case, chain), "drop", ""
        elif kind in {"jump", "goto"}:
            return hit, may_hit, kind, str(body["target"])
        elif kind not in {"counter", "log", "comment"}:
            hit = ()  # a limit, a queue, a map of verdicts: nobody knows
            if kind in {"vmap", "queue", "xt"}:
                return hit, may_hit, "unknown", ""
    return hit, may_hit, "continue", ""


def _rejected(
    hit: tuple[Intervals, Intervals],
    body: Mapping[str, Any] | None,
    rule: Sequence[Mapping[str, Any]],
    case: _Case,
    chain: _Chain,
) -> tuple[Intervals, Intervals]:
    """Whom a `reject` surely and possibly hits: in a table of both families its own kind may say of which it is.

    nft leaves `meta nfproto` out of what it prints, so that before a TCP reset nothing may tell of it any more.
    """
    kind = (body or {}).get("type")
    if chain.family != "inet" or kind == "icmpx":
        return hit
    if kind in {"icmp", "icmpv6"}:
        return hit if kind == {4: "icmp", 6: "icmpv6"}[case.version] else ((), ())
    lefts = [expression["match"]["left"] for expression in rule if "match" in expression]
    told = {left.get("payload", {}).get("protocol") or left.get("meta", {}).get("key") for left in lefts}
    return hit if told & {"nfproto", *_PROTOCOL.values()} else ((), hit[1])


def _match(body: Mapping[str, Any], case: _Case, chain: _Chain) -> tuple[Intervals, Intervals]:
    """Sources that surely match, and that possibly do."""
    everyone = EVERYONE[case.version]
    left, right, operator = body.get("left"), body.get("right"), body.get("op", "==")
    unknown: tuple[Intervals, Intervals] = ((), everyone)
    if not isinstance(left, dict) or operator not in {"==", "!=", "in"}:
        return unknown
    field = left.get("payload") or {}
    found: Intervals | None = None
    if field.get("field") == "saddr" and field.get("protocol") in _PROTOCOL.values():
        if field["protocol"] != _PROTOCOL[case.version]:
            return (), ()  # the rule is of the other family: `!=` does not match either
        found = _addresses(right, case, chain)
    elif field.get("protocol") in {"tcp", "th"} and field.get("field") == "dport":
        found = _when(_has_port(right, case, chain), everyone)
    elif field.get("protocol") in {"udp", "icmp", "icmpv6", "sctp"}:
        return (), ()
    elif left.get("meta"):
        found = _when(_meta(left["meta"].get("key"), right, case), everyone)
    if found is None:
        return unknown
    found = minus(everyone, found) if operator == "!=" else found
    return found, found


def _when(known: bool | None, everyone: Intervals) -> Intervals | None:
    return None if known is None else everyone if known else ()


def _meta(key: str | None, right: Any, case: _Case) -> bool | None:
    """Whether a packet of the case has this; None when that is not known."""
    values = right.get("set", [right]) if isinstance(right, dict) else [right]
    if not all(isinstance(v, (str, int)) and not str(v).startswith("@") for v in values):
        return None
    if key in {"iifname", "iif"}:
        return False if values == ["lo"] else None
    if key == "nfproto":
        return _NFPROTO[case.version] in values
    if key == "l4proto":
        return "tcp" in values or 6 in values
    return None


def _elements(right: Any, case: _Case, chain: _Chain) -> list[Any] | None:
    if isinstance(right, str) and right.startswith("@"):
        found = case.sets.get((chain.family, chain.table, right[1:]))
        return list(found) if found is not None else None
    if isinstance(right, dict) and isinstance(right.get("set"), list):
        return list(right["set"])
    return right if isinstance(right, list) else [right]


def _has_port(right: Any, case: _Case, chain: _Chain) -> bool | None:
    elements = _elements(right, case, chain)
    if elements is None:
        return None
    for element in elements:
        low, high = element["range"] if isinstance(element, dict) and "range" in element else (element, element)
        if not isinstance(low, int) or not isinstance(high, int):
            return None
        if low <= case.port <= high:
            return True
    return False


def _addresses(right: Any, case: _Case, chain: _Chain) -> Intervals | None:
    elements = _elements(right, case, chain)
    if elements is None:
        return None
    try:
        return union(_interval(element) for element in elements)
    except (ValueError, TypeError, KeyError):
        return None


def _interval(element: Any) -> tuple[int, int]:
    if isinstance(element, str):
        return int(ip_address(element)), int(ip_address(element))
    if "prefix" in element:
        network = ip_network(f"{element['prefix']['addr']}/{element['prefix']['len']}", strict=False)
        return int(network.network_address), int(network.broadcast_address)
    low, high = element["range"]
    return int(ip_address(low)), int(ip_address(high))
