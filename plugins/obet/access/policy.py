"""One policy a device: management ports from the fixed addresses and named co-managers, nothing else changed."""

from __future__ import annotations

import msgspec

from obet.errors import PolicyError
from obet.model import Address, Device, Estate


class ManagementPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Host addresses only, by type; both families are always ruled, also the one with no source."""

    device: str
    ours: tuple[Address, ...]
    co_managers: tuple[Address, ...]
    ports: tuple[int, ...]

    @property
    def sources(self) -> tuple[Address, ...]:
        return tuple(sorted({*self.ours, *self.co_managers}, key=lambda a: (a.version, int(a))))


def management_policy(estate: Estate, device: Device, our_source: Address | None = None) -> ManagementPolicy:
    """The policy of `device`; PolicyError for one that is empty or would lock us out.

    `our_source` is the address that the device sees when this node connects; None while nothing is to be applied.
    """
    ours = estate.sources(device)
    if not ours:
        raise PolicyError(f"{device.id}: no execution node has a fixed address: an empty policy would mean nobody")
    families = {a.version for a in device.addresses.both}
    if device.seen_as:
        nearest, whose, named = ours, "`seen_as`", "its `seen_as`"
    else:
        nearest = estate.settings.nodes[estate.control_node].addresses.both
        whose, named = "the control node", "the estate's fixed addresses"
    if not families & {a.version for a in nearest}:
        raise PolicyError(f"{device.id}: {whose} has no address in a family of the device: give it one")
    for version in sorted(families - {a.version for a in ours}):
        raise PolicyError(
            f"{device.id}: has an IPv{version} address, but no execution node has one: rules for the other family "
            f"alone are not applied; give a node an IPv{version} address, or manage the device without its own"
        )
    if our_source is not None and our_source not in ours:
        raise PolicyError(
            f"{device.id}: this node reaches the device from {our_source}, which is none of {named}: applying would "
            "lock us out; correct the estate or the route"
        )
    return ManagementPolicy(
        device=device.id,
        ours=ours,
        co_managers=tuple(a for host in device.co_managers for a in host.both),
        ports=tuple(sorted({service.port for service in device.management})),
    )
