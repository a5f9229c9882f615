"""The machines' base is built once, whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lab import LabError
from lab.base_image import ensure_base

TESTS = Path(__file__).parents[1]
WORKING = """\
#!/bin/sh
echo built >> "$OBET_CACHE/calls"
for tree; do case $tree in *.building-*) break ;; esac; done
mkdir -p "$tree/etc/ssh"
echo 'module(load="imklog")' > "$tree/etc/rsyslog.conf"
touch "$tree/etc/ssh/ssh_host_rsa_key"
"""
FAILING = "#!/bin/sh\necho E: the mirror is down\nexit 1\n"
HANGING = """\
#!/bin/sh
for tree; do case $tree in *.building-*) break ;; esac; done
mkdir "$tree"
echo up > "$OBET_CACHE/pipe"
sleep 99
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache and a place for another debootstrap."""
    monkeypatch.setenv("OBET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (tmp_path / "bin").mkdir()
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def install(cache: Path, program: str) -> None:
    """Put a debootstrap before the real one."""
    path = cache.with_name("bin") / "debootstrap"
    path.write_text(program)
    path.chmod(0o755)


def start_build() -> subprocess.Popen[bytes]:
    """A process that wants the base."""
    program = "from lab.base_image import ensure_base; ensure_base()"
    return subprocess.Popen([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": str(TESTS)})


def test_two_processes_build_it_once_and_without_shared_host_keys(cache: Path) -> None:
    install(cache, WORKING)

    assert [process.wait(30) for process in [start_build(), start_build()]] == [0, 0]

    base = ensure_base()
    assert (cache / "calls").read_text() == "built\n"
    assert list((base / "etc/ssh").iterdir()) == []
    assert "imklog" not in (base / "etc/rsyslog.conf").read_text()


def test_a_failed_build_says_why_and_the_next_one_starts_anew(cache: Path) -> None:
    install(cache, FAILING)
    with pytest.raises(LabError, match="failed: E: the mirror is down"):
        ensure_base()

    install(cache, WORKING)
    assert ensure_base().is_dir()


def test_a_killed_build_is_not_taken_for_a_finished_one(cache: Path) -> None:
    os.mkfifo(cache / "pipe")
    install(cache, HANGING)
    building = start_build()
    assert (cache / "pipe").read_text() == "up\n"

    building.send_signal(signal.SIGKILL)
    building.wait()

    install(cache, WORKING)
    assert ensure_base().is_dir()
    assert [path.name for path in cache.glob("*.building-*")] == []
