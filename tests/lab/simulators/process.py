"""The program that is a device, or many of them.

python -m lab.simulators.process SETTINGS…      says "ready" on stdout once all of them listen
"""

from __future__ import annotations

import asyncio
import importlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from .control_server import ControlServer
from .device import Device
from .settings import Settings


def make_device(settings: Settings) -> Device:
    """The device of a platform; inside the running event loop."""
    module = importlib.import_module(f".{settings.platform}.device", __package__)
    device: Device = module.Simulated(settings)
    return device


async def serve(paths: Sequence[Path]) -> None:
    """Be all these devices until SIGTERM."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    devices = [make_device(Settings.read(path)) for path in paths]
    controls = [ControlServer(device) for device in devices]
    for device, control in zip(devices, controls, strict=True):
        await device.start()
        await control.open()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await ended.wait()
    for device, control in zip(devices, controls, strict=True):
        await control.close()
        await device.stop()


if __name__ == "__main__":
    asyncio.run(serve([Path(argument) for argument in sys.argv[1:]]))
