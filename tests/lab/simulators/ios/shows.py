"""Commands that only look."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from . import archive, services
from .access_lists import counted, counters
from .commands import command
from .flash import RUNNING, STARTUP, FileError, full_name
from .tree import LINES

if TYPE_CHECKING:
    from .console import Console

VERSION = "17.9.4a"
METHODS = {"publickey": "publickey", "keyboard": "keyboard-interactive", "password": "password"}
KEYS = "x509v3-ssh-rsa,ssh-rsa,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,rsa-sha2-256,rsa-sha2-512"
SOFTWARE = "Cisco IOS Software [Cupertino], Catalyst L3 Switch Software (CAT9K_LITE_IOSXE)"
HIDDEN = (
    "Building configuration...\n\nCurrent configuration : 52 bytes\n!\nboot-start-marker\nboot-end-marker\n!\nend\n"
)
MODEL, SERIAL = "C9200L-24T-4G", "FOC0000X000"


@command("show version", privilege=1)
async def version(console: Console, _arguments: list[str]) -> str:
    """What it is, and since when it runs."""
    device = console.device
    return f"""\
Cisco IOS XE Software, Version 17.09.04a
{SOFTWARE}, Version {VERSION}, RELEASE SOFTWARE (fc3)
Technical Support: http://www.cisco.com/techsupport
Copyright (c) 1986-2023 by Cisco Systems, Inc.

ROM: IOS-XE ROMMON
BOOTLDR: System Bootstrap, Version 17.9.1r, RELEASE SOFTWARE (P)

{device.hostname} uptime is {_uptime(device.uptime)}
Uptime for this control processor is {_uptime(device.uptime)}
System returned to ROM by Reload Command
System image file is "flash:packages.conf"
Last reload reason: Reload Command

cisco {MODEL} (ARM64) processor with 523330K/3071K bytes of memory.
Processor board ID {SERIAL}
1 Virtual Ethernet interface
28 Gigabit Ethernet interfaces
2048K bytes of non-volatile configuration memory.
2015332K bytes of physical memory.
{device.flash.free // 1024}K bytes of Flash at flash:.

Model Number                       : {MODEL}
System Serial Number               : {SERIAL}

Configuration register is 0x102
"""


def _uptime(seconds: float) -> str:
    minutes = int(seconds // 60)
    parts = [(minutes // 10080, "week"), (minutes // 1440 % 7, "day"), (minutes // 60 % 24, "hour")]
    shown = [f"{count} {unit}{'s' if count != 1 else ''}" for count, unit in parts if count]
    return ", ".join([*shown, f"{minutes % 60} minute{'s' if minutes % 60 != 1 else ''}"])


@command("show running-config", "show running-config all")
async def running(console: Console, _arguments: list[str]) -> str:
    """The running configuration; a session below privilege 15 sees nothing of it."""
    if console.privilege < 15:
        return HIDDEN
    return _whole_running(console)


@command("show running-config view full")
async def running_view(console: Console, _arguments: list[str]) -> str:
    """The same for a session that has been given this command."""
    return _whole_running(console)


def _whole_running(console: Console) -> str:
    text = console.device.running_text()
    return f"Building configuration...\n\nCurrent configuration : {len(text)} bytes\n{text}"


@command("show running-config interface <name...>")
async def running_interface(console: Console, arguments: list[str]) -> str:
    """One interface's lines."""
    return await _section(console, f"interface {arguments[0]}")


async def _section(console: Console, header: str) -> str:
    lines = console.device.config.rendered()
    if header not in lines:
        return f"{' ' * len(console.prompt)}^\n% Invalid input detected at '^' marker.\n"
    rest = lines[lines.index(header) + 1 :]
    body = rest[: next((n for n, line in enumerate(rest) if not line.startswith(" ")), len(rest))]
    text = "\n".join([header, *body, "end"])
    return f"Building configuration...\n\nCurrent configuration : {len(text)} bytes\n!\n{text}\n"


@command("show startup-config", "show configuration")
async def startup(console: Console, _arguments: list[str]) -> str:
    """What the next start begins with."""
    try:
        content = console.device.read(STARTUP).decode("latin-1")
    except FileError:
        return "startup-config is not present"
    return f"Using {len(content)} out of 2097152 bytes\n{content}"


@command("show ip interface brief", privilege=1)
async def interfaces(console: Console, _arguments: list[str]) -> str:
    """Addresses and states."""
    rows = [f"{'Interface':<22} {'IP-Address':<15} OK? Method {'Status':<21} Protocol"]
    for name, section in console.device.config.sections("interface"):
        address = section.get("ip", "address").split()
        down = section.has("shutdown")
        status = "administratively down" if down else "up"
        shown = address[0] if address else "unassigned"
        rows.append(f"{name:<22} {shown:<15} YES NVRAM  {status:<21} {'down' if down else 'up'}")
    return "\n".join(rows)


@command("show hosts", privilege=1)
async def hosts(console: Console, _arguments: list[str]) -> str:
    """The domain."""
    domain = console.device.config.root.get("ip", "domain", "name") or "not set"
    return f"Default domain is {domain}\nName/address lookup uses domain service\nName servers are 255.255.255.255\n"


@command("show users", "who", privilege=1)
async def users(console: Console, _arguments: list[str]) -> str:
    """Who is logged in."""
    rows = ["    Line       User       Host(s)              Idle       Location"]
    for number, session in sorted(console.device.sessions.items()):
        mark = "*" if session is console else " "
        who = f"{mark}{number + 1:3} vty {number:<3}  {session.user:<10}"
        rows.append(f"{who} idle                 00:00:00 {session.address}")
    return "\n".join([*rows, "", "  Interface    User               Mode         Idle     Peer Address"])


@command("show line", privilege=1)
async def lines(console: Console, _arguments: list[str]) -> str:
    """The terminal lines: the console, and the virtual ones."""
    rows = ["   Tty Line Typ     Tx/Rx    A Roty AccO AccI  Uses    Noise Overruns  Int"]
    for number, kind in enumerate(("CTY", *["VTY"] * LINES)):
        used = "*" if number - 1 in console.device.sessions else " "
        rows.append(f"{used}{number:5} {number:4} {kind}              -    -    -    -     0       0    0/0      -")
    return "\n".join([*rows, ""])


@command("show privilege", privilege=0)
async def privilege(console: Console, _arguments: list[str]) -> str:
    """This session's level."""
    return f"Current privilege level is {console.privilege}"


@command("show ip ssh", privilege=1)
async def ip_ssh(console: Console, _arguments: list[str]) -> str:
    """The SSH server's settings."""
    device, root = console.device, console.device.config.root
    named = device.algorithms()
    seconds, retries = root.get("ip", "ssh", "time-out"), root.get("ip", "ssh", "authentication-retries")
    timeouts = f"Authentication timeout: {seconds or 120} secs; Authentication retries: {retries or 3}"
    enabled = "Enabled" if device.has_key else "Disabled"
    chosen = [word for word in METHODS if root.has(f"ip ssh server authenticate user {word}")] or list(METHODS)
    keys = ",".join(root.get("ip", "ssh", "server", "algorithm", "publickey").split()) or KEYS
    return "\n".join((
        f"SSH {enabled} - version {'2.0' if root.get('ip', 'ssh', 'version') in ('', '2') else '1.99'}",
        f"Authentication methods:{','.join(METHODS[word] for word in chosen)}",
        f"Authentication Publickey Algorithms:{keys}",
        f"Encryption Algorithms:{','.join(named['encryption'])}", f"MAC Algorithms:{','.join(named['mac'])}",
        f"KEX Algorithms:{','.join(named['kex'])}",
        timeouts,
        f"Minimum expected Diffie Hellman key size : {root.get('ip', 'ssh', 'dh', 'min', 'size') or 2048} bits",
        "IOS Keys in SECSH format(ssh-rsa, base64 encoded):", device.public_key() or "NONE",
    ))  # fmt: skip


@command("show ssh", privilege=1)
async def ssh(console: Console, _arguments: list[str]) -> str:
    """The SSH sessions."""
    rows = ["Connection Version Mode Encryption  Hmac         State                 Username"]
    for number, session in sorted(console.device.sessions.items()):
        rows.append(f"{number:<10} 2.0     IN   aes256-ctr  hmac-sha2-256 Session started      {session.user}")
    return "\n".join([*rows, "%No SSHv1 server connections running."])


@command("show crypto key mypubkey rsa", "show crypto key mypubkey all", privilege=1)
async def crypto_key(console: Console, _arguments: list[str]) -> str:
    """The host key."""
    device = console.device
    if not device.has_key:
        return ""
    data = device.key_data()
    rows = [data[start : start + 64] for start in range(0, len(data), 64)]
    spaced = ["  " + " ".join(row[start : start + 8] for start in range(0, len(row), 8)) for row in rows]
    name = f"{device.hostname}.{device.config.root.get('ip', 'domain', 'name')}".rstrip(".")
    return "\n".join((
        "% Key pair was generated at: 00:00:00 UTC Jan 1 2024", f"Key name: {name}", "Key type: RSA KEYS",
        " Storage Device: private-config", " Usage: General Purpose Key", " Key is not exportable. Redundancy enabled.",
        " Key Data:", *spaced,
    ))  # fmt: skip


@command("show archive")
async def show_archive(console: Console, _arguments: list[str]) -> str:
    """The copies."""
    return console.device.archive.show()


@command("show archive config rollback timer")
async def rollback_timer(console: Console, _arguments: list[str]) -> str:
    """The change that reverts itself."""
    return console.device.archive.timer()


@command(
    "show archive config differences", "show archive config differences <old>",
    "show archive config differences <old> <new> (options?...)",
)  # fmt: skip
async def show_differences(console: Console, arguments: list[str]) -> str:
    """What differs between two configurations."""
    old = full_name(arguments[0]) if arguments else STARTUP
    new = full_name(arguments[1]) if len(arguments) > 1 else RUNNING
    if len(arguments) == 1:
        old, new = RUNNING, old
    texts = []
    for name in (old, new):
        try:
            texts.append(console.device.read(name).decode("latin-1"))
        except FileError as error:
            return f"%Error opening {name} ({error})"
    return "\n" + archive.differences(*texts)


@command("show archive config incremental-diffs <file> (options?...)")
async def show_incremental(console: Console, arguments: list[str]) -> str:
    """What a file would change."""
    name = full_name(arguments[0])
    try:
        text = console.device.read(name).decode("latin-1")
    except FileError as error:
        return f"%Error opening {name} ({error})"
    return "\n" + archive.incremental(console.device.config.rendered(), text)


@command("show ip access-lists", "show ip access-lists <name>", "show access-lists", privilege=1)
async def access_lists(console: Console, arguments: list[str]) -> str:
    """The IPv4 lists."""
    rows, seen = [], await _seen(console)
    for kind in ("standard", "extended"):
        for name, section in console.device.config.sections("ip", "access-list", kind):
            if section.access_list and name in (arguments or [name]):
                rows += [f"{kind.capitalize()} IP access list {name}"]
                counted_as = counters("ip", name, section.access_list)
                rows += [
                    f"    {n} {counted(e.text, seen.get(counted_as.get(n, ''), 0))}"
                    for n, e in section.access_list.entries.items()
                ]
    return "\n".join(rows)


@command("show ipv6 access-list", "show ipv6 access-list <name>", privilege=1)
async def ipv6_access_lists(console: Console, arguments: list[str]) -> str:
    """The IPv6 lists."""
    rows, seen = [], await _seen(console)
    for name, section in console.device.config.sections("ipv6", "access-list"):
        if section.access_list and name in (arguments or [name]):
            rows += [f"IPv6 access list {name}"]
            counted_as = counters("ipv6", name, section.access_list)
            rows += [
                f"    {counted(entry.text, seen.get(counted_as.get(n, ''), 0))} sequence {n}"
                for n, entry in section.access_list.entries.items()
            ]
    return "\n".join(rows)


async def _seen(console: Console) -> dict[str, int]:
    """How many packets each counter has seen; other devices of the process go on while the kernel is asked."""
    enforcement = console.device.enforcement
    return await asyncio.to_thread(enforcement.counted) if enforcement else {}


@command("show snmp user")
async def snmp_users(console: Console, _arguments: list[str]) -> str:
    """The SNMPv3 users, which the configuration does not show."""
    return "\n".join(
        f"\nUser name: {name}\nEngine ID: {console.device.engine_id}\nstorage-type: nonvolatile\t active\n"
        f"Authentication Protocol: {fields['auth'].upper() or 'None'}\n"
        f"Privacy Protocol: {fields['priv'].upper() or 'None'}\nGroup-name: {fields['group']}"
        for name, fields in console.device.snmp_users.items()
    )


@command("show clock", privilege=1)
async def clock(console: Console, _arguments: list[str]) -> str:
    """The device's time."""
    return console.device.timers.now.strftime("*%H:%M:%S.%f")[:-3] + console.device.timers.now.strftime(
        " UTC %a %b %d %Y"
    )


@command("show reload")
async def show_reload(console: Console, _arguments: list[str]) -> str:
    """The reload to come."""
    left = console.device.timers.remaining().get("reload")
    return "No reload is scheduled." if left is None else f"Reload scheduled in {int(left // 60)} minutes"


@command("show control-plane host open-ports", privilege=1)
async def open_ports(console: Console, _arguments: list[str]) -> str:
    """What listens."""
    device = console.device
    opened = services.openings(device.config, device.busy, has_key=device.has_key)
    header = f"{'Prot':<4} {'Local Address':>27} {'Foreign Address':>27} {'Service':>20} {'State':>8}"
    rows = ["Active internet connections (servers and established)", header]
    for protocol, ports, state in (("tcp", opened.tcp, "LISTEN"), ("udp", opened.udp, "")):
        rows += [f"{protocol:>4} {f'*:{port}':>27} {'*:0':>27} {'-':>20} {state:>8}" for port in sorted(ports)]
    return "\n".join(rows)


@command("dir", "dir <file>", "dir /recursive <file>", "show flash:")
async def directory(console: Console, arguments: list[str]) -> str:
    """The files of flash."""
    name = full_name(arguments[-1]) if arguments else "flash:"
    if not name.startswith(("flash:", "bootflash:")):
        return f"%Error opening {name} (No such device)"
    try:
        return console.device.flash.listing(name)
    except FileError as error:
        return f"%Error opening {name} ({error})"


@command("more <file>")
async def more(console: Console, arguments: list[str]) -> str:
    """A file's content."""
    name = full_name(arguments[0])
    try:
        return console.device.read(name).decode("latin-1")
    except FileError as error:
        return f"%Error opening {name} ({error})"


@command("verify /md5 <file>", "verify /md5 <file> <digest>")
async def verify(console: Console, arguments: list[str]) -> str:
    """A file's MD5."""
    name = full_name(arguments[0])
    try:
        digest = console.device.flash.digest(name)
    except FileError as error:
        return f"%Error verifying {name} ({error})"
    if len(arguments) > 1:
        verdict = "Verified" if digest == arguments[1].lower() else "%Error verifying"
        return f".MD5 of {name} Done!\n{verdict} ({name}) = {digest}"
    return f".MD5 of {name} Done!\nverify /md5 ({name}) = {digest}\n"
