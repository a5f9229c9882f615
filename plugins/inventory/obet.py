"""Inventory adapter: an estate as hosts, groups and the way to reach them. Needs no Vault and holds no secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin
from obet.errors import ObetError
from obet.hosts import NETWORK, hosts

DOCUMENTATION = """
name: obet
short_description: The devices of an estate
description:
  - Reads the folder in which this file stands (C(estate.yml), C(customers/)) and gives each device as a host under its
    opaque id, in the groups C(obet), its platform, and its customer; C(network) holds all that no role reaches.
author: The Obet team
options:
  plugin:
    description: Names this plugin.
    required: true
    choices: [obet]
"""

EXAMPLES = """
# inventories/example/obet.yml
plugin: obet
"""


class InventoryModule(BaseInventoryPlugin):  # type: ignore[misc]  # Ansible ships no types
    NAME = "obet"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and Path(path).name == "obet.yml"

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        try:
            found = hosts(Path(path).parent)
        except ObetError as error:
            raise AnsibleParserError(str(error)) from error
        for group in ("linux", NETWORK):  # which plays name, whether or not there is such a device
            inventory.add_group(group)
        for name, (groups, variables) in found.items():
            for group in groups:
                inventory.add_host(name, group=inventory.add_group(group))
            for key, value in variables.items():
                inventory.set_variable(name, key, value)
