"""What the lab finds out about its host: apt's mirror, Go's age, missing tools, a full disk."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from lab import LabError, this_host
from lab.apt_sources import debian_mirror
from lab.vault_binary import OLDEST_GO, build_vault, go_version

if TYPE_CHECKING:
    from pathlib import Path

DEB822 = """\
# a comment
Types: deb
# another
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main
"""


@pytest.mark.parametrize(
    ("name", "text", "mirror"),
    [
        ("sources.list.d/debian.sources", DEB822, "http://mirror.example/debian"),
        ("sources.list", "deb http://a.example/debian/ bookworm main contrib\n", "http://a.example/debian/"),
        (
            "sources.list",
            "deb [arch=amd64 signed-by=/k] https://b.example/d bookworm main # x\n",
            "https://b.example/d",
        ),
        ("sources.list", "deb http://old.example/debian trixie main\n", "http://old.example/debian"),
        (
            "sources.list.d/two.list",
            "deb http://trixie.example/debian trixie main\ndeb http://bookworm.example/debian bookworm main\n",
            "http://bookworm.example/debian",
        ),
    ],
)
def test_the_mirror_is_the_one_that_apt_uses(tmp_path: Path, name: str, text: str, mirror: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)

    assert debian_mirror(tmp_path, "bookworm") == mirror


@pytest.mark.parametrize(
    "text",
    [
        "#deb http://a.example/debian bookworm main\n",
        "deb-src http://a.example/debian bookworm main\n",
        "deb http://a.example/repo stable-tool thing\n",
        "",
    ],
)
def test_without_a_debian_mirror_that_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "sources.list").write_text(text)

    with pytest.raises(LabError, match="no Debian mirror in the apt sources"):
        debian_mirror(tmp_path, "bookworm")


def test_a_disabled_source_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/x.sources").write_text(
        DEB822.replace("Types: deb\n# another", "Enabled: no\nTypes: deb")
    )

    with pytest.raises(LabError):
        debian_mirror(tmp_path, "bookworm")


@pytest.mark.parametrize(
    ("said", "enough"),
    [
        ("go version go1.26.8 linux/amd64", True),
        ("go version go1.24 linux/arm64", True),
        ("go version go1.24rc1 linux/amd64", True),
        ("go version go1.100.1 linux/amd64", True),
        ("go version go2.0 linux/amd64", True),
        ("go version go1.19.8 linux/amd64", False),
        ("go version go1.9 linux/amd64", False),
        ("", False),
    ],
)
def test_gos_version_is_compared_by_number(said: str, *, enough: bool) -> None:
    assert (go_version(said) >= OLDEST_GO) is enough


@pytest.mark.parametrize("answer", [None, "go version go1.19.8 linux/amd64"])
def test_no_go_or_an_old_one_is_one_line_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str | None
) -> None:
    if answer is not None:
        (tmp_path / "go").write_text(f"#!/bin/sh\necho {answer}\n")
        (tmp_path / "go").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(LabError, match=r"Go 1\.24 or newer .*Debian 12's own golang is too old.*put a `vault` on PATH"):
        build_vault(tmp_path / "vault")


def test_missing_tools_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(this_host, "PACKAGES", {"nosuchtool": "nosuchpackage", **this_host.PACKAGES})

    with pytest.raises(LabError, match="missing: nosuchtool; install with: apt-get install nosuchpackage"):
        this_host.require_host()


def test_a_full_disk_is_said_first(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"no space: .* set OBET_CACHE"):
        this_host.require_space(tmp_path, 1e9)


def test_a_failed_build_says_its_last_line_and_where_the_rest_is(tmp_path: Path) -> None:
    log = tmp_path / "log"

    with pytest.raises(LabError, match=f"making it: failed: it broke .all of it: {log}"):
        this_host.build(["/bin/sh", "-c", "echo first; echo it broke; exit 1"], "making it", log, cwd=tmp_path)


def test_the_lab_is_made_with_pythons_standard_library_only() -> None:
    environment = {"PYTHONPATH": str(this_host.CHECKOUT / "tests")}
    made = subprocess.run([sys.executable, "-S", "-c", "import lab"], env=environment, capture_output=True, check=False)

    assert made.stderr == b""
