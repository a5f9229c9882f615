"""`obet …`: the command line. Options in, one call, an error as one line and its exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from obet.errors import ObetError
from obet.model import Moment

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no other name
_Option: TypeAlias = Callable[[argparse.ArgumentParser], None]
_EXAMPLES = """\
examples:
  obet due --at 2027-01-01        what must hold then, and why
  obet vault apply                the registrar opens and closes what contracts and clock call for
  obet login op1                  you, on this node; then ansible-playbook playbooks/site.yml
  obet verify --json > verify.json
  obet report --from verify.json --output report.html
"""
_EXIT_CODES = """\
exit codes:
  0 done   1 another error   2 wrong usage, or there is drift   3 estate   4 unsafe policy
  5 Vault   6 Vault refuses   7 device   8 clock   9 run   10 a proof failed
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code; ObetError's own where one was raised."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        if options.estate is None and options.needs_estate:
            parser.error("say which estate: --estate FOLDER, or OBET_ESTATE in the environment")
        # Only now: `--help` needs neither Vault's client nor SSH.
        code = int(getattr(import_module(options.module), options.command)(options))
        sys.stdout.flush()
        return code  # noqa: TRY300
    except ObetError as error:
        print(f"obet: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130  # as shells say of what SIGINT ended
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a disk that is full, a file that may not be read: nothing that a traceback would help
        where = f"{error.filename}: " if error.filename else ""
        print(f"obet: {ObetError(f'{where}{error.strerror or error}')}", file=sys.stderr)
        return ObetError.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="obet",
        description="Promises about customers' access and data, as facts on the devices and in Vault, with proof.",
        epilog=f"{_EXAMPLES}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = os.environ.get("OBET_ESTATE")
    parser.add_argument(
        "--estate", type=Path, default=Path(default) if default else None, help="the estate's folder (or OBET_ESTATE)"
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _command(
        commands,
        "due",
        "what must hold, why, since when, until when",
        "obet due --at 2027-01-01",
        options=(_AT, _JSON),
    )
    _command(
        commands,
        "plan",
        "what is to be on each device",
        "obet plan d-3f8k2m9q0t",
        options=(_DEVICES, _AT, _JSON),
    )
    _command(
        commands,
        "verify",
        "prove afresh what holds; exit code 10 when something does not; with --json as evidence to be kept, which has "
        "ids in the place of addresses",
        "obet verify",
        options=(_DEVICES, _RULES, _AUDIT_LOG, _JSON),
    )
    _report(commands)
    _operators(commands)
    _vault(commands)
    _devices_own(commands)
    _ledger(commands)
    audit = _command(
        commands,
        "audit",
        "who read which secret, under which purpose",
        "obet audit /var/log/vault/audit-1.log",
        options=(_JSON,),
        needs_estate=False,
    )
    audit.add_argument("file", type=Path, help="a file audit device's log")
    audit.add_argument("--run", help="only this run's reads")
    return parser


_OIDC_LOGIN = """\
a token on standard input, as `vault login -method=oidc -no-store -field=token role=obet-operator-NAME` prints it"""


def _operators(commands: _Commands) -> None:
    module = "obet.operator_commands"
    login = _command(
        commands,
        "login",
        "work as yourself on this node; password and code are asked for, or come as lines of standard input",
        "obet login op1",
        options=(_JSON,),
        module=module,
    )
    login.add_argument("name", nargs="?", metavar="NAME", help="as estate.yml names you under operators")
    login.add_argument("--token", action="store_true", help=_OIDC_LOGIN)
    _command(commands, "logout", "end that login", "obet logout", options=(_JSON,), module=module)


def _vault(commands: _Commands) -> None:
    vault = _group(
        commands,
        "vault",
        "what Vault is to hold, and its drift",
        "vault print token | obet vault bootstrap --revoke-token",
        "obet vault plan",
        "obet vault apply",
    )
    bootstrap = _command(
        vault,
        "bootstrap",
        "an administrator's first set-up; his token is asked for, or comes as a line of standard input",
        "vault print token | obet vault bootstrap --revoke-token",
        options=(_JSON,),
        function="vault_bootstrap",
    )
    bootstrap.add_argument("--revoke-token", action="store_true", help="revoke the administrator's token at the end")
    bootstrap.add_argument(
        "--credentials", type=Path, metavar="FOLDER", help="write the registrar's login material there (tmpfs only)"
    )
    _command(
        vault,
        "plan",
        "what differs; exit code 2 when something does",
        "obet vault plan --json",
        options=(_JSON,),
        function="vault_plan",
    )
    _command(
        vault,
        "apply",
        "write what contracts and clock call for (a timer's job)",
        "obet vault apply",
        options=(_JSON,),
        function="vault_apply",
    )
    credential = _command(
        vault,
        "credential",
        "the registrar hands out a node's login material",
        "obet vault credential obet-node-node1 --to /run/obet/credentials",
        options=(_JSON,),
        function="vault_credential",
    )
    credential.add_argument("role", help="an AppRole role of ours")
    credential.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="a folder on tmpfs")
    operator = _command(
        vault,
        "operator",
        "an administrator lets an operator in, or gives him a new password and second factor; his token and the new "
        "password are asked for, or come as lines of standard input",
        "obet vault operator op1",
        options=(_JSON,),
        function="vault_operator",
        module="obet.operator_commands",
    )
    operator.add_argument("name", metavar="NAME")


def _devices_own(commands: _Commands) -> None:
    example = "obet secret login d-3f8k2m9q0t --user setup"
    login = _command(
        _group(commands, "secret", "secrets of a device", example),
        "login",
        "take the customer's initial login; the password is asked for, or comes as a line of standard input",
        example,
        options=(_DEVICE, _JSON),
        function="secret_login",
    )
    login.add_argument("--user", required=True)
    example = "obet handover confirm d-3f8k2m9q0t"
    _command(
        _group(commands, "handover", "the customer's own access", example),
        "confirm",
        "the customer has logged in with his own key",
        example,
        options=(_DEVICE, _JSON),
        function="handover_confirm",
    )


def _report(commands: _Commands) -> None:
    report = _command(
        commands,
        "report",
        "a page of what was promised, seen and done, and what is pending",
        "obet report --from verify.json --output report.html",
        "obet report --from verify.json --json",
        options=(_DEVICES, _AT, _JSON),
        module="obet.reporting",
    )
    report.add_argument(
        "--from",
        dest="verified",
        action="append",
        default=[],
        metavar="VERIFY.json",
        help="what `obet verify --json` printed, - for standard input; of several, a proof's latest look counts",
    )
    report.add_argument("--ledger", type=Path, metavar="FILE", help="the timeline's (default: this node's, if there)")
    report.add_argument(
        "--audit",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a file audit device's log: who read which secret",
    )
    report.add_argument("--output", type=Path, metavar="FILE", help="a file for it (default: standard output)")
    report.add_argument("--language", choices=("en", "bg"), default="en", help="the page's")


def _ledger(commands: _Commands) -> None:
    ledger = _command(
        commands,
        "ledger",
        "what runs did on this node: a line for each grant, read, step and end",
        "obet ledger --device d-3f8k2m9q0t",
        "obet ledger --run 9df8f35c --details",
        options=(_JSON,),
        module="obet.ledger_command",
        needs_estate=False,
    )
    ledger.add_argument("--run", metavar="ID", help="only this run's lines; the first characters of its id are enough")
    ledger.add_argument("--device", metavar="DEVICE", help="only what was done with this device")
    ledger.add_argument("--file", type=Path, metavar="FILE", help="another ledger (default: this node's)")
    ledger.add_argument(
        "--details",
        action="store_true",
        help="open what is sealed, under your own login and a purpose; what cannot be opened says why",
    )
    ledger.add_argument("--purpose", choices=("technical", "ending"), default="technical", help="what you open it for")
    ledger.add_argument("--verifier", action="store_true", help="open it with the verifier's login instead")


def _group(commands: _Commands, name: str, text: str, *examples: str) -> _Commands:
    return _described(commands, name, text, examples).add_subparsers(title="commands", required=True, metavar="COMMAND")


def _command(
    commands: _Commands,
    name: str,
    text: str,
    *examples: str,
    options: Iterable[_Option] = (),
    function: str | None = None,
    module: str = "obet.commands",
    needs_estate: bool = True,
) -> argparse.ArgumentParser:
    """`function` of `module` does it; the command's own name is that of its function unless said otherwise."""
    parser = _described(commands, name, text, examples)
    for option in options:
        option(parser)
    parser.set_defaults(command=function or name, module=module, needs_estate=needs_estate)
    return parser


def _described(commands: _Commands, name: str, text: str, examples: Iterable[str]) -> argparse.ArgumentParser:
    shown = "\n".join(f"  {example}" for example in examples)
    return commands.add_parser(
        name,
        help=text,
        description=text,
        epilog=f"examples:\n{shown}\n\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _instant(text: str) -> datetime:
    try:
        return Moment.parse(text).start("UTC")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day and no instant with an offset") from None


def _option(*names: str, **described: Any) -> _Option:
    """An option that several commands have."""

    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(*names, **described)

    return add


_JSON = _option("--json", action="store_true", help="for machines")
_AT = _option(
    "--at",
    type=_instant,
    metavar="TIME",
    help="look as of a day or an instant (2027-01-01T12:00:00+02:00); what it shows is never applied",
)
_DEVICE = _option("device", metavar="DEVICE")
_DEVICES = _option("devices", nargs="*", metavar="DEVICE", help="these devices only")
_RULES = _option(
    "--rules",
    action="store_true",
    help="read the rules on the devices back and prove them, and nothing else: no access is tried",
)
_AUDIT_LOG = _option(
    "--audit", type=Path, metavar="FILE", help="Vault's audit log (default: the estate's, where it can be read here)"
)


if __name__ == "__main__":
    sys.exit(main())
