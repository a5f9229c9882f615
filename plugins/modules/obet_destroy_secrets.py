"""Documentation of an action that runs on the control node; plugins/action/obet_destroy_secrets.py is the adapter."""

DOCUMENTATION = """
module: obet_destroy_secrets
short_description: The device's secrets are gone from Vault
description:
  - Destroys all versions and the metadata in Vault and sees that nothing answers.
  - Refuses while old logins were not seen to fail.
author: The Obet team
options: {}
"""

EXAMPLES = """
- name: The device's secrets are gone from Vault
  obet_destroy_secrets: {}
"""

RETURN = """"""
