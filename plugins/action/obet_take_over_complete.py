"""Task adapter: the next password becomes the login's. Documented in plugins/modules."""

from __future__ import annotations

from obet.operations import take_over_complete
from obet.task_adapter import action

ActionModule = action(take_over_complete, changes=True)
