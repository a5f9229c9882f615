"""Task adapter: who gets in and who does not. Documented in plugins/modules/obet_probe.py."""

from __future__ import annotations

from obet.operations import probe_access, probe_access_dry
from obet.task_adapter import action

ActionModule = action(probe_access, dry_run=probe_access_dry)
