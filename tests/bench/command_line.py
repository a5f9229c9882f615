"""`scripts/bench`: side by side with what people use today, in one run, in turn."""

from __future__ import annotations

import argparse
import json
import os
import sys
import uuid
from typing import TYPE_CHECKING

from lab import Lab, LabError, this_host

from .bench_fleet import Bench, Options
from .report import as_json, table

if TYPE_CHECKING:
    from collections.abc import Sequence

PEERS = ("nornir_netmiko", "asyncssh", "ansible")
EXAMPLES = """\
examples:
  bench fleet                                     200 devices, three rounds, all peers (about half an hour)
  bench fleet --devices 20 --rounds 1             a first look
  bench fleet --peers none --scale 20,100,500 --devices 500
  bench fleet --json > fleet.json

A first time installs the peers into a folder of the cache. Needs root, as the lab does.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every party has served every device that it was given."""
    options = _parser().parse_args(arguments)
    push = 0 if options.read_only else options.push
    chosen = Options(options.devices, options.rounds, options.peers, options.scale, options.bearable, push)
    try:
        with Lab.up(f"b{uuid.uuid4().hex[:12]}", owner_pid=os.getpid()) as lab:
            found = Bench(lab, chosen).run()
    except LabError as error:
        this_host.say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    print(json.dumps(as_json(found), indent=2) if options.json else table(found))
    sys.stdout.flush()
    return 0


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, epilog=EXAMPLES, formatter_class=raw)
    commands = parser.add_subparsers(required=True, metavar="NAME")
    text = "many network devices: their rules read and proven, and put in force"
    fleet = commands.add_parser("fleet", help=text, description=text, epilog=EXAMPLES, formatter_class=raw)
    fleet.add_argument("--devices", type=_size, default=200, metavar="N", help="simulated switches (default: 200)")
    fleet.add_argument("--rounds", type=_size, default=3, metavar="N", help="counted runs of each (default: 3)")
    fleet.add_argument(
        "--peers", type=_peers, default=PEERS, metavar="NAMES", help=f"all, none, or of {','.join(PEERS)}"
    )
    fleet.add_argument(
        "--bearable", type=_size, default=50, metavar="N", help="devices that Ansible is given, at most (default: 50)"
    )
    fleet.add_argument(
        "--scale",
        type=_sizes,
        default=(20, 100, 200),
        metavar="N,N",
        help="sizes at which Obet runs alone (default: 20,100,200)",
    )
    fleet.add_argument(
        "--push", type=_size, default=200, metavar="N", help="devices that get rules in one run, at most (default: 200)"
    )
    fleet.add_argument("--read-only", action="store_true", help="leave out what changes the devices' rules")
    fleet.add_argument("--json", action="store_true", help="for programs")
    return parser


def _peers(text: str) -> tuple[str, ...]:
    if text in {"all", "none"}:
        return PEERS if text == "all" else ()
    chosen = tuple(text.split(","))
    if unknown := set(chosen) - set(PEERS):
        raise argparse.ArgumentTypeError(f"no peer {', '.join(sorted(unknown))}: there are {', '.join(PEERS)}")
    return chosen


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(_size(size) for size in text.split(","))


def _size(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError("a number from 1 to 1000")
    return int(text)
