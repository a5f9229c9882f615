"""What an EOS device exchanges with others beside management: encrypted and with our collectors, or named here.

NTP is no exchange of data of ours, nor is what it hands to its own hosts by DHCP. Whether a tunnel carries what is sent
in clear cannot be seen from the commands, so that counts as clear. Findings hold no community, key or password.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

from obet.access.finding import Finding
from obet.access.first_match import everybody
from obet.access.intervals import minus, name_of, union
from obet.access.sending import Collectors, findings, sent
from obet.platforms.eos.access_lists import Service, access_lists, admitted
from obet.platforms.eos.configuration import Command, Configuration, everything, read

_SNMP = Service(161, "udp")
_CLEAR = {"tftp", "ftp", "http"}
_ENCRYPTED = {"scp", "sftp", "https"}
_URL = re.compile(rf"\b({'|'.join(sorted(_CLEAR | _ENCRYPTED))}):[^\s\"'|;]*", re.IGNORECASE)
_FREE = re.compile(r"(?:no )?(?:\d+ )?(?:description|remark|snmp-server (?:location|contact)|name|alias|cors)\b")
# A certificate is asked for in signed and encrypted messages, whatever carries them; revocation lists are public.
_CERTIFICATES = re.compile(r"(?:enrollment|ocsp|crl|est) ?(?:url|profile)?\b")


def prove_services(running: str, collectors: Iterable[IPv4Address | IPv6Address]) -> list[Finding]:
    """What goes out in clear, or to somewhere that is no collector; an empty list is the proof.

    ProofError when `running` is not what `show running-config` prints, or not all of it.
    """
    configuration = read(running)
    ours = frozenset(collectors)
    said = list(configuration.unread)
    for look in _LOOKS:
        said += look(configuration, ours)
    return findings(said)


def _logs(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    for _, match in configuration.matching(r"logging (?:vrf \S+ )?host (\S+)( .*)?"):
        encrypted = re.search(r" protocol tls\b", match[2] or "") is not None
        yield from sent("logs", match[1], encrypted, ours)


def _snmp(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    for _, match in configuration.matching(r"snmp-server community .*?( r[ow])?(?: ipv6 \S+)?(?: \S+)?"):
        yield f"an SNMP community (version 1 and 2c, in clear): `snmp-server community …{match[1] or ''}`"
    for _, match in configuration.matching(r"snmp-server host (\S+)(.*)"):
        encrypted = re.search(r"\bversion 3 priv\b", match[2]) is not None
        yield from sent("SNMP notifications", match[1], encrypted, ours)
    for command, match in configuration.matching(r"snmp-server group \S+ (v1|v2c|v3)(?: (\S+))?.*"):
        if match[1] != "v3" or match[2] != "priv":
            yield f"SNMP in clear: `{command.text}`"
    for _, match in configuration.matching(r"snmp-server user (\S+) (\S+)(?: remote .*?)? (v1|v2c|v3)\b(.*)"):
        if match[3] != "v3" or " priv " not in match[4]:
            yield f"SNMP in clear: user {match[1]} of version {match[3]}"
    if configuration.has(r"snmp-server (?:community|group|user) .*"):
        yield from _answers(configuration, ours)


def _answers(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    """Whom SNMP answers beside the collectors, in each VRF: in the default one it is on unless it says it is off."""
    lists = access_lists(configuration)
    vrfs = ["default"] * (not configuration.has(r"no snmp-server vrf default"))
    vrfs += [match[1] for _, match in configuration.matching(r"snmp-server vrf (\S+)")]
    for version, word in ((4, "ipv4"), (6, "ipv6")):
        bound = [
            (match[2] or "default", match[1])
            for _, match in configuration.matching(rf"snmp-server {word} access-list (\S+)(?: vrf (\S+))?")
        ]
        wanted = union((int(a), int(a)) for a in ours if a.version == version)
        for vrf in dict.fromkeys(vrfs):
            names = [name for where, name in bound if where == vrf]
            found = [admitted(lists, name, version, _SNMP) for name in names]
            for taken in found or [everybody(version, "no list is bound")]:
                if others := minus(taken.possibly, wanted):
                    yield f"SNMP answers {name_of(others[0], version)}: VRF {vrf}: {taken.by[0][0]}"


def _flows(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    for _, match in configuration.matching(r"sflow (?:vrf \S+ )?destination (\S+)(?: .*)?"):
        yield from sent("flows", match[1], False, ours)
    for above, command in everything(configuration.commands):
        heads = " ".join(above[:1])
        if heads.startswith("flow tracking ") and (found := re.match(r"collector (\S+)", command.text)):
            if found[1] != "sflow":  # as sFlow has it, which is judged above
                yield from sent(f"flows ({above[-1].removeprefix('exporter ')})", found[1], False, ours)
        elif heads.startswith(("monitor telemetry", "inband telemetry", "telemetry")):
            if found := re.match(r"(?:collector|destination|host) (?!influxdb\b)(\S+)", command.text):
                yield from sent("telemetry", found[1], False, ours)
        elif re.match(r"(?:monitor session|queue-monitor) .*\bmode gre\b", command.text):
            found = re.search(r"\bmode gre .*\bdestination (\S+)", command.text)
            yield from sent("copies of packets", found[1] if found else "nowhere", False, ours)
        elif above and above[-1].startswith("monitoring station ") and command.text.startswith("connection address "):
            yield from sent("routes (BMP)", command.text.split(" ")[-1], False, ours)


def _tunnels(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    """Connections that the device itself opens and keeps, to be managed or read from there."""
    for block, _ in configuration.matching("management api gnmi"):
        for command, match in block.matching(r"transport grpc-tunnel (\S+)"):
            tls = all(
                any(line.startswith(f"{kind} ssl profile ") for line in command.lines()) for kind in ("tunnel", "gnmi")
            )
            for host in _beneath(command, r"destination (\S+)(?: .*)?"):
                if "shutdown" not in command.lines():
                    yield from sent(f"telemetry ({match[1]})", host, tls, ours)
    for above, command in everything(configuration.commands):
        if above[:1] == ("management ssh",) and command.text.startswith("tunnel "):
            for host in _beneath(command, r"ssh-server (\S+)(?: .*)?"):
                yield from sent(f"an SSH tunnel ({command.text.split(' ')[1]})", host, True, ours)


def _logins(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    """RADIUS hides the password alone, TACACS+ all but weakly: neither without TLS."""
    for _, match in configuration.matching(r"(radius|tacacs)-server host (\S+)((?: vrf \S+)?(?: tls\b)?)(?: .*)?"):
        yield from sent(match[1].upper(), match[2], match[3].endswith(" tls"), ours)
    for block, _ in configuration.matching("management ldap"):
        for command, match in block.matching(r"server host (\S+)(?: .*)?"):
            tls = any(line.startswith(("ssl-profile ", "ssl profile ")) for line in command.lines())
            yield from sent("LDAP", match[1], tls, ours)


def _urls(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    """Whatever names a URL: schedules, archives, images, telemetry. What a shell does is named with the side doors."""
    for above, command in everything(configuration.commands):
        line = command.text
        if (
            _FREE.match(line)
            or _CERTIFICATES.match(line)
            or (above[:1] and above[0].startswith(("dhcp server", "daemon ")))
        ):
            continue
        where = f"beneath `{above[0]}`" if above else "a command"
        for match in _URL.finditer(line):
            yield from _url(match, where, ours)


def _url(match: re.Match[str], where: str, ours: Collectors) -> Iterator[str]:
    """`scheme:[//]user:password@host:port/path`, the host of IPv6 in brackets."""
    scheme = match[1].lower()
    place = re.match(r"[a-z]+:/{0,2}(?:[^/]*@)?(?:\[([^\]/]*)\]|([^:/]*))", match[0], re.IGNORECASE)
    host = place and (place[1] or place[2])
    yield from sent(f"{scheme} ({where})", host or "a host that is asked for", scheme not in _CLEAR, ours)


def _mail(configuration: Configuration, _: Collectors) -> Iterator[str]:
    for command, _match in configuration.matching("email"):
        if any(line.startswith("server ") for line in command.lines()) and "tls" not in command.lines():
            yield "mail in clear, beneath `email`"


def _beneath(command: Command, pattern: str) -> Iterator[str]:
    for _, found in command.matching(pattern):
        yield found[1]


_LOOKS: tuple[Callable[[Configuration, Collectors], Iterator[str]], ...] = (
    *(_logs, _snmp, _flows, _tunnels),
    *(_logins, _urls, _mail),
)
