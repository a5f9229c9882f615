"""Documentation of an action that runs on the control node; plugins/action/obet_offboarded.py is the adapter."""

DOCUMENTATION = """
module: obet_offboarded
short_description: Which devices of this device's customer have not ended
description:
  - Asks the journal of the control node which devices of the customer still wait for their ending.
author: The Obet team
options: {}
"""

EXAMPLES = """
- name: All devices of the customer have ended
  obet_offboarded:
  register: offboarded
  failed_when: offboarded.left | length > 0
"""

RETURN = """
left:
  description: Ids of devices whose ending is not done.
  returned: success
  type: list
  elements: str
"""
