"""Between Ansible and the core: an action plugin made of an operation, and what Ansible must be set to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from io import TextIOBase
from typing import Any, TextIO, cast

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import connection_loader
from ansible.utils.display import Display

from obet.current_run import current
from obet.errors import ObetError, RunError
from obet.run import Run

Operation = Callable[[Run, str, Mapping[str, Any]], dict[str, Any]]
OperationOnAll = Callable[[Run, Iterable[str], Mapping[str, Any], TextIO], dict[str, Any]]


def action(
    operation: Operation, *, changes: bool = True, dry_run: Operation | None = None, tells: bool = False
) -> type[Any]:
    """The class that Ansible looks for.

    One that changes something is passed over in check mode, and says so, unless `dry_run` answers what it would do.
    With `tells` a result's `msg` is always shown, and what is `pending` stands in the recap.
    """

    def work(task: Any, variables: Mapping[str, Any]) -> dict[str, Any]:
        if changes and task.check_mode and dry_run is None:
            return {"skipped": True, "msg": "not done in check mode"}
        asked = (dry_run or operation) if task.check_mode else operation
        result = asked(current(), str(variables["inventory_hostname"]), _plain(task.args))
        return telling(result) if tells else result

    return _action(work)


def action_on_all(operation: OperationOnAll) -> type[Any]:
    """One that does the work of all hosts of the play at once, told of `check_mode`; its task is `run_once`."""

    def work(task: Any, variables: Mapping[str, Any]) -> dict[str, Any]:
        devices = [str(host) for host in variables["ansible_play_batch"]]
        return operation(
            current(), devices, _plain(task.args) | {"check_mode": bool(task.check_mode)}, cast(TextIO, _Told())
        )

    return _action(work)


def telling(result: Mapping[str, Any]) -> dict[str, Any]:
    """Ansible's own words for what `debug` and `set_stats` do: a task of its own is a process more for each host."""
    told: dict[str, Any] = {"_ansible_verbose_always": True} if "msg" in result else {}
    if "pending" in result:
        told["ansible_stats"] = {"data": {"pending": result["pending"]}, "per_host": True, "aggregate": True}
    return {**result, **told}


class _Told(TextIOBase):
    """Ansible's own way to standard error: what a worker writes there itself becomes a warning."""

    def write(self, text: str) -> int:
        if line := text.strip():
            Display().display(line, stderr=True)
        return len(text)


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Ansible's values carry tags of their own; JSON makes plain ones of them."""
    made: dict[str, Any] = json.loads(json.dumps(options))
    return made


def _action(work: Callable[[Any, Mapping[str, Any]], dict[str, Any]]) -> type[Any]:
    class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible ships no types
        _requires_connection = False
        _supports_check_mode = True

        def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
            result: dict[str, Any] = super().run(tmp, task_vars)
            try:
                refuse_module_files(task_vars or {})
                return result | work(self._task, task_vars or {})
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
