"""The options part of a role's README says what its argument_specs say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from role_readme import BEGIN, END, ROLES, options_of, table, with_options

ROLE_FOLDERS = sorted(path for path in ROLES.iterdir() if path.is_dir())
OPTIONS: dict[str, Any] = {
    "r_list": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "description": ["The C(list) of", "the fact."],
        "options": {"name": {"type": "str", "required": True, "description": "One | or another."}},
    },
    "r_count": {"type": "int", "default": 3, "description": "How many."},
}
ROWS = """\
| option | type | default | what |
|---|---|---|---|
| `r_list` | list of dict | required | The `list` of the fact. |
| `r_list[].name` | str | required | One \\| or another. |
| `r_count` | int | `3` | How many. |"""


def test_the_table_has_a_row_for_each_option_and_for_those_within() -> None:
    assert table(OPTIONS) == ROWS


def test_only_the_part_between_the_marks_is_written_and_a_second_time_changes_nothing() -> None:
    once = with_options(f"# r\n\n{BEGIN}\nold\n{END}\n\nText.\n", OPTIONS)
    assert once == f"# r\n\n{BEGIN}\n\n{ROWS}\n\n{END}\n\nText.\n"
    assert with_options(once, OPTIONS) == once


@pytest.mark.parametrize("readme", ["# r\n", f"{BEGIN}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n{END}\n"])
def test_a_readme_that_does_not_say_where_is_refused(readme: str) -> None:
    with pytest.raises(ValueError, match="needs one line"):
        with_options(readme, OPTIONS)


@pytest.mark.parametrize("role", ROLE_FOLDERS, ids=lambda role: role.name)
def test_a_roles_readme_is_as_its_specs_say_and_tells_how_it_is_tried(role: Path) -> None:
    readme = (role / "README.md").read_text(encoding="utf-8")
    assert readme == with_options(readme, options_of(role))
    assert f"cd roles/{role.name}" in readme
    assert "molecule test" in readme
