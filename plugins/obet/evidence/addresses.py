"""Addresses in what was seen become whose they are: evidence outlives the access that a device's address belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

import msgspec

from obet.evidence.promises import Check
from obet.model import Address, Estate

_CANDIDATE = re.compile(r"(?<![0-9A-Za-z_.:])[0-9A-Fa-f:.]*[.:][0-9A-Fa-f:.]*")


class Addressees:
    """Whose each address of an estate is."""

    def __init__(self, estate: Estate) -> None:
        settings = estate.settings
        self._nodes = {a: name for name, node in settings.nodes.items() for a in node.addresses.both}
        outside = {a: name for name, host in settings.outsiders.items() for a in host.addresses.both}
        devices = [device for customer in estate.customers.values() for device in customer.devices.values()]
        others = {a: "a co-manager" for device in devices for host in device.co_managers for a in host.both}
        self._names = others | {a: device.id for device in devices for a in device.addresses.both}
        self._names |= outside | self._nodes

    def named(self, text: str) -> str:
        """`node1 to 2001:db8:51::101: logged in` becomes `node1 to d-593ccz0tsv (IPv6): logged in`."""
        return _CANDIDATE.sub(lambda found: self._name(found.group()), text)

    def in_checks(self, checks: Iterable[Check]) -> list[Check]:
        """Checks that may be kept: what was seen, by ids and families."""
        return [msgspec.structs.replace(check, seen=self.named(check.seen)) for check in checks]

    def node(self, address: str) -> str | None:
        """The execution node with that address; None when it is none of ours."""
        try:
            return self._nodes.get(ip_address(address))
        except ValueError:
            return None

    def _name(self, candidate: str) -> str:
        for end in range(len(candidate), 0, -1):
            if end < len(candidate) and candidate[end] not in ".:":
                continue
            try:
                address: Address = ip_address(candidate[:end])
            except ValueError:
                continue
            # Any address at all is nobody's, and a finding that names it is about every source.
            name = candidate[:end] if address.is_unspecified else self._names.get(address, "an address")
            return f"{name}{'' if address.is_unspecified else f' (IPv{address.version})'}{candidate[end:]}"
        return candidate
