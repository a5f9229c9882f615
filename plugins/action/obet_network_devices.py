"""Task adapter: network devices, all in one run. Documented in plugins/modules/obet_network_devices.py."""

from __future__ import annotations

from obet.network_operations import work_on_all
from obet.task_adapter import action_on_all

ActionModule = action_on_all(work_on_all)
