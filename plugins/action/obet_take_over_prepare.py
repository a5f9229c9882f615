"""Task adapter: the next password, in Vault first. Documented in plugins/modules."""

from __future__ import annotations

from obet.operations import take_over_foretell, take_over_prepare
from obet.task_adapter import action

ActionModule = action(take_over_prepare, dry_run=take_over_foretell)
