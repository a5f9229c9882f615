"""Documentation of an action that runs on the control node; plugins/action/obet_login.py is the adapter."""

DOCUMENTATION = """
module: obet_login
short_description: The device takes our own certificate
description:
  - Tries a login with the certificate of this run, over a new connection; no answer is an error.
author: The Obet team
options: {}
"""

EXAMPLES = """
- name: The device takes our own certificate
  obet_login: {}
"""

RETURN = """
outcome:
  description: C(accepted) or C(refused).
  returned: success
  type: str
"""
