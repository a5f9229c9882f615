"""The ledger: whatever is edited, cut out, swapped or put in is found; a full disk and a torn line lose nothing."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import CUSTOMER, DEVICE, python
from hypothesis import given, settings
from hypothesis import strategies as st
from obet.errors import ObetError
from obet.evidence.chain import Event, Happening, Line, damage
from obet.evidence.ledger import DamagedLedgerError, Ledger

PROCESSES, STEPS = 4, 10
LINES = 8


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "state" / "ledger.jsonl")


def happening(run: str = "run-1", event: Event = Event.RUN_BEGAN, **fields: Any) -> Happening:
    return Happening(run=run, event=event, node="node1", by="obet-node-node1", **fields)


def grown(path: Path, count: int = LINES) -> list[bytes]:
    """The whole lines of a ledger of that many."""
    for number in range(count):
        facts = {"requests": [f"request-{number}"], "path": f"kv/data/access/{CUSTOMER}/{DEVICE}"}
        Ledger(path).append([happening(f"run-{number}", Event.SECRETS_READ, device=DEVICE, facts=facts)])
    return path.read_bytes().splitlines(keepends=True)


def wrong_with(path: Path, lines: list[bytes]) -> list[str]:
    """What is found in a ledger of these lines: phrases, or the one line of the error that stops the reading."""
    path.write_bytes(b"".join(lines))
    try:
        return damage(Ledger(path).lines())
    except ObetError as error:
        assert "\n" not in str(error)
        return [str(error)]


def test_what_was_appended_is_read_back_numbered_and_chained(ledger: Ledger) -> None:
    ledger.append([happening(), happening(event=Event.STEP, customer=CUSTOMER, device=DEVICE, facts={"step": "x"})])
    ledger.append([happening(event=Event.RUN_ENDED)])
    lines = ledger.lines()
    assert [line.number for line in lines] == [1, 2, 3]
    assert [line.event for line in lines] == [Event.RUN_BEGAN, Event.STEP, Event.RUN_ENDED]
    assert [line.previous for line in lines] == ["0" * 64, lines[0].hash, lines[1].hash]
    assert lines[1].facts == {"step": "x"}
    assert abs(datetime.fromisoformat(lines[0].at) - datetime.now(UTC)) < timedelta(minutes=1)
    assert damage(lines) == []
    assert ledger.head() == (3, lines[2].hash)


def test_a_ledger_that_was_never_written_is_empty_and_whole(ledger: Ledger) -> None:
    assert (ledger.lines(), damage([]), ledger.head()) == ([], [], (0, "0" * 64))
    assert not ledger.path.exists()


def test_it_holds_the_lines_that_it_has_and_no_others(ledger: Ledger) -> None:
    ledger.append([happening(), happening()])
    first, second = ledger.lines()
    assert ledger.holds(1, first.hash)
    assert ledger.holds(2, second.hash)
    for number, hash_ in [(1, second.hash), (2, first.hash), (3, second.hash), (0, "0" * 64), (-1, second.hash)]:
        assert not ledger.holds(number, hash_)


@given(position=st.integers(0, LINES - 1), offset=st.integers(0, 10_000), byte=st.integers(0, 255))
@settings(max_examples=300)
def test_any_byte_that_is_changed_is_found(
    position: int, offset: int, byte: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path, lines = example(tmp_path_factory)
    old = lines[position]
    offset %= len(old) - 1  # the newline itself: what is cut at the end is the checkpoint's to find
    lines[position] = old[:offset] + bytes([byte]) + old[offset + 1 :]
    assert bool(wrong_with(path, lines)) == (lines[position] != old)


EDITS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a run": lambda line: line.update(run="another"),
    "an outcome": lambda line: line["facts"].update(requests=[]),
    "a time": lambda line: line.update(at="2026-01-01T00:00:00.000+00:00"),
    "a field more": lambda line: line.update(note="nothing to see"),
    "a fact more": lambda line: line["facts"].update(note="nothing to see"),
    "a field less": lambda line: line.pop("sealed"),
    "a fact less": lambda line: line["facts"].pop("path"),
    "another event": lambda line: line.update(event="run ended"),
    "an event that is none": lambda line: line.update(event="nothing happened"),
    "a type": lambda line: line.update(number=str(line["number"])),
    "a number that JSON cannot hold": lambda line: line["facts"].update(count=2**80),
    "half a character": lambda line: line["facts"].update(text="\ud800"),
}


@pytest.mark.parametrize("position", [0, 3, LINES - 1])
@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_line_that_says_something_else_is_found(
    edit: Callable[[dict[str, Any]], Any], position: int, tmp_path: Path
) -> None:
    lines = grown(tmp_path / "ledger.jsonl")
    changed = json.loads(lines[position])
    edit(changed)
    lines[position] = json.dumps(changed, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    assert wrong_with(tmp_path / "ledger.jsonl", lines)


SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "spaces": lambda line: line.replace(b":", b": ", 1),
    "another order": lambda line: json.dumps(dict(reversed(json.loads(line).items())), separators=(",", ":")).encode(),
    "an escape": lambda line: line.replace(b"run-", b"\\u0072un-", 1),
    "a key twice": lambda line: line.replace(b'{"at":', b'{"at":"2020-01-01T00:00:00Z","at":', 1),
    "a space at the end": lambda line: line + b" ",
    "a return": lambda line: line + b"\r",
    "a byte order mark": lambda line: b"\xef\xbb\xbf" + line,
    "nothing": lambda _: b"",
    "no JSON": lambda _: b"not JSON",
    "no mapping": lambda _: b"[]",
    "a depth without end": lambda _: b"[" * 100_000,
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_a_line_that_is_written_otherwise_is_named(spell: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    lines = grown(path)
    lines[3] = spell(lines[3].rstrip(b"\n")) + b"\n"
    (found,) = wrong_with(path, lines)
    assert found == f"{path}:4: is damaged, and no kill does that: put the ledger aside and tell who keeps the evidence"


@given(data=st.data())
def test_lines_that_are_cut_out_of_it_are_found(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    path, lines = example(tmp_path_factory)
    start = data.draw(st.integers(0, LINES - 2))
    end = data.draw(st.integers(start + 1, LINES - 1))  # not to the end: that is the checkpoint's to find
    assert wrong_with(path, lines[:start] + lines[end:])


@given(order=st.permutations(range(LINES)))
def test_lines_in_another_order_are_found(order: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    path, lines = example(tmp_path_factory)
    assert bool(wrong_with(path, [lines[n] for n in order])) == (order != sorted(order))


@given(position=st.integers(0, LINES), copied=st.integers(0, LINES - 1))
def test_a_line_that_is_put_in_is_found(position: int, copied: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path, lines = example(tmp_path_factory)
    assert wrong_with(path, [*lines[:position], lines[copied], *lines[position:]])


@pytest.mark.parametrize("position", range(1, LINES))
def test_a_line_that_is_made_to_fit_where_it_is_put_in_does_not_fit_the_next(position: int, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    lines = grown(path)
    path.write_bytes(b"".join(lines[:position]))
    Ledger(path).append([happening("forged")])
    assert wrong_with(path, [path.read_bytes(), *lines[position:]])


def test_what_is_found_says_where(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    lines = [*grown(path)]
    edited = lines[2].replace(b"request-2", b"request-9")
    assert wrong_with(path, [*lines[:2], edited, *lines[3:]]) == ["line 3 was edited"]
    assert wrong_with(path, [*lines[:4], *lines[5:]])[0] == "line 5 does not follow the one before it"


def test_a_torn_last_line_is_none_and_the_next_append_goes_on_from_the_one_before(ledger: Ledger) -> None:
    whole = grown(ledger.path, 3)
    ledger.path.write_bytes(b"".join(whole[:2]) + whole[2][:-20])
    assert [line.number for line in ledger.lines()] == [1, 2]
    assert ledger.torn() == len(whole[2]) - 20
    ledger.append([happening("after")])
    assert ledger.torn() == 0
    assert [line.run for line in ledger.lines()] == ["run-0", "run-1", "after"]
    assert damage(ledger.lines()) == []


@pytest.mark.parametrize("damaged", [b"x\n", b"{}\n", b"\n", b"\0\0\n"])
def test_nothing_is_chained_to_a_last_line_that_is_damaged(ledger: Ledger, damaged: bytes) -> None:
    before = b"".join(grown(ledger.path, 2)) + damaged
    ledger.path.write_bytes(before)
    assert ledger.torn() == 0, "a kill tears lines off, and leaves no newline after what is none"
    with pytest.raises(DamagedLedgerError, match=r"its last line: is damaged"):
        ledger.append([happening()])
    assert ledger.path.read_bytes() == before


def append_many(path: Path, writer: int) -> None:
    for step in range(STEPS):
        Ledger(path).append([happening(f"{writer}", facts={"step": step, "part": part}) for part in (1, 2)])


def test_several_processes_at_once_keep_one_chain_and_a_reader_meanwhile_sees_no_damage(ledger: Ledger) -> None:
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=append_many, args=(ledger.path, writer)) for writer in range(PROCESSES)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert damage(ledger.lines()) == []
    for writer in writers:
        writer.join()
    lines = ledger.lines()
    assert damage(lines) == []
    assert {(line.run, line.facts["step"], line.facts["part"]) for line in lines} == {
        (f"{writer}", step, part) for writer in range(PROCESSES) for step in range(STEPS) for part in (1, 2)
    }
    assert len(lines) == PROCESSES * STEPS * 2


FULL = """
import resource, signal, sys
from pathlib import Path
from obet.errors import ObetError
from obet.evidence.chain import Event, Happening
from obet.evidence.ledger import Ledger
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
one = Happening(run="run-2", event=Event.RUN_BEGAN, node="node1", by="x")
try:
    Ledger(Path(sys.argv[1])).append([one, one, one])
except ObetError as error:
    print(error)
"""


@pytest.mark.parametrize("room", [0, 100, 500, 900])
def test_a_full_disk_leaves_the_old_lines_whole_and_says_so_in_a_line(ledger: Ledger, room: int) -> None:
    ledger.append([happening()])
    before = ledger.path.read_bytes()
    said = python(FULL, str(ledger.path), str(len(before) + room)).stdout
    assert said == f"{ledger.path}: cannot be written: File too large: nothing is done off the record\n"
    assert ledger.path.read_bytes() == before
    ledger.append([happening(event=Event.RUN_ENDED)])
    assert damage(ledger.lines()) == []


def test_a_hash_is_of_all_that_a_line_says(ledger: Ledger) -> None:
    ledger.append([happening(sealed="vault:v1:abc")])
    (line,) = ledger.lines()
    assert line.digest() == line.hash
    fields = [field for field in Line.__struct_fields__ if field != "hash"]
    assert {"run", "event", "node", "by", "facts", "sealed", "number", "at", "previous"} < set(fields)


_EXAMPLE: list[tuple[Path, list[bytes]]] = []


def example(factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    """A ledger's path, to be written over, and a copy of the same lines each time: made once, as fsync is slow."""
    if not _EXAMPLE:
        path = factory.mktemp("ledger") / "ledger.jsonl"
        _EXAMPLE.append((path, grown(path)))
    path, lines = _EXAMPLE[0]
    return path, [*lines]
