"""What many write today: Nornir with netmiko, a thread for each device, and one read of Vault for each.

python nornir_netmiko.py HOSTS.json [RULES.txt]      reads the running configuration, or pushes the rules

Vault's address, authority and token are in the environment, as hvac takes them.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import hvac
from netmiko import ConnectHandler
from nornir.core import Nornir
from nornir.core.inventory import Defaults, Groups, Host, Hosts, Inventory
from nornir.core.task import Result, Task
from nornir.plugins.runners import ThreadedRunner

WORKERS = 50


def work(task: Task, vault: hvac.Client, rules: list[str]) -> Result:
    """One device: its password, a login, a command or the rules."""
    path = task.host.data["path"]
    answer = vault.secrets.kv.v2.read_secret_version(path=path, mount_point="kv", raise_on_deleted_version=True)
    password = answer["data"]["data"]["password"]
    with ConnectHandler(
        device_type="cisco_ios", host=task.host.hostname, username=task.host.username, password=password
    ) as device:
        if rules:
            device.send_config_set(rules)
            device.save_config()
            return Result(host=task.host, result="pushed")
        return Result(host=task.host, result=device.send_command("show running-config"))


def main(hosts: list[dict[str, Any]], rules: list[str]) -> int:
    """0 when all devices answered as they must."""
    vault = hvac.Client(url=os.environ["VAULT_ADDR"], verify=os.environ["VAULT_CACERT"])
    inventory = Hosts({
        one["id"]: Host(name=one["id"], hostname=one["address"], username=one["user"], data=one) for one in hosts
    })  # fmt: skip
    runner = ThreadedRunner(num_workers=WORKERS)
    nornir = Nornir(inventory=Inventory(hosts=inventory, groups=Groups(), defaults=Defaults()), runner=runner)
    found = nornir.run(task=work, vault=vault, rules=rules)
    done = [name for name, result in found.items() if not result.failed and (rules or "\nend" in result[0].result)]
    print(f"{len(done)} of {len(hosts)}")
    for name, result in found.failed_hosts.items():
        print(name, result[0].exception, file=sys.stderr)
    return 0 if len(done) == len(hosts) else 1


if __name__ == "__main__":
    text = Path(sys.argv[2]).read_text(encoding="utf-8").splitlines() if len(sys.argv) > 2 else []
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), text))
