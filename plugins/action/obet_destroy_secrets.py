"""Task adapter: a device's secrets in Vault. Documented in plugins/modules."""

from __future__ import annotations

from obet.operations import destroy_secrets
from obet.task_adapter import action

ActionModule = action(destroy_secrets, changes=True)
