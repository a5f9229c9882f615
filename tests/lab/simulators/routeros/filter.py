"""The router's input chains, address lists and services' address lists, as nftables.

A rule with a matcher that this translation does not know cannot be in the configuration: the menus refuse it. The
verdict "accept" of a chain goes on to the services' own lists, as on the router, where each service asks its own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

from ..enforcement import DROP, RESET, merged, rule
from .configuration import Configuration, Row
from .menus import NOT_COMPARED

ACCEPTED = "goto services"
FAMILY = {4: ("ip", "ip"), 6: ("ipv6", "ip6")}
STREAMS = ("tcp", "udp")
NEVER = {*NOT_COMPARED, "out-interface", "out-interface-list"}  # nothing that comes in goes out
NUMBERED = {"icmpv6": "ipv6-icmp", "ipsec-esp": "esp", "ipsec-ah": "ah"}
Rules = Mapping[str, list[str]]


def translated(configuration: Configuration, ports: Mapping[str, int]) -> dict[str, list[str]]:
    """All chains that the input chain of either family can reach, and the services'. `ports`: where services listen."""
    chains: dict[str, list[str]] = {"services": _services(configuration, ports)}
    entries = []
    for version in FAMILY:
        used = _Family(configuration, version)
        chains |= used.chains()
        entries.append(f"meta nfproto ipv{version} {used.jump('input') or ACCEPTED}")
    return {"input": [*entries, ACCEPTED], **chains}


def counts(row: Row) -> bool:
    """Whether the router counts what this rule hits: only what drops or rejects is counted here."""
    return row.values.get("action") in ("drop", "reject", "tarpit")


def counter(path: str, row: Row) -> str:
    """The name of its counter."""
    return f"rule{path.partition('/')[0]}-{row.number}"


def counters(configuration: Configuration) -> list[str]:
    """All rules' counters."""
    paths = [f"{menu}/firewall/filter" for menu, _ in FAMILY.values()]
    return [counter(path, row) for path in paths for row in configuration.enabled(path) if counts(row)]


def _services(configuration: Configuration, ports: Mapping[str, int]) -> list[str]:
    rules = []
    for row in configuration.enabled("ip/service"):
        port = ports.get(row.values["name"])
        allowed = (configuration.value("ip/service", row, "address") or "").split(",")
        if port and allowed != [""]:
            rules += rule("accept", sources=allowed, ports=[port])
            rules += rule(RESET, ports=[port], states=["new"])
    return [*rules, "accept"]


class _Family:
    """One address family's filter."""

    def __init__(self, configuration: Configuration, version: int) -> None:
        self.configuration, self.version = configuration, version
        menu, self.word = FAMILY[version]
        self.path, self.lists = f"{menu}/firewall/filter", f"{menu}/firewall/address-list"
        self.rows = configuration.enabled(self.path)
        self.names = list(dict.fromkeys(row.values["chain"] for row in self.rows))

    def jump(self, chain: str, verb: str = "jump") -> str | None:
        """To a chain of the router's; one without rules does nothing."""
        return f"{verb} chain{self.version}-{self.names.index(chain)}" if chain in self.names else None

    def chains(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for number, name in enumerate(self.names):
            own = (row for row in self.rows if row.values["chain"] == name)
            found[f"chain{self.version}-{number}"] = [line for row in own for line in self.rule(row)]
        return found

    def rule(self, row: Row) -> Iterator[str]:
        verdict, matches = self.verdict(row), [""]
        if verdict is None:
            return
        for alternatives in self.matchers(row.values):
            matches = [f"{before} {one}".strip() for before in matches for one in alternatives]
        yield from (f"{match} {verdict}".strip() for match in matches)

    def verdict(self, row: Row) -> str | None:
        counted = f"counter name {counter(self.path, row)} " if counts(row) else ""
        found = self.decision(row)
        return found and counted + found

    def decision(self, row: Row) -> str | None:
        action = row.values.get("action", "accept")
        if action in ("accept", "fasttrack-connection"):
            return ACCEPTED
        if action == "reject" and row.values.get("reject-with") == "tcp-reset":
            return RESET
        if action == "reject":
            return "counter name denied reject"
        if action == "jump":
            return self.jump(row.values.get("jump-target", ""))
        return {"drop": DROP, "tarpit": DROP, "return": "return"}.get(action)

    def matchers(self, values: Mapping[str, str]) -> Iterator[list[str]]:
        """For each property what it matches, as alternatives; none: it matches nothing."""
        for way, suffix in (("src", "saddr"), ("dst", "daddr")):
            if value := values.get(f"{way}-address"):
                yield [f"{self.word} {suffix} {_not(value)}{value.lstrip('!')}"]
            if value := values.get(f"{way}-address-list"):
                yield self.listed(value, suffix)
        yield from self.transport(values)
        for name in ("in-interface", "in-interface-list"):
            if value := values.get(name):
                yield self.interfaces(value, listed=name.endswith("list"))
        yield from _of_the_connection(values)

    def transport(self, values: Mapping[str, str]) -> Iterator[list[str]]:
        protocol = values.get("protocol", "")
        bare = protocol.lstrip("!")
        ported = {name: values[name] for name in ("src-port", "dst-port", "port") if name in values}
        if protocol and not ported:
            yield [f"meta l4proto {_not(protocol)}{NUMBERED.get(bare, bare)}"]
        if ported and (protocol not in ("tcp", "udp", "6", "17")):
            yield []  # the router does not take ports without such a protocol
        name = {"6": "tcp", "17": "udp"}.get(bare, bare)
        for way, value in ported.items():
            held = f"{'!= ' * value.startswith('!')}{{ {_ports(value.lstrip('!'))} }}"
            one = [f"{name} {side} {held}" for side in ({"src-port": ["sport"], "dst-port": ["dport"]}.get(way) or
                                                        ["sport", "dport"])]  # fmt: skip
            yield one

    def listed(self, value: str, suffix: str) -> list[str]:
        """An address list; one that is empty or unknown holds nobody."""
        name, rows = value.lstrip("!"), self.configuration.enabled(self.lists)
        held = [row.values["address"] for row in rows if row.values["list"] == name]
        networks = merged(one for text in held for one in _networks(text))
        negated = value.startswith("!")
        if not networks:
            return [""] if negated else []
        return [f"{self.word} {suffix} {'!= ' * negated}{{ {', '.join(networks)} }}"]

    def interfaces(self, value: str, *, listed: bool) -> list[str]:
        """The namespace's eth0 is the router's ether1, whatever it is called now; nothing arrives on the others."""
        name, negated = value.lstrip("!"), value.startswith("!")
        names = {name}
        if listed:
            members = self.configuration.enabled("interface/list/member")
            names = {row.values["interface"] for row in members if row.values["list"] == name}
        cable = self.configuration.rows["interface/ethernet"][0].values["name"]
        hit = cable in names or (listed and name in ("all", "static"))
        return [f'iifname {"!= " * negated}"eth0"'] if hit else ([""] if negated else [])


def _of_the_connection(values: Mapping[str, str]) -> Iterator[list[str]]:
    if value := values.get("connection-state"):
        yield [f"ct state {_not(value)}{{ {', '.join(value.lstrip('!').split(','))} }}"]
    if value := values.get("connection-nat-state"):
        yield [""] if value.startswith("!") else []
    if value := values.get("ipsec-policy"):
        yield [""] if value == "in,none" else []
    if value := values.get("hop-limit"):
        how, _, count = value.partition(":")
        compared = {"equal": "", "not-equal": "!= ", "less-than": "< ", "greater-than": "> "}[how]
        yield [f"ip6 hoplimit {compared}{count}", f"ip ttl {compared}{count}"]
    for way, suffix in (("src", "saddr"), ("dst", "daddr")):
        if value := values.get(f"{way}-address-type"):
            yield [f"fib {suffix} type {_not(value)}{{ {', '.join(value.lstrip('!').split(','))} }}"]
    if not values.keys().isdisjoint(NEVER):
        yield []


def _ports(value: str) -> str:
    """Ports and ranges as nft takes them in a set: none twice."""
    ranges = [tuple(int(end) for end in part.split("-")) for part in value.split(",")]
    joined: list[tuple[int, int]] = []
    for first, last in sorted((ends[0], ends[-1]) for ends in ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return ", ".join(f"{first}-{last}" for first, last in joined)


def _not(value: str) -> str:
    return "!= " if value.startswith("!") else ""


def _networks(text: str) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    first, dash, last = text.partition("-")
    if dash:
        yield from ipaddress.summarize_address_range(ipaddress.ip_address(first), ipaddress.ip_address(last))
    else:
        yield ipaddress.ip_network(text)
