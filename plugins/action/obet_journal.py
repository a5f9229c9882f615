"""Task adapter: a step on record. Documented in plugins/modules/obet_journal.py."""

from __future__ import annotations

from obet.operations import record
from obet.task_adapter import action

ActionModule = action(record, changes=True)
