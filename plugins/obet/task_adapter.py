"""Makes an Ansible action plugin of an operation: options in, one call, error translated."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from obet.current_run import current
from obet.errors import ObetError
from obet.run import Run

Operation = Callable[[Run, str, Mapping[str, Any]], dict[str, Any]]


def action(operation: Operation, *, changes: bool = True) -> type[Any]:
    """The class that Ansible looks for. One that changes something is passed over in check mode, and says so."""

    class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible ships no types
        _requires_connection = False
        _supports_check_mode = True

        def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
            result: dict[str, Any] = super().run(tmp, task_vars)
            if changes and self._task.check_mode:
                return result | {"skipped": True, "msg": "not done in check mode"}
            try:
                # Ansible's values carry tags of their own; JSON makes plain ones of them.
                options = json.loads(json.dumps(self._task.args))
                return result | operation(current(), str((task_vars or {})["inventory_hostname"]), options)
            except ObetError as error:
                raise AnsibleActionFail(str(error)) from error

    return ActionModule
