"""A server that says what it likes: nothing of it is evaluated, does anything to a terminal, or takes all memory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab import Machine, estate
from lab.estate import MANAGED_CUSTOMER, MANAGED_DEVICE
from lab.machine_accounts import reload_sshd
from lab.provision import Obet
from life_support import Edit, promises, verified

_MEMORY = 1024 * 1024 * 1024
_NAME = {"family": "inet", "table": "\ud800\x1b[2J\x00{{ 7*7 }}", "chain": "x", "expr": [{"dup": {}}]}
SAYS = {
    "what is no text": r"printf '\033[2J\033]0;x\007\000\377\376 {{ 7*7 }}'",
    "names that are no text": f"printf '%s' '{json.dumps({'nftables': [{'rule': _NAME}]})}'",
    "a flood": "head -c 300000000 /dev/zero",
    "more and more": "exec yes '{'",
    "what is nested without end": "head -c 1000000 /dev/zero | tr '\\0' '['",
    "nothing at all": "exec sleep 600",
    "an error": r"printf '\033[2J' >&2; exit 3",
}


@pytest.fixture
def server(served: Obet) -> Machine:
    return served.lab.machine("server2")


@pytest.fixture
def replaced(server: Machine) -> Iterator[Callable[[str, str], None]]:
    """Puts a script in a program's place for the time of a test; the program is beside it as NAME.true."""
    done: list[str] = []

    def replace(program: str, script: str) -> None:
        server.run(["mv", program, f"{program}.true"])
        done.append(program)
        server.write(program, f"#!/bin/sh\n{script}\n", mode=0o755)

    yield replace
    for program in done:
        server.run(["mv", f"{program}.true", program])


@pytest.mark.parametrize("says", SAYS.values(), ids=SAYS)
def test_rules_that_are_none_prove_nothing_in_bounded_time_and_memory_and_in_plain_lines(
    served: Obet, replaced: Callable[[str, str], None], says: str
) -> None:
    true = "/usr/sbin/nft"
    replaced(true, f'case "$*" in\n"-j list ruleset") {says} ;;\n*) exec {true}.true "$@" ;;\nesac')
    began = time.monotonic()
    command = ["prlimit", f"--as={_MEMORY}", "obet", "verify", MANAGED_DEVICE]
    answer = served.lab.node1.run(command, env=served.environment, check=False)
    assert time.monotonic() - began < 45
    assert answer.returncode == 10, answer.stdout + answer.stderr
    lines = (answer.stdout + answer.stderr).splitlines()
    assert all(line.isprintable() and len(line) < 2000 for line in lines)
    assert [line for line in lines if line.startswith("FAILED") and MANAGED_DEVICE in line]
    assert [line for line in lines if line.startswith("fixed-ip") and "BROKEN" in line]
    assert "Traceback" not in answer.stderr


def test_no_template_in_what_a_server_shows_is_ever_evaluated(
    served: Obet, server: Machine, replaced: Callable[[str, str], None], tmp_path: Path
) -> None:
    marker = tmp_path / "evaluated"
    template = f"{{{{ lookup('pipe', 'touch {marker}') }}}}"
    server.run(["cp", "-a", "/etc/motd", "/etc/motd.true"])
    server.run(["hostname", "{{ lookup('pipe','touch x') }}"])
    for place in ("/etc/motd", "/etc/issue", "/etc/banner", f"/etc/ssh/{template.replace('/', ':')}"):
        server.write(place, f"{template}\x1b[2J\n")
    server.write("/etc/ssh/sshd_config.d/00-customer.conf", "Banner /etc/banner\n")
    server.run(["usermod", "--comment", template.replace(":", " ")[:60], "obet"])
    reload_sshd(server)
    facts = [
        {"ansible.builtin.debug": {"msg": "{{ ansible_facts.nodename }}"}},
        {"ansible.builtin.command": "cat /etc/motd", "register": "said"},
        {"ansible.builtin.debug": {"var": "said.stdout"}},
        {"ansible.builtin.set_fact": {"copied": "{{ said.stdout }}"}},
        {"ansible.builtin.debug": {"msg": "{{ copied }}"}},
    ]
    playbook = tmp_path / "own.yml"
    play = {"hosts": MANAGED_DEVICE, "gather_facts": True, "vars": {"obet_purpose": "technical"}, "tasks": facts}
    playbook.write_text(json.dumps([play]))
    try:
        own = served.lab.node1.run(["ansible-playbook", "-v", str(playbook)], env=served.environment, check=False)
        site = served.play("site", "-v", "--limit", MANAGED_DEVICE, check=False)
        looked = verified(served, MANAGED_DEVICE)
        replaced("/usr/sbin/nft", f"printf '%s\\033[2J' \"{template}\"; printf '%s' \"{template}\" >&2; exit 1")
        failed = served.play("restrict_access", "-v", "--limit", MANAGED_DEVICE, check=False)
    finally:
        server.run(["hostname", "server2"])
        server.run(["mv", "/etc/motd.true", "/etc/motd"])
        server.run(["sh", "-c", "rm -f /etc/banner /etc/ssh/sshd_config.d/00-customer.conf /etc/ssh/{{*; :>/etc/issue"])
        server.run(["usermod", "--comment", "", "obet"])
        reload_sshd(server)
    assert (own.returncode, site.returncode, looked.returncode, failed.returncode) == (0, 0, 0, 2)
    assert own.stdout.count(f"touch {marker}") >= 3, "shown as it is"
    assert "touch x" in own.stdout
    assert not marker.exists()
    assert not list(served.lab.node1.home.rglob("x"))
    assert server.run(["test", "-e", str(marker)], check=False).returncode != 0
    for answer in (own, site, looked, failed):
        assert "\x1b" not in answer.stdout + answer.stderr


def test_a_server_whose_answers_are_made_up_changes_nothing_on_the_node(
    served: Obet, replaced: Callable[[str, str], None], tmp_path: Path
) -> None:
    """What a module answers is the server's own word: it becomes no command of the node's."""
    marker = tmp_path / "evaluated"
    template = f"{{{{ lookup('pipe', 'touch {marker}') }}}}"
    facts = {
        "ansible_connection": "local",
        "ansible_host": "127.0.0.1",
        "ansible_ssh_common_args": f"-o ProxyCommand='touch {marker}'",
        "ansible_ssh_executable": f"touch {marker}",
        "ansible_python_interpreter": f"touch {marker};",
        "ansible_become_exe": f"touch {marker};",
        "ansible_remote_tmp": f"$(touch {marker})",
        "copied": template,
    }
    made_up = {"changed": False, "ansible_facts": facts, "stdout": template, "msg": template, "stat": {"exists": True}}
    replaced("/usr/bin/python3", f"cat >/dev/null; cat <<'X'\n{json.dumps(made_up)}\nX")
    tasks = [{"ansible.builtin.ping": {}, "register": "said"}, {"ansible.builtin.debug": {"msg": "{{ said.stdout }}"}}]
    playbook = tmp_path / "own.yml"
    play = {"hosts": MANAGED_DEVICE, "gather_facts": True, "vars": {"obet_purpose": "technical"}}
    playbook.write_text(json.dumps([play | {"tasks": [*tasks, *tasks]}]))
    answer = served.lab.node1.run(["ansible-playbook", str(playbook)], env=served.environment, check=False)
    for name in ("configure", "restrict_access"):
        served.play(name, "--limit", MANAGED_DEVICE, check=False)
    assert "touch" in answer.stdout
    assert not marker.exists()


def test_a_module_that_answers_with_what_is_no_text_fails_in_plain_lines(
    served: Obet, replaced: Callable[[str, str], None], secrets: list[str]
) -> None:
    replaced("/usr/bin/python3", r"cat >/dev/null; printf '\033[2J\000\377\376'; exit 1")
    answer = served.play("configure", "--limit", MANAGED_DEVICE, check=False)
    assert answer.returncode == 2
    said = answer.stdout + answer.stderr
    assert not [c for c in said if not c.isprintable() and c != "\n"]
    assert [secret for secret in secrets if secret in said] == []


def test_a_template_in_a_contract_stays_text(served: Obet, edited: Edit, tmp_path: Path) -> None:
    marker = tmp_path / "evaluated"
    version = f"\"{{{{ lookup('pipe', 'touch {marker}') }}}}\""
    edited(served.estate / "estate.yml", "2026-01", version)
    for path in served.estate.glob("customers/*/contract.yml"):
        if "2026-01\n" in path.read_text():
            edited(path, "version: 2026-01\n", f"version: {version}\n")
    assert served.obet("due").returncode == 0
    assert served.play("configure", "-v", "--limit", MANAGED_DEVICE).returncode == 0
    edited(served.estate / "customers" / MANAGED_CUSTOMER / "contract.yml", "Europe/Sofia", version)
    answer = served.play("configure", "--limit", MANAGED_DEVICE, check=False)
    assert "time_zone" in answer.stderr
    assert not marker.exists()


def test_the_server_is_as_it_was(served: Obet, server: Machine) -> None:
    """Last of this file: the tests above left nothing behind."""
    assert server.run(["hostname"]).stdout.strip() == "server2"
    assert promises(served, MANAGED_DEVICE)[0] == 0
    assert estate.device_file(served.estate, MANAGED_DEVICE).exists()
