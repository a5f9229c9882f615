"""A role's argument_specs and its defaults say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from role_readme import ROLES, options_of

ALL = sorted(path for path in ROLES.iterdir() if path.is_dir())


def defaults_of(role: Path) -> dict[str, Any]:
    path = role / "defaults" / "main.yml"
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def with_nested(options: Mapping[str, Mapping[str, Any]], above: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each option with the place where it is, those within others too."""
    for name, option in options.items():
        yield f"{above}{name}", option
        yield from with_nested(option.get("options", {}), f"{above}{name}.")


def disagreements(role: str, options: Mapping[str, Mapping[str, Any]], defaults: Mapping[str, Any]) -> list[str]:
    """What the specs and the defaults of a role say differently, and what the specs leave out."""
    found = [f"{name}: has a default and is not in the specs" for name in defaults.keys() - options.keys()]
    for name, option in options.items():
        if not name.startswith(f"{role}_"):
            found.append(f"{name}: does not begin with the role's name")
        if bool(option.get("required")) == ("default" in option):
            found.append(f"{name}: is either required or has a default")
        if ("default" in option) != (name in defaults):
            found.append(f"{name}: its default is in one place only")
        elif "default" in option and option["default"] != defaults[name]:
            found.append(f"{name}: {option['default']!r} in the specs, {defaults[name]!r} in the defaults")
    for place, option in with_nested(options):
        found += [f"{place}: has no {part}" for part in ("type", "description") if not option.get(part)]
        if option.get("type") == "list" and not option.get("elements"):
            found.append(f"{place}: does not say what it is a list of")
    return sorted(found)


@pytest.mark.parametrize("role", ALL, ids=lambda role: role.name)
def test_specs_equal_defaults(role: Path) -> None:
    assert disagreements(role.name, options_of(role), defaults_of(role)) == []


def test_there_are_roles() -> None:
    assert {"access_wipe", "management_access", "service_secret", "ssh_access"} <= {role.name for role in ALL}


GOOD: dict[str, Any] = {"type": "str", "default": "a", "description": "What."}


@pytest.mark.parametrize(
    ("options", "defaults", "complaint"),
    [
        ({"r_x": GOOD}, {"r_x": "b"}, "r_x: 'a' in the specs, 'b' in the defaults"),
        ({"r_x": GOOD}, {}, "r_x: its default is in one place only"),
        ({}, {"r_x": "a"}, "r_x: has a default and is not in the specs"),
        ({"x": GOOD}, {"x": "a"}, "x: does not begin with the role's name"),
        ({"r_x": {**GOOD, "required": True}}, {"r_x": "a"}, "r_x: is either required or has a default"),
        ({"r_x": {"type": "str", "default": "a"}}, {"r_x": "a"}, "r_x: has no description"),
        ({"r_x": {"default": "a", "description": "What."}}, {"r_x": "a"}, "r_x: has no type"),
        ({"r_x": {**GOOD, "options": {"y": {"type": "str"}}}}, {"r_x": "a"}, "r_x.y: has no description"),
        ({"r_x": {**GOOD, "type": "list"}}, {"r_x": "a"}, "r_x: does not say what it is a list of"),
    ],
)
def test_a_disagreement_is_found(options: dict[str, Any], defaults: dict[str, Any], complaint: str) -> None:
    assert disagreements("r", options, defaults) == [complaint]


def test_an_agreement_is_none() -> None:
    required = {"type": "list", "elements": "str", "required": True, "description": "Which."}
    assert disagreements("r", {"r_x": GOOD, "r_y": required}, {"r_x": "a"}) == []
