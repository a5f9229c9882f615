"""A job's own token, held over time: reads a secret at each line on standard input, says what Vault answered.

Runs on the control node as a job would. Each answer is `<status of the read> <status of lookup-self>`: a token that is
still good for itself (200) and no longer for the secret (403) was cut by its policy, not by its age.
"""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

from obet import estate as estates
from obet.errors import VaultDeniedError
from obet.model import Purpose
from obet.vault import credentials, names
from obet.vault.session import Session


def main(customer: str, device: str) -> None:
    """Logs in as this node, makes the token, and answers until standard input ends."""
    settings = estates.load(Path(os.environ["OBET_ESTATE"]))
    role = names.node_role(settings.control_node)
    credential = credentials.load(credentials.directory(os.environ), role)
    node = Session.login(settings.settings.vault, str(uuid.uuid4()), credential)
    job = node.child(
        names.token_role(settings.control_node, Purpose.TECHNICAL), names.grant(Purpose.TECHNICAL, customer)
    )
    path = f"{settings.settings.vault.kv_mount}/data/{names.device_secret(customer, device)}"
    for _ in sys.stdin:
        print(_status(job, path), _status(job, "auth/token/lookup-self"), flush=True)
    node.close()


def _status(session: Session, path: str) -> int:
    try:
        return 200 if session.get(path) is not None else 404
    except VaultDeniedError:
        return 403


if __name__ == "__main__":
    main(*sys.argv[1:])
