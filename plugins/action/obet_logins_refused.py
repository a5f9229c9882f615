"""Task adapter: logins that must fail. Documented in plugins/modules/obet_logins_refused.py."""

from __future__ import annotations

from obet.operations import logins_refused
from obet.task_adapter import action

ActionModule = action(logins_refused, changes=False)
