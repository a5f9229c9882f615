"""Lookup adapter: a secret of this device, out of the run's memory or Vault."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from obet.current_run import current
from obet.errors import ObetError
from obet.task_adapter import refuse_module_files

DOCUMENTATION = """
name: obet_secret
short_description: A secret of this device
description:
  - Gives a secret of the host that the task is for, under the purpose of the play. One login a run; a play that sets
    C(obet_read_secrets) has them read before its first task.
  - Without a grant of that purpose Vault refuses, and so does the lookup.
  - Where pipelining is off, Ansible would write modules and their arguments to files, so the lookup refuses as well.
author: The Obet team
options:
  _terms:
    description: Any of C(login.user), C(login.password), C(services.NAME), C(next.password), C(next.services.NAME).
    required: true
"""

EXAMPLES = """
- name: The backup service has its key
  ansible.builtin.copy:
    content: "{{ lookup('obet_secret', 'services.backup') }}"
    dest: /etc/backup/key
    mode: "0600"
  no_log: true
"""

RETURN = """
_raw:
  description: The values; use C(no_log) where they go.
  type: list
  elements: str
"""


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible ships no types
    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **_: Any) -> list[str]:
        try:
            refuse_module_files(variables or {})
            run, device = current(), str((variables or {})["inventory_hostname"])
            return [run.secret(device, str(term)).reveal() for term in terms]
        except ObetError as error:
            raise AnsibleLookupError(str(error)) from error
