"""Ways into an EOS device that no access list of its own services rules, that are not encrypted, or not understood."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from obet.platforms.eos.configuration import Command, Configuration, everything

# Blocks that are off unless they say `no shutdown`, there or beneath a VRF, and what it is.
_BLOCKS = (
    (r"management telnet", "Telnet"),
    (r"management http-server", "a web server that is not understood"),
    (r"management xmpp", "commands are taken by XMPP"),
    (r"management cvx", "a controller's agent"),
    (r"cvx", "a controller that others log in to"),
    (r"management cim-provider", "a CIM provider"),
    (r"p4-runtime", "commands are taken by P4Runtime"),
    (r"openflow", "a controller's agent"),
)
# APIs whose transports are judged elsewhere, and those that have none.
_APIS = {"http-commands", "netconf", "restconf", "gnmi", "gribi", "eos-sdk-rpc", "models"}
_COMMANDS = (
    (r"aaa authentication (?:login|enable) .*\bnone\b.*", "a login without a password"),
    (r"aaa authentication policy local allow-nopassword-remote-login", "a login without a password"),
    (r"aaa root nopassword", "a login without a password"),
    (r"radius-server dynamic-authorization .*", "RADIUS may change sessions"),
    (r"ip nat source ingress .*", "sources are rewritten: who is let in is not known"),
)
_COMPILED = tuple((re.compile(pattern), what) for pattern, what in _COMMANDS)
_WEAK = re.compile(r"\S*-cbc|arcfour\S*|blowfish\S*|cast128\S*|\S*(?:md5|ripemd|sha1)\S*")
_ALGORITHMS = ("cipher", "key-exchange", "mac")
# What beneath the blocks of SSH and eAPI is understood, here or where their ports and lists are read.
_KNOWN = {
    "management ssh": r"(?:no )?(?:ip|ipv6|idle-timeout|login|authentication|cipher|key-exchange|mac|hostkey|connection"
    r"|fips|client-alive|shutdown|log-level|rekey|server-port|qos|known-hosts|user|tunnel|vrf)\b.*",
    "management api http-commands": r"(?:no )?(?:protocol|shutdown|vrf|default-services|log-level|cors|qos|session"
    r"|content|ip|ipv6)\b.*",
}
_KNOWN_IN_VRF = r"(?:no )?shutdown|ip(?:v6)? access-group .*|tunnel .*|known-hosts .*"


# What is done by the clock and opens nothing, whatever it prints.
_HARMLESS = r"(?:show\b|copy (?:running|startup)-config \S+)[^|]*"


def side_doors(configuration: Configuration) -> Iterator[str]:
    for above, command in everything(configuration.commands):
        for pattern, what in _COMPILED:
            if pattern.fullmatch(command.text):
                yield f"{what}: `{command.text}`" + (f", beneath `{above[0]}`" if above else "")
    for block, what in _BLOCKS:
        for command, _ in configuration.matching(block):
            if _is_on(command):
                yield f"{what}: `{command.text}`"
    yield from _apis(configuration)
    yield from _ssh(configuration)
    yield from _unknown(configuration)
    yield from _programs(configuration)


def _is_on(command: Command) -> bool:
    """What it says itself, or beneath a VRF."""
    return "no shutdown" in command.lines() or any("no shutdown" in one.lines() for one in command.beneath)


def _apis(configuration: Configuration) -> Iterator[str]:
    for command, match in configuration.matching(r"management api (\S+)"):
        name, lines = match[1], command.lines()
        if name not in _APIS and lines and "shutdown" not in lines:
            yield f"a way in that is not understood: `{command.text}`"
        if name == "http-commands" and "no shutdown" in lines:
            if any(re.fullmatch(r"protocol http(?: port [0-9]+)?", line) for line in lines):
                yield f"HTTP without TLS: `{command.text}`, `protocol http`"
            yield from _profile(configuration, lines)
        for transport in command.beneath if name in _APIS else ():
            yield from _transport(command, transport, configuration)


def _transport(command: Command, transport: Command, configuration: Configuration) -> Iterator[str]:
    if not transport.text.startswith("transport ") or "shutdown" in transport.lines():
        return
    lines = transport.lines()
    if re.match(r"transport (?:grpc|https) ", transport.text):
        if not any(re.fullmatch(r"ssl profile \S+", line) for line in lines):
            yield f"an API without TLS: `{command.text}`, `{transport.text}`"
        yield from _profile(configuration, lines)
    elif not transport.text.startswith("transport ssh "):
        yield f"a way in that is not understood: `{command.text}`, `{transport.text}`"


def _profile(configuration: Configuration, lines: tuple[str, ...]) -> Iterator[str]:
    """A profile says which versions of TLS are taken; without one it is as the version of EOS has it."""
    names = {m[1] for line in lines if (m := re.fullmatch(r"(?:protocol https )?ssl profile (\S+)", line))}
    for block, _ in configuration.matching("management security"):
        for profile, match in block.matching(r"ssl profile (\S+)"):
            for line in profile.lines() if match[1] in names else ():
                if line.startswith("tls versions ") and not set(line.split()[2:]) <= {"1.2", "1.3"}:
                    yield f"TLS older than 1.2 is taken: `{profile.text}`, `{line}`"


def _ssh(configuration: Configuration) -> Iterator[str]:
    blocks = [command for command, _ in configuration.matching("management ssh")]
    lines = [line for block in blocks for line in block.lines()]
    for word in _ALGORITHMS:
        said = [line for line in lines if line.startswith(f"{word} ")]
        if not said and "fips restrictions" not in lines:
            yield f"SSH takes weak algorithms, perhaps: `management ssh` has no `{word}`"
        for line in said:
            if weak := [algorithm for algorithm in line.split()[1:] if _WEAK.fullmatch(algorithm)]:
                yield f"SSH takes weak algorithms: `{word} {' '.join(weak)}`"
    yield from _tunnels(blocks)
    for line in lines:
        if line == "authentication empty-passwords permit":
            yield f"a login without a password: `management ssh`, `{line}`"


def _tunnels(blocks: Iterable[Command]) -> Iterator[str]:
    for block in blocks:
        for place in (block, *(vrf for vrf, _ in block.matching(r"vrf \S+"))):
            for tunnel, _ in place.matching(r"tunnel \S+"):
                if _is_on(tunnel):
                    yield f"SSH forwards connections to elsewhere: `management ssh`, `{tunnel.text}`"


def _unknown(configuration: Configuration) -> Iterator[str]:
    for head, known in _KNOWN.items():
        for block, _ in configuration.matching(re.escape(head)):
            for line in block.lines():
                if not re.fullmatch(known, line):
                    yield f"a setting that is not understood: `{head}`, `{line}`"
            for vrf, _ in block.matching(r"vrf \S+"):
                for line in vrf.lines():
                    if not re.fullmatch(_KNOWN_IN_VRF, line):
                        yield f"a setting that is not understood: `{head}`, `{vrf.text}`, `{line}`"


def _programs(configuration: Configuration) -> Iterator[str]:
    """What runs beside EOS may listen, or change the kernel's own filter. Its arguments may hold secrets."""
    for command, _ in configuration.matching(r"daemon \S+"):
        if "shutdown" not in command.lines():
            yield f"a program beside EOS, which may let anybody in: `{command.text}`"
    for command, _ in configuration.matching(r"event-handler \S+"):
        if any(line == "action bash" or line.startswith("action bash ") for line in command.lines()):
            yield f"a program beside EOS, which may let anybody in: `{command.text}`"
    for manager, _ in configuration.matching("container-manager"):
        for command, _ in manager.matching(r"container \S+"):
            yield f"a program beside EOS, which may let anybody in: `{command.text}`"
    for _, match in configuration.matching(r"schedule (\S+) .*?\bcommand (.*)"):
        if not re.fullmatch(_HARMLESS, match[2]):
            yield f"a command by the clock, which may let anybody in: `schedule {match[1]}`"
