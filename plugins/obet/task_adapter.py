"""Between Ansible and the core: an action plugin made of an operation, and what Ansible must be set to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import connection_loader

from obet.current_run import current
from obet.errors import ObetError, RunError
from obet.run import Run

Operation = Callable[[Run, str, Mapping[str, Any]], dict[str, Any]]


def action(operation: Operation, *, changes: bool = True, dry_run: Operation | None = None) -> type[Any]:
    """The class that Ansible looks for.

    One that changes something is passed over in check mode, and says so, unless `dry_run` answers what it would do.
    """

    class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible ships no types
        _requires_connection = False
        _supports_check_mode = True

        def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
            result: dict[str, Any] = super().run(tmp, task_vars)
            asked = (dry_run or operation) if self._task.check_mode else operation
            if changes and self._task.check_mode and dry_run is None:
                return result | {"skipped": True, "msg": "not done in check mode"}
            try:
                refuse_module_files(task_vars or {})
                # Ansible's values carry tags of their own; JSON makes plain ones of them.
                options = json.loads(json.dumps(self._task.args))
                return result | asked(current(), str((task_vars or {})["inventory_hostname"]), options)
            except ObetError as error:
                raise AnsibleActionFail(str(error)) from error

    return ActionModule


def refuse_module_files(variables: Mapping[str, Any]) -> None:
    """RunError where Ansible would write modules, and with them the secrets in their arguments, to files."""
    connection_loader.get("ssh", class_only=True)  # which makes its settings known
    pipelined = constants.config.get_config_value(
        "pipelining", plugin_type="connection", plugin_name="ssh", variables=variables
    )
    if constants.DEFAULT_KEEP_REMOTE_FILES or not pipelined:
        raise RunError(
            "no secret is given to a task whose module would be written to a file: switch on pipelining, as this "
            "project's ansible.cfg does, and leave ANSIBLE_KEEP_REMOTE_FILES off"
        )
