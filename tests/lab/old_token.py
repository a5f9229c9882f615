"""A job's own token, held over time: reads a secret at each line on standard input, says what Vault answered.

It is a run like any other. Each answer is `<status of the read> <status of lookup-self>`: a token that is still good
for itself (200) and no longer for the secret (403) was cut by its policy, not by its age.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from obet.current_run import open_run, play_ends
from obet.errors import VaultDeniedError
from obet.model import Purpose
from obet.vault import names
from obet.vault.session import Session


def main(customer: str, device: str) -> None:
    """Opens a run, and answers until standard input ends."""
    run = open_run(Path(os.environ["OBET_ESTATE"]))
    run.begin_play(Purpose.TECHNICAL, [device], lock=False)
    job = run.child(device)
    path = f"{job.settings.kv_mount}/data/{names.device_secret(customer, device)}"
    for _ in sys.stdin:
        print(_status(job, path), _status(job, "auth/token/lookup-self"), flush=True)
    play_ends()


def _status(session: Session, path: str) -> int:
    try:
        return 200 if session.get(path) is not None else 404
    except VaultDeniedError:
        return 403


if __name__ == "__main__":
    main(*sys.argv[1:])
