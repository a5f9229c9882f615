"""The part of a role's README that says its options, written from meta/argument_specs.yml.

`scripts/role-readme` writes it in all roles; with --check it changes nothing and names the READMEs that differ.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[1] / "roles"
BEGIN = "<!-- options: written by scripts/role-readme from meta/argument_specs.yml -->"
END = "<!-- end of options -->"
_HEAD = "| option | type | default | what |\n|---|---|---|---|"
_MARKUP = re.compile(r"[BCIOV]\(([^)]*)\)")  # ansible-doc's own


def table(options: Mapping[str, Mapping[str, Any]]) -> str:
    """A Markdown table of an entry point's options, in the file's order, each list's and dictionary's own below it."""
    return "\n".join([_HEAD, *_rows(options, "")])


def _rows(options: Mapping[str, Mapping[str, Any]], above: str) -> Iterator[str]:
    for name, option in options.items():
        place = f"{above}{name}"
        cells = [f"`{place}`", _type(option), _default(option), _text(option["description"])]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
        deeper = f"{place}[]." if option["type"] == "list" else f"{place}."
        yield from _rows(option.get("options", {}), deeper)


def _type(option: Mapping[str, Any]) -> str:
    elements = option.get("elements")
    return f"{option['type']} of {elements}" if elements else str(option["type"])


def _default(option: Mapping[str, Any]) -> str:
    if option.get("required"):
        return "required"
    return f"`{option['default']}`" if "default" in option else ""


def _text(description: str | list[str]) -> str:
    """One line; ansible-doc's markup becomes code."""
    lines = [description] if isinstance(description, str) else description
    return _MARKUP.sub(r"`\1`", " ".join(" ".join(lines).split()))


def with_options(readme: str, options: Mapping[str, Mapping[str, Any]]) -> str:
    """The README with its options part as the specs say; ValueError when it does not say where that part is."""
    if readme.count(BEGIN) != 1 or readme.count(END) != 1 or readme.index(BEGIN) > readme.index(END):
        raise ValueError(f"needs one line '{BEGIN}' and below it one line '{END}'")
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(options)}\n\n{END}{after}"


def options_of(role: Path) -> dict[str, dict[str, Any]]:
    """The options of the role's entry point main."""
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    options: dict[str, dict[str, Any]] = specs["argument_specs"]["main"]["options"]
    return options


def main() -> int:
    """0 when every README is, or now is, as its specs say."""
    parser = argparse.ArgumentParser(prog="role-readme", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit status 1 when one differs")
    arguments = parser.parse_args()
    differing = []
    for role in sorted(path for path in ROLES.iterdir() if path.is_dir()):
        path = role / "README.md"
        present = path.read_text(encoding="utf-8")
        try:
            wanted = with_options(present, options_of(role))
        except ValueError as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 1
        if wanted != present:
            differing.append(path)
            if not arguments.check:
                path.write_text(wanted, encoding="utf-8")
    for path in differing if arguments.check else []:
        print(f"{path}: is not what meta/argument_specs.yml says: run scripts/role-readme", file=sys.stderr)
    return 1 if differing and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
