"""Documentation of an action that runs on the control node; plugins/action/obet_logins_refused.py is the adapter."""

DOCUMENTATION = """
module: obet_logins_refused
short_description: The device refuses old logins
description:
  - Tries logins that must not work any more, over new connections; fails unless the device refuses every one.
author: The Obet team
options:
  which:
    description: C(replaced) tries earlier passwords, C(all) every password and certificate.
    type: str
    choices: [replaced, all]
    required: true
"""

EXAMPLES = """
- name: The device refuses old logins
  obet_logins_refused:
    which: all
"""

RETURN = """
refused:
  description: What was tried, without any value.
  returned: success
  type: list
  elements: str
"""
