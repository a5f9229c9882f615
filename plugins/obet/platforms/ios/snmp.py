"""SNMP on IOS as configuration text: a group of version 3 bound to lists of ours, and a user in it.

An `access` that names a missing or empty list lets everybody ask: so a list that is bound is never changed, and the
group is bound to a new one. No configuration shows users of version 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from obet.errors import PolicyError
from obet.model import Address
from obet.platforms.ios.rules import Shown, free, joined, plain, sections

GROUP = "OBET-SNMP"
_HEAD = {4: "ip access-list standard", 6: "ipv6 access-list"}
_NAME = "OBET-SNMP-V{}"
_LIST = re.compile(r"(?:ip access-list standard|ipv6 access-list) (OBET-SNMP-V[46](?:-\d+)?)")
_OUR_GROUP = f"snmp-server group {GROUP} v3 priv access ipv6 {{}} {{}}"


def setup(running: str, sources: Sequence[Address]) -> str:
    """The text that binds our group to lists of exactly these sources; empty where it stands. PolicyError for none."""
    if not sources:
        raise PolicyError("an SNMP group without a source would answer nobody or everybody: nothing was sent")
    shown = sections(running)
    names, text = {}, []
    for version in (4, 6):
        wanted = _entries(sources, version)
        names[version] = next((name for name, lines in _lists(shown, version) if _same(lines, wanted)), "")
        if not names[version]:
            names[version] = free(_NAME.format(version), shown)
            text += [f"{_HEAD[version]} {names[version]}", *(f" {line}" for line in wanted), "exit"]
    group = _OUR_GROUP.format(names[6], names[4])
    if group not in [head for head, _ in shown]:
        text.append(group)
    return joined(text)


def user(name: str, auth: str, priv: str) -> str:
    """`auth` and `priv` are a protocol with its passphrase: the text is secret."""
    return joined([f"snmp-server user {name} {GROUP} v3 auth {auth} priv {priv}"])


def unbound(running: str) -> str:
    """The text that takes away lists of ours that nothing on the device names."""
    shown = sections(running)
    named = [word for head, beneath in shown for line in (head, *beneath) for word in line.split()]
    return joined(f"no {head}" for head, _ in shown if (found := _LIST.fullmatch(head)) and named.count(found[1]) == 1)


def removal(running: str, name: str, *, there: bool) -> str:
    """The text that takes away all of ours: the user first, where it is `there`."""
    text = [f"no snmp-server user {name} {GROUP} v3"] if there else []
    heads = [head for head, _ in sections(running)]
    text += [
        f"no snmp-server group {GROUP} v3 priv" for head in heads if head.startswith(f"snmp-server group {GROUP} ")
    ]
    return joined([*text, *(f"no {head}" for head in heads if _LIST.fullmatch(head))])


def communities(running: str) -> tuple[str, ...]:
    """Of version 1 and 2c. They are passwords of a kind."""
    found = (re.match(r"snmp-server community (\S+)", head) for head, _ in sections(running))
    return tuple(dict.fromkeys(match[1] for match in found if match))


def without_communities(running: str) -> str:
    """The text that takes away what versions 1 and 2c answer and notify: secret, as it names communities."""
    text = [f"no snmp-server community {name}" for name in communities(running)]
    for head, _ in sections(running):
        if found := re.match(r"snmp-server group (\S+) (v1|v2c)\b", head):
            text.append(f"no snmp-server group {found[1]} {found[2]}")
        elif head.startswith("snmp-server host ") and " version 3 " not in head:
            text.append(f"no {head}")
    return joined(text)


def _entries(sources: Sequence[Address], version: int) -> list[str]:
    hosts = [source for source in sources if source.version == version]
    if version == 4:
        return [*(f"permit {host}" for host in hosts), "deny any"]
    return [*(f"permit ipv6 host {host} any" for host in hosts), "deny ipv6 any any"]


def _lists(shown: Shown, version: int) -> Iterable[tuple[str, list[str]]]:
    for head, beneath in shown:
        found = _LIST.fullmatch(head)
        if found and head.startswith(_HEAD[version]):
            yield found[1], beneath


def _same(lines: list[str], wanted: list[str]) -> bool:
    """In whatever order hosts are shown; what refuses the rest comes last."""
    there = [re.sub(r"^permit host ", "permit ", plain(line)) for line in lines if line != "exit"]
    return sorted(there) == sorted(map(plain, wanted)) and there[-1] == plain(wanted[-1])
