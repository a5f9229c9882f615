"""Callback adapter: opens the run in Ansible's own process before it forks, and ends it."""

from __future__ import annotations

from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase
from obet.current_run import play_ends, play_starts, task_ended, task_starts

DOCUMENTATION = """
name: obet_run
type: aggregate
short_description: One login to Vault for each run
description:
  - At the start of a play that says its purpose (C(obet_purpose)), logs in to Vault with this node's credential, asks
    for the grants of that purpose for the hosts of the play, and holds an SSH identity of minutes.
  - Takes the lock of each host of the play, unless the play sets C(obet_lock) to false or is a dry run.
  - Writes to the ledger what was granted, read and done.
  - All of it is in memory and ends with the run.
author: The Obet team
requirements:
  - enabled in ansible.cfg (callbacks_enabled)
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible ships no types
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "obet_run"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_play_start(self, play: Any) -> None:
        variables = play.get_variable_manager().get_vars(play=play)
        play_starts(
            variables["ansible_inventory_sources"],
            variables.get("obet_purpose"),
            variables["ansible_play_hosts_all"],
            read_secrets=variables.get("obet_read_secrets", False),
            lock=variables.get("obet_lock", True) and not variables["ansible_check_mode"],
            temporary=constants.DEFAULT_LOCAL_TMP,
        )

    def v2_runner_on_start(self, host: Any, task: Any) -> None:  # noqa: ARG002 - Ansible passes them
        task_starts()

    def v2_runner_on_ok(self, result: Any, **_: Any) -> None:
        task_ended(result.host.get_name(), result.task.get_name(), result.result)

    v2_runner_on_failed = v2_runner_on_unreachable = v2_runner_on_ok

    def v2_playbook_on_stats(self, stats: Any) -> None:  # noqa: ARG002 - Ansible passes it
        play_ends()
