#!/usr/bin/python
"""A module that runs on the device: a secret goes into its file and onto no other disk."""

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: obet_secret_file
short_description: A secret is in its file
description:
  - Writes a value to a file in one step, without the temporary file that C(ansible.builtin.copy) makes of its content
    on the control node.
  - With pipelining, as in this project's ansible.cfg, the value reaches the device over standard input.
author: The Obet team
options:
  path:
    description: The file; its folder must be there.
    type: path
    required: true
  value:
    description: The secret; a newline is added.
    type: str
    required: true
extends_documentation_fragment: [ansible.builtin.files]
"""

EXAMPLES = """
- name: The backup service has its key
  obet_secret_file:
    path: /etc/backup/key
    value: "{{ lookup('obet_secret', 'services.backup') }}"
    owner: root
    group: root
    mode: "0600"
"""

RETURN = """"""


def main():  # noqa: ANN201 - runs on the device's own Python, whichever that is
    module = AnsibleModule(
        argument_spec={"path": {"type": "path", "required": True}, "value": {"required": True, "no_log": True}},
        add_file_common_args=True,
        supports_check_mode=True,
    )
    path, wanted = module.params["path"], (module.params["value"] + "\n").encode()
    new = f"{path}.obet-new"
    module.add_cleanup_file(new)  # whatever fails, no part of the secret stays beside its file
    try:
        changed = not Path(path).exists() or Path(path).read_bytes() != wanted
        if changed and not module.check_mode:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(wanted)
                file.flush()
                os.fsync(file.fileno())
            module.atomic_move(new, path)
    except OSError as error:
        module.fail_json(msg=f"{path}: cannot be read or written: {error.strerror}")
    if not (changed and module.check_mode):
        changed = module.set_fs_attributes_if_different(module.load_file_common_arguments(module.params), changed)
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
