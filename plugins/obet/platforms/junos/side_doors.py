"""Ways into a Junos device that no filter of its management ports rules, or that are not encrypted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from obet.platforms.junos.configuration import ANY, Configuration

# Services in clear, or that others open; each beneath `system services`.
_SERVICES = (
    (("telnet",), "Telnet"),
    (("ftp",), "FTP"),
    (("finger",), "finger"),
    (("rlogin",), "rlogin"),
    (("rsh",), "rsh"),
    (("tftp-server",), "a TFTP server"),
    (("xnm-clear-text",), "Junos XML without TLS"),
    (("web-management", "http"), "HTTP without TLS"),
    (("rest", "http"), "REST without TLS"),
    (("extension-service", "request-response", "grpc", "clear-text"), "gRPC without TLS"),
    (("extension-service", "notification"), "notifications without TLS"),
    (("outbound-ssh",), "sessions that the device opens, and is managed through"),
    (("outbound-https",), "sessions that the device opens, and is managed through"),
    (("ssh", "authorized-keys-command"), "a command says whose keys are taken"),
    (("ssh", "allow-tcp-forwarding"), "SSH forwards connections to elsewhere"),
    (("ssh", "tcp-forwarding"), "SSH forwards connections to elsewhere"),
)
# Other statements that open a way, or hide one.
_STATEMENTS = (
    (("system", "autoinstallation"), "configuration fetched from the network at boot"),
    (("system", "phone-home"), "configuration fetched from the network at boot"),
    (("chassis", "auto-image-upgrade"), "configuration fetched from the network at boot"),
    (("system", "scripts", "commit", "allow-transients"), "scripts change what no configuration shows"),
    (("system", "configuration-database", "ephemeral", "instance"), "configuration that is not shown may be in force"),
    (("system", "extensions", "extension-service", "application"), "a program beside Junos, which may let anybody in"),
    (("system", "ports", "auxiliary", "type"), "a way to the auxiliary port"),
    (("system", "ports", "auxiliary", "insecure"), "a way to the auxiliary port"),
    (("logical-systems", ANY), "whom a logical system takes is not known"),
    (("tenants", ANY), "whom a tenant system takes is not known"),
)
# Beneath `system services`: what is judged elsewhere, or lets nobody manage the device.
_KNOWN = {path[0] for path, _ in _SERVICES} | {"netconf", "xnm-ssl", "dns", "dhcp", "dhcp-local-server"}
_KNOWN |= {"subscriber-management", "resource-monitor", "apply-groups", "apply-groups-except", "apply-macro"}
_KNOWN_EXTENSIONS = {"request-response", "notification", "traceoptions"}
_WEAK = {
    "ciphers": r"3des-cbc|aes\d+-cbc|arcfour.*|blowfish-cbc|cast128-cbc",
    "macs": r"hmac-(?:md5|sha1|ripemd160).*|umac-64.*",
    "key-exchange": r"dh-group1-sha1|dh-group14-sha1|group-exchange-sha1|diffie-hellman-.*sha1",
}
_FORWARDED_UNTIL = (22, 2)  # SSH forwarded connections unless told otherwise


def side_doors(configuration: Configuration) -> Iterator[str]:
    for path, what in _SERVICES:
        yield from _named(configuration, ("system", "services", *path), what)
    for path, what in _STATEMENTS:
        yield from _named(configuration, path, what)
    for name in configuration.values("system", "services"):
        if name not in _KNOWN:
            yield f"a service that is not known here: `system services {name}`"
    for name in configuration.values("system", "services", "extension-service"):
        if name not in _KNOWN_EXTENSIONS:
            yield f"a service that is not known here: `system services extension-service {name}`"
    if configuration.has("system", "services", "ssh"):
        yield from _ssh(configuration)


def _named(configuration: Configuration, path: tuple[str, ...], what: str) -> Iterator[str]:
    """The path alone, not what stands behind it: that may be a secret."""
    shown = {" ".join(statement.words[: len(path)]): statement.group for statement, _ in configuration.beneath(*path)}
    for text, group in shown.items():
        whence = f", from group {group}" if group else ""
        yield f"{what}: `{text}`{whence}"


def _ssh(configuration: Configuration) -> Iterator[str]:
    ssh = ("system", "services", "ssh")
    if "v1" in configuration.values(*ssh, "protocol-version"):
        yield "SSH version 1 may be taken: `system services ssh protocol-version v1`"
    if configuration.values(*ssh, "root-login") != ["deny"]:
        yield "root may log in over SSH: there is no `system services ssh root-login deny`"
    if _version(configuration) < _FORWARDED_UNTIL and not configuration.has(*ssh, "no-tcp-forwarding"):
        yield "SSH forwards connections to elsewhere: there is no `system services ssh no-tcp-forwarding`"
    for kind, weak in _WEAK.items():
        for name in configuration.values(*ssh, kind):
            if re.fullmatch(weak, name):
                yield f"SSH takes weak algorithms: `system services ssh {kind} {name}`"


def _version(configuration: Configuration) -> tuple[int, int]:
    """The oldest that there is where it cannot be read."""
    found = [re.match(r"([0-9]{1,9})\.([0-9]{1,3})", text) for text in configuration.values("version")]
    return min(((int(match[1]), int(match[2])) if match else (0, 0) for match in found), default=(0, 0))
