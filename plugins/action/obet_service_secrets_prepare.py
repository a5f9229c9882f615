"""Task adapter: the next service secrets, in Vault first. Documented in plugins/modules."""

from __future__ import annotations

from obet.operations import service_secrets_foretell, service_secrets_prepare
from obet.task_adapter import action

ActionModule = action(service_secrets_prepare, dry_run=service_secrets_foretell)
