"""Obet's lab: servers, vantage points, a node and a Vault in network namespaces, without a container engine.

    lab = Lab.up("demo", owner_pid=os.getpid())     # gone when this process is
    lab.node1.run(["obet", "due"])                  # no capability, its own home
    lab.machine("server1").run(["nft", "list", "ruleset"])

Needs root on Linux and nothing but Python's standard library. `topology` says who is where.
"""

from .errors import CommandError, CommandTimeoutError, LabError
from .hosts import Host, Node
from .initial_login import Login
from .laboratory import Lab
from .machine import Machine
from .vault_server import VaultServer

__all__ = ["CommandError", "CommandTimeoutError", "Host", "Lab", "LabError", "Login", "Machine", "Node", "VaultServer"]
