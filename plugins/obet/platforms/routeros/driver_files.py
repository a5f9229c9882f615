"""Files of ours on a router: each has our name, is read back when it was put there, and goes when it has served."""

from __future__ import annotations

import re

from obet.errors import DeviceError
from obet.platforms.routeros.driver_api import Api

_FOLDER = "flash"  # where a router has one, all beside it is gone after a reboot
# Also what NAPALM's library leaves when it is cut off.
_OURS = re.compile(r"(?:.*/)?(?:obet[-.].*|librouteros-(?:export|import)\.rsc)")


class Files:
    def __init__(self, device: str, api: Api) -> None:
        self._device, self._api = device, api
        self._folder: str | None = None

    def ours(self) -> dict[str, str]:
        """Names and numbers."""
        rows = self._api.ask("/file/print", "=.proplist=.id,name")
        return {row["name"]: row[".id"] for row in rows if _OURS.fullmatch(row.get("name", ""))}

    def folder(self) -> str:
        """What a name begins with so that the file survives a reboot."""
        if self._folder is None:
            rows = self._api.ask("/file/print", "=.proplist=name,type", f"?name={_FOLDER}")
            self._folder = f"{_FOLDER}/" if any(row.get("type") == "directory" for row in rows) else ""
        return self._folder

    def put(self, name: str, content: str) -> None:
        """DeviceError unless all of it is there afterwards."""
        self.remove(name)
        self._api.ask("/file/add", f"=name={name}", f"=contents={content}")
        rows = self._api.ask("/file/print", "=.proplist=name,size", f"?name={name}")
        if [row.get("size") for row in rows] != [str(len(content.encode()))]:
            raise DeviceError(f"{self._device}: the file {name} is not whole on the device: make room for it")

    def has(self, name: str) -> bool:
        return bool(self._api.ask("/file/print", "=.proplist=name", f"?name={name}"))

    def check(self, name: str) -> None:
        """DeviceError for what is no script; RouterOS before 7.16 cannot say."""
        words = ("/import", f"=file-name={name}", "=verbose=yes", "=dry-run=yes")
        try:
            self._api.ask(*words)
        except DeviceError as error:
            if "unknown parameter" not in str(error):
                raise

    def run(self, name: str) -> None:
        """DeviceError when a command fails: those before it have been done."""
        self._api.ask("/import", f"=file-name={name}")

    def remove(self, *names: str) -> None:
        """Of ours; all of them when none is named."""
        there = self.ours()
        if numbers := [number for name, number in there.items() if not names or name in names]:
            self._api.ask("/file/remove", f"=.id={','.join(numbers)}")
