"""Login material of a node: only from memory, only for this user, never through a link."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from obet.errors import RunError
from obet.vault.credentials import directory, file_system, load, save
from obet.vault.session import AppRoleCredential

ROLE = "obet-node-node1"
CREDENTIAL = AppRoleCredential("role-of-node1", "hunter2-of-node1")
PARTS = [f"{ROLE}.role-id", f"{ROLE}.secret-id"]


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder of this user's on tmpfs."""
    folder = Path(tempfile.mkdtemp(prefix="obet-test-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def kept(memory: Path) -> Path:
    """Good login material."""
    save(memory, ROLE, CREDENTIAL)
    return memory


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that is on disk; stat(1) says so."""
    for base in (tmp_path, Path("/var/tmp"), Path.home()):  # noqa: S108 - looked at, to find a disk
        kind = subprocess.run(["stat", "-fc", "%T", str(base)], capture_output=True, text=True, check=True).stdout
        if kind.strip() not in {"tmpfs", "ramfs"}:
            folder = Path(tempfile.mkdtemp(prefix="obet-test-", dir=base))
            yield folder
            shutil.rmtree(folder)
            return
    pytest.skip("this machine has no folder on disk for a test")


def refusal(folder: Path) -> str:
    with pytest.raises(RunError) as caught:
        load(folder, ROLE)
    assert caught.value.exit_code == 9
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_was_saved_in_memory_is_loaded_and_is_for_this_user_alone(kept: Path) -> None:
    assert load(kept, ROLE) == CREDENTIAL
    assert {path.name: path.stat().st_mode & 0o777 for path in kept.iterdir()} == dict.fromkeys(PARTS, 0o600)


def test_another_roles_material_is_not_this_ones(kept: Path) -> None:
    with pytest.raises(RunError, match="obet-registrar"):
        load(kept, "obet-registrar")


def test_saving_again_replaces_it(kept: Path) -> None:
    save(kept, ROLE, AppRoleCredential("role-of-node1", "another"))
    assert load(kept, ROLE).secret_id == "another"


def test_saving_replaces_a_link_and_does_not_write_through_it(memory: Path) -> None:
    elsewhere = memory / "elsewhere"
    elsewhere.write_text("untouched")
    (memory / PARTS[1]).symlink_to(elsewhere)
    save(memory, ROLE, CREDENTIAL)
    assert elsewhere.read_text() == "untouched"
    assert load(memory, ROLE) == CREDENTIAL


def test_an_end_of_line_that_an_editor_left_is_not_part_of_it(kept: Path) -> None:
    with (kept / PARTS[1]).open("a") as file:
        file.write("\n")
    assert load(kept, ROLE) == CREDENTIAL


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o602, 0o610, 0o601, 0o777])
def test_a_file_that_others_may_use_is_refused(kept: Path, part: str, mode: int) -> None:
    (kept / part).chmod(mode)
    assert "must belong to this user alone" in refusal(kept)


def test_a_file_of_another_users_is_refused(kept: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: only root gives a file away")
    os.chown(kept / PARTS[1], 12345, -1)
    assert "must belong to this user alone" in refusal(kept)


@pytest.mark.parametrize("part", PARTS)
def test_a_link_is_refused_even_to_a_good_file(kept: Path, part: str) -> None:
    (kept / part).rename(kept / "good")
    (kept / part).symlink_to(kept / "good")
    assert part in refusal(kept)


@pytest.mark.parametrize("part", PARTS)
def test_what_is_not_there_is_named_with_the_remedy(kept: Path, part: str) -> None:
    (kept / part).unlink()
    assert part in refusal(kept)
    assert "obet vault credential" in refusal(kept)


@pytest.mark.parametrize("part", PARTS)
def test_a_folder_in_a_files_place_is_refused(kept: Path, part: str) -> None:
    (kept / part).unlink()
    (kept / part).mkdir(mode=0o700)
    assert part in refusal(kept)


def test_a_file_on_disk_is_refused(kept: Path, disk: Path) -> None:
    for part in PARTS:
        shutil.copy(kept / part, disk / part)
    assert "is on disk" in refusal(disk)


def test_nothing_is_saved_on_disk(disk: Path) -> None:
    with pytest.raises(RunError, match="is on disk"):
        save(disk, ROLE, CREDENTIAL)
    assert [*disk.iterdir()] == []


def test_a_folder_of_memory_that_leads_to_disk_is_on_disk(memory: Path, disk: Path) -> None:
    (memory / "credentials").symlink_to(disk)
    with pytest.raises(RunError, match="is on disk"):
        save(memory / "credentials", ROLE, CREDENTIAL)
    assert [*disk.iterdir()] == []


def test_the_file_system_is_that_of_the_deepest_mount_also_for_what_is_not_there_yet(memory: Path, disk: Path) -> None:
    assert file_system(memory) == file_system(memory / "a" / "b") == "tmpfs"
    assert file_system(Path("/proc/self")) == "proc"
    assert file_system(disk) not in {"tmpfs", "ramfs", ""}


def test_systemds_folder_is_taken_before_ours_and_ours_before_the_usual_one() -> None:
    both = {"CREDENTIALS_DIRECTORY": "/run/credentials/x", "OBET_CREDENTIALS_DIRECTORY": "/run/y"}
    assert directory(both) == Path("/run/credentials/x")
    assert directory({"OBET_CREDENTIALS_DIRECTORY": "/run/y"}) == Path("/run/y")
    assert directory({}) == Path("/run/obet/credentials")


def test_a_credential_shows_nothing_of_itself() -> None:
    assert "hunter2" not in f"{CREDENTIAL!r} {CREDENTIAL}"
