"""Who is where: the same networks, names and addresses in every lab, because each lab is isolated.

All addresses are from the ranges kept for documentation (RFC 5737, RFC 3849), so none can be a real machine's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

VAULT_PORT = 8200
STATUS_PORT = 8443


class Kind(StrEnum):
    """What a host is for; what is installed on it follows from that."""

    VAULT = "vault"
    NODE = "node"
    SERVER = "server"
    VANTAGE = "vantage"
    CUSTOMER = "customer"
    ROUTER = "router"
    SWITCH = "switch"


@dataclass(frozen=True)
class Network:
    """One bridge in the router's namespace; host number 1 is the router."""

    name: str
    ipv4_prefix: str
    ipv6_prefix: str

    def ipv4(self, number: int) -> str:
        """The IPv4 address of a host number."""
        return f"{self.ipv4_prefix}.{number}"

    def ipv6(self, number: int) -> str:
        """The IPv6 address that ends in the same digits, so that both families read alike."""
        return f"{self.ipv6_prefix}::{number}"


@dataclass(frozen=True)
class Place:
    """A host's name, kind and addresses."""

    name: str
    kind: Kind
    network: Network
    number: int

    @property
    def ipv4(self) -> str:
        """The host's only IPv4 address."""
        return self.network.ipv4(self.number)

    @property
    def ipv6(self) -> str:
        """The host's only global IPv6 address."""
        return self.network.ipv6(self.number)

    @property
    def is_machine(self) -> bool:
        """Whether it has a file tree of its own (the others need the checkout and its venv)."""
        return self.kind not in (Kind.VAULT, Kind.NODE, *SIMULATED)


SIMULATED = {Kind.ROUTER: "routeros", Kind.SWITCH: "ios"}  # network devices, and the platform of each


MGMT = Network("mgmt", "198.51.100", "2001:db8:51")
ELSEWHERE = Network("elsewhere", "203.0.113", "2001:db8:cb")
NETWORKS = (MGMT, ELSEWHERE)

VAULT = Place("vault", Kind.VAULT, MGMT, 10)
NODE1 = Place("node1", Kind.NODE, MGMT, 11)
PLACES = (
    VAULT,
    NODE1,
    Place("node2", Kind.VANTAGE, MGMT, 12),
    Place("outsider1", Kind.VANTAGE, MGMT, 66),
    Place("server1", Kind.SERVER, MGMT, 101),
    Place("server2", Kind.SERVER, MGMT, 102),
    Place("server3", Kind.SERVER, MGMT, 103),
    Place("server4", Kind.SERVER, MGMT, 104),
    Place("server5", Kind.SERVER, MGMT, 105),
    Place("server6", Kind.SERVER, MGMT, 106),
    Place("router1", Kind.ROUTER, MGMT, 111),
    Place("switch1", Kind.SWITCH, MGMT, 112),
    Place("outsider2", Kind.VANTAGE, ELSEWHERE, 66),
    Place("customer1", Kind.CUSTOMER, ELSEWHERE, 21),
)
SIMULATORS = tuple(place for place in PLACES if place.kind in SIMULATED)
MACHINES = tuple(place for place in PLACES if place.is_machine)

ROUTER = "net"


def namespace(lab: str, host: str) -> str:
    """The name of a host's network namespace, as `ip netns` shows it."""
    return f"{lab}-{host}"


def namespaces(lab: str) -> tuple[str, ...]:
    """Every namespace that a lab of this name owns, the router's first."""
    return tuple(namespace(lab, host) for host in (ROUTER, *(place.name for place in PLACES)))
