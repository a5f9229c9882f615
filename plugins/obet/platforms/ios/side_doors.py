"""Ways into an IOS device that the access lists of its lines do not rule, or that are not encrypted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from obet.platforms.ios.configuration import Command, Configuration

# Commands that open one, and what it is.
_COMMANDS = (
    (r"ip http server", "HTTP without TLS"),
    (r"(?:ip|service) finger.*", "finger"),
    (r"service (?:tcp|udp)-small-servers.*", "small servers"),
    (r"ip rcmd (?:rcp-enable|rsh-enable|remote-host .*)", "rcp and rsh"),
    (r"tftp-server .*", "a TFTP server"),
    (r"ftp-server .*", "an FTP server"),
    (r"service config", "configuration fetched over TFTP at boot"),
    (r"boot (?:host|network) .*", "configuration fetched from the network at boot"),
    (r"vstack(?: .*)?", "Smart Install"),
    (r"netconf beep .*", "NETCONF over BEEP"),
    (r"gnmi-yang(?: (?:server|port .*))?", "gNMI without TLS"),
    (r"gnxi(?: (?:server|port .*))?", "gNMI without TLS"),
    (r"transport type persistent .*", "a persistent transport beside the lines"),
    (r"cns (?:config|exec|event|trusted-server) .*", "a CNS agent"),
    (r"cwmp agent.*", "a TR-069 agent"),
    (r"wsma (?:agent|profile listener) .*", "a WSMA listener"),
    (r"pnp profile .*", "a Plug and Play agent"),
    (r"ip nat outside source .*", "sources are rewritten: who is let in is not known"),
    (r"username \S+(?: .*)? nopassword(?: .*)?", "a login without a password"),
    (r"aaa authentication (?:login|enable) .*\bnone\b.*", "a login without a password"),
)
_COMPILED = tuple((re.compile(pattern), what) for pattern, what in _COMMANDS)
# Commands whose text holds a secret behind this word.
_SECRET = re.compile(r"\b(password|secret|nopassword)\b.*")


def side_doors(configuration: Configuration) -> Iterator[str]:
    for command in configuration.commands:
        for pattern, what in _COMPILED:
            if pattern.fullmatch(command.text):
                shown = _SECRET.sub(r"\1 …", command.text)
                yield f"{what}: `{shown}`"
        if command.text.startswith("line "):
            yield from _line(command)
        elif command.text.startswith("interface ") and "mop enabled" in command.beneath:
            yield f"a remote console over MOP: `{command.text}`, `mop enabled`"
    if not configuration.has(r"ip ssh version 2"):
        yield "SSH version 1 may be taken: there is no `ip ssh version 2`"
    yield from _hidden_lines(configuration)
    yield from _smart_install(configuration)


def _line(command: Command) -> Iterator[str]:
    virtual = command.text.startswith("line vty ")
    said = [line for line in command.beneath if line.startswith("transport input")]
    if virtual and not said:
        yield f"Telnet may be taken: `{command.text}` has no `transport input`"
    for line in said:
        taken = set(line.split()[2:]) - ({"none", "ssh"} if virtual else {"none"})
        if taken:
            yield f"{'Telnet or the like' if virtual else 'a way to a line'}: `{command.text}`, `{line}`"
    for line in command.beneath:
        if line == "no login" and (virtual or command.text.startswith("line aux ")):
            yield f"a login without a password: `{command.text}`, `no login`"
        if line.startswith("modem ") and not virtual:
            yield f"dial-in: `{command.text}`, `{line}`"


def _hidden_lines(configuration: Configuration) -> Iterator[str]:
    """A device shows its virtual lines from 0 on, all of them."""
    shown: set[int] = set()
    for command in configuration.commands:
        if found := re.fullmatch(r"line vty ([0-9]{1,4})(?: ([0-9]{1,4}))?", command.text):
            shown.update(range(int(found[1]), int(found[2] or found[1]) + 1))
        elif command.text.startswith("line vty "):
            yield f"virtual lines that are not understood: `{command.text}`"
    if missing := set(range(max(shown, default=0) + 1)) - shown:
        yield f"virtual line {min(missing)} is not shown: whom it takes is not known"


def _smart_install(configuration: Configuration) -> Iterator[str]:
    """On by default, and not shown, on the switches that have it: those before IOS-XE 16.10."""
    switch = any(command.text.startswith("spanning-tree mode ") for command in configuration.commands)
    versions = [
        tuple(map(int, match[1].split(".")))
        for _, match in configuration.matching(r"version ([0-9]{1,3}\.[0-9]{1,3})\b.*")
    ]
    old = any(version < (16, 10) for version in versions)
    if switch and old and not configuration.has(r"no vstack"):
        yield "Smart Install may be on: a switch of this version without `no vstack`"
