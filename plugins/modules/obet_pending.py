"""Documentation of an action that runs on the control node; plugins/action/obet_pending.py is the adapter."""

DOCUMENTATION = """
module: obet_pending
short_description: What the ending of this device waits for
description:
  - Asks the journal of the control node how far the endings of this device and of its customer's others are.
author: The Obet team
options: {}
"""

EXAMPLES = """
- name: All devices of the customer have ended
  obet_pending:
  register: pending
  failed_when: pending.left | length > 0
"""

RETURN = """
waits_for:
  description: What the next step of this device's ending is; empty when it is done.
  returned: success
  type: str
left:
  description: The same by id, of the devices of this device's customer whose ending is not done.
  returned: success
  type: dict
"""
