"""Task adapter: the commit protocol. Documented in plugins/modules/obet_management_change.py."""

from __future__ import annotations

from obet.operations import change_management
from obet.task_adapter import action

ActionModule = action(change_management, told=True)
