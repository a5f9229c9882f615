"""Commands that are not about rows of the configuration: files, backups, import and export, reboot, certificates."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ..users import hash_password, password_matches
from . import certificates
from .configuration import Configuration
from .errors import RouterError, ScriptSyntaxError
from .export import Style, exported
from .requests import Answer, Caller, Request, matching

if TYPE_CHECKING:
    from .device import Simulated

Action = Callable[["Simulated", Caller, Request], Awaitable[Answer]]
BACKUP = ("ftp", "read", "write", "policy", "test")


async def export(router: Simulated, caller: Caller, request: Request) -> Answer:
    """`/export`, or a menu's; to a file with `file=`."""
    caller.need("read")
    hidden = not request.flag("show-sensitive") or "sensitive" not in caller.policies
    style = Style(request.flag("terse"), request.flag("verbose"), show_sensitive=not hidden, path=request.path)
    text = exported(router.configuration, style, router.header())
    if name := request.given.get("file"):
        caller.need("write")
        router.files.write(name if name.endswith(".rsc") else f"{name}.rsc", text.encode("utf-8", "surrogateescape"))
        return Answer()
    return Answer(text=text.replace("\n", "\r\n"))


async def import_(router: Simulated, caller: Caller, request: Request) -> Answer:
    """`/import`: what it did before an error stays done."""
    caller.need("read", "write")
    name = request.value("file-name")
    if request.flag("dry-run") and not request.flag("verbose"):
        raise RouterError("dry-run requires verbose", 1)
    source = router.files.read(name).decode("utf-8", "surrogateescape")
    said: list[str] = []
    script = router.script(caller, said.append, check=request.flag("dry-run"))
    try:
        await script.run(source)
    except ScriptSyntaxError:
        raise
    except RouterError as error:
        raise RouterError(f"Script Error: {error}") from None
    return Answer(text="".join(said) + "\r\nScript file loaded and executed successfully\r\n")


async def execute(router: Simulated, caller: Caller, request: Request) -> Answer:
    """`/execute`: a script of one argument; its output, if it was asked for."""
    caller.need("read", "write")
    said: list[str] = []
    script = router.script(caller, said.append)
    try:
        await script.run(request.value("script"))
    except RouterError as error:
        said.append(f"{error}\r\n")
    text = "".join(said)
    if name := request.given.get("file"):
        router.files.write(f"{name}.txt", text.encode())
    return Answer(ret=(text.removesuffix("\r\n") or None) if request.flag("as-string") else "*1")


async def reboot(router: Simulated, caller: Caller, _: Request) -> Answer:
    """`/system/reboot`."""
    caller.need("reboot")
    router.reboot_soon()
    return Answer()


async def reset(router: Simulated, caller: Caller, request: Request) -> Answer:
    """`/system/reset-configuration`: a new router's configuration, then perhaps a script."""
    caller.need("reboot", "policy", "write")
    fresh = router.new_configuration()
    if request.flag("keep-users"):
        for path in ("user", "user/group", "user/ssh-keys"):
            fresh.take_over(path, router.configuration.rows[path])
    script = request.value("run-after-reset", "")
    router.run_after_boot = router.files.read(script).decode("utf-8", "surrogateescape") if script else ""
    router.replace(fresh)
    router.reboot_soon()
    return Answer()


async def save_backup(router: Simulated, caller: Caller, request: Request) -> Answer:
    """`/system/backup/save`: all of the configuration with users and keys, without files."""
    caller.need(*BACKUP)
    name = request.value("name", router.configuration.single("system/identity", "name"))
    password = request.value("password", "")
    content = {"password": hash_password(password) if password else "", "configuration": router.configuration.dumped()}
    router.files.write(_backup_name(name), json.dumps(content).encode())
    return Answer(text="Saving system configuration\r\nConfiguration backup saved\r\n")


async def load_backup(router: Simulated, caller: Caller, request: Request) -> Answer:
    """`/system/backup/load`: back to that configuration, by a reboot."""
    caller.need(*BACKUP, "reboot")
    password = request.value("password")
    content = json.loads(router.files.read(_backup_name(request.value("name"))))
    if content["password"] and not password_matches(password, content["password"]):
        raise RouterError("failure: wrong password")
    router.replace(Configuration.loaded(content["configuration"]))
    router.reboot_soon()
    return Answer(text="Restoring system configuration\r\nSystem configuration restored, rebooting now\r\n")


def _backup_name(name: str) -> str:
    return name if name.endswith(".backup") else f"{name}.backup"


async def files(router: Simulated, caller: Caller, request: Request) -> Answer:
    """`/file`: what is in the store."""
    store, command = router.files, request.command
    caller.need("read")
    rows = [store.described(name) for name in store.names()]
    by_id = {row[".id"]: row["name"] for row in rows} | {row["name"]: row["name"] for row in rows}
    if command in ("print", "getall"):
        return Answer(rows=[row for row in rows if matching(row, request.conditions)])
    if command == "find":
        return Answer(ret=[row[".id"] for row in rows if matching(row, request.conditions)])
    if command == "read":
        start, size = int(request.value("offset", "0")), int(request.value("chunk-size", "32768"))
        data = store.read(request.value("file"))[start : start + size]
        return Answer(rows=[{"data": data.decode("utf-8", "surrogateescape")}])
    if command == "add":
        caller.need("write")
        name = request.value("name")
        if name in by_id:
            raise RouterError("failure: file already exists")
        store.write(name, request.value("contents", "").encode("utf-8", "surrogateescape"))
        return Answer(ret=store.id(name))
    names = [by_id.get(number, "") for number in request.numbers or ()]
    if not names or "" in names:
        raise RouterError("no such item", 0)
    if command == "get":
        return Answer(ret=store.described(names[0]).get(request.value("value-name"), ""))
    caller.need("write")
    for name in names:
        if command == "remove":
            store.remove(name)
        else:
            store.write(name, request.value("contents").encode("utf-8", "surrogateescape"))
    return Answer()


async def import_key(router: Simulated, caller: Caller, request: Request) -> Answer:
    """`/user/ssh-keys/import`: a key that was uploaded; the file goes."""
    caller.need("write", "policy")
    name = request.value("public-key-file")
    text = router.files.read(name).decode("utf-8", "replace").strip()
    router.accounts.add_key({"user": request.value("user"), "key": text})
    router.files.remove(name)
    return Answer()


async def sign(router: Simulated, caller: Caller, request: Request) -> Answer:
    """`/certificate/sign`: by itself only; its key is made now, on the router."""
    caller.need("write")
    configuration = router.configuration
    for number in request.numbers or (request.value("number"),):
        row = configuration.find("certificate", number)
        names = (configuration.value("certificate", row, "subject-alt-name") or "").split(",")
        addresses = [name.removeprefix("IP:") for name in names if name.startswith("IP:")]
        days = int(configuration.value("certificate", row, "days-valid") or "365")
        made = certificates.self_signed(configuration.value("certificate", row, "common-name") or "", addresses, days)
        row.hidden |= {"pem": made.certificate, "key": made.key}
        row.values["trusted"] = "yes"
    configuration.changed.add("certificate")
    return Answer(text="  progress: done\r\n")


async def export_certificate(router: Simulated, caller: Caller, request: Request) -> Answer:
    """`/certificate/export-certificate`: the certificate, without its key, as a file."""
    caller.need("read", "write")
    for number in request.numbers or (request.value("number"),):
        row = router.configuration.find("certificate", number)
        name = request.value("file-name", f"cert_export_{row.values['name']}")
        router.files.write(f"{name}.crt", row.hidden.get("pem", "").encode())
    return Answer()


async def run_script(router: Simulated, caller: Caller, request: Request) -> Answer:
    """`/system/script/run`."""
    caller.need("read", "write")
    said: list[str] = []
    for number in request.numbers or (request.value("number"),):
        row = router.configuration.find("system/script", number)
        await router.script(caller, said.append).run(row.values.get("source", ""))
    return Answer(text="".join(said))


async def update_device_mode(router: Simulated, caller: Caller, request: Request) -> Answer:
    """`/system/device-mode/update`: somebody must press the button (`press-button` of the control)."""
    caller.need("write", "policy")
    router.wanted_device_mode = {name: value for name, value in request.given.items() if name != "activation-timeout"}
    text = "  update: please activate by turning power off or pressing reset or mode button in 5m00s\r\n"
    return Answer(text=text)


async def change_password(router: Simulated, caller: Caller, request: Request) -> Answer:
    """`/password`: a user's own."""
    row = router.configuration.named("user", caller.user)
    if row is None or not password_matches(request.value("old-password"), row.hidden["password-hash"]):
        raise RouterError("failure: wrong current password")
    if request.value("new-password") != request.value("confirm-new-password"):
        raise RouterError("failure: new passwords do not match")
    router.accounts.set_password(row, request.value("new-password"))
    return Answer()


async def renew_host_key(router: Simulated, caller: Caller, _: Request) -> Answer:
    """`/ip/ssh/regenerate-host-key`."""
    caller.need("write", "policy")
    (router.directory / "ssh_host_ed25519_key").unlink(missing_ok=True)
    await router.ssh.renew_host_key()
    return Answer()


ACTIONS: dict[str, Action] = {
    "import": import_,
    "execute": execute,
    "password": change_password,
    "system/reboot": reboot,
    "system/reset-configuration": reset,
    "system/backup/save": save_backup,
    "system/backup/load": load_backup,
    "system/script/run": run_script,
    "system/device-mode/update": update_device_mode,
    "user/ssh-keys/import": import_key,
    "certificate/sign": sign,
    "certificate/export-certificate": export_certificate,
    "ip/ssh/regenerate-host-key": renew_host_key,
    **{f"file/{command}": files for command in ("print", "getall", "find", "get", "add", "set", "remove", "read")},
}
