"""Commands that bring back what `rules` changes, made of the `/export` that was read before.

The router's own scheduler imports them when nobody confirms. So they must come to their end whatever is the matter:
each command stands in a `:do { … } on-error={ … }`, and the filter comes first. The order of the filter is as safe as
that of the rules: the former rules are in their place before what is now goes.
"""

from __future__ import annotations

from collections.abc import Iterator

from obet.platforms.routeros.export import Entry, Export, parse

_OURS = "obet: "
_MARK = "obet: undone"  # not that of the rules: they may have been cut off, and that is what was before
# What the rules may set, and how RouterOS 7 is delivered.
SERVICES = {"ftp": "no", "telnet": "no", "www": "no", "www-ssl": "yes", "api": "no", "winbox": "no"}
SERVICES |= {"api-ssl": "no", "ssh": "no"}
_TLS = ("www-ssl", "api-ssl")
SETTINGS = (
    ("ip ssh", "strong-crypto", "no"),
    ("ip ssh", "forwarding-enabled", "no"),
    ("tool mac-server", "allowed-interface-list", "all"),
    ("tool mac-server mac-winbox", "allowed-interface-list", "all"),
    ("tool mac-server ping", "enabled", "yes"),
    ("tool bandwidth-server", "enabled", "yes"),
    ("tool romon", "enabled", "no"),
    ("ip neighbor discovery-settings", "discover-interface-list", "static"),
)

# Takes away our rules.
RULES_REMOVAL = tuple(
    f"/{path} remove [find where {which}]"
    for path in ("ip firewall filter", "ipv6 firewall filter")
    for which in (
        "jump-target=obet-management",
        "chain=obet-management && action=drop",
        "chain=obet-management",
        'comment~"^obet: "',
    )
)
# The same with what else they made. They are last: while any of them is there, all is done again.
REMOVAL = "".join(
    f"{line}\n" for line in (*(f'/ip service set {name} address=""' for name in SERVICES), *RULES_REMOVAL)
)


def undo(running: str) -> str:
    """The file for `/import`; ProofError when `running` is no whole export of RouterOS 7.

    It may be imported any number of times, also when the rules were imported in part or not at all.
    """
    export = parse(running)
    lines = [
        "# Brings back the management access from before. Written by Obet.",
        *_filter(export, "ip firewall filter"),
        *_filter(export, "ipv6 firewall filter"),
        *_services(export),
        *(_set(path, "", [(name, export.written(path, name) or was)]) for path, name, was in SETTINGS),
    ]
    return "\n".join(lines) + "\n"


def _filter(export: Export, path: str) -> Iterator[str]:
    yield _try(f'/{path} set [find where comment~"^{_OURS}"] comment="{_MARK}"')
    there: dict[str, list[Entry]] = {}
    for entry in export.entries(path):
        there.setdefault(entry.get("chain"), []).append(entry)
    for entries in there.values():
        foreign = sum(not is_ours(entry) for entry in entries)
        for place, entry in enumerate(entries):
            if not is_ours(entry):
                continue
            added = sum(map(is_ours, entries[:place]))
            yield _added(path, entry, place if place < foreign + added else None)
    yield _try(f'/{path} remove [find where chain=input && comment="{_MARK}"]')
    yield _try(f'/{path} remove [find where action=drop && comment="{_MARK}"]')
    yield _try(f'/{path} remove [find where comment="{_MARK}"]')


def is_ours(entry: Entry) -> bool:
    return entry.get("comment").startswith(_OURS)


def _added(path: str, entry: Entry, place: int | None) -> str:
    """The rule at its former place among its chain's, which are the others' and ours that were added again so far."""
    rule = f"/{path} add {entry.text}"
    if place is None:
        return _try(rule)
    others = f'find where chain={entry.raw["chain"]} && dynamic=no && !(comment~"^{_MARK}\\$")'
    return _try(f"{rule} place-before=[:pick [/{path} {others}] {place}]", rule)


def _services(export: Export) -> Iterator[str]:
    for name, delivered in SERVICES.items():
        path = "ip service"
        values = [
            ("disabled", export.written(path, "disabled", name) or delivered),
            ("address", export.written(path, "address", name) or '""'),
        ]
        if name in _TLS:
            values.append(("tls-version", export.written(path, "tls-version", name) or "any"))
        yield _set(path, name, values)


def _set(path: str, selector: str, values: list[tuple[str, str]]) -> str:
    return _try(" ".join([f"/{path} set", *([selector] if selector else []), *(f"{n}={v}" for n, v in values)]))


def _try(command: str, otherwise: str = "") -> str:
    return f":do {{ {command} }} on-error={{ {otherwise} }}"
