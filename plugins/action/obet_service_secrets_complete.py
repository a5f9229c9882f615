"""Task adapter: the next service secrets become the services' own. Documented in plugins/modules."""

from __future__ import annotations

from obet.operations import service_secrets_complete
from obet.task_adapter import action

ActionModule = action(service_secrets_complete, changes=True)
