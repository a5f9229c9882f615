"""The menus that this router has: their properties, defaults, the rows that a new router has in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from . import values
from .values import Kind, one_of, some_of, switch, text

POLICIES = (
    *("local", "telnet", "ssh", "ftp", "reboot", "read", "write", "policy", "test", "winbox", "password", "web"),
    *("sniff", "sensitive", "api", "romon", "rest-api"),
)
READ = "local,telnet,ssh,reboot,read,test,winbox,password,web,sniff,sensitive,api,romon,rest-api,!ftp,!write,!policy"
WRITE = "local,telnet,ssh,reboot,read,write,test,winbox,password,web,sniff,sensitive,api,romon,rest-api,!ftp,!policy"
FULL = ",".join(POLICIES)
JOB_POLICY = "ftp,reboot,read,write,policy,test,password,sniff,sensitive,romon"
ANY = "0.0.0.0"  # noqa: S104 - nothing binds: the router's word for any address, or none
# Matchers that a rule may have and this router does not know how to compare: such a rule matches nothing here.
NOT_COMPARED = (
    *(
        "connection-bytes",
        "connection-limit",
        "connection-mark",
        "connection-rate",
        "content",
        "dscp",
        "dst-limit",
        "icmp-options",
    ),
    *("ipv4-options", "layer7-protocol", "limit", "nth", "packet-mark", "packet-size", "psd", "random", "routing-mark"),
    *("src-mac-address", "tcp-flags", "tcp-mss", "time", "tls-host", "ttl"),
)
TOPICS = (
    *("info", "error", "warning", "critical", "debug", "system", "account", "firewall", "interface", "script"),
    *("dhcp", "dns", "ssh", "snmp", "radius", "certificate", "async", "packet", "raw", "route", "ipsec", "wireguard"),
)


class Shape(StrEnum):
    """What a menu holds."""

    LIST = "list"  # rows that come and go
    FIXED = "fixed"  # rows that only change
    SINGLE = "single"  # settings


class Reference(StrEnum):
    """How an export names a row that a new router has already."""

    NAME = "name"  # set telnet …
    INDEX = "index"  # set 0 …
    DEFAULT = "default"  # set [ find default=yes ] …
    DEFAULT_NAME = "default-name"  # set [ find default-name=ether1 ] …


@dataclass(frozen=True)
class Property:
    """One property: what it takes, what it is when nobody has set it (None: then it is not there)."""

    kind: Kind = text
    default: str | None = None
    sensitive: bool = False


@dataclass(frozen=True)
class Menu:
    """One menu. `unique`: properties that no two rows may share. `owner`: needs the policy of that name to write."""

    properties: Mapping[str, Property]
    shape: Shape = Shape.LIST
    required: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    reference: Reference = Reference.NAME
    factory: tuple[Mapping[str, str], ...] = ()
    exported: bool = True
    ordered: bool = False
    owner: str = "write"
    read_only: tuple[str, ...] = field(default=())


def _p(kind: Kind = text, default: str | None = None, *, sensitive: bool = False) -> Property:
    return Property(kind, default, sensitive)


COMMENT, DISABLED = _p(text, ""), _p(switch, "no")
COMMON = {"comment": COMMENT, "disabled": DISABLED}


def _filter(version: int) -> Menu:
    net, icmp = values.matched(version), "icmp-admin-prohibited" if version == 6 else "icmp-network-unreachable"
    rejects = (icmp, "icmp-host-prohibited", "icmp-port-unreachable", "icmp-address-unreachable", "tcp-reset")
    actions = ("accept", "drop", "reject", "tarpit", "jump", "return", "passthrough", "log", "fasttrack-connection",
               "add-src-to-address-list", "add-dst-to-address-list")  # fmt: skip
    return Menu(
        {
            **COMMON,
            "chain": _p(),
            "action": _p(one_of(*actions), "accept"),
            "src-address": _p(net),
            "dst-address": _p(net),
            "src-address-list": _p(),
            "dst-address-list": _p(),
            "protocol": _p(values.protocol),
            "src-port": _p(values.ports),
            "dst-port": _p(values.ports),
            "port": _p(values.ports),
            "in-interface": _p(),
            "in-interface-list": _p(),
            "out-interface": _p(),
            "out-interface-list": _p(),
            "connection-state": _p(some_of("established", "related", "new", "invalid", "untracked")),
            "connection-nat-state": _p(some_of("srcnat", "dstnat")),
            "ipsec-policy": _p(one_of("in,ipsec", "in,none", "out,ipsec", "out,none")),
            "hop-limit": _p(values.hop_limit),
            "src-address-type": _p(some_of("unicast", "local", "broadcast", "multicast")),
            "dst-address-type": _p(some_of("unicast", "local", "broadcast", "multicast")),
            **dict.fromkeys(NOT_COMPARED, _p()),
            "hw-offload": _p(switch),
            "address-list": _p(),
            "address-list-timeout": _p(text, "none-dynamic"),
            "jump-target": _p(),
            "reject-with": _p(one_of(*rejects), icmp),
            "log": _p(switch, "no"),
            "log-prefix": _p(text, ""),
        },
        required=("chain",),
        ordered=True,
    )


def _address_list(version: int) -> Menu:
    properties = {**COMMON, "list": _p(), "address": _p(values.matched(version)), "timeout": _p(values.duration)}
    return Menu(properties, required=("list", "address"), unique=("list", "address"))


def _service(name: str, port: str, **more: str) -> dict[str, str]:
    return {"name": name, "port": port, **more}


def _toggle(**more: Property) -> Menu:
    return Menu(more, Shape.SINGLE)


MENUS: dict[str, Menu] = {  # in the order in which an export prints them
    "interface/ethernet": Menu(
        {**COMMON, "name": _p(), "mtu": _p(values.number, "1500"), "default-name": _p(), "mac-address": _p()},
        Shape.FIXED,
        unique=("name",),
        reference=Reference.DEFAULT_NAME,
        factory=tuple(
            {"name": f"ether{n}", "default-name": f"ether{n}", "mac-address": f"00:00:5E:00:53:{n:02X}"}
            for n in range(1, 6)
        ),
        read_only=("default-name", "mac-address"),
    ),
    "interface/list": Menu({"comment": COMMENT, "name": _p()}, required=("name",), unique=("name",)),
    "snmp/community": Menu(
        {
            **COMMON,
            "name": _p(),
            "addresses": _p(values.networks, "::/0"),
            "security": _p(one_of("none", "authorized", "private"), "none"),
            "read-access": _p(switch, "yes"),
            "write-access": _p(switch, "no"),
            "authentication-protocol": _p(one_of("MD5", "SHA1"), "MD5"),
            "encryption-protocol": _p(one_of("DES", "AES"), "DES"),
            "authentication-password": _p(text, "", sensitive=True),
            "encryption-password": _p(text, "", sensitive=True),
        },
        required=("name",),
        unique=("name",),
        reference=Reference.DEFAULT,
        factory=({"name": "public"},),
    ),
    "system/logging/action": Menu(
        {
            "name": _p(),
            "target": _p(one_of("memory", "disk", "echo", "remote", "email")),
            "remote": _p(values.address),
            "remote-port": _p(values.number, "514"),
            "src-address": _p(values.address, ANY),
            "remote-protocol": _p(one_of("udp", "tcp"), "udp"),
            "bsd-syslog": _p(switch, "no"),
            "syslog-facility": _p(text, "daemon"),
            "syslog-severity": _p(text, "auto"),
        },
        required=("name", "target"),
        unique=("name",),
        reference=Reference.INDEX,
        factory=tuple({"name": name, "target": name} for name in ("memory", "disk", "echo", "remote")),
    ),
    "user/group": Menu(
        {"comment": COMMENT, "name": _p(), "policy": _p(some_of(*POLICIES), ""), "skin": _p(text, "default")},
        required=("name",),
        unique=("name",),
        factory=(
            {"name": "read", "policy": READ},
            {"name": "write", "policy": WRITE},
            {"name": "full", "policy": FULL},
        ),
        owner="policy",
    ),
    "interface/list/member": Menu(
        {**COMMON, "interface": _p(), "list": _p()}, required=("interface", "list"), unique=("interface", "list")
    ),
    "ip/address": Menu(
        {**COMMON, "address": _p(values.interface_address(4)), "interface": _p(), "network": _p(values.address)},
        required=("address", "interface"),
        unique=("address", "interface"),
    ),
    "ip/cloud": _toggle(**{"ddns-enabled": _p(text, "auto"), "back-to-home-vpn": _p(text, "revoked-and-disabled")}),
    "ip/dns": _toggle(servers=_p(text, ""), **{"allow-remote-requests": _p(switch, "no")}),
    "ip/firewall/address-list": _address_list(4),
    "ip/firewall/filter": _filter(4),
    "ip/neighbor/discovery-settings": _toggle(
        **{
            "discover-interface-list": _p(text, "static"),
            "mode": _p(text, "tx-and-rx"),
            "protocol": _p(text, "cdp,lldp,mndp"),
        }
    ),
    "ip/proxy": _toggle(enabled=_p(switch, "no"), port=_p(text, "8080")),
    "ip/service": Menu(
        {
            "disabled": DISABLED,
            "name": _p(),
            "port": _p(values.number),
            "address": _p(values.networks, ""),
            "certificate": _p(text, "none"),
            "tls-version": _p(one_of("any", "only-1.2"), "any"),
            "max-sessions": _p(values.number, "20"),
            "vrf": _p(text, "main"),
        },
        Shape.FIXED,
        unique=("name",),
        factory=(
            _service("telnet", "23"),
            _service("ftp", "21"),
            _service("www", "80"),
            _service("ssh", "22"),
            _service("www-ssl", "443", disabled="yes"),
            _service("api", "8728"),
            _service("winbox", "8291"),
            _service("api-ssl", "8729"),
        ),
        read_only=("name",),
    ),
    "ip/smb": _toggle(enabled=_p(one_of("auto", "yes", "no"), "auto")),
    "ip/socks": _toggle(enabled=_p(switch, "no"), port=_p(values.number, "1080")),
    "ip/ssh": _toggle(
        **{
            "always-allow-password-login": _p(switch, "no"),
            "ciphers": _p(text, "auto"),
            "forwarding-enabled": _p(one_of("both", "local", "no", "remote"), "no"),
            "host-key-size": _p(values.number, "2048"),
            "host-key-type": _p(one_of("rsa", "ed25519"), "rsa"),
            "strong-crypto": _p(switch, "no"),
        }
    ),
    "ip/tftp": Menu(
        {**COMMON, "req-filename": _p(text, ""), "real-filename": _p(text, ""), "ip-addresses": _p(values.networks, "")}
    ),
    "ip/traffic-flow": _toggle(enabled=_p(switch, "no"), interfaces=_p(text, "all")),
    "ip/traffic-flow/target": Menu(
        {
            "disabled": DISABLED,
            "dst-address": _p(values.address),
            "port": _p(values.number, "2055"),
            "src-address": _p(values.address, ANY),
            "version": _p(one_of("1", "5", "9", "ipfix"), "9"),
        },
        required=("dst-address",),
    ),
    "ip/upnp": _toggle(enabled=_p(switch, "no")),
    "ipv6/address": Menu(
        {**COMMON, "address": _p(values.interface_address(6)), "interface": _p(), "advertise": _p(switch, "yes")},
        required=("address", "interface"),
        unique=("address", "interface"),
    ),
    "ipv6/firewall/address-list": _address_list(6),
    "ipv6/firewall/filter": _filter(6),
    "radius": Menu(
        {
            **COMMON,
            "address": _p(values.address),
            "service": _p(some_of("login", "ppp", "hotspot", "wireless", "dhcp", "ipsec", "dot1x"), ""),
            "secret": _p(text, "", sensitive=True),
            "protocol": _p(one_of("udp", "radsec"), "udp"),
            "certificate": _p(text, "none"),
            "authentication-port": _p(values.number, "1812"),
            "accounting-port": _p(values.number, "1813"),
            "timeout": _p(text, "300ms"),
        },
        required=("address",),
    ),
    "radius/incoming": _toggle(accept=_p(switch, "no"), port=_p(values.number, "3799")),
    "snmp": _toggle(
        **{
            "enabled": _p(switch, "no"),
            "contact": _p(text, ""),
            "location": _p(text, ""),
            "engine-id-suffix": _p(text, ""),
            "src-address": _p(values.address, "::"),
            "trap-community": _p(text, "public"),
            "trap-target": _p(text, ""),
            "trap-version": _p(one_of("1", "2", "3"), "1"),
        }
    ),
    "system/clock": _toggle(**{"time-zone-autodetect": _p(switch, "yes"), "time-zone-name": _p(text, "UTC")}),
    "system/identity": _toggle(name=_p(text, "MikroTik")),
    "system/logging": Menu(
        {
            "disabled": DISABLED,
            "action": _p(text, "memory"),
            "topics": _p(some_of(*TOPICS), "info"),
            "prefix": _p(text, ""),
        },
        reference=Reference.INDEX,
        factory=(
            {"topics": "info"},
            {"topics": "error"},
            {"topics": "warning"},
            {"topics": "critical", "action": "echo"},
        ),
    ),
    "system/note": _toggle(**{"note": _p(text, ""), "show-at-login": _p(switch, "yes")}),
    "system/ntp/client": _toggle(enabled=_p(switch, "no"), servers=_p(text, "")),
    "system/scheduler": Menu(
        {
            **COMMON,
            "name": _p(),
            "interval": _p(values.duration, "0s"),
            "on-event": _p(text, ""),
            "policy": _p(some_of(*POLICIES)),
            "start-date": _p(),
            "start-time": _p(),
        },
        required=("name",),
        unique=("name",),
    ),
    "system/script": Menu(
        {
            "comment": COMMENT,
            "name": _p(),
            "owner": _p(),
            "policy": _p(some_of(*POLICIES)),
            "dont-require-permissions": _p(switch),
            "source": _p(text, ""),
        },
        required=("name",),
        unique=("name",),
    ),
    "tool/bandwidth-server": _toggle(
        **{"enabled": _p(switch, "yes"), "authenticate": _p(switch, "yes"), "max-sessions": _p(values.number, "100")}
    ),
    "tool/e-mail": _toggle(
        **{
            "server": _p(text, ANY),
            "port": _p(text, "25"),
            "from": _p(text, "<>"),
            "to": _p(text, ""),
            "tls": _p(one_of("no", "yes", "starttls"), "no"),
            "user": _p(text, ""),
            "password": _p(text, "", sensitive=True),
        }
    ),
    "tool/mac-server": _toggle(**{"allowed-interface-list": _p(text, "all")}),
    "tool/mac-server/mac-winbox": _toggle(**{"allowed-interface-list": _p(text, "all")}),
    "tool/mac-server/ping": _toggle(enabled=_p(switch, "yes")),
    "tool/romon": _toggle(enabled=_p(switch, "no"), secrets=_p(text, "", sensitive=True)),
    "tool/sniffer": _toggle(
        **{"streaming-enabled": _p(switch, "no"), "streaming-server": _p(text, ""), "filter-stream": _p(switch, "no")}
    ),
    "user/aaa": _toggle(
        **{"use-radius": _p(switch, "no"), "default-group": _p(text, "read"), "accounting": _p(switch, "yes")}
    ),
    # What no export shows.
    "user": Menu(
        {
            **COMMON,
            "name": _p(),
            "group": _p(),
            "address": _p(values.networks, ""),
            "password": _p(text, "", sensitive=True),
            "inactivity-timeout": _p(values.duration, "10m"),
        },
        required=("name", "group"),
        unique=("name",),
        exported=False,
        owner="policy",
    ),
    "user/ssh-keys": Menu(
        {"user": _p(), "key": _p(), "key-owner": _p(text, ""), "bits": _p(), "key-type": _p()},
        required=("user",),
        exported=False,
        owner="policy",
        read_only=("bits", "key-type"),
    ),
    "certificate": Menu(
        {
            "name": _p(),
            "common-name": _p(text, ""),
            "subject-alt-name": _p(text, ""),
            "key-usage": _p(text, "digital-signature,key-encipherment,tls-server,tls-client"),
            "key-size": _p(text, "prime256v1"),
            "days-valid": _p(values.number, "365"),
            "trusted": _p(switch, "no"),
        },
        required=("name",),
        unique=("name",),
        exported=False,
    ),
    "system/device-mode": Menu(
        {
            "mode": _p(one_of("advanced", "home", "basic", "rose"), "advanced"),
            "scheduler": _p(switch, "yes"),
            "fetch": _p(switch, "yes"),
            "bandwidth-test": _p(switch, "yes"),
            "romon": _p(switch, "yes"),
        },
        Shape.SINGLE,
        exported=False,
    ),
}
