"""The search sees what it looks for: each spelling, each package, each kind of place; and nothing that is not there."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import os
import re
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from leaks.search import Canary, Content, Search, files, git_objects, spellings

VALUE = "q7'\"\\&<$> `%+/щ{{9}}=?xW2pd_KzR"
CANARY = Canary("the secret", VALUE.encode())
SEARCH = Search([CANARY])


def found(*contents: Content) -> list[str]:
    return [f"{hit.canary} in {hit.where}" for hit in SEARCH.hits(contents)]


def json_of(value: str) -> bytes:
    return json.dumps({"a": value}).encode()


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


def _bash(value: str) -> bytes:
    command = ["bash", "-c", 'printf %q "$(cat)"']
    return subprocess.run(
        command, input=value.encode(), stdout=subprocess.PIPE, check=True, env={"LANG": "C.UTF-8"}
    ).stdout


def _zip(members: dict[str, bytes]) -> bytes:
    with io.BytesIO() as buffer:
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return buffer.getvalue()


def _tar(name: str, content: bytes) -> bytes:
    with io.BytesIO() as buffer:
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        return buffer.getvalue()


WRITERS: dict[str, Callable[[str], bytes]] = {
    "raw": str.encode,
    "base64 after 0": lambda v: base64.b64encode(v.encode() + b"after"),
    "base64 after 1": lambda v: base64.b64encode(b"x" + v.encode() + b"after"),
    "base64 after 2": lambda v: base64.b64encode(b"xy" + v.encode() + b"after"),
    "base64 after 3": lambda v: base64.b64encode(b"xyz" + v.encode()),
    "urlsafe base64": lambda v: base64.urlsafe_b64encode(b"setup:" + v.encode()),
    "base64 in lines": lambda v: base64.encodebytes(b"x" * 40 + v.encode() + b"y" * 40),
    "base64 in lines in JSON": lambda v: json_of(base64.encodebytes(b"x" * 40 + v.encode() + b"y" * 40).decode()),
    "hex": lambda v: v.encode().hex().encode(),
    "HEX": lambda v: v.encode().hex().upper().encode(),
    "URL": lambda v: "".join(c if re.match(r"[A-Za-z0-9._~-]", c) else _percent(c) for c in v).encode(),
    "JSON": json_of,
    "JSON in JSON": lambda v: json_of(json.dumps({"b": v})),
    "JSON, not only ASCII": lambda v: json.dumps([v], ensure_ascii=False).encode(),
    "Python": lambda v: repr({"a": v}).encode(),
    "shell": _bash,
    "UTF-16, little-endian": lambda v: v.encode("utf-16-le"),
    "UTF-16, big-endian": lambda v: v.encode("utf-16-be"),
    "gzip": lambda v: gzip.compress(v.encode()),
    "gzip, cut off": lambda v: gzip.compress(v.encode() + os.urandom(5000))[:-2000],
    "zlib": lambda v: zlib.compress(v.encode()),
    "bzip2": lambda v: bz2.compress(v.encode()),
    "xz": lambda v: lzma.compress(v.encode()),
    "zip": lambda v: _zip({"a": v.encode()}),
    "tar": lambda v: _tar("a", v.encode()),
    "tar in gzip": lambda v: gzip.compress(_tar("a", v.encode())),
    "zip as base64 in a program": lambda v: b"Z = '''" + base64.b64encode(_zip({"args": v.encode()})) + b"'''\n",
    "gzip in JSON": lambda v: json_of(base64.b64encode(gzip.compress(v.encode())).decode()),
}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_a_value_is_found_however_it_is_written(writer: Callable[[str], bytes]) -> None:
    assert found(("a place", writer(VALUE)))
    assert not found(("a place", writer(VALUE[::-1])))


@pytest.mark.parametrize(("name", "needle"), list(spellings(VALUE.encode())), ids=lambda given: str(given)[:24])
def test_each_spelling_is_one_that_is_looked_for(name: str, needle: bytes) -> None:
    assert [hit.where for hit in SEARCH.hits([("a place", b"\0" + needle + b"\0")])], name


def test_a_value_in_a_file_name_is_found() -> None:
    hits = Search([Canary("a token", b"hvs.0123456789abcdef")]).hits([("/x/hvs.0123456789abcdef", b"")])
    assert [hit.where for hit in hits] == ["/x/hvs.0123456789abcdef"]


def test_values_that_begin_alike_are_told_apart() -> None:
    search = Search([Canary("one", b"hvs.aaaaaaaaaaaa1"), Canary("two", b"hvs.aaaaaaaaaaaa2")])
    assert [hit.canary for hit in search.hits([("a place", b"hvs.aaaaaaaaaaaa2")])] == ["two"]


def test_a_value_that_chance_would_meet_is_refused_and_not_shown() -> None:
    with pytest.raises(ValueError, match="a pin: is too short") as caught:
        Search([Canary("a pin", b"1234")])
    assert "1234" not in str(caught.value)


def test_neither_a_canary_nor_a_hit_shows_the_value() -> None:
    assert VALUE not in repr(CANARY) + str(list(SEARCH.hits([("a place", VALUE.encode())])))


def test_a_package_that_is_a_bomb_is_an_error_and_no_blind_spot() -> None:
    bomb = gzip.compress(bytes(300 << 20), compresslevel=1)
    with pytest.raises(ValueError, match="more than is searched"):
        found(("a place", bomb))


def test_files_are_found_in_folders_and_behind_links_names(tmp_path: Path) -> None:
    deep = tmp_path / "a" / ".hidden" / "b"
    deep.mkdir(parents=True)
    (deep / "file").write_text(VALUE)
    os.mkfifo(tmp_path / "a pipe that nobody writes to")
    (tmp_path / "link").symlink_to("q7-" + VALUE.encode().hex())
    assert len(found(*files(tmp_path))) == 2
    assert found(*files(tmp_path, without=[tmp_path / "a"])) == [f"the secret in {tmp_path / 'link'}"]
    os.utime(deep / "file", (0, 0))
    assert len(found(*files(tmp_path, since=0))) == 2
    assert found(*files(tmp_path, since=(deep / "file").stat().st_ctime + 1)) == []


def test_git_objects_are_found_loose_and_packed_and_unreachable(tmp_path: Path) -> None:
    def git(*arguments: str, stdin: str | None = None) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q")
    assert found(*git_objects(tmp_path)) == []
    loose = git("hash-object", "-w", "--stdin", stdin=f"loose {VALUE}")
    assert found(*git_objects(tmp_path)) == [f"the secret in blob {loose}"]
    git("pack-objects", "-q", str(tmp_path / ".git/objects/pack/pack"), stdin=loose)
    git("prune-packed")
    assert not (tmp_path / ".git/objects" / loose[:2] / loose[2:]).exists()
    assert found(*git_objects(tmp_path)) == [f"the secret in blob {loose}"]
    git("commit", "-q", "--allow-empty", "-m", f"as {base64.b64encode(VALUE.encode()).decode()}")
    assert sorted(place.split()[3] for place in found(*git_objects(tmp_path))) == ["blob", "commit"]


def test_a_folder_that_is_no_repository_is_an_error_and_not_nothing(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        list(git_objects(tmp_path, {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}))
