"""Documentation of an action that runs on the control node; plugins/action/obet_take_over_prepare.py is the adapter."""

DOCUMENTATION = """
module: obet_take_over_prepare
short_description: The next password stands in Vault
description:
  - Writes the password that is to replace the customer's initial one to Vault, before the device gets it.
author: The Obet team
options:
  again:
    description: Whether a login that is ours already gets a new password as well.
    type: bool
    default: false
"""

EXAMPLES = """
- name: The next password stands in Vault
  obet_take_over_prepare: {}
"""

RETURN = """
needed:
  description: Whether the login is still the customer's.
  returned: success
  type: bool
"""
