"""Task adapter: the device takes the customer's initial login. Documented in plugins/modules/obet_initial_login.py."""

from __future__ import annotations

from obet.operations import try_initial_login
from obet.task_adapter import action

ActionModule = action(try_initial_login, changes=False)
