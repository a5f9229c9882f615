"""A run's SSH identity: its agent is used when it answers, however long that takes, and not before."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from obet.devices.identity import Identity
from obet.errors import RunError

# As a slow machine has it: the socket is there for a while and refuses. With `never`, that is all.
_SLOW_AGENT = """#!{python}
import os, socket, sys, time
place = sys.argv[sys.argv.index("-a") + 1]
socket.socket(socket.AF_UNIX).bind(place)
time.sleep({seconds})
os.unlink(place)
os.execv("{agent}", ["ssh-agent", *sys.argv[1:]])
"""


def slow_agent(folder: Path, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    agent = shutil.which("ssh-agent")
    if agent is None:
        pytest.skip("needs ssh-agent on PATH")
    program = folder / "ssh-agent"
    program.write_text(_SLOW_AGENT.format(python=sys.executable, seconds=seconds, agent=agent))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_an_agent_whose_socket_refuses_at_first_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow_agent(tmp_path, monkeypatch, 0.5)
    identity = Identity()
    agent = identity.serve(tmp_path / "agent")
    try:
        answer = subprocess.run(
            ["ssh-add", "-L"],
            env={"SSH_AUTH_SOCK": str(tmp_path / "agent")},
            capture_output=True,
            text=True,
            check=True,
        )
        assert identity.public_key.split()[1] in answer.stdout
    finally:
        agent.kill()
        agent.wait()


def test_an_agent_that_never_answers_is_an_error_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow_agent(tmp_path, monkeypatch, 60)
    with pytest.raises(RunError, match="ssh-agent did not start"):
        Identity().serve(tmp_path / "agent")
