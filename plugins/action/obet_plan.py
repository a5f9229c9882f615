"""Task adapter: the device's finished plan. Documented in plugins/modules/obet_plan.py."""

from __future__ import annotations

from obet.operations import plan
from obet.task_adapter import action

ActionModule = action(plan, changes=False)
