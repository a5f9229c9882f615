"""What a device lets in, as nftables of its namespace: one table a device, replaced whole, in one transaction.

A platform translates its configuration into chains of nft rules and calls `apply`. The chain `input` is the hook; a
packet that no rule of it decides is let in (write the platform's implicit deny as a last rule). Whether established
flows survive is what the rules say: begin with ESTABLISHED to spare them, leave it out to cut them.

    Enforcement("router1").apply({
        "input": [rule(jump("management"), ports=[22, 8729])],
        "management": [rule("accept", sources=["198.51.100.11/32"]), rule("drop")],
    })

Rules are text, made by `rule` below or by hand in nft's language. A chain's name is letters, digits, "-" and "_".
"""

from __future__ import annotations

import ipaddress
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from .. import this_host
from ..errors import LabError

ESTABLISHED = "ct state established,related accept"
TRACKED = "ct state new"  # decides nothing: the kernel tracks connections only while some rule asks for their state
DROP = "counter name denied drop"
RESET = "counter name denied reject with tcp reset"
CHAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def jump(chain: str) -> str:
    """The verdict that goes on in another chain and comes back."""
    return f"jump {_name(chain)}"


def rule(
    verdict: str,
    *,
    family: int | None = None,
    sources: Iterable[str] = (),
    protocol: str = "tcp",
    ports: Iterable[int | str] = (),
    states: Iterable[str] = (),
    extra: Iterable[str] = (),
) -> list[str]:
    """The nft rules (none, one, or one a family) that match all of what is given.

    `sources` are networks or addresses of either family; none given: any. A source that is given but of the other
    family than `family` makes no rule: "from nobody" is never read as "from anybody". `ports` are destination ports
    ("1000-2000" is a range); `extra` is nft text.
    """
    networks = [ipaddress.ip_network(source, strict=False) for source in sources]
    rest = [f"{protocol} dport {{ {', '.join(map(str, ports))} }}"] if (ports := list(ports)) else []
    rest += [f"ct state {','.join(states)}"] if (states := list(states)) else []
    rest += [*extra, verdict]
    if not networks:
        return [" ".join(([f"meta nfproto ipv{family}"] if family else []) + rest)]
    lines = []
    for version, word in ((4, "ip"), (6, "ip6")):
        of_family = merged(network for network in networks if network.version == version)
        if of_family and family in (None, version):
            lines.append(" ".join([f"{word} saddr {{ {', '.join(of_family)} }}", *rest]))
    return lines


def merged(networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> list[str]:
    """Networks of one family without those that others hold: nft takes no set whose members overlap."""
    of_one_family = cast("list[ipaddress.IPv4Network]", list(networks))
    return [str(network) for network in ipaddress.collapse_addresses(of_one_family)]


class Enforcement:
    """One device's table.

    `namespace`: the path of the network namespace to work in; None: the process's own. `addresses`: the device's own;
    given, the rules hold for packets to these only, so that many devices can share a namespace.
    """

    def __init__(self, name: str, namespace: str | None = None, addresses: Sequence[str] = ()) -> None:
        """Nothing is loaded yet."""
        self.table = f"device-{name}"
        self._enter = [this_host.tool("nsenter"), f"--net={namespace}", "--"] if namespace else []
        self._addresses = addresses
        self._counters: tuple[str, ...] = ()

    def apply(self, chains: Mapping[str, Sequence[str | Sequence[str]]], counters: Sequence[str] = ()) -> None:
        """Replace the whole table; rules may come as `rule` makes them, in lists. A LabError changes nothing.

        `counters` are more counters that rules may name (`counter name …`); they go on from where they were.
        """
        before = self.counted() if counters and self._counters else {}
        lines = [f"table inet {self.table}", f"delete table inet {self.table}", f"table inet {self.table} {{"]
        lines.append("counter denied { }")
        lines += [f"counter {_name(one)} {{ packets {before.get(one, 0)} bytes 0 }}" for one in counters]
        lines += [
            f"chain {_name(chain)} {{ }}" for chain in chains if chain != "input"
        ]  # a jump may come before its chain
        for chain, rules in chains.items():
            lines.append(f"chain {_name(chain)} {{")
            if chain == "input":
                lines.append("type filter hook input priority filter; policy accept;")
                lines.append(TRACKED)
                lines += self._only_mine() if self._addresses else ['iifname "lo" accept']
            for one in rules:
                lines += [one] if isinstance(one, str) else one
            lines.append("}")
        self._nft("\n".join([*lines, "}", ""]))
        self._counters = tuple(counters)

    def remove(self) -> None:
        """Take the table away, as when the device has no power: what is listening can be reached."""
        self._nft(f"table inet {self.table}\ndelete table inet {self.table}\n")
        self._counters = ()

    def denied(self) -> int:
        """How many packets the counter `denied` (DROP, RESET) has seen since the last `apply`."""
        return self._packets().get("denied", 0)

    def forget(self) -> None:
        """The counters begin anew with the next `apply`, as after a boot."""
        self._counters = ()

    def counted(self) -> dict[str, int]:
        """How many packets each counter has seen; none where `apply` was given none."""
        if not self._counters:
            return {}
        return self._packets()

    def _packets(self) -> dict[str, int]:
        """Of the whole table: for a list of counters alone nft looks through all tables of the namespace."""
        text = self._nft("", "list", "table", "inet", self.table)
        return {name: int(packets) for name, packets in re.findall(r"counter (\S+) {\s+packets (\d+)", text)}

    def _only_mine(self) -> list[str]:
        lines = []
        for version, word in ((4, "ip"), (6, "ip6")):
            mine = [a for a in self._addresses if ipaddress.ip_address(a).version == version]
            held = f"{word} daddr != {{ {', '.join(mine)} }} accept" if mine else f"meta nfproto ipv{version} accept"
            lines.append(held)
        return lines

    def _nft(self, text: str, *arguments: str) -> str:
        words = [*self._enter, this_host.tool("nft"), *(arguments or ("-f", "-"))]
        done = subprocess.run(words, input=text, capture_output=True, text=True, check=False, timeout=30)
        if done.returncode != 0:
            raise LabError(f"{self.table}: the kernel does not take the rules: {' '.join(done.stderr.split())}")
        return done.stdout


def _name(chain: str) -> str:
    if CHAIN.fullmatch(chain) is None:
        raise LabError(f"no chain can be called {chain!r}")
    return chain
