"""Documentation of an action that runs on the control node; plugins/action/obet_plan.py is the adapter."""

DOCUMENTATION = """
module: obet_plan
short_description: The finished plan of this device
description:
  - Makes the plan of the device from its contract and Vault's clock, and sets it as the fact C(obet_plan).
author: The Obet team
options:
  required:
    description: Whether it is an error that the play's purpose is not granted now.
    type: bool
    default: true
"""

EXAMPLES = """
- name: The finished plan of this device
  obet_plan:
    required: true
"""

RETURN = """
ansible_facts:
  description: The fact C(obet_plan), a dictionary with ids, texts and digests and no secret.
  returned: always
  type: dict
"""
