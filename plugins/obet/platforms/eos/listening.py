"""What an EOS device listens on to be managed, in which VRF, and whom its service's own access lists let in there.

A VRF of which nothing says that the service is off counts as one in which it is on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from obet.access.doors import Door
from obet.access.first_match import Admitted, everybody, weakest
from obet.platforms.eos.access_lists import Lists, Service, access_lists, admitted, unsure
from obet.platforms.eos.configuration import Command, Configuration, everything

_DEFAULT = "default"
_FAMILY = {4: "ip", 6: "ipv6"}
_SSH, _HTTPS, _HTTP = 22, 443, 80
# Services with transports of their own: their block, what a transport is called there, and its port.
_TRANSPORTS = (
    ("NETCONF", "management api netconf", r"transport ssh (\S+)", 830),
    ("RESTCONF", "management api restconf", r"transport https (\S+)", 6020),
    ("gNMI", "management api gnmi", r"transport grpc (\S+)", 6030),
    ("gRIBI", "management api gribi", r"transport grpc (\S+)", 9340),
    ("the EOS SDK", "management api eos-sdk-rpc", r"transport grpc (\S+)", 9543),
)


def doors(configuration: Configuration) -> Iterator[Door]:
    lists = access_lists(configuration)
    yield from _ssh(configuration, lists)
    yield from _web(configuration, lists)
    yield from _transports(configuration, lists)


def _vrfs(configuration: Configuration) -> list[str]:
    """All VRFs that anything speaks of as one that there is."""
    found = {_DEFAULT}
    for above, command in everything(configuration.commands):
        made = not above and re.fullmatch(r"vrf (?:instance|definition) (\S+)", command.text)
        joined = above and re.fullmatch(r"vrf (?:forwarding )?(\S+)", command.text)
        if match := made or joined:
            found.add(match[1])
    return sorted(found, key=lambda name: (name != _DEFAULT, name))


def _beneath(configuration: Configuration, head: str) -> list[Command]:
    """What stands beneath a block, which is shown once; all of it if it is shown again."""
    return [command for block, _ in configuration.matching(re.escape(head)) for command in block.beneath]


def _ssh(configuration: Configuration, lists: Lists) -> Iterator[Door]:
    """On in each VRF unless it is shut down there, or everywhere and not started there."""
    commands = _beneath(configuration, "management ssh")
    lines = [command.text for command in commands]
    everywhere = "shutdown" not in lines
    own = {match[1]: command.lines() for command in commands if (match := re.fullmatch(r"vrf (\S+)", command.text))}
    ports = [int(match[1]) for line in lines if (match := re.fullmatch(r"server-port ([0-9]{1,5})", line))] or [_SSH]
    for vrf in _vrfs(configuration):
        said = own.get(vrf)
        if "shutdown" in (said or ()) or (not everywhere and said is None):
            continue
        for port in ports:
            takes = {version: _of_ssh(lines, lists, vrf, version, port) for version in _FAMILY}
            yield Door(f"SSH in VRF {vrf}", port, takes)


def _of_ssh(lines: Sequence[str], lists: Lists, vrf: str, version: int, port: int) -> Admitted:
    word = f"{_FAMILY[version]} access-group"
    bound = []
    for line in lines:
        if line.startswith(f"{word} "):
            match = re.fullmatch(rf"{word} (\S+)(?: vrf (\S+))? in", line)
            if match is None:
                return unsure(version, f"`{line}` is not understood")
            if (match[2] or _DEFAULT) == vrf:
                bound.append(match[1])
    return _let_in(lists, bound, word, version, port)


def _let_in(lists: Lists, bound: Sequence[str], word: str, version: int, port: int) -> Admitted:
    if not bound:
        return everybody(version, f"no `{word}`, which lets everybody in")
    return weakest([admitted(lists, name, version, Service(port)) for name in bound])


def _web(configuration: Configuration, lists: Lists) -> Iterator[Door]:
    """eAPI, off unless it says `no shutdown`; then it is on in the default VRF, and in those that are named."""
    commands = _beneath(configuration, "management api http-commands")
    lines = [command.text for command in commands]
    if "no shutdown" not in lines:
        return
    own = {match[1]: command for command in commands if (match := re.fullmatch(r"vrf (\S+)", command.text))}
    strange = next((line for line in lines if line.startswith(("ip ", "ipv6 "))), "")
    for name, port in _web_ports(lines):
        for vrf in dict.fromkeys([_DEFAULT, *own]):
            said = own[vrf].lines() if vrf in own else ()
            if "shutdown" in said:
                continue
            takes = {version: _bound(said, lists, version, port, strange) for version in _FAMILY}
            yield Door(f"{name} in VRF {vrf}", port, takes)


def _web_ports(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    said = list(lines)
    for name, word, usual, on in (("eAPI", "https", _HTTPS, True), ("eAPI without TLS", "http", _HTTP, False)):
        ports = [m[1] for line in said if (m := re.fullmatch(rf"protocol {word}(?: port ([0-9]{{1,5}}))?", line))]
        if f"no protocol {word}" not in said and (ports or on):
            yield from ((name, int(port)) for port in [port for port in ports if port] or [usual])


def _bound(said: Sequence[str], lists: Lists, version: int, port: int, strange: str = "") -> Admitted:
    """Of a block whose list stands beneath it."""
    word = f"{_FAMILY[version]} access-group"
    bound = []
    for line in said:
        if line.startswith(f"{word} "):
            match = re.fullmatch(rf"{word} (\S+)(?: in)?", line)
            strange = strange if match else line
            bound += [match[1]] if match else []
    if strange:
        return unsure(version, f"`{strange}` is not understood")
    return _let_in(lists, bound, word, version, port)


def _transports(configuration: Configuration, lists: Lists) -> Iterator[Door]:
    for name, head, pattern, usual in _TRANSPORTS:
        for command in _beneath(configuration, head):
            said = command.lines()
            match = re.fullmatch(pattern, command.text)
            if not match or "shutdown" in said:
                continue
            numbers = [m[1] for line in said if (m := re.fullmatch(r"port ([0-9]{1,5})", line))]
            vrfs = [m[1] for line in said if (m := re.fullmatch(r"vrf (\S+)", line))]
            for port in map(int, numbers or [str(usual)]):
                takes = {version: _bound(said, lists, version, port) for version in _FAMILY}
                yield Door(f"{name} ({match[1]}) in VRF {(vrfs or [_DEFAULT])[-1]}", port, takes)
