"""Documentation of an action on the control node; plugins/action/obet_service_secrets_complete.py is the adapter."""

DOCUMENTATION = """
module: obet_service_secrets_complete
short_description: The next service secrets are the services' own
description:
  - Makes the introduced values the present ones, after the services were seen to take them.
author: The Obet team
options: {}
"""

EXAMPLES = """
- name: The next service secrets are the services' own
  obet_service_secrets_complete: {}
"""

RETURN = """"""
