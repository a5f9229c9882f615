"""Task adapter: the commit protocol. Documented in plugins/modules/obet_management_change.py."""

from __future__ import annotations

from obet.operations import change_management, management_would_change
from obet.task_adapter import action

ActionModule = action(change_management, dry_run=management_would_change)
