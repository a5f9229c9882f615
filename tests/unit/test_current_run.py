"""A play whose run could not begin has none, whatever was in the way: its first task says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from obet import current_run
from obet.errors import EstateError, RunError


@pytest.fixture(autouse=True)
def no_run() -> Iterator[None]:
    yield
    current_run.play_ends()


def begin(sources: Any, purpose: str | None = "technical") -> None:
    current_run.play_starts(sources, purpose, [], read_secrets=False, lock=False)


def test_without_a_play_there_is_no_run() -> None:
    with pytest.raises(RunError, match="no run is open"):
        current_run.current()


def test_what_is_raised_while_a_run_begins_is_an_error_of_the_plays_tasks_and_not_of_those_of_another_play() -> None:
    with pytest.raises(TypeError):
        begin(cast(Any, [object()]))  # for Ansible a warning, and the play goes on
    with pytest.raises(RunError, match="the run of this play could not begin"):
        current_run.current()
    begin([])
    with pytest.raises(RunError, match="no run is open"):
        current_run.current()


def test_an_error_of_ours_is_told_as_it_is(tmp_path: Any) -> None:
    (tmp_path / "obet.yml").write_text("plugin: obet\n")
    begin([str(tmp_path / "obet.yml")])
    with pytest.raises(EstateError):
        current_run.current()
