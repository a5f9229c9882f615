"""Commands that change something: modes, files, the archive, reload."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .archive import ArchiveError
from .commands import command
from .configure import ENTERED
from .flash import NULL, RUNNING, STARTUP, FileError, full_name
from .logins import FULL

if TYPE_CHECKING:
    from .console import Console

ATTEMPTS = 3
REPLACING = (
    "This will apply all necessary additions and deletions\nto replace the current running configuration with the\n"
    "contents of the specified configuration file, which is\nassumed to be a complete configuration, not a partial\n"
    "configuration. Enter Y if you are sure you want to proceed. ? [no]: "
)


@command("enable", "enable <level>", privilege=0)
async def enable(console: Console, arguments: list[str]) -> str:
    """Privileged mode, with the password where one is set."""
    level = int(arguments[0]) if arguments and arguments[0].isdigit() else FULL
    if console.privilege >= level:
        return ""
    if console.device.users.enable_matches("") is None:
        return "% Error in authentication.\n"
    for _ in range(ATTEMPTS):
        if console.device.users.enable_matches(await console.ask("Password: ", echo=False)):
            console.privilege = level
            return ""
    return "% Bad secrets\n"


@command("disable", privilege=0)
async def disable(console: Console, _arguments: list[str]) -> str:
    """Back to the user's mode."""
    console.privilege = 1
    return ""


@command("exit", "quit", "logout", privilege=0)
async def leave(console: Console, _arguments: list[str]) -> str:
    """The end of the session."""
    console.close()
    return ""


@command("terminal length <lines>", "terminal width <columns>", privilege=0)
async def terminal(console: Console, arguments: list[str]) -> str:
    """The size of the screen."""
    if not arguments[0].isdigit() or int(arguments[0]) > 512:
        return "% Invalid input detected at '^' marker.\n"
    console.length = int(arguments[0]) if console.typed.split()[1].startswith("l") else console.length
    return ""


@command("terminal monitor", "terminal no monitor", privilege=0)
async def monitor(console: Console, _arguments: list[str]) -> str:
    """Messages on this terminal, or none."""
    console.monitors = "no" not in console.typed.split()
    return ""


@command("terminal no editing", "clear counters", privilege=0)
async def nothing(_console: Console, _arguments: list[str]) -> str:
    """What changes nothing here."""
    return ""


@command("configure terminal", "configure terminal lock")
async def configure_terminal(console: Console, _arguments: list[str]) -> str:
    """Configuration mode."""
    console.contexts = console.device.config.top()
    return ENTERED


@command("configure terminal revert timer <minutes>", "configure terminal lock revert timer <minutes>")
async def configure_revert_timer(console: Console, arguments: list[str]) -> str:
    """Configuration mode, for a change that reverts itself."""
    return _armed(console, arguments[0], "absolute")


@command("configure terminal revert idle <minutes>")
async def configure_revert_idle(console: Console, arguments: list[str]) -> str:
    """The same, for a timer that counts while nobody types."""
    return _armed(console, arguments[0], "idle")


def _armed(console: Console, minutes: str, kind: str) -> str:
    if not minutes.isdigit() or not 1 <= int(minutes) <= 120:
        return f"{' ' * len(console.prompt)}^\n% Invalid input detected at '^' marker.\n"
    try:
        said = console.device.archive.arm(console.user, int(minutes), kind)
    except ArchiveError as refused:
        return str(refused)
    console.contexts = console.device.config.top()
    return f"{said}\n{ENTERED}"


@command("configure confirm")
async def confirm(console: Console, _arguments: list[str]) -> str:
    """Keep the change."""
    try:
        console.device.archive.confirm(console.user)
    except ArchiveError as refused:
        return str(refused)
    return ""


@command("configure revert now")
async def revert_now(console: Console, _arguments: list[str]) -> str:
    """Undo the change."""
    try:
        return await console.device.archive.revert(console.user)
    except ArchiveError as refused:
        return str(refused)


@command("configure revert timer <minutes>", "configure revert timer idle <minutes>")
async def revert_timer(console: Console, arguments: list[str]) -> str:
    """Another time for the change under way."""
    kind = "idle" if "idle" in console.typed.split() else "absolute"
    try:
        console.device.archive.change_timer(console.user, int(arguments[0]), kind)
    except (ArchiveError, ValueError) as refused:
        return str(refused)
    return ""


@command("configure replace <file> (options?...)")
async def replace(console: Console, arguments: list[str]) -> str:
    """The running configuration from a file."""
    name, options = full_name(arguments[0]), arguments[1]
    device = console.device
    if not device.archive.path and "revert" in options:
        return "%Please turn config archive on before using this command"
    try:
        text = device.read(name).decode("latin-1")
    except FileError as error:
        return f"%Error opening {name} ({error})"
    if "force" not in options.split() and (await console.ask(REPLACING)).lower() not in ("y", "yes"):
        return ""
    minutes = re.search(r"(?:timer|time) (\d+)", options)
    said = ""
    try:
        if minutes:
            said = device.archive.arm(console.user, int(minutes[1]))
        return said + (await device.archive.replace(text, undo_on_error="trigger error" in options))[0]
    except ArchiveError as refused:
        return said + str(refused)


@command("archive config")
async def archive_config(console: Console, _arguments: list[str]) -> str:
    """A copy of the running configuration."""
    try:
        console.device.archive.save()
    except ArchiveError as refused:
        return str(refused).replace("before using Rollback Confirmed Change", "before using this command")
    return ""


@command("write", "write memory")
async def write_memory(console: Console, _arguments: list[str]) -> str:
    """Save the running configuration."""
    console.device.save(console.user)
    return "Building configuration...\n[OK]"


@command("write erase", "erase startup-config", "erase nvram:")
async def erase(console: Console, _arguments: list[str]) -> str:
    """Forget what was saved."""
    question = "Erasing the nvram filesystem will remove all configuration files! Continue? [confirm]"
    if not await console.confirmed(question):
        return ""
    console.device.erase()
    return "[OK]\nErase of nvram: complete"


@command("copy <source> <target>")
async def copy(console: Console, arguments: list[str]) -> str:
    """From one file to another; a running configuration takes a file's lines in."""
    source, target = full_name(arguments[0]), full_name(arguments[1])
    device = console.device
    shown = {STARTUP: "startup-config", RUNNING: "running-config"}.get(target, target.partition(":")[2].lstrip("/"))
    quiet = device.config.root.has("file prompt quiet")
    if not quiet:
        await console.ask(f"Destination filename [{shown}]? ")
    for remote in (source, target):
        if re.match(r"(tftp|ftp|scp|http|https|sftp|rcp):", remote):
            return f"%Error opening {remote} (Timed out)"
    try:
        content = b"" if source == NULL else device.read(source)
        if target == RUNNING:
            return await device.merge(content, console.user) + _copied(content)
        if target == STARTUP:
            device.save_text(content)
            return "Building configuration...\n[OK]"
        exists = device.flash.path(target).exists()
        warning = "%Warning:There is a file already existing with this name\nDo you want to over write? [confirm]"
        if exists and not quiet and not await console.confirmed(warning):
            return "%Error copying (user aborted)"
        device.flash.write(target, content)
    except FileError as error:
        return f"%Error opening {target if 'space' in str(error) else source} ({error})"
    return _copied(content)


def _copied(content: bytes) -> str:
    return f"{len(content)} bytes copied in 0.100 secs ({len(content) * 10} bytes/sec)\n"


@command("delete <file>", "delete /force <file>", "delete /recursive /force <file>", "delete /force /recursive <file>")
async def delete(console: Console, arguments: list[str]) -> str:
    """Remove a file."""
    name = full_name(arguments[-1])
    if "/force" not in console.typed and not console.device.config.root.has("file prompt quiet"):
        await console.ask(f"Delete filename [{name.partition(':')[2].lstrip('/')}]? ")
        if not await console.confirmed(f"Delete {name}? [confirm]"):
            return ""
    try:
        console.device.flash.delete(name)
    except FileError as error:
        return f"%Error deleting {name} ({error})"
    return ""


@command("reload", "reload /noverify")
async def reload(console: Console, _arguments: list[str]) -> str:
    """Start again from what was saved."""
    device = console.device
    if device.unsaved:
        answer = await console.ask("\nSystem configuration has been modified. Save? [yes/no]: ")
        if answer.lower().startswith("y"):
            device.save(console.user)
    if await console.confirmed("Proceed with reload? [confirm]"):
        device.reboot_soon()
    return ""


@command("reload in <minutes>", "reload in <minutes> (reason...)")
async def reload_in(console: Console, arguments: list[str]) -> str:
    """Start again after some minutes, unless it is cancelled."""
    if not arguments[0].isdigit():
        return "% Invalid input detected at '^' marker.\n"
    if not await console.confirmed("Proceed with reload? [confirm]"):
        return ""
    console.device.reload_later(int(arguments[0]))
    return ""


@command("reload cancel")
async def reload_cancel(console: Console, _arguments: list[str]) -> str:
    """No reload after all."""
    console.device.timers.cancel("reload")
    return "\n\n***\n*** --- SHUTDOWN ABORTED ---\n***\n"


@command("clear line vty <number>", "clear line <number>")
async def clear_line(console: Console, arguments: list[str]) -> str:
    """End another's session."""
    if await console.confirmed("[confirm]"):
        console.device.end_session(int(arguments[0]) if arguments[0].isdigit() else -1)
    return " [OK]"
