"""The real drivers against the lab's switch, with the host key pinned."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from typing import TYPE_CHECKING, Any

import paramiko
from lab import network
from lab.simulators.simulator import Simulator
from lab.topology import namespace
from napalm.ios import IOSDriver
from netmiko import ConnectHandler
from pysnmp.hlapi.v3arch.asyncio import (
    CommunityData,
    ContextData,
    ObjectIdentity,
    ObjectType,
    SnmpEngine,
    UdpTransportTarget,
    UsmUserData,
    get_cmd,
)  # fmt: skip
from simulator_support import at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READY = ["ip scp server enable", "archive", " path flash:archive"]
PATIENCE = 15.0


def pinned(device: Simulator, key: str = "") -> str:
    """A file of known hosts with this key, the device's own unless said otherwise; it goes with the device."""
    known = key or device.ssh_host_key
    path = device.directory / f"known_hosts_{hashlib.sha256(known.encode()).hexdigest()[:12]}"
    path.write_text("".join(f"{address} {known}\n" for address in (device.ipv4, device.ipv6)), encoding="utf-8")
    return str(path)


def napalm(device: Simulator, known_hosts: str = "", **login: str) -> IOSDriver:
    """NAPALM's driver, which takes no key but the pinned one; not open yet."""
    user = login.get("user", device.initial_login.user)
    password = login.get("password", device.initial_login.password)
    options = strict(known_hosts or pinned(device))
    return IOSDriver(device.ipv4, user, password, timeout=15, optional_args=options)


def strict(known_hosts: str) -> dict[str, Any]:
    """Netmiko's options for a pinned host key."""
    return {"ssh_strict": True, "system_host_keys": False, "alt_host_keys": True, "alt_key_file": known_hosts,
            "use_keys": False, "allow_agent": False}  # fmt: skip


@contextlib.contextmanager
def console(device: Simulator, **more: Any) -> Iterator[Any]:
    """Netmiko's session; use it within `as_node`."""
    login = {"username": device.initial_login.user, "password": device.initial_login.password, "host": device.ipv4}
    connection = ConnectHandler(device_type="cisco_ios", **strict(pinned(device)), **(login | more))
    try:
        yield connection
    finally:
        connection.disconnect()


def as_node(device: Simulator, work: Callable[[], Any], host: str = "node1") -> Any:
    """Run it as a host of the lab."""
    return at(device, host, work)


def told(device: Simulator, *commands: str, host: str = "node1", **more: Any) -> list[str]:
    """What the commands of one session print."""

    def work() -> list[str]:
        with console(device, **more) as session:
            return [str(session.send_command(command, read_timeout=15)) for command in commands]

    return list(as_node(device, work, host))


def session(device: Simulator, host: str = "node1", address: str = "", **login: Any) -> paramiko.SSHClient:
    """A login that stays; close it. `login` goes to paramiko."""

    def work() -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        client.load_host_keys(pinned(device))
        user = login.pop("user", device.initial_login.user)
        password = login.pop("password", device.initial_login.password)
        client.connect(
            address or device.ipv4, username=user, password=password, timeout=5, look_for_keys=False,
            allow_agent=False, **login,
        )  # fmt: skip
        client.invoke_shell()
        return client

    client: paramiko.SSHClient = as_node(device, work, host)
    return client


def gets_in(device: Simulator, host: str = "node1", address: str = "", **login: Any) -> bool:
    """Whether a login ends at the prompt."""
    try:
        client = session(device, host, address, **login)
    except (OSError, paramiko.SSHException):
        return False
    client.close()
    return True


def telnet_answers(device: Simulator, user: str, password: str, host: str = "node1") -> str:
    """What a telnet login and one command print; what is asked is waited for."""
    connection = network.connect(namespace(device.lab, host), device.ipv4, 23, 5.0)
    said = ""
    with connection:
        for question, answer in (("Username: ", user), ("Password: ", password), ("#", "show privilege")):
            while not said.endswith(question) and "% Login invalid" not in said:
                said += connection.recv(4096).decode("latin-1")
            connection.sendall(f"{answer}\r\n".encode())
        while "privilege level" not in said and "% Login invalid" not in said:
            said += connection.recv(4096).decode("latin-1")
    return said


def system_name(device: Simulator, credential: CommunityData | UsmUserData, host: str = "node1") -> str:
    """What the SNMP agent says its name is to a host, or why it does not say so."""

    async def ask() -> str:
        engine = SnmpEngine()
        where = await UdpTransportTarget.create((device.ipv4, 161), timeout=1, retries=0)
        name = ObjectType(ObjectIdentity("1.3.6.1.2.1.1.5.0"))
        error, _, _, values = await get_cmd(engine, credential, where, ContextData(), name)
        engine.close_dispatcher()
        return str(error) if error else str(values[0][1])

    return str(as_node(device, lambda: asyncio.run(ask()), host))


def until(claim: Callable[[], bool]) -> bool:
    """Whether it comes true in time."""
    deadline = time.monotonic() + PATIENCE
    while not claim():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
