"""Task adapter: service secrets that are missing in Vault. Documented in plugins/modules."""

from __future__ import annotations

from obet.operations import service_secrets
from obet.task_adapter import action

ActionModule = action(service_secrets, changes=True)
