"""A real Chromium without a window, spoken to over its DevTools pipe: no port, no driver, no library."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import F_DUPFD, fcntl
from pathlib import Path
from typing import IO, Any


class Chromium:
    """One tab. `events` are all that the browser has told of unasked, in their order."""

    def __init__(self, commands: IO[bytes], answers: IO[bytes]) -> None:
        """Commands go out and answers come in as JSON, each ended by a NUL."""
        self._commands, self._answers = commands, answers
        self._number, self._session = 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log", "Accessibility", "DOM"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer; AssertionError with the browser's own words when it refuses."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._commands.write(json.dumps(message | ({"sessionId": self._session} if self._session else {})).encode())
        self._commands.write(b"\0")
        self._commands.flush()
        while (told := self._next()).get("id") != self._number:
            self.events.append(told)
        assert "error" not in told, f"{method}: {told['error']}"
        return dict(told["result"])

    def show(self, file: Path, width: int, height: int = 900, *, dark: bool = False, media: str = "") -> None:
        """Opens the file as a new page, at that size and in that colour scheme, and waits until it is loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=file.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def evaluate(self, expression: str) -> Any:
        """JavaScript's value; the page's own policy does not bind it."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self, file: Path) -> None:
        """The whole page as a PNG."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        file.write_bytes(base64.b64decode(answer["data"]))

    def requests(self) -> list[str]:
        """What the page asked for."""
        sent = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def complaints(self) -> list[str]:
        """What stands on the console, and every error."""
        told = {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening"}
        return [json.dumps(event["params"]) for event in self.events if event.get("method") in told]

    def _next(self) -> dict[str, Any]:
        raw = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "Chromium has ended"
            raw += byte
        return dict(json.loads(raw))


@contextmanager
def chromium(folder: Path) -> Iterator[Chromium]:
    """With a profile of its own in `folder`, and no name or address outside of this machine within its reach."""
    program = shutil.which("chromium")
    assert program, "needs Chromium: scripts/setup lab installs it"
    near_commands, to_browser = os.pipe()
    from_browser, near_answers = os.pipe()
    # Chromium reads its commands on 3 and answers on 4: bash puts the pipes there, from numbers out of its way.
    commands, answers = (fcntl(near, F_DUPFD, 10) for near in (near_commands, near_answers))
    os.close(near_commands)
    os.close(near_answers)
    wrapper = f'exec "$@" 3<&{commands} 4>&{answers}'
    options = [
        *(
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--hide-scrollbars",
        ),
        *("--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe"),
        f"--user-data-dir={folder}",
    ]
    with subprocess.Popen(
        ["bash", "-c", wrapper, "bash", program, *options, "about:blank"],
        pass_fds=(commands, answers),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    ) as process:
        os.close(commands)
        os.close(answers)
        try:
            with os.fdopen(to_browser, "wb") as out, os.fdopen(from_browser, "rb") as back:
                browser = Chromium(out, back)
                yield browser
                browser.call("Browser.close")
        finally:
            process.terminate()
