"""What stands on a router of what the rules may set, beside what they would set: as lines that can be compared.

Both are read by the parser of exports, the rules' text without what only serves the way there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import unified_diff
from ipaddress import ip_network

from obet.platforms.routeros.export import Entry, Export, parse
from obet.platforms.routeros.undo import SERVICES, SETTINGS, is_ours

_FILTERS = ("ip firewall filter", "ipv6 firewall filter")
_CHAIN = "obet-management"
_WAY = re.compile(r'\[find|comment="obet: before"')
_PLACE = re.compile(r" place-before=\[.*\]$")
_DELIVERED = {("ip service", name, "disabled"): off for name, off in SERVICES.items()}
_DELIVERED |= {(path, "", name): was for path, name, was in SETTINGS}


def stands(text: str, running: str) -> bool:
    """Whether all of the rules of `text` run, first, and nothing else of ours does; ProofError for no export."""
    wanted, present = _both(text, running)
    return wanted == present


def difference(text: str, running: str) -> str:
    """What would change, as a diff; empty for nothing."""
    wanted, present = _both(text, running)
    return "\n".join(unified_diff(present, wanted, "running", "prepared", n=0, lineterm=""))


def residue(running: str) -> list[str]:
    """Rules that name us."""
    export = parse(running)
    return [f"rule {e.number} of /{path}" for path in _FILTERS for e in export.entries(path) if _names_us(e)]


def _names_us(entry: Entry) -> bool:
    return is_ours(entry) or _CHAIN in {entry.get("chain"), entry.get("jump-target")}


def _both(text: str, running: str) -> tuple[list[str], list[str]]:
    lines = [_PLACE.sub("", line) for line in text.splitlines()]
    final = [line for line in lines if not _WAY.search(line)]
    wanted = parse("# by RouterOS 7.0\n" + "\n".join(final) + "\n")
    present = parse(running)
    settings = [
        (path, entry.selector, name)
        for path, entries in wanted.paths.items()
        for entry in entries
        if entry.verb == "set"
        for name in entry.properties
    ]
    return (
        [*_rules(wanted), *_settings(wanted, settings)],
        [*_rules(present), *_settings(present, settings)],
    )


def _rules(export: Export) -> Iterator[str]:
    for path in _FILTERS:
        others = False
        for chain in ("input", None):
            for entry in export.entries(path):
                if (entry.get("chain") == "input") != (chain == "input"):
                    continue
                if not _names_us(entry):
                    others = others or chain == "input"
                    continue
                if others and chain == "input":
                    yield f"/{path} (behind another rule)"
                yield f"/{path} {entry.verb} {_rule(entry)}"


def _rule(entry: Entry) -> str:
    own = dict(entry.properties)
    if "src-address" in own:
        own["src-address"] = _networks(own["src-address"])
    return " ".join(f"{name}={value}" for name, value in sorted(own.items()))


def _settings(export: Export, settings: list[tuple[str, str, str]]) -> Iterator[str]:
    for path, selector, name in settings:
        value = export.setting(path, name, _DELIVERED.get((path, selector, name), ""), selector)
        shown = _networks(value) if name == "address" else value
        yield f"/{path} set {selector} {name}={shown}".replace("  ", " ")


def _networks(text: str) -> str:
    """However the router writes a host or orders a list."""
    try:
        networks = [ip_network(one, strict=False) for one in text.split(",") if one]
    except ValueError:
        return text
    return ",".join(str(n) for n in sorted(networks, key=lambda n: (n.version, int(n.network_address), n.prefixlen)))
