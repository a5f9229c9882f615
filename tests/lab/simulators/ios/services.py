"""What a configuration opens and closes: ports, and who may connect to them."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from lab.simulators.enforcement import ESTABLISHED, RESET

from .access_lists import AccessList, counters
from .tree import LINES, Section, Tree

SSH, TELNET, HTTP, HTTPS, NETCONF = 22, 23, 80, 443, 830
SMALL = {7: "echo", 9: "discard", 13: "daytime", 19: "chargen"}
FINGER, FTP, SNMP, TFTP = 79, 21, 161, 69
DROP = "counter name denied drop"
IPV6_NEIGHBOURS = "meta l4proto icmpv6 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } return"
ALL = "all"


@dataclass(frozen=True)
class Openings:
    """What shall listen, and the rules before it."""

    tcp: frozenset[int]
    udp: frozenset[int]
    algorithms: tuple[tuple[str, tuple[str, ...]], ...]
    chains: tuple[tuple[str, tuple[str, ...]], ...]
    counters: tuple[str, ...]


def openings(config: Tree, busy: Collection[int], *, has_key: bool) -> Openings:
    """From the running configuration and the lines that sessions hold."""
    chains, counters = _chains(config, busy)
    return Openings(_tcp(config, has_key=has_key), _udp(config), _algorithms(config), chains, counters)


def transports(section: Section) -> frozenset[str]:
    """What a line takes: `ssh`, `telnet`; where nothing is said, all."""
    words = set((section.get("transport", "input") or ALL).split())
    if ALL in words:
        return frozenset({"ssh", "telnet"})
    return frozenset(words & {"ssh", "telnet"})


def next_line(config: Tree, busy: Collection[int], protocol: str) -> int | None:
    """The line that the next session gets: the lowest free one that takes the protocol."""
    for number in range(LINES):
        section = config.vty(number)
        if section is not None and number not in busy and protocol in transports(section):
            return number
    return None


def _tcp(config: Tree, *, has_key: bool) -> frozenset[int]:
    root = config.root
    sections = [section for number in range(LINES) if (section := config.vty(number))]
    taken = {protocol for section in sections for protocol in transports(section)}
    ports = {SSH} if "ssh" in taken and has_key else set()
    ports |= {TELNET} if "telnet" in taken else set()
    ports |= {int(root.get("ip", "http", "port") or HTTP)} if root.has("ip http server") else set()
    ports |= {int(root.get("ip", "http", "secure-port") or HTTPS)} if root.has("ip http secure-server") else set()
    ports |= set(SMALL) if root.has("service tcp-small-servers") else set()
    ports |= {FINGER} if root.has("ip finger") or root.has("service finger") else set()
    ports |= {FTP} if root.has("ftp-server enable") else set()
    ports |= {NETCONF} if root.has("netconf-yang") else set()
    return frozenset(ports)


def _udp(config: Tree) -> frozenset[int]:
    root = config.root
    ports = {SNMP} if any(root.starting("snmp-server")) else set()
    ports |= {TFTP} if any(root.starting("tftp-server")) else set()
    ports |= {7, 9, 19} if root.has("service udp-small-servers") else set()
    return frozenset(ports)


def _algorithms(config: Tree) -> tuple[tuple[str, tuple[str, ...]], ...]:
    kinds = ("kex", "encryption", "mac")
    named = ((kind, config.root.get("ip", "ssh", "server", "algorithm", kind).split()) for kind in kinds)
    return tuple((kind, tuple(names)) for kind, names in named if names)


class _Chains:
    """The chains of the table; a list becomes a chain when it is first needed."""

    def __init__(self, config: Tree) -> None:
        self._config = config
        self.made: dict[str, tuple[str, ...]] = {}
        self._names: dict[tuple[str, str], str] = {}
        self.counters: list[str] = []

    def of(self, family: str, name: str) -> str:
        """The chain of a list; empty where there is no such list, or nothing in it: then all are let in."""
        found: AccessList | None = self._config.access_list(family, name)
        named = counters(family, name, found) if found else {}
        rules = found.nft(named) if found else []
        if not rules:
            return ""
        self.counters += [counter for counter in named.values() if counter not in self.counters]
        chain = self._names.setdefault((family, name), f"{family}-list-{len(self._names)}")
        self.made[chain] = tuple(rules)
        return chain

    def on_interface(self, family: str, name: str) -> str:
        """The same for packets of all kinds: what is refused is dropped, and neighbours are found all the same."""
        chain = self.of(family, name)
        if not chain:
            return ""
        rules = [rule.replace(RESET, DROP) for rule in self.made[chain]]
        self.made[f"{chain}-in"] = (*((IPV6_NEIGHBOURS,) if family == "ipv6" else ()), *rules)
        return f"{chain}-in"


def _chains(config: Tree, busy: Collection[int]) -> tuple[tuple[tuple[str, tuple[str, ...]], ...], tuple[str, ...]]:
    """The chains, and the counters that their rules name."""
    chains = _Chains(config)
    rules = [*_interface_rules(config, chains), ESTABLISHED]
    for protocol, port in (("ssh", SSH), ("telnet", TELNET)):
        rules += _line_rules(config, chains, next_line(config, busy, protocol), port)
    for family, name in _http_lists(config):
        if chain := chains.of(family, name):
            rules.append(f"meta nfproto {'ipv6' if family == 'ipv6' else 'ipv4'} tcp dport {{ 80, 443 }} jump {chain}")
    return (*chains.made.items(), ("input", tuple(rules))), tuple(chains.counters)


def _interface_rules(config: Tree, chains: _Chains) -> list[str]:
    rules = []
    for _, section in config.sections("interface"):
        for family, words in (("ip", ("ip", "access-group")), ("ipv6", ("ipv6", "traffic-filter"))):
            entry = section.lines.get((*words, "in"))
            if entry and _addresses(section, family) and (chain := chains.on_interface(family, entry.text.split()[2])):
                nfproto = "ipv6" if family == "ipv6" else "ipv4"
                rules.append(f"meta nfproto {nfproto} jump {chain}")
    return rules


def _addresses(section: Section, family: str) -> bool:
    return any(section.starting(family, "address"))


def _line_rules(config: Tree, chains: _Chains, number: int | None, port: int) -> list[str]:
    section = None if number is None else config.vty(number)
    if section is None:
        return [f"tcp dport {port} {RESET}"]
    rules = []
    for family, key in (("ip", ("access-class", "in")), ("ipv6", ("ipv6", "access-class", "in"))):
        entry = section.lines.get(key)
        match = f"meta nfproto {'ipv6' if family == 'ipv6' else 'ipv4'} tcp dport {port}"
        words = entry.text.split() if entry else []
        if family == "ip" and words and "vrf-also" not in words and in_vrf(config):
            rules.append(f"{match} {RESET}")
        elif words and (chain := chains.of(family, words[len(key) - 1])):
            rules.append(f"{match} jump {chain}")
    return rules


def in_vrf(config: Tree) -> bool:
    """Whether the interfaces that have an address are in a VRF, as a management port is by default."""
    with_address = [section for _, section in config.sections("interface") if _addresses(section, "ip")]
    return bool(with_address) and all(
        any(section.starting("vrf", "forwarding")) or any(section.starting("ip", "vrf")) for section in with_address
    )


def _http_lists(config: Tree) -> list[tuple[str, str]]:
    text = config.root.get("ip", "http", "access-class")
    found = re.fullmatch(r"(?:(ipv4|ipv6) )?(\S+)", text)
    return [("ipv6" if found[1] == "ipv6" else "ip", found[2])] if found else []
