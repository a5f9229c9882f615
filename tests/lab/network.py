"""The lab's network: a router with two bridges, a cable to each host, all of it in namespaces of its own."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import threading
from pathlib import Path

from . import this_host
from .errors import LabError
from .topology import NETWORKS, PLACES, ROUTER, namespace, namespaces

NAMESPACES = Path("/run/netns")
CLONE_NEWNET = 0x40000000
SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/forwarding": "1",
}
EVERY_HOST_SYSCTLS = {"net/ipv4/ping_group_range": "0 2147483647"}


def create(lab: str) -> None:
    """Make every namespace, cable, address and route of a lab; nothing of it is in the host's namespace."""
    with this_host.locked(this_host.RUN_DIRECTORY / ".netns.lock"):  # `ip` itself races when it first makes /run/netns
        this_host.command("ip", "-batch", "-", text="".join(f"netns add {name}\n" for name in namespaces(lab)))
    router = namespace(lab, ROUTER)
    _sysctl(router, SYSCTLS)
    this_host.command("ip", "-n", router, "-batch", "-", text=_router_commands(lab))
    for place in PLACES:
        _sysctl(namespace(lab, place.name), EVERY_HOST_SYSCTLS)
        text = "\n".join((
            "link set lo up",
            "link set eth0 up",
            f"address add {place.ipv4}/24 dev eth0",
            f"address add {place.ipv6}/64 dev eth0 nodad",
            f"route add default via {place.network.ipv4(1)}",
            f"route add default via {place.network.ipv6(1)}",
        ))  # fmt: skip
        this_host.command("ip", "-n", namespace(lab, place.name), "-batch", "-", text=text + "\n")


def _router_commands(lab: str) -> str:
    lines = ["link set lo up"]
    for network in NETWORKS:
        lines += [
            f"link add {network.name} type bridge forward_delay 0 mcast_snooping 0",
            f"link set {network.name} up",
            f"address add {network.ipv4(1)}/24 dev {network.name}",
            f"address add {network.ipv6(1)}/64 dev {network.name} nodad",
        ]
    for place in PLACES:
        lines += [
            f"link add {place.name} type veth peer name eth0 netns {namespace(lab, place.name)}",
            f"link set {place.name} master {place.network.name} up",
        ]
    return "\n".join(lines) + "\n"


def destroy(lab: str) -> None:
    """Remove the namespaces that exist; their cables, bridges and rules go with them."""
    present = [name for name in namespaces(lab) if (NAMESPACES / name).exists()]
    if present:
        this_host.command("ip", "-batch", "-", text="".join(f"netns delete {name}\n" for name in present))


def exists(lab: str) -> bool:
    """Whether every namespace of the lab is there."""
    return all((NAMESPACES / name).exists() for name in namespaces(lab))


def connect(name: str, address: str, port: int, timeout: float) -> socket.socket:
    """A TCP connection that starts in a namespace, for a caller outside it.

    A socket belongs to the namespace of the thread that makes it, so a thread of its own enters, connects and
    ends; the caller's own threads never leave theirs.
    """
    outcome: list[socket.socket | OSError] = []

    def enter_and_connect() -> None:
        try:
            enter(name)
            outcome.append(socket.create_connection((address, port), timeout))
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=enter_and_connect)
    thread.start()
    thread.join()
    if not isinstance(outcome[0], socket.socket):
        raise outcome[0]
    return outcome[0]


def listen(name: str, address: str, port: int) -> socket.socket:
    """A listening TCP socket in a namespace, for a caller outside it; what it accepts is in there too."""
    outcome: list[socket.socket | OSError] = []

    def enter_and_listen() -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            enter(name)
            outcome.append(socket.create_server((address, port), family=family))
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=enter_and_listen)
    thread.start()
    thread.join()
    if not isinstance(outcome[0], socket.socket):
        raise outcome[0]
    return outcome[0]


def _sysctl(name: str, values: dict[str, str]) -> None:
    """Write /proc/sys/net from a thread inside the namespace, which decides whose values these are."""
    errors: list[OSError] = []

    def enter_and_write() -> None:
        try:
            enter(name)
            for key, value in values.items():
                Path("/proc/sys", key).write_text(value, encoding="ascii")
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=enter_and_write)
    thread.start()
    thread.join()
    if errors:
        raise LabError(f"{name}: cannot set the kernel's network options: {errors[0]}")


def enter(name: str) -> None:
    """Move the calling thread into a namespace: the sockets that it makes from now on are there."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(NAMESPACES / name, os.O_RDONLY | os.O_CLOEXEC)
    with contextlib.closing(os.fdopen(descriptor, "rb")):
        if libc.setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter the network namespace {name}")
