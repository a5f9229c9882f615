"""Task adapter: what endings wait for. Documented in plugins/modules/obet_pending.py."""

from __future__ import annotations

from obet.operations import pending
from obet.task_adapter import action

ActionModule = action(pending, changes=False)
