"""Task adapter: whether the device takes our own certificate. Documented in plugins/modules/obet_login.py."""

from __future__ import annotations

from obet.operations import try_own_login
from obet.task_adapter import action

ActionModule = action(try_own_login, changes=False)
