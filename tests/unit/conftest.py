"""What the unit tests share: the example as files to be spoilt, both YAML parsers, and a kernel's own nftables."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from builders import EXAMPLE
from hypothesis import settings
from obet import documents

# A slow machine is no fault of the core's.
settings.register_profile("obet", deadline=None)
settings.load_profile("obet")


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of the example inventory."""
    return shutil.copytree(EXAMPLE, tmp_path / "estate")


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the two YAML parsers that a machine may have: libyaml's and Python's own."""
    name = str(request.param)
    if not hasattr(yaml, name):
        pytest.skip("PyYAML is built without libyaml here")
    monkeypatch.setattr(documents, "_LOADER", getattr(yaml, name))
    return name


@pytest.fixture(scope="session")
def loaded() -> Callable[..., str]:
    """Loads nftables text into the kernel, in a network of its own, and gives what `nft -j list ruleset` says of it."""
    if os.geteuid() != 0:
        pytest.skip("needs root: nft in a network namespace of its own")
    if not shutil.which("nft") or not shutil.which("unshare"):
        pytest.skip("needs nft and unshare on PATH")

    def load(*texts: str) -> str:
        commands = [*(f"nft -f - <<'END'\n{text}\nEND" for text in texts), "nft -j list ruleset"]
        answer = subprocess.run(
            ["unshare", "--net", "sh", "-ec", "\n".join(commands)], capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    return load
