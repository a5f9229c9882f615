"""A management policy as configuration text of IOS, to be merged into what runs.

On IOS an `access-class` that names a missing or empty list lets everybody in, and a list is changed entry by entry. So
a list of ours that is bound is never changed: a new one is written whole under a name that is free, and the lines are
bound to it, one command each. What they were bound to before stays, for the device's own way back, and goes by
`remove_unbound` when the change is confirmed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

import msgspec

from obet.access.entries import entries
from obet.access.policy import ManagementPolicy
from obet.errors import PolicyError
from obet.model import Address
from obet.platforms.ios import former

NAME = "OBET-MANAGEMENT-V{}"
CUSTOMERS_NAME = "MANAGEMENT-V{}"
_HEAD = {4: "ip access-list extended", 6: "ipv6 access-list"}
_BINDING = {4: "access-class {} in vrf-also", 6: "ipv6 access-class {} in"}
_OURS = re.compile(r"OBET-MANAGEMENT-V[46](?:-\d+)?")

_VIRTUAL = re.compile(r"line vty ([0-9]{1,4})(?: ([0-9]{1,4}))?")
# What a banner says is no command. Its delimiters are shown as `^C`.
_BANNER = re.compile(r"^banner \S+ (\^C|\S).*?\1", re.MULTILINE | re.DOTALL)

# Side doors: what the device shows when one is open, and what shuts it. Shown commands are commands that it knows.
_DOORS = (
    (r"ip http (?:secure-)?server", None),
    (r"ip finger\b.*", "no ip finger"),
    (r"service finger", None),
    (r"service (tcp|udp)-small-servers\b.*", r"no service \1-small-servers"),
    (r"service config", None),
    (r"ip rcmd (?:rcp-enable|rsh-enable)", None),
    (r"(?:tftp|ftp)-server .*", None),
    (r"ip bootp server", None),
    (r"vstack", None),
    (r"(?:netconf-yang|restconf|gnmi-yang|gnxi)", None),
    (r"netconf (?:ssh|beep)\b.*", None),
)
# Settings of SSH, of today, best first: the device is asked for those of them that it offers now.
_ALGORITHMS = {
    "encryption": "aes256-gcm@openssh.com aes128-gcm@openssh.com aes256-gcm aes128-gcm "
    "aes256-ctr aes192-ctr aes128-ctr",
    "mac": "hmac-sha2-512-etm@openssh.com hmac-sha2-256-etm@openssh.com hmac-sha2-512 hmac-sha2-256",
    "kex": "curve25519-sha256 curve25519-sha256@libssh.org ecdh-sha2-nistp521 ecdh-sha2-nistp384 ecdh-sha2-nistp256 "
    "diffie-hellman-group16-sha512 diffie-hellman-group14-sha256",
    "hostkey": "rsa-sha2-512 rsa-sha2-256",
}
_SSH = ("ip ssh version 2", "ip ssh time-out 60")
_TRANSPORT = "transport input ssh"
# The same doors as what is wanted of any device, whichever of them it knows.
_SHUT = (
    *("no ip http server", "no ip http secure-server", "no ip finger", "no service tcp-small-servers"),
    *("no service udp-small-servers", "no service config", "no ip rcmd rcp-enable", "no ip rcmd rsh-enable"),
    *("no ftp-server enable", "no ip bootp server", "no vstack", "no netconf-yang", "no restconf", "no gnxi"),
)
_OFFERED = {"encryption": "Encryption", "mac": "MAC", "kex": "KEX", "hostkey": "Hostkey"}


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """The device as it is: `show running-config`, its ranges of virtual lines, what `show ip ssh` answers.

    `smart_install`: whether it knows Smart Install, which no running configuration shows while it is on.
    """

    running: str
    lines: tuple[tuple[int, int], ...]
    ssh: str = ""
    smart_install: bool = False


def render(policy: ManagementPolicy) -> str:
    """What is wanted of any device, as text: its lists, what every line is bound to, the doors that are shut.

    PolicyError for a policy that lets nobody in.
    """
    _check(policy)
    text: list[str] = []
    for version in (4, 6):
        text += _block(f"{_HEAD[version]} {NAME.format(version)}", entries(policy.sources, policy.ports, version))
    bindings = [_BINDING[version].format(NAME.format(version)) for version in (4, 6)]
    text += [*_SSH, *_block("line vty", [*bindings, _TRANSPORT]), *_SHUT]
    return joined(text)


def commands(policy: ManagementPolicy, present: Present) -> str:
    """The text to merge into this device; empty when the device shows all of it already.

    PolicyError for a policy that lets nobody in, or lines that are not all of the device's.
    """
    _check(policy)
    shown = sections(present.running)
    _check_lines(present, shown)
    wanted = {version: entries(policy.sources, policy.ports, version) for version in (4, 6)}
    wanted[4] = [*former.remarks(shown, _OURS), *wanted[4]]
    names, text = _lists(wanted, shown, NAME)
    bindings = [_BINDING[version].format(names[version]) for version in (4, 6)]
    text += _new(_ssh_settings(present.ssh), shown)
    for first, last in present.lines:
        text += _line(first, last, [*bindings, _TRANSPORT], shown)
    text += _doors(shown, present.smart_install)
    return joined(text)


def remove(present: Present, customers: Sequence[Address] = (), ports: Sequence[int] = (22,)) -> str:
    """The text that binds the lines to our lists no more; `remove_unbound` takes those away afterwards.

    They are bound to a list of the customer's own sources instead, without our name. If he has none they are bound as
    they were before ours, often to nothing: the caller decides. SSH's settings and side doors stay as they are.
    """
    shown = sections(present.running)
    _check_lines(present, shown)
    if not customers:
        text = [
            piece
            for head, beneath in shown
            if head.startswith("line vty ") and (bound := [f"no {line}" for line in beneath if _binds_ours(line)])
            for piece in _block(head, bound)
        ]
        text += [piece for head, binding in former.bindings(shown, _OURS) for piece in _block(head, [binding])]
        return joined(text)
    wanted = {version: entries(customers, ports, version) for version in (4, 6)}
    names, text = _lists(wanted, shown, CUSTOMERS_NAME)
    bindings = [_BINDING[version].format(names[version]) for version in (4, 6)]
    for first, last in present.lines:
        text += _line(first, last, bindings, shown)
    return joined(text)


def remove_unbound(running: str) -> str:
    """The text that takes away lists of ours that nothing on the device names; empty where there is none."""
    shown = sections(running)
    named = [word for head, beneath in shown for line in (head, *beneath) for word in line.split()]
    return joined(
        [
            f"no {head}"
            for head, _ in shown
            if (found := re.fullmatch(r"(?:ip access-list extended|ipv6 access-list) (\S+)", head))
            if _OURS.fullmatch(found[1]) and named.count(found[1]) == 1
        ]
    )


Shown = list[tuple[str, list[str]]]


def sections(running: str) -> Shown:
    """Commands and what stands beneath them."""
    shown: Shown = []
    for line in _BANNER.sub("", running.replace("\r", "")).split("\n"):
        text = " ".join(line.split())
        if not text or text.startswith("!"):
            continue
        if line[0].isspace() and shown:
            shown[-1][1].append(text)
        else:
            shown.append((text, []))
    return shown


def _check(policy: ManagementPolicy) -> None:
    if not policy.ours or not policy.ports:
        raise PolicyError(f"{policy.device}: the policy lets nobody in: nothing was sent")


def _check_lines(present: Present, shown: Shown) -> None:
    if not present.lines:
        raise PolicyError("the device's virtual lines are not known: nothing was sent")
    for head, _ in shown:
        if found := _VIRTUAL.fullmatch(head):
            first, last = int(found[1]), int(found[2] or found[1])
            covered = {number for low, high in present.lines for number in range(low, high + 1)}
            if not covered.issuperset(range(first, last + 1)):
                raise PolicyError(f"`{head}` of the device is not among the lines to restrict: nothing was sent")


def _lists(wanted: dict[int, list[str]], shown: Shown, base: str) -> tuple[dict[int, str], list[str]]:
    """For each IP version the name of a list with these entries, and the text of those that are not there yet."""
    names, text = {}, []
    for version, lines in wanted.items():
        name = base.format(version)
        same = [
            head.split()[-1]
            for head, beneath in shown
            if re.fullmatch(rf"{_HEAD[version]} {re.escape(name)}(?:-\d+)?", head)
            if [plain(line) for line in beneath if not _says_nothing(line)] == [plain(line) for line in lines]
        ]
        if same:
            names[version] = same[0]
            continue
        names[version] = free(name, shown)
        text += _block(f"{_HEAD[version]} {names[version]}", lines)
    return names, text


def free(name: str, shown: Shown) -> str:
    """The first name that nothing on the device has or speaks of."""
    spoken_of = {word for head, beneath in shown for line in (head, *beneath) for word in line.split()}
    number = 2
    free = name
    while free in spoken_of:
        free, number = f"{name}-{number}", number + 1
    return free


def _says_nothing(entry: str) -> bool:
    return ("remark" in entry.split()[:2] and not former.is_one(entry)) or entry == "exit"


def plain(entry: str) -> str:
    """An entry without its number, its addresses written as Python writes them."""
    words = re.sub(r"^(?:sequence )?\d+ ", "", entry.lower()).split()
    if words[-2:-1] == ["sequence"]:
        words = words[:-2]
    return " ".join(_address(word) for word in words)


def _address(word: str) -> str:
    try:
        return str(ip_address(word))
    except ValueError:
        return word


def _binds_ours(line: str) -> bool:
    words = line.split()
    return "access-class" in words[:2] and any(_OURS.fullmatch(word) for word in words)


def _ssh_settings(answer: str) -> list[str]:
    settings = list(_SSH)
    for kind, wanted in _ALGORITHMS.items():
        found = re.search(rf"^\s*{_OFFERED[kind]} Algorithms:\s*(\S+)", answer, re.MULTILINE)
        offered = found[1].split(",") if found else []
        good = [algorithm for algorithm in wanted.split() if algorithm in offered]
        if good and set(good) != set(offered):
            settings.append(f"ip ssh server algorithm {kind} {' '.join(good)}")
    return settings


def _new(commands: Iterable[str], shown: Shown) -> list[str]:
    there = {head for head, _ in shown}
    return [command for command in commands if command not in there]


def _line(first: int, last: int, wanted: Sequence[str], shown: Shown) -> list[str]:
    """The settings of a range of lines, unless the device shows them all already, in whatever ranges."""
    settled: set[int] = set()
    for head, beneath in shown:
        if (found := _VIRTUAL.fullmatch(head)) and set(wanted) <= set(beneath):
            settled.update(range(int(found[1]), int(found[2] or found[1]) + 1))
    return [] if settled.issuperset(range(first, last + 1)) else _block(f"line vty {first} {last}", wanted)


def _doors(shown: Shown, smart_install: bool) -> list[str]:
    text = []
    for head, beneath in shown:
        for pattern, shut in _DOORS:
            if re.fullmatch(pattern, head):
                text.append(re.sub(pattern, shut, head) if shut else f"no {head}")
        if head.startswith("interface ") and "mop enabled" in beneath:
            text += _block(head, ["no mop enabled"])
    return text + _new(["no vstack"] if smart_install else [], shown)


def _block(head: str, beneath: Iterable[str]) -> list[str]:
    return [head, *(f" {line}" for line in beneath), "exit"]


def joined(text: Iterable[str]) -> str:
    """Lines as they are sent; PolicyError for what no terminal should be sent."""
    lines = list(text)
    if bad := [line for line in lines if not line.isprintable()]:
        raise PolicyError(
            f"the device shows what cannot be sent back to it: {ascii(' '.join(bad[0].split()[:3]))[:60]}; take it "
            "away by hand"
        )
    return "".join(f"{line}\n" for line in lines)
