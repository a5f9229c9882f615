"""SCP as the old protocol has it: one file up or down."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from lab.simulators.faults import DroppedError, RefusedError

from .flash import FileError, full_name
from .logins import FULL

if TYPE_CHECKING:
    import asyncssh

    from .console import Console

OK, ERROR = b"\0", b"\x01"


async def serve(console: Console, process: asyncssh.SSHServerProcess[bytes]) -> None:
    """`scp -t FILE` takes a file, `scp -f FILE` gives one; both only where the configuration says so."""
    command = process.command or ""
    try:
        process.stdout.write(await console.device.faults.before(command))
    except DroppedError:
        console.cut()
        return
    except RefusedError as refused:
        process.stdout.write(ERROR + str(refused).encode() + b"\n")
        return
    if not console.device.config.root.has("ip scp server enable"):
        process.stdout.write(ERROR + b"Administratively disabled.\n")
        return
    if console.privilege < FULL:
        process.stdout.write(ERROR + b"Privilege denied.\n")
        return
    words = shlex.split(command)
    name = full_name(words[-1])
    try:
        if "-t" in words:
            await _take(console, process, name)
        elif "-f" in words:
            await _give(console, process, name)
    except FileError as error:
        process.stdout.write(ERROR + f"%Error opening {name} ({error})\n".encode())


async def _take(console: Console, process: asyncssh.SSHServerProcess[bytes], name: str) -> None:
    process.stdout.write(OK)
    while line := await process.stdin.readline():
        if line[:1] == b"C":
            size = int(line.split()[1])
            if size > console.device.flash.free:
                raise FileError("No space left on device")
            process.stdout.write(OK)
            content = await process.stdin.readexactly(size)
            await process.stdin.readexactly(1)
            await _store(console, name, content)
        process.stdout.write(OK)


async def _store(console: Console, name: str, content: bytes) -> None:
    if name.startswith("nvram:startup"):
        console.device.save_text(content)
    elif name.startswith("system:running"):
        await console.device.merge(content, console.user)
    else:
        console.device.flash.write(name, content)


async def _give(console: Console, process: asyncssh.SSHServerProcess[bytes], name: str) -> None:
    content = console.device.read(name)
    await process.stdin.readexactly(1)
    title = name.partition(":")[2].rpartition("/")[2]
    process.stdout.write(f"C0644 {len(content)} {title}\n".encode())
    await process.stdin.readexactly(1)
    process.stdout.write(content + OK)
    await process.stdin.readexactly(1)
