"""Strict YAML: what is not plain, small and clear is refused with its place, the same by both parsers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import EXAMPLE, line_of, python
from hypothesis import given
from hypothesis import strategies as st
from obet import documents
from obet.documents import read
from obet.errors import EstateError
from obet.model import Contract, Device, EstateSettings

KINDS: dict[str, type[Any]] = {"estate.yml": EstateSettings, "contract.yml": Contract}
DOCUMENTS = [path for path in sorted(EXAMPLE.rglob("*.yml")) if path.name != "obet.yml"]


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "document.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(path: Path) -> str:
    """What `read` says of a document of any fields, without the folder."""
    with pytest.raises(EstateError) as caught:
        read(path, dict[str, Any])
    return str(caught.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_both_parsers_read_each_example_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind: type[Any] = KINDS.get(path.name, Device)
    by_default = read(path, kind)
    monkeypatch.setattr(documents, "_LOADER", yaml.SafeLoader)
    assert read(path, kind) == by_default


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("22", 22),
        ("-1", -1),
        ("0", 0),
        ("022", "022"),
        ("0x16", "0x16"),
        ("1_000", "1_000"),
        ("1.5", "1.5"),
        ("22:30:00", "22:30:00"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01", "2026-01"),
        ("'22'", "22"),
        ('"true"', "true"),
        ("''", ""),
        ("|\n  22", "22\n"),
        ("9999999999999999", 9999999999999999),
        ("99999999999999999999", "99999999999999999999"),
    ],
)
def test_a_scalar_is_what_it_looks_like_and_quoted_it_is_text(tmp_path: Path, text: str, value: object) -> None:
    assert read(written(tmp_path, f"a: {text}\n"), dict[str, Any]) == {"a": value}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "stands twice"),
        ("a:\n  b: 1\n  b: 1\n", 3, "stands twice"),
        ("a: {b: 1, b: 2}\n", 1, "stands twice"),
        ("a: 1\n'a': 2\n", 2, "stands twice"),
        ("a: 1\nb: &x 1\n", 2, "anchors and aliases"),
        ("a: 1\nb: &x [1]\nc: *x\n", 2, "anchors and aliases"),
        ("a: 1\n&x b: 1\n", 2, "anchors and aliases"),
        ("a: 1\nb: [\n", 3, "is not YAML"),
        ("a: 1\n\tb: 2\n", 2, "is not YAML"),
        ("a: 1\nb: *x\n", 2, "anchors and aliases"),
        ("a: 1\n---\nb: 1\n", 2, "is not YAML"),
        ("a: 1\n? [b]\n: 1\n", 2, "must be plain text"),
        ("a: 1\n? {b: 1}\n: 1\n", 2, "must be plain text"),
        ("a: 1\nb: " + "[" * 21 + "]" * 21 + "\n", 2, "nested too deep"),
        ("a: 1\nb: " + "{x: " * 21 + "1" + "}" * 21 + "\n", 2, "nested too deep"),
        ("a: 1\nb: " + "[" * 900 + "]" * 900 + "\n", 2, "nested too deep"),
        ("a: 1\nb: !local 1\n", 2, "tag"),
        ("a: 1\nb: !!str 1\n", 2, "tag"),
        ("a: 1\nb: !!python/object:os.system 1\n", 2, "tag"),
        ("a: 1\nb: !!python/object/apply:os.system [id]\n", 2, "tag"),
        ("a: 1\nb: !!python/object:builtins.dict {c: 1}\n", 2, "tag"),
        ("a: 1\nb: !local {c: 1}\n", 2, "tag"),
        ("a: 1\n!!python/name:os.system b: 1\n", 2, "tag"),
    ],
)
def test_what_is_not_plain_is_refused_with_its_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    message = refusal(written(tmp_path, text))
    assert message.startswith(f"document.yml:{line}: ")
    assert says in message
    assert "\n" not in message


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "must be one mapping"),
        (b"# nothing but a comment\n", "must be one mapping"),
        (b"- a\n- b\n", "must be one mapping"),
        (b"text\n", "must be one mapping"),
        ("a: 1\n".encode("utf-16"), "is UTF-16: save it as UTF-8"),
        (b"\xfe\xff" + "a: 1\n".encode("utf-16-be"), "is UTF-16: save it as UTF-8"),
        (b"a: 1\n#" + b"x" * 256 * 1024, "larger than 256 KiB"),
    ],
    ids=["empty", "comment", "list", "text", "UTF-16", "UTF-16 the other way round", "too large"],
)
def test_a_fault_of_the_whole_file_is_refused_in_one_line(tmp_path: Path, raw: bytes, says: str) -> None:
    message = refusal(written(tmp_path, raw))
    assert message.startswith("document.yml: ")
    assert says in message
    assert "\n" not in message


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"b: 1\na: \xff\n", "is not UTF-8"),
        ("b: 1\na: é\n".encode("latin-1"), "is not UTF-8"),
        (b"b: 1\na: 1\0\n", r"does not print: '\x00'"),
        (b"b: 1\na: \x1b[2J\n", r"does not print: '\x1b'"),
        (b"b: 1\n\xed\xa0\x80\n", "is not UTF-8"),
        ("b: 1\na: \u0080\n".encode(), r"does not print: '\x80'"),
    ],
    ids=["no text at all", "Latin-1", "a zero byte", "an escape", "half a character", "a control character"],
)
def test_what_is_no_plain_text_is_refused_with_its_line(tmp_path: Path, raw: bytes, says: str) -> None:
    message = refusal(written(tmp_path, raw))
    assert message.startswith("document.yml:2: ")
    assert says in message
    assert message.isprintable()


@pytest.mark.usefixtures("parser")
def test_utf_16_without_its_mark_is_refused_too(tmp_path: Path) -> None:
    assert "does not print" in refusal(written(tmp_path, "a: 1\n".encode("utf-16-le")))


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("text", ["обет", "\U0001f511", "\u00e9"])
def test_text_of_any_language_is_taken(tmp_path: Path, text: str) -> None:
    assert read(written(tmp_path, f"a: {text}\n"), dict[str, Any]) == {"a": text}


@pytest.mark.usefixtures("parser")
def test_twenty_levels_and_256_kib_are_taken(tmp_path: Path) -> None:
    text = "a: " + "[" * 20 + "]" * 20 + "\n#"
    assert "a" in read(written(tmp_path, text.ljust(256 * 1024, "x")), dict[str, Any])


def test_a_document_that_does_not_stop_nesting_is_refused_and_kills_nobody(tmp_path: Path) -> None:
    path = written(tmp_path, "a: 1\nb: " + "[" * 30_000 + "]" * 30_000)
    program = "import sys, pathlib, obet.documents as d; d.read(pathlib.Path(sys.argv[1]), dict)"
    answer = python(program, str(path))
    assert answer.returncode == 1, f"ended by signal {-answer.returncode}"
    assert "document.yml:2: is nested too deep" in answer.stderr


@pytest.mark.usefixtures("parser")
def test_a_bomb_of_aliases_is_refused_at_its_first_anchor(tmp_path: Path) -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert refusal(written(tmp_path, "\n".join(["l0: &l0 [lol]", *levels]))).startswith("document.yml:1: anchors")


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("text", ['"a\\nb": 1\n', '"a\\nb": 1\n"a\\nb": 2\n'], ids=["an unknown one", "a double one"])
def test_a_field_named_over_two_lines_is_refused_in_one(tmp_path: Path, text: str) -> None:
    with pytest.raises(EstateError) as caught:
        read(written(tmp_path, text), Contract)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("parser")
def test_the_line_is_that_of_the_fault_also_below_a_name_of_our_own(example: Path) -> None:
    path = example / "estate.yml"
    text = path.read_text()
    line = line_of(path, "ipv4: 198.51.100.12")
    path.write_text(text.replace("198.51.100.12", "10.0.0.0/8"))
    with pytest.raises(EstateError, match=rf"estate\.yml:{line}: "):
        read(path, EstateSettings)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "document.yml") == "document.yml: cannot be read: No such file or directory"


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.text(st.characters(categories=["L", "N", "P", "Zs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc: #'\"-", min_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(value=st.dictionaries(st.text("abcxyz", min_size=1), PLAIN, min_size=1, max_size=3))
def test_what_was_written_as_yaml_is_read_back_whole_by_both_parsers(value: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, pytest.MonkeyPatch.context() as patch:
        path = written(Path(folder), yaml.safe_dump(value, allow_unicode=True))
        for loader in (yaml.CSafeLoader, yaml.SafeLoader):
            patch.setattr(documents, "_LOADER", loader)
            assert read(path, dict[str, Any]) == value


@given(text=st.text("ab:-[]{}#&*!'\"|> \n\t0", max_size=40))
def test_no_text_makes_reading_end_otherwise_than_by_a_value_or_one_line(text: str) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = written(Path(folder), text)
        try:
            found = read(path, dict[str, Any])
        except EstateError as error:
            assert str(error).startswith(str(path))
        else:
            assert isinstance(found, dict)
