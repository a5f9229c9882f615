"""Documentation of an action that runs on the control node; plugins/action/obet_probe.py is the adapter."""

DOCUMENTATION = """
module: obet_probe
short_description: Logins from every node get in, outsiders do not
description:
  - Opens new connections to the device from every execution node and outsider of the estate, and fails on any doubt.
  - A dry run tells of doubts and does not fail, as what would mend them was not done.
author: The Obet team
options:
  down:
    description: Nodes and outsiders that were known to be down before the plan, whose failure is no doubt.
    type: list
    elements: str
    default: []
"""

EXAMPLES = """
- name: Logins from every node get in, outsiders do not
  obet_probe:
    down: []
"""

RETURN = """
doubts:
  description: What is not as it must be, a line each; else than in a dry run there is none.
  returned: success
  type: list
  elements: str
outsiders:
  description: How many attempts of outsiders were refused; the device must have counted as many.
  returned: success
  type: int
probes:
  description: One line for each attempt.
  returned: success
  type: list
  elements: str
"""
