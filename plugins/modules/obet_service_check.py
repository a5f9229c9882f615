#!/usr/bin/python
"""A module that runs on the device: whether a service takes a secret, asked by the command that its file names."""

import pwd
import subprocess
import time

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: obet_service_check
short_description: A service takes a secret, or refuses it
description:
  - Runs a command with the secret as one line of standard input, as an account without rights, and goes by its exit
    code. 0 means that the service takes it, 1 that it refuses it; anything else is no answer, and no proof of anything.
  - Tries again until the service does what is wanted or the time is over. What the command prints goes nowhere.
author: The Obet team
options:
  command:
    description: The program with its whole path, and its arguments.
    type: list
    elements: str
    required: true
  account:
    description: As whom it runs.
    type: str
    required: true
  seconds:
    description: How long it may take until the service does what is wanted.
    type: int
    required: true
  value:
    description: The secret.
    type: str
    required: true
  wanted:
    description: What the service must do with it.
    type: str
    choices: [takes, refuses]
    required: true
"""

EXAMPLES = """
- name: The backup service takes its key
  obet_service_check:
    command: [/usr/local/bin/backup-takes]
    account: nobody
    seconds: 20
    value: "{{ lookup('obet_secret', 'services.backup') }}"
    wanted: takes
  no_log: true
"""

RETURN = """"""

_PATH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
_OPTIONS = {"command": {"type": "list", "elements": "str"}, "account": {}, "seconds": {"type": "int"}}


def main():  # noqa: ANN201 - runs on the device's own Python, whichever that is
    options = {**_OPTIONS, "value": {"no_log": True}, "wanted": {"choices": ["takes", "refuses"]}}
    required = {name: {"required": True, **option} for name, option in options.items()}
    module = AnsibleModule(argument_spec=required, supports_check_mode=True)
    asked = module.params
    if asked["account"] not in [account.pw_name for account in pwd.getpwall() if account.pw_uid]:
        module.fail_json(msg=f"{asked['account']}: is no account without rights on this server")
    end, answers = time.monotonic() + asked["seconds"], {0: "takes", 1: "refuses"}
    while (answer := answers.get(code := attempt(asked, end), "gives no answer")) != asked["wanted"]:
        if time.monotonic() + 0.5 >= end:
            module.fail_json(msg=f"the service {answer} (exit code {code}), wanted: {asked['wanted']}")
        time.sleep(0.5)
    module.exit_json(changed=False)


def attempt(asked, end):  # noqa: ANN001, ANN201 - see above
    limit = ["timeout", "--kill-after=2", str(max(1, round(end - time.monotonic())))]
    command = [*limit, "runuser", "-u", asked["account"], "--", *asked["command"]]
    line, null = f"{asked['value']}\n".encode(), subprocess.DEVNULL
    return subprocess.run(command, input=line, stdout=null, stderr=null, cwd="/", env=_PATH, check=False).returncode


if __name__ == "__main__":
    main()
