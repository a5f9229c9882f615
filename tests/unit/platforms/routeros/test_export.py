"""Reading a router's export: every way in which the device writes it, and nothing that is no whole export."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from little_router import HEADER
from obet.errors import ProofError
from obet.platforms.routeros.export import Entry, parse


def only(text: str, path: str = "ip firewall filter") -> Entry:
    (entry,) = parse(HEADER + text).entries(path)
    return entry


def test_paths_verbs_selectors_and_properties_are_told_apart() -> None:
    export = parse(
        HEADER
        + '/interface ethernet\nset [ find default-name=ether1 ] comment="up [ link" mtu=1500\n'
        + "/queue type\nset 0 kind=pfifo\n/ppp profile\nset *0 name=default\n"
        + "/ip service\nset telnet disabled=yes\n\n/ip ssh\nset strong-crypto=yes\n"
        + "/ip firewall filter\nadd action=drop chain=input\nadd action=accept chain=input\n"
    )
    (ethernet,) = export.entries("interface ethernet")
    assert (ethernet.verb, ethernet.selector) == ("set", "[ find default-name=ether1 ]")
    assert ethernet.properties == {"comment": "up [ link", "mtu": "1500"}
    assert [export.entries(path)[0].selector for path in ("queue type", "ppp profile", "ip ssh")] == ["0", "*0", ""]
    assert [(e.number, e.get("action")) for e in export.entries("ip firewall filter")] == [(0, "drop"), (1, "accept")]
    assert export.setting("ip service", "disabled", "no", "telnet") == "yes"
    assert export.setting("ip service", "disabled", "no", "ftp") == "no"
    assert export.setting("ip ssh", "strong-crypto", "no") == "yes"
    assert export.written("ip ssh", "forwarding-enabled") is None


WAYS = {
    "as it is": "/ip firewall filter\nadd action=accept chain=input src-address=10.0.0.1\n",
    "wrapped between": "/ip firewall filter\nadd action=accept chain=input \\\n    src-address=10.0.0.1\n",
    "wrapped within": "/ip firewall filter\nadd action=accept chain=input src-address=\\\n    10.0.0.1\n",
    "by carriage returns": "/ip firewall filter\r\nadd action=accept chain=input \\\r\n    src-address=10.0.0.1\r\n",
    "terse": "/ip firewall filter add action=accept chain=input src-address=10.0.0.1\n",
    "with slashes": "/ip/firewall/filter\nadd action=accept chain=input src-address=10.0.0.1\n",
    "in quotes": '/ip firewall filter\nadd action="accept" chain="input" src-address="10.0.0.1"\n',
    "verbose": "/ip firewall filter\nadd action=accept chain=input !limit src-address=10.0.0.1 !src-port\n",
    "with remarks": "/ip firewall filter\n# ether9 not ready\\\nadd action=accept chain=input src-address=10.0.0.1\n",
}


@pytest.mark.parametrize("text", WAYS.values(), ids=WAYS)
def test_one_rule_is_read_the_same_however_it_is_written(text: str) -> None:
    assert only(text).properties == {"action": "accept", "chain": "input", "src-address": "10.0.0.1"}


def written(text: str) -> str:
    """As the device writes text: quoted, with escapes."""
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\", "$": "\\$", "?": "\\?"}
    plain = set(string.ascii_letters + string.digits + " []{}#=/.:;!'-")
    return '"' + "".join(c if c in plain else named.get(c, f"\\{ord(c):02X}") for c in text) + '"'


def wrapped(line: str, width: int) -> str:
    """A line broken at `width`, though not within an escape."""
    pieces = [""]
    at = 0
    while at < len(line):
        step = 1 if line[at] != "\\" else 3 if line[at + 1] in "0123456789ABCDEF" else 2
        pieces[-1] += line[at : at + step]
        at += step
        if len(pieces[-1]) >= width and at < len(line):
            pieces.append("")
    return "\\\n    ".join(pieces)


@given(comment=st.text(st.characters(max_codepoint=255), max_size=40), width=st.integers(5, 60))
@example(comment='\\"\n/ip firewall filter\nadd action=accept chain=input', width=7)
@example(comment="ends in \\", width=60)
def test_a_comment_is_text_whatever_it_holds_and_wherever_it_is_broken(comment: str, width: int) -> None:
    line = f"add action=drop chain=input comment={written(comment)} disabled=yes"
    entry = only(f"/ip firewall filter\n{wrapped(line, width)}\n")
    assert entry.properties == {"action": "drop", "chain": "input", "comment": comment, "disabled": "yes"}
    assert only(f"/ip firewall filter\nadd {entry.text}\n").properties == entry.properties


NO_EXPORT = {
    "nothing": "",
    "another language": "Building configuration...\nhostname router\n",
    "RouterOS 6": HEADER.replace("RouterOS 7.17.2", "RouterOS 6.49.8"),
    "no path": HEADER + "add action=drop chain=input\n",
    "an open quote": HEADER + '/ip firewall filter\nadd comment="open\n',
    "an open bracket": HEADER + "/ip ssh\nset [ find a=b\n",
    "cut in a line that goes on": HEADER + "/ip firewall filter\nadd action=drop \\\n",
    "cut in a line that goes on, at the end": HEADER + "/ip firewall filter\nadd action=drop \\",
    "a section that failed": HEADER + '#error exporting "/ip/firewall/filter" (timeout)\n',
    "a section that failed, in words": HEADER + "# error exporting /interface\n",
    "interrupted": HEADER + "/ip ssh\n#interrupted\n",
    "a command": HEADER + "/ip firewall filter\nremove [find]\n",
    "a command on the path's line": HEADER + "/ip firewall filter print where a=b\n",
    "a property twice": HEADER + "/ip firewall filter\nadd action=drop action=accept\n",
    "a word that is no property": HEADER + "/ip firewall filter\nadd action=drop input\n",
}


@pytest.mark.parametrize("text", NO_EXPORT.values(), ids=NO_EXPORT)
def test_what_is_no_whole_export_proves_nothing(text: str) -> None:
    with pytest.raises(ProofError, match="nothing is proven"):
        parse(text)


@given(text=st.text(max_size=200))
def test_any_garbage_is_refused_or_read_and_never_breaks_the_reader(text: str) -> None:
    try:
        parse(HEADER + text)
    except ProofError as error:
        assert "nothing is proven" in str(error)
