"""The arrows between the parts: who may import what, how large a part may be, where Ansible looks for plugins."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from builders import CHECKOUT

PLUGINS = CHECKOUT / "plugins"
CORE = PLUGINS / "obet"
ADAPTER_FOLDERS = ("action", "callback", "filter", "inventory", "lookup")
MODULES = sorted(CORE.rglob("*.py"))
ADAPTERS = sorted(path for folder in ADAPTER_FOLDERS for path in (PLUGINS / folder).glob("*.py"))
DOCUMENTED = sorted((PLUGINS / "modules").glob("*.py"))
PLATFORMS = sorted(path.parent for path in (CORE / "platforms").glob("*/__init__.py"))
# What talks to a device; all else of a platform is text in, text or findings out.
DRIVERS = [path for platform in PLATFORMS for path in platform.glob("driver*.py")]
PURE = [
    *("model", "obligations", "plan", "secret", "errors", "evidence/promises", "evidence/report", "evidence/compose"),
    *("access/policy", "access/finding", "access/intervals", "access/first_match", "access/doors", "access/entries"),
    *("vault/desired", "vault/names", "platforms/served"),
    *(str(path.relative_to(CORE).with_suffix("")) for p in PLATFORMS for path in p.glob("*.py") if path not in DRIVERS),
    *("evidence/chain", "evidence/reconciliation", "evidence/report_json", "vault/narrowing"),
]
# What reads or writes anything, or runs anything, or tells the time.
INPUT_OUTPUT = {
    *("os", "io", "sys", "pathlib", "shutil", "tempfile", "glob", "fcntl"),
    *("mmap", "socket", "ssl", "select", "selectors", "subprocess", "multiprocessing", "threading"),
    *("concurrent", "asyncio", "signal", "time", "logging", "urllib", "http", "ftplib"),
    *("smtplib", "random", "secrets", "uuid", "sqlite3", "pickle", "hvac", "asyncssh"),
    *("requests", "httpx", "yaml", "ansible", "nornir", "napalm", "paramiko", "netmiko", "pysnmp"),
}


def imported(source: str) -> set[str]:
    """The full names of all that a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports say the whole name"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@cache
def imports(path: Path) -> set[str]:
    return imported(path.read_text())


def roots(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


def short(path: Path) -> str:
    return str(path.relative_to(PLUGINS))


def own_modules(path: Path) -> Iterator[Path]:
    """The core's own modules that this one imports, and the packages above them."""
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "obet":
            for end in range(1, len(parts) + 1):
                place = PLUGINS.joinpath(*parts[:end])
                yield from (p for p in (place.with_suffix(".py"), place / "__init__.py") if p.is_file())


def reached(path: Path) -> set[Path]:
    """All of the core that importing this module may bring in, itself included."""
    found, left = set(), [path]
    while left:
        one = left.pop()
        if one not in found:
            found.add(one)
            left += own_modules(one)
    return found


def users_of(library: str, paths: Iterable[Path]) -> set[str]:
    return {short(path) for path in paths if library in roots(path)}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import os", {"os"}),
        ("import os.path as p", {"os.path"}),
        ("from os import path", {"os.path"}),
        ("def f():\n    import hvac", {"hvac"}),
        ("if TYPE_CHECKING:\n    from obet.access import policy", {"obet.access.policy"}),
        ("x = 'import os'", set()),
    ],
)
def test_an_import_is_seen_wherever_it_stands(source: str, names: set[str]) -> None:
    assert imported(source) == names


def test_only_vault_uses_vaults_client() -> None:
    assert {path.split("/")[1] for path in users_of("hvac", [*MODULES, *ADAPTERS, *DOCUMENTED])} == {"vault"}


def test_only_devices_uses_ssh() -> None:
    assert {path.split("/")[1] for path in users_of("asyncssh", [*MODULES, *ADAPTERS, *DOCUMENTED])} == {"devices"}


def test_a_platform_reaches_devices_by_its_drivers_only() -> None:
    reaching = {path for path in (CORE / "platforms").rglob("*.py") if any("obet.devices" in n for n in imports(path))}
    assert {path for path in DRIVERS if path.name == "driver.py"} <= reaching <= set(DRIVERS)


def test_only_the_entries_of_access_lists_use_aerleon() -> None:
    assert users_of("aerleon", [*MODULES, *ADAPTERS, *DOCUMENTED]) == {"obet/access/entries.py"}


def test_only_the_task_adapter_of_the_core_uses_ansible() -> None:
    assert users_of("ansible", MODULES) == {"obet/task_adapter.py"}


def test_only_documents_reads_yaml() -> None:
    assert users_of("yaml", [*MODULES, *ADAPTERS]) == {"obet/documents.py"}


def test_only_the_page_of_a_report_makes_html() -> None:
    assert users_of("jinja2", MODULES) | users_of("markupsafe", MODULES) == {"obet/evidence/report_page.py"}


@pytest.mark.parametrize("name", PURE)
def test_the_pure_centre_brings_in_no_input_or_output(name: str) -> None:
    brought = {short(path): roots(path) & INPUT_OUTPUT for path in reached(CORE / f"{name}.py")}
    assert {path: found for path, found in brought.items() if found} == {}


def test_reaching_is_followed_through_the_core() -> None:
    assert CORE / "vault" / "session.py" in reached(CORE / "commands.py")
    assert roots(CORE / "vault" / "session.py") & INPUT_OUTPUT


@pytest.mark.parametrize("platform", PLATFORMS, ids=short)
def test_a_proof_shares_no_code_with_what_renders_the_rules(platform: Path) -> None:
    renders, proves = reached(platform / "rules.py"), reached(platform / "proof.py")
    assert CORE / "access" / "policy.py" in renders
    assert CORE / "access" / "intervals.py" in proves
    assert {short(path) for path in renders & proves if path.name != "__init__.py"} == {"obet/errors.py"}


@pytest.mark.parametrize("platform", PLATFORMS, ids=short)
def test_one_platform_knows_of_no_other(platform: Path) -> None:
    others = {short(path) for path in reached(platform / "rules.py") | reached(platform / "proof.py")}
    assert {path for path in others if path.startswith("obet/platforms/")} <= {
        "obet/platforms/__init__.py",
        *map(short, platform.glob("*.py")),
    }


def test_the_core_has_no_ring_of_imports() -> None:
    rings = {short(path) for path in MODULES for used in own_modules(path) if used != path and path in reached(used)}
    assert rings == set()


@pytest.mark.parametrize("path", ADAPTERS, ids=short)
def test_an_adapter_imports_only_ansible_the_core_and_the_standard_library(path: Path) -> None:
    assert roots(path) - {"ansible", "obet"} <= sys.stdlib_module_names


@pytest.mark.parametrize("path", DOCUMENTED, ids=short)
def test_what_runs_on_a_device_imports_only_what_is_there(path: Path) -> None:
    assert roots(path) - {"ansible"} <= sys.stdlib_module_names
    assert all(name.startswith("ansible.module_utils.") for name in imports(path) if "ansible" in name)


def lines_of_its_own(source: str) -> int:
    """Lines beside the documentation that Ansible reads."""
    texts = {"DOCUMENTATION", "EXAMPLES", "RETURN"}
    documented = [
        node.end_lineno - node.lineno + 1
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and node.end_lineno
        if {target.id for target in node.targets if isinstance(target, ast.Name)} & texts
    ]
    return len(source.splitlines()) - sum(documented)


@pytest.mark.parametrize("path", [*ADAPTERS, *DOCUMENTED], ids=short)
def test_an_adapter_has_forty_lines_at_most_beside_its_documentation(path: Path) -> None:
    assert lines_of_its_own(path.read_text()) <= 40


def test_documentation_is_not_counted_and_all_else_is() -> None:
    assert lines_of_its_own('DOCUMENTATION = """\na\nb\n"""\nimport os\n\nOTHER = """\na\n"""\n') == 5


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_no_module_of_the_core_has_more_than_four_hundred_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_nothing_that_is_shipped_knows_of_the_lab() -> None:
    """A role's scenario and what its README says of it are for who changes the role: they name the lab."""
    folders = [CHECKOUT / name for name in ("plugins", "roles", "playbooks", "inventories")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    files = [path for path in files if "molecule" not in path.parts and path.name != "README.md"]
    named = [str(path) for path in files if re.search(rb"\blab\b", path.read_bytes(), re.IGNORECASE)]
    assert len(files) > 50
    assert named == []


def test_no_module_is_called_like_a_library_that_it_stands_beside() -> None:
    names = {path.stem for path in MODULES} | {path.parent.name for path in MODULES if path.parent != CORE}
    assert names & {"secrets", "nornir", "napalm", "hvac", "asyncssh", "yaml", "ansible", "requests"} == set()


def plugin_paths() -> list[Path]:
    """Where ansible.cfg has Ansible look for plugins and modules."""
    config = configparser.ConfigParser()
    config.read(CHECKOUT / "ansible.cfg")
    keys = [key for key in config["defaults"] if key.endswith("_plugins") or key == "library"]
    return [CHECKOUT / place for key in keys for place in config["defaults"][key].split(":")]


def test_ansible_is_told_of_each_plugin_folder_and_never_of_the_folder_above() -> None:
    folders = {path for path in PLUGINS.iterdir() if path.is_dir() and path.name not in {"obet", "__pycache__"}}
    assert set(plugin_paths()) == folders
    assert PLUGINS not in plugin_paths()


def test_ansibles_configuration_checks_host_keys_and_keeps_no_facts_and_no_log() -> None:
    config = configparser.ConfigParser()
    config.read(CHECKOUT / "ansible.cfg")
    defaults = config["defaults"]
    assert defaults["host_key_checking"] == "true"
    assert defaults["duplicate_dict_key"] == "error"
    assert defaults["fact_caching"] == "memory"
    assert "log_path" not in defaults
