"""Task adapter: which devices of a customer have not ended. Documented in plugins/modules/obet_offboarded.py."""

from __future__ import annotations

from obet.operations import offboarded
from obet.task_adapter import action

ActionModule = action(offboarded, changes=False)
