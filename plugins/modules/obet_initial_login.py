"""Documentation of an action that runs on the control node; plugins/action/obet_initial_login.py is the adapter."""

DOCUMENTATION = """
module: obet_initial_login
short_description: The device takes the customer's initial login
description:
  - Tries it over a new connection; anything but a login is an error that says why, and never the password.
author: The Obet team
options: {}
"""

EXAMPLES = """
- name: The customer's initial login is tried
  obet_initial_login: {}
"""

RETURN = """"""
