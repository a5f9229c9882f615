"""Documentation of an action that runs on the control node; plugins/action/obet_outcome.py is the adapter."""

DOCUMENTATION = """
module: obet_outcome
short_description: A network device's own part of the work on all
description:
  - Gives a host what C(obet_network_devices) did on it as a result of its own; changed, with a diff, or failed.
  - What there is to say of it is always shown, and what waits stands in the recap.
author: The Obet team
options:
  of:
    description: The device's entry of what C(obet_network_devices) returned.
    type: dict
    required: true
"""

EXAMPLES = """
- name: What came of it
  obet_outcome:
    of: "{{ obet_worked.devices[inventory_hostname] }}"
"""

RETURN = """
probes:
  description: One line for each attempt to log in.
  returned: when somebody tried
  type: list
  elements: str
"""
