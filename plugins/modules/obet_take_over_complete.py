"""Documentation of an action on the control node; plugins/action/obet_take_over_complete.py is the adapter."""

DOCUMENTATION = """
module: obet_take_over_complete
short_description: The next password is the login's
description:
  - Makes the introduced password the present one, after the device was seen to take it.
author: The Obet team
options: {}
"""

EXAMPLES = """
- name: The next password is the login's
  obet_take_over_complete: {}
"""

RETURN = """"""
