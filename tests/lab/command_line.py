"""`scripts/lab`: the lab for a person at a terminal."""

from __future__ import annotations

import argparse
import errno
import json
import sys
import time

from . import state, this_host
from .base_image import ensure_base
from .errors import LabError
from .laboratory import DEFAULT_NAME, Lab, take_down
from .provision import Obet, provision
from .vault_binary import ensure_vault

EXAMPLES = """\
examples:
  lab up                              make the lab (a first time takes minutes: it builds its base and Vault)
  lab status --json                   what runs, for a program
  lab shell node1                     a shell on the execution node, without any capability
  lab exec server1 -- nft list ruleset
  lab up --name second --no-vault     another one beside it
  lab down
"""


def main() -> int:
    """Parse, do, and turn what goes wrong into one line."""
    words, command = _partition(sys.argv[1:])
    arguments = _parser().parse_args(words)
    arguments.command = command
    try:
        return int(arguments.work(arguments) or 0)
    except LabError as error:
        this_host.say(str(error))
        return error.exit_code
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        this_host.say(f"no space left: {error.filename or 'on the device'}")
        return 1
    except KeyboardInterrupt:
        return 130


def _partition(words: list[str]) -> tuple[list[str], list[str]]:
    """What is ours and, after `--`, the command for `exec`, whose options argparse shall not touch."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="lab", description=__doc__, epilog=EXAMPLES, formatter_class=raw)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, work: object, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, epilog=EXAMPLES, formatter_class=raw)
        command.add_argument("--name", default=DEFAULT_NAME, metavar="LAB", help="which lab (default: %(default)s)")
        command.set_defaults(work=work)
        return command

    prepare = add("prepare", _prepare, "make what takes minutes, once: the base system and Vault")
    prepare.add_argument("--no-vault", action="store_true", help="the base system only")
    up = add("up", _up, "make a lab and provision it; one that runs is reported")
    up.add_argument("--no-vault", action="store_true", help="machines only; nothing is provisioned")
    add("down", _down, "remove a lab and everything of it")
    status = add("status", _status, "what runs (exit status 3: not all of it)")
    status.add_argument("--json", action="store_true", help="for programs")
    shell = add("shell", _shell, "a shell on a host of the lab")
    shell.add_argument("host", metavar="HOST")
    execute = add("exec", _exec, "run a command on a host of the lab: exec HOST -- COMMAND")
    execute.add_argument("host", metavar="HOST")
    return parser


def _prepare(arguments: argparse.Namespace) -> None:
    this_host.require_host()
    ensure_base()
    if not arguments.no_vault:
        ensure_vault()


def _up(arguments: argparse.Namespace) -> None:
    started = time.monotonic()
    lab = Lab.up(arguments.name, vault=not arguments.no_vault)
    if not lab.made_here:
        this_host.say(f"{lab.name} is up already")
    elif not arguments.no_vault:
        _provision(lab)
    if lab.made_here:
        this_host.say(f"{lab.name} is up after {time.monotonic() - started:.1f} s")
    _print_table(lab)


def _provision(lab: Lab) -> None:
    """Have the product set up in it; a lab that could not be provisioned is no lab, so it goes."""
    try:
        provision(lab)
    except BaseException:
        lab.down()
        raise


def _down(arguments: argparse.Namespace) -> None:
    started = time.monotonic()
    take_down(arguments.name)
    this_host.say(f"{arguments.name} is down after {time.monotonic() - started:.1f} s")


def _status(arguments: argparse.Namespace) -> int:
    this_host.require_host()
    state.check_name(arguments.name)
    lab = Lab.attach(arguments.name)
    if arguments.json:
        answer = {"name": lab.name, "healthy": lab.healthy, "hosts": lab.status(), "vault": lab.vault.address}
        print(json.dumps(answer, indent=2))
    else:
        _print_table(lab)
    return 0 if lab.healthy else 3


def _print_table(lab: Lab) -> None:
    rows = lab.status()
    heads = ["host", "kind", "network", "ipv4", "ipv6", "running"]
    table = [heads, *([str(row[head]).replace("True", "yes").replace("False", "NO") for head in heads] for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(heads))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _shell(arguments: argparse.Namespace) -> None:
    this_host.require_host()
    lab = Lab.attach(arguments.name)
    prompt = {"PS1": f"{arguments.host}:\\w# "}
    lab.host(arguments.host).replace_process(["/bin/bash", "--norc", "-i"], prompt | _environment(lab, arguments.host))


def _exec(arguments: argparse.Namespace) -> None:
    this_host.require_host()
    if not arguments.command:
        raise LabError("no command: lab exec HOST -- COMMAND")
    lab = Lab.attach(arguments.name)
    lab.host(arguments.host).replace_process(arguments.command, _environment(lab, arguments.host))


def _environment(lab: Lab, host: str) -> dict[str, str]:
    """On the control node `obet` and `ansible-playbook` know the lab's estate; elsewhere there is no Obet."""
    own = Obet(lab)
    return own.environment if host == lab.node1.name and own.estate.exists() else {}


if __name__ == "__main__":
    sys.exit(main())
