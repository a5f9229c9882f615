"""Documentation of an action on the control node; plugins/action/obet_service_secrets_prepare.py is the adapter."""

DOCUMENTATION = """
module: obet_service_secrets_prepare
short_description: The next value of each service secret stands in Vault
description:
  - Writes a next value to Vault, beside the present one, for each of the device's service secrets that has none yet.
  - Takes up what was cut off where it was. A dry run answers what it would do.
author: The Obet team
options:
  again:
    description: Whether those that have a value get another.
    type: bool
    default: false
"""

EXAMPLES = """
- name: The next service secrets stand in Vault
  obet_service_secrets_prepare: {}
"""

RETURN = """
fields:
  description: By name, the field of the device's secrets that is to be in the service's file.
  returned: success
  type: dict
next:
  description: Names of the secrets that are being introduced.
  returned: success
  type: list
  elements: str
replaced:
  description: Those of them that take the place of another, which must be refused afterwards.
  returned: success
  type: list
  elements: str
unmade:
  description: Those of them that a dry run would have made.
  returned: success
  type: list
  elements: str
"""
