"""Documentation of an action that runs on the control node; plugins/action/obet_journal.py is the adapter."""

DOCUMENTATION = """
module: obet_journal
short_description: A step of an ending is on record
description:
  - Writes a step to the journal of the control node.
author: The Obet team
options:
  step:
    description: The step.
    type: str
    required: true
  once:
    description: Whether a step that stands there already is left alone.
    type: bool
    default: true
  detail:
    description: Digests and counts, nothing secret.
    type: dict
    default: {}
"""

EXAMPLES = """
- name: A step of an ending is on record
  obet_journal:
    step: customer access placed
"""

RETURN = """"""
