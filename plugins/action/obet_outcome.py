"""Task adapter: a network device's own part. Documented in plugins/modules/obet_outcome.py."""

from __future__ import annotations

from obet.network_operations import outcome
from obet.task_adapter import action

ActionModule = action(outcome, changes=False, tells=True)
