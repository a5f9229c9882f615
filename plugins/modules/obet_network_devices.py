"""Documentation of an action that runs on the control node; plugins/action/obet_network_devices.py is the adapter."""

DOCUMENTATION = """
module: obet_network_devices
short_description: One verb on all network devices of a play
description:
  - Works on every host of the play at once, in one Nornir run of one process, over the platform's driver. The task is
    C(run_once), and C(obet_outcome) then gives each host its own part.
  - A device that cannot be reached, or does not do as told, is no trouble for the others.
  - Where a device's file names C(snmp_collectors), C(restrict) sets a user of SNMPv3 up for them, sees that it is
    answered, and takes communities out of use then; C(rotate) gives it new passphrases, C(end) takes it away.
  - In check mode devices are looked at, and nothing on them is changed.
author: The Obet team
options:
  do:
    description: What is to be done.
    type: str
    required: true
    choices: [onboard, restrict, look, rotate, end]
  mend:
    description: For C(restrict), whether what a device lacks for taking a change back by itself is set up on it.
    type: bool
    default: false
  revert_seconds:
    description: For C(restrict), how long a device waits for the confirmation; the plan says it otherwise.
    type: int
"""

EXAMPLES = """
- name: The rules are put in force on all of them
  obet_network_devices:
    do: restrict
  run_once: true
  register: obet_worked
"""

RETURN = """
devices:
  description: By device, its C(result), and its C(failure), a line which is empty where there is none.
  returned: success
  type: dict
"""
