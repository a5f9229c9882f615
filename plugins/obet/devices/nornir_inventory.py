"""An estate as a Nornir inventory, by entry point `obet`: ids, platforms and addresses, no secret.

InitNornir(inventory={"plugin": "obet", "options": {"folder": "inventories/example"}}, logging={"enabled": False})
"""

from __future__ import annotations

from pathlib import Path

from nornir.core.inventory import Defaults, Group, Groups, Host, Hosts, Inventory, ParentGroups

from obet import estate as estates
from obet.model import Estate


class ObetInventory:
    """The inventory plugin (nornir.core.plugins.inventory.InventoryPlugin)."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def load(self) -> Inventory:
        """EstateError as the loader says."""
        return inventory(estates.load(self._folder))


def inventory(estate: Estate) -> Inventory:
    """Each device under its opaque id, in the groups of its platform and its customer; `data` holds the device."""
    hosts, groups = Hosts(), Groups()
    for customer in estate.customers.values():
        for device in customer.devices.values():
            names = (device.platform, customer.id)
            for name in names:
                groups.setdefault(name, Group(name=name))
            hosts[device.id] = Host(
                name=device.id,
                hostname=str(device.addresses.first),
                platform=device.platform,
                groups=ParentGroups([groups[name] for name in names]),
                data={"device": device, "customer": customer.id},
            )
    return Inventory(hosts=hosts, groups=groups, defaults=Defaults())
