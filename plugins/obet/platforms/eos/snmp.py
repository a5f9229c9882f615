"""SNMP on EOS as configuration text: a group of version 3, a user in it, and lists of ours that it is bound to.

EOS binds a list to SNMP as a whole, in each VRF, and not to a group: what others have bound, or whom they let ask by
groups of their own, is not cut off but said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from obet.errors import PolicyError
from obet.model import Address
from obet.platforms.eos.present import Shown, access_list, joined, shown

GROUP = "OBET-SNMP"
_OUR_GROUP = f"snmp-server group {GROUP} v3 priv"
_NAME = "OBET-SNMP-V{}"
_FAMILY = {4: "ip", 6: "ipv6"}
_OURS = re.compile(r"OBET-SNMP-V[46]")
_DEFAULT = "default"
# The word in front of a community that is shown hidden.
_COMMUNITY = re.compile(r"snmp-server community ((?:[0-9]a? )?\S+)")


def setup(running: str, sources: Sequence[Address]) -> str:
    """The text that lets exactly these sources ask; empty where it stands. PolicyError for none, or where others do."""
    if not sources:
        raise PolicyError("an SNMP group without a source would answer nobody or everybody: nothing was sent")
    there = shown(running)
    _check_others(there)
    text: list[str] = []
    for version, family in _FAMILY.items():
        hosts = sorted({source for source in sources if source.version == version}, key=int)
        entries = [*(f"permit host {host}" for host in hosts), "deny any"]
        numbered = [f"{10 * number} {entry}" for number, entry in enumerate(entries, start=1)]
        text += access_list(f"{family} access-list standard {_NAME.format(version)}", numbered, there)
    wanted = [_bound(version, vrf) for version in _FAMILY for vrf in _vrfs(there)]
    return joined([*text, *(line for line in [*wanted, _OUR_GROUP] if line not in there.lines())])


def user(name: str, auth: str, priv: str) -> str:
    """`auth` and `priv` are a protocol with its passphrase: the text is secret."""
    return joined([f"snmp-server user {name} {GROUP} v3 auth {auth} priv {priv}"])


def removal(running: str, name: str) -> str:
    """The text that takes away all of ours: the user first."""
    there = shown(running)
    lines = there.lines()
    text = [f"no snmp-server user {name} {GROUP} v3"] * any(
        line.startswith(f"snmp-server user {name} {GROUP} v3") for line in lines
    )
    text += [f"no {_OUR_GROUP}"] if any(line.startswith(f"snmp-server group {GROUP} ") for line in lines) else []
    text += [f"no {line}" for line in lines if (bound := _list_of(line)) and _OURS.fullmatch(bound)]
    names = {f"{family} access-list standard {_NAME.format(version)}" for version, family in _FAMILY.items()}
    return joined([*text, *(f"no {line}" for line in lines if line in names)])


def communities(running: str) -> tuple[str, ...]:
    """Of version 1 and 2c. They are passwords of a kind, also where they are shown hidden."""
    found = (_COMMUNITY.match(line) for line in shown(running).lines())
    return tuple(dict.fromkeys(match[1] for match in found if match))


def without_communities(running: str) -> str:
    """The text that takes away what versions 1 and 2c answer and notify: secret, as it names communities."""
    text = [f"no snmp-server community {name}" for name in communities(running)]
    for line in shown(running).lines():
        if found := re.match(r"snmp-server (?:group \S+|user \S+ \S+(?: remote .*)?) (?:v1|v2c)\b", line):
            text.append(f"no {found[0]}")
        elif line.startswith("snmp-server host ") and " version 3 " not in line:
            text.append(f"no {line}")
    return joined(text)


def _bound(version: int, vrf: str) -> str:
    return f"snmp-server ipv{version} access-list {_NAME.format(version)}" + (f" vrf {vrf}" if vrf != _DEFAULT else "")


def _list_of(line: str) -> str:
    """The list that this line binds to SNMP; empty for another line."""
    match = re.fullmatch(r"snmp-server ipv[46] access-list (\S+)(?: vrf \S+)?", line)
    return match[1] if match else ""


def _vrfs(there: Shown) -> list[str]:
    """Where SNMP is on: in the default VRF unless it says that it is off there, and in those that are named."""
    default = [] if f"no snmp-server vrf {_DEFAULT}" in there.lines() else [_DEFAULT]
    return list(dict.fromkeys([*default, *(name for name, _ in there.named("snmp-server vrf"))]))


def _check_others(there: Shown) -> None:
    for line in there.lines():
        group = re.match(r"snmp-server group (\S+) v3\b", line)
        if (_list_of(line) and not _OURS.fullmatch(_list_of(line))) or (group and group[1] != GROUP):
            raise PolicyError(
                f"the device shows `{line}`: EOS binds one list to SNMP as a whole, so others would be cut off: "
                "nothing was sent; take it away by hand, or name no `snmp_collectors`"
            )
