"""Documentation of an action that runs on the control node; plugins/action/obet_management_change.py is the adapter."""

DOCUMENTATION = """
module: obet_management_change
short_description: New management rules by the commit protocol
description:
  - Has the device arm a rollback of its own, puts the rules in force, tries new logins from every node and every
    outsider, and only then confirms. Whatever fails before that leaves the change to the device, which takes it back.
  - Does nothing where the device runs and keeps these rules. In check mode it looks, and changes nothing.
  - The rules themselves must be on the device already; the role C(management_access) places them.
author: The Obet team
options:
  rules:
    description: The rules as text; the device is asked whether it keeps what has this digest (SHA-256).
    type: str
    required: true
  revert_seconds:
    description: How long the device waits for a confirmation before it reverts by itself.
    type: int
    required: true
"""

EXAMPLES = """
- name: The change is made, tried and confirmed
  obet_management_change:
    rules: "{{ obet_plan.management.text }}"
    revert_seconds: 60
"""

RETURN = """
outsiders:
  description: How many attempts of outsiders were refused; the device has counted as many.
  returned: when something was changed
  type: int
probes:
  description: One line for each attempt.
  returned: when something was changed
  type: list
  elements: str
"""
