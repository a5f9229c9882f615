"""What of a router's `/export` lets somebody in beside its filter, and what it sends in clear text or to strangers.

What is left out is as RouterOS 7 is delivered: nearly everything on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from obet.access.finding import Finding
from obet.errors import printable
from obet.platforms.routeros.export import Entry, Export, parse

_Address = IPv4Address | IPv6Address
_STANDARD_PORTS = {"ftp": 21, "ssh": 22, "telnet": 23, "www": 80, "www-ssl": 443}
_STANDARD_PORTS |= {"winbox": 8291, "api": 8728, "api-ssl": 8729}
_OFF_AS_DELIVERED = {"www-ssl"}
_CLEARTEXT = ("ftp", "telnet", "www", "api")
_TLS = ("www-ssl", "api-ssl")
# Path, property, as it is delivered, what it must be, and what it is otherwise.
_SETTINGS = (
    ("tool mac-server", "allowed-interface-list", "all", {"none"}, "MAC-Telnet lets neighbours in"),
    ("tool mac-server mac-winbox", "allowed-interface-list", "all", {"none"}, "MAC-WinBox lets neighbours in"),
    ("tool mac-server ping", "enabled", "yes", {"no"}, "MAC ping answers neighbours"),
    ("tool bandwidth-server", "enabled", "yes", {"no"}, "the bandwidth server is on"),
    ("tool romon", "enabled", "no", {"no"}, "RoMON is a way in past every filter"),
    ("tool sms", "receive-enabled", "no", {"no"}, "commands are taken by SMS"),
    ("tool sniffer", "streaming-enabled", "no", {"no"}, "the sniffer streams packets in clear"),
    ("ip neighbor discovery-settings", "discover-interface-list", "static", {"none"}, "it announces itself"),
    ("ip ssh", "strong-crypto", "no", {"yes"}, "SSH takes weak algorithms"),
    ("ip ssh", "forwarding-enabled", "no", {"no"}, "SSH forwards connections to elsewhere"),
    ("ip ssh", "allow-none-crypto", "no", {"no"}, "SSH takes sessions in clear"),
    ("ip socks", "enabled", "no", {"no"}, "the SOCKS proxy is on"),
    ("ip proxy", "enabled", "no", {"no"}, "the web proxy is on"),
    ("ip smb", "enabled", "auto", {"no", "auto"}, "SMB is on"),
    ("ip upnp", "enabled", "no", {"no"}, "UPnP makes rules that no export shows"),
    ("ip nat-pmp", "enabled", "no", {"no"}, "NAT-PMP makes rules that no export shows"),
    ("ip cloud", "ddns-enabled", "no", {"no", "auto"}, "a third party is told the address"),
    ("ip cloud", "back-to-home-vpn", "no", {"no", "revoked-and-disabled"}, "a third party's tunnel leads in"),
    ("radius incoming", "accept", "no", {"no"}, "RADIUS may change sessions"),
    ("tr069-client", "enabled", "no", {"no"}, "TR-069 hands the device to a server"),
    ("dude", "enabled", "no", {"no"}, "The Dude's server is on"),
    ("system watchdog", "auto-send-supout", "no", {"no"}, "the whole configuration goes out by mail"),
)
_ITEMS = (
    ("ip tftp", "TFTP hands out files in clear"),
    ("ip hotspot", "a hotspot makes rules that no export shows"),
    ("ip smb shares", "SMB hands out files"),
)
_COMMUNITY = "snmp community"
_DELIVERED_COMMUNITY = {"security": "none", "encryption-protocol": "DES", "disabled": "no", "addresses": "::/0"}
_DELIVERED_COMMUNITY |= {"authentication-protocol": "MD5"}
_SENT_IN_CLEAR = re.compile(r"mode\s*=\s*\"?(?:t?ftp|http)\b|\b(?:t?ftp|http)://", re.IGNORECASE)
_SENT_ENCRYPTED = re.compile(r"mode\s*=\s*\"?(?:https|sftp)\b|\b(?:https|sftp)://", re.IGNORECASE)
_FETCH = re.compile(r"\bfetch\b", re.IGNORECASE)
_MAIL = re.compile(r"\be-mail\b[^\n;]*\bsend\b", re.IGNORECASE)


def prove_services(running: str, collectors: Iterable[_Address]) -> list[Finding]:
    """Ways in that are no management port, and data that leaves in clear or to who is no collector of ours.

    An empty list is the proof; ProofError when `running` is no whole export of RouterOS 7.
    """
    export, ours = parse(running), frozenset(collectors)
    found = [*_doors(export), *_snmp(export, ours), *_logs(export, ours), *_flows(export, ours)]
    found += [*_radius(export, ours), *_mail(export), *_scripts(export), *_copies(export)]
    return [Finding(text) for text in found]


def prove_listening(export: Export, sources: Sequence[_Address], ports: Sequence[int]) -> list[Finding]:
    """That services listen on these ports and no other, and take each source themselves."""
    found, listening = [], set()
    for name in _STANDARD_PORTS:
        if not _is_on(export, name):
            continue
        port = _port(export, name)
        listening.add(port)
        if port not in ports:
            found.append(Finding(f"port {port}: /ip service {name} is on, and this is no management port"))
            continue
        taken = export.setting("ip service", "address", "", name)
        refused = [str(a) for a in sources if taken and not _takes(taken, a)]
        if refused:
            found.append(
                Finding(f"port {port}: may refuse {', '.join(refused)}: /ip service {name} address={printable(taken)}")
            )
    found += [
        Finding(f"port {port}: no service of the router listens there") for port in ports if port not in listening
    ]
    return found


def _is_on(export: Export, service: str) -> bool:
    delivered = "yes" if service in _OFF_AS_DELIVERED else "no"
    return export.setting("ip service", "disabled", delivered, service) != "yes"


def _port(export: Export, service: str) -> int:
    text = export.setting("ip service", "port", str(_STANDARD_PORTS[service]), service)
    return int(text) if text.isdigit() else 0


def _takes(networks: str, address: _Address) -> bool:
    for text in networks.split(","):
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            continue
        if network.version == address.version and address in network:
            return True
    return False


def _doors(export: Export) -> Iterator[str]:
    for name in _CLEARTEXT:
        if _is_on(export, name):
            yield f"/ip service {name}: is on, in clear text, on port {_port(export, name)}"
    for name in _TLS:
        if not _is_on(export, name):
            continue
        if export.setting("ip service", "certificate", "none", name) == "none":
            yield f"/ip service {name}: has no certificate: nobody can tell it from another"
        if export.setting("ip service", "tls-version", "any", name) != "only-1.2":
            yield f"/ip service {name}: takes TLS older than 1.2"
    for path, name, delivered, wanted, otherwise in _SETTINGS:
        value = export.setting(path, name, delivered)
        if value not in wanted:
            yield f"/{path} {name}={printable(value)}: {otherwise}"
    for path, otherwise in _ITEMS:
        yield from (f"{_place(entry)}: {otherwise}" for entry in _items(export, path))


def _items(export: Export, path: str) -> Iterator[Entry]:
    """What was added and is on."""
    return (entry for entry in export.entries(path) if entry.verb == "add" and entry.on)


def _place(entry: Entry) -> str:
    name = entry.get("name") or entry.selector or str(entry.number)
    return f"/{entry.path} {printable(name)[:80]}"


def _snmp(export: Export, collectors: frozenset[_Address]) -> Iterator[str]:
    if export.setting("snmp", "enabled", "no") == "no":
        return
    delivered = {name: export.setting(_COMMUNITY, name, otherwise) for name, otherwise in _DELIVERED_COMMUNITY.items()}
    added = [
        {**_DELIVERED_COMMUNITY, **entry.properties} for entry in export.entries(_COMMUNITY) if entry.verb == "add"
    ]
    # Their names are passwords of a kind: numbers stand for them, and 0 for the one that is delivered.
    for number, community in enumerate([delivered, *added]):
        if community["disabled"] != "yes":
            yield from (f"/{_COMMUNITY} {number}: {what}" for what in _community(community, collectors))
    targets = export.setting("snmp", "trap-target", "")
    if targets:
        if export.setting("snmp", "trap-version", "1") != "3":
            yield f"/snmp trap-version: traps go to {printable(targets)} in clear text"
        for target in targets.split(","):
            yield from _stranger("/snmp trap-target", "traps", target, collectors)


def _community(settings: Mapping[str, str], collectors: frozenset[_Address]) -> Iterator[str]:
    """An empty list of addresses takes everybody, as `::/0` does."""
    if settings["security"] == "none":
        yield "answers SNMPv1 and v2c, in clear text"
    elif settings["security"] != "private":
        yield "SNMPv3 without encryption"
    elif settings["encryption-protocol"] == "DES":
        yield "SNMPv3 encrypted by DES"
    elif settings["authentication-protocol"] == "MD5":
        yield "SNMPv3 signed by MD5"
    else:
        hosts = {str(ip_network(address)) for address in collectors} | {str(address) for address in collectors}
        for network in settings["addresses"].split(","):
            if network not in hosts:
                yield f"SNMPv3 answers {printable(network) or 'everybody'}, which is no collector of ours"


def _logs(export: Export, collectors: frozenset[_Address]) -> Iterator[str]:
    # The four that are delivered have these numbers; an export names them so.
    names = {"0": "memory", "1": "disk", "2": "echo", "3": "remote"}
    used = {e.get("action") for e in export.entries("system logging") if e.on}
    for action in export.entries("system logging action"):
        name = action.get("name") or names.get(action.selector, action.selector)
        remote = action.get("remote")
        if not remote or remote in {"0.0.0.0", "::"} or name not in used:  # noqa: S104
            continue
        place = f"/system logging action {printable(name)}"
        if action.get("remote-protocol", "udp") != "tls":
            yield from _clear(export, place, "logs", remote)
        yield from _stranger(place, "logs", remote, collectors)


def _flows(export: Export, collectors: frozenset[_Address]) -> Iterator[str]:
    if export.setting("ip traffic-flow", "enabled", "no") == "no":
        return
    for target in _items(export, "ip traffic-flow target"):
        yield from _clear(export, _place(target), "flows", target.get("dst-address"))
        yield from _stranger(_place(target), "flows", target.get("dst-address"), collectors)


def _radius(export: Export, collectors: frozenset[_Address]) -> Iterator[str]:
    for server in _items(export, "radius"):
        if server.get("protocol", "udp") != "radsec":
            yield from _clear(export, _place(server), "RADIUS", server.get("address"))
        yield from _stranger(_place(server), "RADIUS", server.get("address"), collectors)


def _clear(export: Export, place: str, what: str, target: str) -> Iterator[str]:
    if not _tunnelled(export, target):
        yield f"{place}: sends {what} to {printable(target)} in clear text"


def _stranger(place: str, what: str, target: str, collectors: frozenset[_Address]) -> Iterator[str]:
    try:
        known = ip_address(target.partition("@")[0]) in collectors
    except ValueError:
        known = False
    if not known:
        yield f"{place}: sends {what} to {printable(target)}, which is no collector of ours"


def _tunnelled(export: Export, target: str) -> bool:
    """Whether all that is sent to this host goes into a WireGuard tunnel: no route is narrower than a host's own."""
    try:
        host = ip_network(target)
    except ValueError:
        return False
    tunnels = {entry.get("name") for entry in _items(export, "interface wireguard")}
    routes = _items(export, "ip route" if host.version == 4 else "ipv6 route")
    gateways = {r.get("gateway") for r in routes if r.get("dst-address") in {str(host), str(host.network_address)}}
    ruled = any(_items(export, "routing rule")) or any(
        _items(export, f"ip{'v6' * (host.version == 6)} firewall mangle")
    )
    return bool(gateways) and gateways <= tunnels and not ruled


def _mail(export: Export) -> Iterator[str]:
    server = export.setting("tool e-mail", "server", "0.0.0.0")  # noqa: S104
    if server not in {"", "0.0.0.0", "::"} and export.setting("tool e-mail", "tls", "no") == "no":  # noqa: S104
        yield f"/tool e-mail: sends mail to {printable(server)} in clear text"


def _scripts(export: Export) -> Iterator[str]:
    for entries in export.paths.values():
        for entry in entries:
            for name, text in entry.properties.items():
                if not entry.on or name == "comment":
                    continue
                if _FETCH.search(text) and (_SENT_IN_CLEAR.search(text) or not _SENT_ENCRYPTED.search(text)):
                    yield f"{_place(entry)}: {name} fetches or sends files in clear text, or nobody can tell how"
                if _MAIL.search(text):
                    yield f"{_place(entry)}: {name} sends mail"


def _copies(export: Export) -> Iterator[str]:
    for family in ("ip", "ipv6"):
        for entry in _items(export, f"{family} firewall mangle"):
            if entry.get("action") == "sniff-tzsp":
                yield f"{_place(entry)}: copies packets to {printable(entry.get('sniff-target'))} in clear text"
