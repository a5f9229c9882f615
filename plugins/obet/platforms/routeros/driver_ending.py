"""The last step of an ending: the router itself removes our account and the rules that let us in.

A scheduler entry of ours imports a file. It waits for long, as it is there for a run that is cut off, and is told to go
on at once when every login of ours was refused. It and its file go with it.
"""

from __future__ import annotations

import contextlib
import socket
import time

from obet.errors import DeviceError
from obet.model import Device
from obet.platforms.routeros.driver_api import Api
from obet.platforms.routeros.driver_files import Files
from obet.platforms.routeros.driver_timer import POLICY

_NAME = "obet-end"
_PATH, _MENU = "/system/scheduler", "/system scheduler"
# Longer than it takes to believe a removal that was cut off (network_operations): until then the router can be asked.
_WAITS, _AT_ONCE = 20 * 60, 1
_LONGEST, _PAUSE = 30.0, 0.5  # seconds in which it must be seen, and between two looks
_LOOKS = 3  # at which it must let us in no more, one after another: a packet may get lost


class Ending:
    def __init__(self, device: Device, api: Api, files: Files) -> None:
        self._device, self._api, self._files = device, api, files
        self._armed = False

    def there(self) -> bool:
        return bool(self._rows())

    def clear(self) -> None:
        """What a run that was cut off has armed."""
        if numbers := [row[".id"] for row in self._rows()]:
            self._api.ask(f"{_PATH}/remove", f"=.id={','.join(numbers)}")

    def arm(self, text: str) -> None:
        """DeviceError unless it waits then."""
        file = f"{self._files.folder()}{_NAME}.rsc"
        self._files.put(file, text)
        self._files.check(file)
        event = (
            f'/import file-name="{file}"; {_MENU} remove [find where name="{_NAME}"]; '
            f'/file remove [find where name="{file}"]'
        )
        words = (f"=name={_NAME}", f"=interval={_WAITS}s", f"=on-event={event}", f"=policy={POLICY}")
        self._api.ask(f"{_PATH}/add", *words)
        if [row for row in self._rows() if not row.get("next-run")] or not self.there():
            raise DeviceError(f"{self._device.id}: has not armed the end of our access as told: our account stays")
        self._armed = True

    def go_on(self) -> str:
        """What of it was not seen: nothing, once the router lets this node in no more, or if nothing was armed."""
        if not self._armed:
            return ""
        with contextlib.suppress(DeviceError):  # it may have ended our session: then it waits for the whole time
            for row in self._rows():
                self._api.ask(f"{_PATH}/set", f"=.id={row['.id']}", f"=interval={_AT_ONCE}s")
        until = time.monotonic() + _LONGEST
        while any(self._lets_us_in() for _ in range(_LOOKS)):
            if time.monotonic() > until:
                minutes = _WAITS // 60
                return f"not seen: the router removes our account and addresses by itself within {minutes} minutes"
            time.sleep(_PAUSE)
        return ""

    def _lets_us_in(self) -> bool:
        """True also where it could not be asked: a node without a network is let in nowhere."""
        where = str(self._device.addresses.first), self._device.port("api-ssl")
        try:
            socket.create_connection(where, timeout=1.0).close()
        except (TimeoutError, ConnectionRefusedError, ConnectionResetError):
            return False
        except OSError:
            return True
        return True

    def _rows(self) -> list[dict[str, str]]:
        return self._api.ask(f"{_PATH}/print", "=.proplist=.id,name,next-run", f"?name={_NAME}")
