"""Documentation of an action that runs on the control node; plugins/action/obet_service_secrets.py is the adapter."""

DOCUMENTATION = """
module: obet_service_secrets
short_description: Each service secret stands in Vault
description:
  - Makes the service secrets that the device's file names and Vault has not yet.
author: The Obet team
options:
  again:
    description: Whether those that Vault has are made anew.
    type: bool
    default: false
"""

EXAMPLES = """
- name: Each service secret stands in Vault
  obet_service_secrets: {}
"""

RETURN = """
made:
  description: Names of the secrets that were made.
  returned: success
  type: list
  elements: str
"""
