"""The proof of a router's filter: what was rendered is proven, each way to spoil it is found and named."""

from __future__ import annotations

import pytest
from builders import ips
from little_router import HEADER, Router
from obet.access.policy import ManagementPolicy
from obet.errors import ProofError
from obet.platforms.routeros.proof import prove
from obet.platforms.routeros.rules import render

SOURCES = ips("198.51.100.11", "203.0.113.21", "2001:db8:51::11")
PORTS = (22, 8729)
ANY4, ANY6 = "0.0.0.0-198.51.100.10, 198.51.100.12-203.0.113.20", "::-2001:db8:51::10"


def exported() -> str:
    router = Router()
    policy = ManagementPolicy(
        device="d-0000000001", ours=(SOURCES[0], SOURCES[2]), co_managers=(SOURCES[1],), ports=PORTS
    )
    for _ in router.load(render(policy)):
        pass
    return router.export()


RUNNING = exported()


def findings(text: str) -> list[str]:
    return [finding.what for finding in prove(text, SOURCES, PORTS)]


def first(*rules: str, path: str = "/ip firewall filter", more: str = "") -> str:
    """What was rendered, with rules of others before it and with what they need elsewhere."""
    return RUNNING.replace(f"{path}\n", f"{path}\n" + "".join(f"{rule}\n" for rule in rules)) + more


def last(*rules: str, path: str = "/ip firewall filter") -> str:
    return RUNNING + f"{path}\n" + "".join(f"{rule}\n" for rule in rules)


def instead(old: str, new: str) -> str:
    assert old in RUNNING
    return RUNNING.replace(old, new, 1)


def test_what_was_rendered_is_proven() -> None:
    assert findings(RUNNING) == []


def test_each_source_is_needed_and_no_more() -> None:
    for source in SOURCES:
        less = [other for other in SOURCES if other != source]
        assert {f.what.partition(":")[0] for f in prove(RUNNING, less, PORTS)} == {"port 22", "port 8729"}
        assert all(f"also takes {source}: /ip" in f.what for f in prove(RUNNING, less, PORTS))
    stranger = ips("203.0.113.66")
    found = [finding.what for finding in prove(RUNNING, [*SOURCES, *stranger], (22,))]
    assert any("may refuse 203.0.113.66: /ip firewall filter rule" in what and "obet: denied" in what for what in found)


LISTED = "/ip firewall address-list\nadd address=203.0.113.66 list=staff\n"
OPENED = {
    "everybody": (first("add chain=input"), ANY4),
    "everybody, said": (first("add action=accept chain=input"), ANY4),
    "established": (first("add action=accept chain=input connection-state=established,related"), ANY4),
    "an interface": (first("add action=accept chain=input in-interface-list=LAN"), ANY4),
    "what is not understood": (first("add action=accept chain=input something-new=5"), ANY4),
    "an action that is not understood": (first("add action=something-new chain=input"), ANY4),
    "fasttrack": (first("add action=fasttrack-connection chain=input"), ANY4),
    "one source": (first("add action=accept chain=input src-address=203.0.113.66"), "203.0.113.66"),
    "a network": (first("add action=accept chain=input src-address=203.0.113.66/31"), "203.0.113.66-203.0.113.67"),
    "a range": (
        first("add action=accept chain=input src-address=203.0.113.66-203.0.113.70"),
        "203.0.113.66-203.0.113.70",
    ),
    "all but one": (
        first("add action=accept chain=input src-address=!203.0.113.66"),
        "203.0.113.22-203.0.113.65",
    ),
    "a range of ports": (first("add action=accept chain=input dst-port=80,1-100 protocol=tcp"), ANY4),
    "all other ports": (first("add action=accept chain=input dst-port=!80 protocol=tcp"), ANY4),
    "a port of either end": (first("add action=accept chain=input port=80 protocol=tcp"), ANY4),
    "another protocol, negated": (first("add action=accept chain=input protocol=!udp"), ANY4),
    "a list": (first("add action=accept chain=input src-address-list=staff", more=LISTED), ANY4),
    "all but a list": (first("add action=accept chain=input src-address-list=!staff", more=LISTED), ANY4),
    "a chain of others": (
        first("add action=jump chain=input jump-target=one", "add action=accept chain=one src-address=203.0.113.66"),
        "203.0.113.66",
    ),
    "a return out of ours": (
        first("add action=return chain=obet-management src-address=203.0.113.66"),
        "203.0.113.66: no rule of /ip firewall filter refuses it",
    ),
    "an accept in our chain": (first("add action=accept chain=obet-management src-address=10.0.0.0/8"), "10.0.0.0-"),
    "our jump off": (instead("jump-target=obet-management", "jump-target=obet-management disabled=yes"), ANY4),
    "our jump elsewhere": (instead("jump-target=obet-management", "jump-target=nowhere"), ANY4),
    "our jump for one port": (instead("dst-port=22,8729", "dst-port=22"), "port 8729: also takes"),
    "our jump for one interface": (instead("dst-port=22,8729", "dst-port=22,8729 in-interface=ether1"), ANY4),
    "our drop off": (instead("action=drop", "action=drop disabled=yes"), ANY4),
    "our drop limited": (instead("action=drop", "action=drop limit=1,5:packet"), ANY4),
    "our drop for all but a list": (instead("action=drop", "action=drop src-address-list=!staff"), ANY4),
    "our drop made a log": (instead("action=drop", "action=log"), ANY4),
    "our drop in raw alone": (
        instead("action=drop", "action=drop disabled=yes")
        + "/ip firewall raw\nadd action=drop chain=prerouting src-address=!198.51.100.11\n",
        ANY4,
    ),
    "IPv6": (first("add action=accept chain=input", path="/ipv6 firewall filter"), ANY6),
    "a prefix that is translated": (
        last("add action=snpt chain=prerouting src-prefix=2001:db8::/64", path="/ipv6 firewall mangle"),
        ANY6,
    ),
    "an action of mangle that is not understood": (
        last("add action=something-new chain=prerouting", path="/ip firewall mangle"),
        ANY4,
    ),
}


@pytest.mark.parametrize(("text", "whom"), OPENED.values(), ids=OPENED)
def test_whatever_lets_in_more_is_found(text: str, whom: str) -> None:
    found = findings(text)
    assert any(whom in what for what in found), found
    assert any("also takes" in what for what in found)


SHUT = {
    "everybody": first("add action=drop chain=input"),
    "a source of ours": first("add action=drop chain=input src-address=198.51.100.11"),
    "a network of ours": first("add action=reject chain=input src-address=198.51.100.0/24 reject-with=tcp-reset"),
    "a trap": first("add action=tarpit chain=input protocol=tcp"),
    "what is not understood": first("add action=drop chain=input something-new=5"),
    "by a limit": first("add action=drop chain=input dst-limit=5,5,src-address"),
    "a list that holds us": first(
        "add action=drop chain=input src-address-list=staff",
        more="/ip firewall address-list\nadd address=198.51.100.0/24 list=staff\n",
    ),
    "a list that a name fills": first(
        "add action=drop chain=input src-address-list=staff",
        more="/ip firewall address-list\nadd address=example.com list=staff\n",
    ),
    "a list that rules fill": first(
        "add action=drop chain=input src-address-list=staff",
        "add action=add-src-to-address-list address-list=staff address-list-timeout=1d chain=input",
    ),
    "a list that logins fill": first(
        "add action=drop chain=input src-address-list=staff", more="/ppp profile\nset *0 address-list=staff\n"
    ),
    "a list that RADIUS may fill": first(
        "add action=drop chain=input src-address-list=staff", more="/ppp aaa\nset use-radius=yes\n"
    ),
    "all but a list": first("add action=drop chain=input src-address-list=!staff"),
    "all but a list that holds us for a time": first(
        "add action=drop chain=input src-address-list=!staff",
        more="/ip firewall address-list\nadd address=198.51.100.0/24 list=staff timeout=1d\n",
    ),
    "in raw": last("add action=drop chain=prerouting src-address=198.51.100.11", path="/ip firewall raw"),
    "sent elsewhere": last(
        "add action=dst-nat chain=dstnat dst-port=22 in-interface=ether1 protocol=tcp to-addresses=192.168.88.5",
        path="/ip firewall nat",
    ),
    "redirected": last(
        "add action=redirect chain=dstnat dst-port=22 protocol=tcp to-ports=80", path="/ip firewall nat"
    ),
    "routed by another table": last(
        "add action=mark-routing chain=prerouting new-routing-mark=other", path="/ip firewall mangle"
    ),
    "IPv6": first("add action=drop chain=input src-address=2001:db8:51::/48", path="/ipv6 firewall filter"),
    "by the service itself": instead("set ssh address=198.51.100.11/32,", "set ssh address="),
    "by a service that is off": instead("set ssh address", "set ssh disabled=yes address"),
    "by a service at another port": instead("set ssh address", "set ssh port=2222 address"),
}


@pytest.mark.parametrize("text", SHUT.values(), ids=SHUT)
def test_whatever_may_refuse_an_allowed_source_is_found(text: str) -> None:
    found = findings(text)
    assert any("may refuse" in what or "no service of the router listens there" in what for what in found), found


HARMLESS = {
    "the delivered filter after ours": last(
        "add action=accept chain=input connection-state=established,related,untracked",
        "add action=drop chain=input in-interface-list=!LAN",
        "add action=fasttrack-connection chain=forward connection-state=established,related hw-offload=yes",
    ),
    "other traffic before ours": first(
        "add action=accept chain=input protocol=icmp",
        "add action=accept chain=input dst-port=53 protocol=udp",
        "add action=accept chain=input dst-port=443,8000-8100 protocol=tcp",
        "add action=drop chain=input src-address=192.0.2.0/24",
        "add action=accept chain=forward",
        "add action=accept chain=input disabled=yes",
        "add action=accept chain=input in-interface-list=none",
        "add action=log chain=input log-prefix=seen",
        "add action=passthrough chain=input",
        'add action=jump chain=input jump-target=empty comment="nothing there"',
    ),
    "a list that does not hold us": first(
        "add action=drop chain=input src-address-list=bad",
        more="/ip firewall address-list\nadd address=192.0.2.1 list=bad\n",
    ),
    "all but a list that holds us": first(
        "add action=drop chain=input src-address-list=!staff",
        more="/ip firewall address-list\nadd address=198.51.100.11 list=staff\nadd address=203.0.113.0/24 list=staff\n",
    ),
    "an accept of ours alone": first("add action=accept chain=input src-address=198.51.100.11"),
    "other ports sent elsewhere": last(
        "add action=dst-nat chain=dstnat dst-port=8080 protocol=tcp to-addresses=192.168.88.5 to-ports=80",
        "add action=masquerade chain=srcnat out-interface-list=WAN",
        path="/ip firewall nat",
    ),
    "ours spared before others are sent elsewhere": last(
        "add action=accept chain=dstnat src-address=198.51.100.11",
        "add action=accept chain=dstnat src-address=203.0.113.21",
        "add action=dst-nat chain=dstnat dst-port=22 protocol=tcp to-addresses=192.168.88.5",
        path="/ip firewall nat",
    ),
    "marks": last(
        "add action=mark-connection chain=prerouting new-connection-mark=a passthrough=yes",
        "add action=change-mss chain=forward new-mss=clamp-to-pmtu protocol=tcp tcp-flags=syn",
        path="/ip firewall mangle",
    ),
    "raw": last(
        "add action=notrack chain=prerouting",
        "add action=accept chain=prerouting",
        path="/ip firewall raw",
    ),
}


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS)
def test_others_rules_that_change_nothing_are_none_of_its_business(text: str) -> None:
    assert findings(text) == []


def test_the_rule_that_opens_the_door_is_named_by_its_number_and_words() -> None:
    rule = 'chain=input comment="by \\"Bob\\"" src-address=10.0.0.1'
    (what, *_) = findings(first("add action=drop chain=forward", f"add {rule}"))
    assert what == f"port 22: also takes 10.0.0.1: /ip firewall filter rule 1 ({rule})"


def test_what_a_rule_says_does_nothing_to_a_terminal() -> None:
    (what, *_) = findings(first('add chain=input comment="\\1B]0;\x1b[2J\x07" src-address=10.0.0.1'))
    assert what.isprintable()


def test_many_ranges_are_summed_up() -> None:
    (what,) = (
        finding.what
        for finding in prove(first("add action=drop chain=input"), ips(*MANY), (22,))
        if "filter rule 0" in finding.what
    )
    assert "may refuse 10.0.0.1, 10.0.2.1, 10.0.4.1 and 2 ranges more: /ip firewall filter rule 0" in what


MANY = [f"10.0.{n}.1" for n in range(0, 10, 2)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("set winbox disabled=no", "port 8291: /ip service winbox is on, and this is no management port"),
        ("set telnet disabled=no port=2323", "port 2323: /ip service telnet is on"),
        ("set api-ssl port=9999", "port 9999: /ip service api-ssl is on"),
    ],
)
def test_a_service_outside_of_the_management_ports_is_found(line: str, said: str) -> None:
    assert any(said in what for what in findings(f"{RUNNING}/ip service\n{line}\n"))


def test_a_router_as_it_is_delivered_is_open_on_both_families() -> None:
    found = findings(HEADER)
    assert any("port 22: also takes 0.0.0.0-" in what and "no rule of /ip firewall filter" in what for what in found)
    assert any("port 22: also takes ::-" in what and "no rule of /ipv6 firewall filter" in what for what in found)
    assert any("telnet" in what for what in found)


def test_chains_in_a_ring_prove_nothing() -> None:
    ring = first("add action=jump chain=input jump-target=a", "add action=jump chain=a jump-target=a")
    with pytest.raises(ProofError, match="nested too deep"):
        findings(ring)


def test_no_port_proves_nothing() -> None:
    with pytest.raises(ProofError, match="no port"):
        prove(RUNNING, SOURCES, ())


def test_a_rule_that_is_set_and_not_added_proves_nothing() -> None:
    with pytest.raises(ProofError, match="without adding"):
        findings(last("set 0 action=accept"))


def test_ten_thousand_refused_ranges_are_no_burden() -> None:
    entries = "".join(f"add address={n >> 8 & 255}.{n & 255}.7.0/24 list=bad\n" for n in range(0, 20000, 2))
    text = first("add action=drop chain=input src-address-list=bad", more=f"/ip firewall address-list\n{entries}")
    assert findings(text) == []
