"""What else lets somebody into a router, and what leaves it in clear text or to strangers: each found, each allowed."""

from __future__ import annotations

import pytest
from builders import ips
from little_router import HEADER, Router
from obet.access.policy import ManagementPolicy
from obet.errors import ProofError
from obet.platforms.routeros.rules import render
from obet.platforms.routeros.services import prove_services

COLLECTORS = ips("198.51.100.20", "2001:db8:51::20")


def exported() -> str:
    router = Router()
    policy = ManagementPolicy(device="d-0000000001", ours=tuple(ips("198.51.100.11")), co_managers=(), ports=(22, 8729))
    for _ in router.load(render(policy)):
        pass
    return router.export() + "/ip service\nset api-ssl certificate=router\n"


RUNNING = exported()


def findings(more: str) -> list[str]:
    return [finding.what for finding in prove_services(RUNNING + more, COLLECTORS)]


def test_what_was_rendered_leaves_nothing_to_find() -> None:
    assert findings("") == []


def test_a_router_as_it_is_delivered_is_full_of_doors() -> None:
    found = " ".join(finding.what for finding in prove_services(HEADER, COLLECTORS))
    for name in ("telnet", "ftp", "www", "api", "mac-server", "mac-winbox", "bandwidth", "neighbor", "strong-crypto"):
        assert name in found


DOORS = {
    "telnet": ("/ip service\nset telnet disabled=no", "/ip service telnet: is on, in clear text, on port 23"),
    "ftp": ("/ip service\nset ftp disabled=no port=2121", "on port 2121"),
    "www": ("/ip service\nset www disabled=no", "/ip service www: is on"),
    "api": ("/ip service\nset api disabled=no", "/ip service api: is on"),
    "no certificate": ("/ip service\nset api-ssl certificate=none", "api-ssl: has no certificate"),
    "old TLS": ("/ip service\nset www-ssl disabled=no tls-version=any", "www-ssl: takes TLS older"),
    "MAC-Telnet": ("/tool mac-server\nset allowed-interface-list=LAN", "/tool mac-server allowed-interface-list=LAN"),
    "MAC-WinBox": ("/tool mac-server mac-winbox\nset allowed-interface-list=all", "mac-winbox allowed"),
    "MAC ping": ("/tool mac-server ping\nset enabled=yes", "MAC ping"),
    "bandwidth server": ("/tool bandwidth-server\nset enabled=yes", "bandwidth"),
    "RoMON": ("/tool romon\nset enabled=yes", "RoMON"),
    "neighbour discovery": ("/ip neighbor discovery-settings\nset discover-interface-list=LAN", "announces"),
    "weak SSH": ("/ip ssh\nset strong-crypto=no", "weak"),
    "forwarding": ("/ip ssh\nset forwarding-enabled=remote", "forwarding-enabled=remote"),
    "SOCKS": ("/ip socks\nset enabled=yes", "SOCKS"),
    "web proxy": ("/ip proxy\nset enabled=yes", "web proxy"),
    "UPnP": ("/ip upnp\nset enabled=yes", "UPnP"),
    "TFTP": ("/ip tftp\nadd real-filename=a req-filename=.*", "TFTP"),
    "hotspot": ("/ip hotspot\nadd disabled=no interface=bridge name=guests", "/ip hotspot guests"),
    "a third party's tunnel": ("/ip cloud\nset back-to-home-vpn=enabled", "back-to-home"),
    "a third party's name": ("/ip cloud\nset ddns-enabled=yes", "third party"),
    "SMS": ("/tool sms\nset receive-enabled=yes", "SMS"),
    "TR-069": ("/tr069-client\nset enabled=yes", "TR-069"),
}
ACTION = "/system logging action\nset 3 remote={}\n/system logging\nadd action=remote topics=info"
TRAPS = "/snmp\nset enabled=yes trap-target={} trap-version={}\n"
V3 = (
    "/snmp community\nset [ find default=yes ] disabled=yes\n"
    "add name=v3 security={} encryption-protocol={} authentication-protocol=SHA1 addresses=198.51.100.20/32"
)
TUNNEL = "/interface wireguard\nadd name=wg\n/ip route\nadd dst-address=198.51.100.20/32 gateway={}\n"
SENT = {
    "logs": (ACTION.format("198.51.100.20"), "logs to 198.51.100.20 in clear text"),
    "logs to a stranger": (ACTION.format("203.0.113.5 remote-protocol=tls"), "which is no collector of ours"),
    "logs by an action of its own": (
        "/system logging action\nadd name=central remote=198.51.100.20\n/system logging\nset 0 action=central",
        "action central: sends logs",
    ),
    "logs beside the tunnel": (ACTION.format("198.51.100.20") + "\n" + TUNNEL.format("ether1"), "in clear text"),
    "logs by a tunnel and beside it": (
        ACTION.format("198.51.100.20") + "\n" + TUNNEL.format("wg") + "add dst-address=198.51.100.20 gateway=ether1",
        "in clear text",
    ),
    "logs by a rule for routes": (
        ACTION.format("198.51.100.20") + "\n" + TUNNEL.format("wg") + "/routing rule\nadd action=lookup table=other",
        "in clear text",
    ),
    "SNMP as delivered": ("/snmp\nset enabled=yes", "SNMPv1 and v2c"),
    "SNMP of one's own": ("/snmp\nset enabled=yes\n/snmp community\nadd name=x", "community 1: answers SNMPv1"),
    "SNMPv3 without encryption": ("/snmp\nset enabled=yes\n" + V3.format("authorized", "AES"), "without encryption"),
    "SNMPv3 by DES": ("/snmp\nset enabled=yes\n" + V3.format("private", "DES"), "DES"),
    "SNMPv3 signed by MD5": ("/snmp\nset enabled=yes\n" + V3.format("private", "AES").replace("SHA1", "MD5"), "MD5"),
    "SNMPv3 for everybody": (
        "/snmp\nset enabled=yes\n" + V3.format("private", "AES").replace(" addresses=198.51.100.20/32", ""),
        "community 1: SNMPv3 answers ::/0, which is no collector",
    ),
    "SNMPv3 for a stranger too": (
        "/snmp\nset enabled=yes\n" + V3.format("private", "AES") + ",203.0.113.5/32",
        "SNMPv3 answers 203.0.113.5/32",
    ),
    "traps": (TRAPS.format("198.51.100.20", "2"), "traps go to 198.51.100.20 in clear text"),
    "traps to a stranger": (TRAPS.format("198.51.100.20,203.0.113.5", "3"), "traps to 203.0.113.5, which is no"),
    "flows": ("/ip traffic-flow\nset enabled=yes\n/ip traffic-flow target\nadd dst-address=198.51.100.20", "flows"),
    "RADIUS": ("/radius\nadd address=198.51.100.20 service=login", "RADIUS to 198.51.100.20 in clear"),
    "RADIUS to a stranger": ("/radius\nadd address=203.0.113.5 protocol=radsec", "no collector"),
    "mail": ("/tool e-mail\nset server=198.51.100.20", "sends mail to"),
    "mail of a schedule": (
        '/system scheduler\nadd name=weekly on-event="/tool e-mail send to=a@example.com"',
        "/system scheduler weekly: on-event sends mail",
    ),
    "FTP of a schedule": (
        '/system scheduler\nadd name=nightly on-event="/tool fetch upload=yes mode=ftp address=198.51.100.20"',
        "/system scheduler nightly: on-event fetches or sends",
    ),
    "HTTP of a script": (
        '/system script\nadd name=a source="/tool fetch url=\\"http://198.51.100.20/a\\""',
        "script a",
    ),
    "a script that hides where to": ('/system script\nadd name=a source="/tool fetch url=\\$where"', "nobody can tell"),
    "the sniffer": ("/tool sniffer\nset streaming-enabled=yes", "sniffer"),
    "copies": (
        "/ip firewall mangle\nadd action=sniff-tzsp chain=prerouting sniff-target=203.0.113.5",
        "copies packets",
    ),
}


@pytest.mark.parametrize(("more", "said"), (DOORS | SENT).values(), ids=DOORS | SENT)
def test_each_door_and_each_way_out_is_found(more: str, said: str) -> None:
    found = findings(more + "\n")
    assert any(said in what for what in found), found


ALLOWED = {
    "logs over TLS": ACTION.format("198.51.100.20 remote-protocol=tls"),
    "logs through the tunnel": ACTION.format("198.51.100.20") + "\n" + TUNNEL.format("wg"),
    "logs to nowhere": ACTION.format("::"),
    "a remote log that nothing uses": "/system logging action\nset 3 remote=203.0.113.5",
    "a log that is off": ACTION.format("203.0.113.5").replace("topics=info", "disabled=yes topics=info"),
    "SNMP that is off": "/snmp community\nadd name=x",
    "SNMPv3": "/snmp\nset enabled=yes\n" + V3.format("private", "AES"),
    "traps by SNMPv3": TRAPS.format("198.51.100.20", "3") + V3.format("private", "AES"),
    "flows that are off": "/ip traffic-flow target\nadd dst-address=203.0.113.5",
    "radsec": "/radius\nadd address=198.51.100.20 protocol=radsec",
    "RADIUS that is off": "/radius\nadd address=203.0.113.5 disabled=yes",
    "mail over TLS": "/tool e-mail\nset server=198.51.100.20 tls=starttls",
    "SFTP": '/system script\nadd name=a source="/tool fetch upload=yes url=sftp://198.51.100.20/a"',
    "HTTPS": '/system script\nadd name=a source="/tool fetch mode=https url=\\"https://198.51.100.20/a\\""',
    "a script that is off": '/system scheduler\nadd disabled=yes name=a on-event="/tool fetch mode=ftp"',
    "talk of mail": '/ip firewall nat\nadd action=accept chain=srcnat comment="e-mail send, fetch by ftp://"',
    "TFTP that is off": "/ip tftp\nadd disabled=yes real-filename=a",
}


@pytest.mark.parametrize("more", ALLOWED.values(), ids=ALLOWED)
def test_what_is_encrypted_tunnelled_or_off_is_left_alone(more: str) -> None:
    assert findings(more + "\n") == []


def test_what_is_no_export_proves_nothing() -> None:
    with pytest.raises(ProofError, match="nothing is proven"):
        prove_services("", COLLECTORS)
