"""What an IOS device exchanges with others beside management: encrypted and with our collectors, or named here.

NTP is no exchange of data of ours. Whether a tunnel carries what is sent in clear cannot be seen from the commands, so
that counts as clear. Findings hold no community, key or password.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

from obet.access.finding import Finding
from obet.access.first_match import everybody
from obet.access.intervals import minus, name_of, union
from obet.access.sending import Collectors, findings, sent
from obet.platforms.ios.access_lists import Service, access_lists, admitted
from obet.platforms.ios.configuration import Command, Configuration, read

_SNMP = Service(161, "udp")
_CLEAR = {"tftp", "ftp", "rcp", "http"}
_ENCRYPTED = {"scp", "sftp", "https"}
_URL = re.compile(rf"\b({'|'.join(sorted(_CLEAR | _ENCRYPTED))}):[^\s\"'|;]*", re.IGNORECASE)
_COPIED, _ASKED = re.compile(r"\b(?:copy|redirect|tee|append)\b"), re.compile(r"\b(?:tftp|ftp|rcp|http)\b(?!:)")
_FREE = re.compile(r"(?:no )?(?:\d+ )?(?:description|remark|snmp-server (?:location|contact)|name|alias)\b")
# A certificate is asked for in signed and encrypted messages, whatever carries them; revocation lists are public.
_CERTIFICATES = re.compile(r"(?:enrollment|ocsp|cdp-url|crl|cdp) ?(?:url|profile|best-effort)?\b")


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


def _host(words: list[str]) -> str:
    """The first word that is not a keyword before the host."""
    while words and words[0] in {"ipv4", "ipv6", "host", "hostname"}:
        words = words[1:]
    return words[0] if words else "nowhere"


def _logs(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    keywords = (
        "alarm|btrace|buffered|buginf|cns-events|console|count|delimiter|discriminator|dmvpn|enable|event|exception|"
        "facility|filter|history|message-counter|monitor|on|origin-id|persistent|queue-limit|rate-limit|reload|"
        "server-arp|size|snmp-authfail|snmp-trap|source-interface|tls-profile|trap|userinfo|esm|smartlog|synchronous"
    )
    for command, match in configuration.matching(rf"logging (?:host )?(?!(?:{keywords})\b)(\S.*)"):
        words = match[1].split()
        encrypted = re.search(r"\btransport tls\b", command.text) is not None
        yield from sent("logs", _host(words), encrypted, ours)


def _snmp(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    for _, match in configuration.matching(r"snmp-server community \S+(.*)"):
        yield f"an SNMP community (version 1 and 2c, in clear): `snmp-server community …{match[1]}`"
    for _, match in configuration.matching(r"snmp-server host (\S+)(.*)"):
        encrypted = re.search(r"\bversion 3 priv\b", match[2]) is not None
        yield from sent("SNMP notifications", match[1], encrypted, ours)
    for command, match in configuration.matching(r"snmp-server group (\S+) (v1|v2c|v3)(?: (\S+))?(.*)"):
        _, version, level, rest = match.groups()
        if version != "v3" or level != "priv":
            yield f"SNMP in clear: `{command.text}`"
        else:
            yield from _answers(command.text, rest, configuration, ours)
    for _, match in configuration.matching(r"snmp-server user (\S+) (\S+)(?: remote \S+)? (v1|v2c|v3)\b(.*)"):
        if match[3] != "v3" or " priv " not in match[4]:
            yield f"SNMP in clear: user {match[1]} of version {match[3]}"


def _answers(group: str, rest: str, configuration: Configuration, ours: Collectors) -> Iterator[str]:
    """Whom a group answers beside the collectors. A list of one IP version says nothing of the other."""
    bound = re.search(r"\baccess(?: ipv6 (\S+))?(?: (\S+))?$", rest)
    lists = access_lists(configuration)
    for version, name in ((4, bound and bound[2]), (6, bound and bound[1])):
        taken = admitted(lists, name, version, _SNMP) if name else everybody(version, "no list is bound")
        others = minus(taken.possibly, union((int(a), int(a)) for a in ours if a.version == version))
        if others:
            yield f"SNMP answers {name_of(others[0], version)}: `{group}`: {taken.by[0][0]}"


def _flows(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    for _, match in configuration.matching(r"ip(?:v6)? flow-export destination (\S+)(?: .*)?"):
        yield from sent("flows", match[1], False, ours)
    for command, match in configuration.matching(r"flow exporter (\S+)"):
        for host in _beneath(command, r"destination (\S+)(?: .*)?"):
            dtls = any(re.match(r"transport (?:tls|dtls)\b", line) for line in command.beneath)
            yield from sent(f"flows ({match[1]})", host, dtls, ours)
    for command, _ in configuration.matching(r"telemetry ietf subscription .*"):
        for host in _beneath(command, r"receiver ip address (\S+) .*"):
            encrypted = any(re.search(r"\bprotocol (?:grpc-tls|tls-native)\b", line) for line in command.beneath)
            yield from sent("telemetry", host, encrypted, ours)
    for command, match in configuration.matching(r"telemetry receiver protocol (\S+)"):
        for host in _beneath(command, r"host (?:ip-address|name) (\S+) .*"):
            encrypted = any(re.match(r"protocol (?:tls-native|grpc-tls)\b", line) for line in command.beneath)
            yield from sent(f"telemetry ({match[1]})", host, encrypted, ours)


def _logins(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    """RADIUS hides the password alone, TACACS+ all but weakly: neither without TLS."""
    for _, match in configuration.matching(r"(radius|tacacs)-server host (\S+)(?: .*)?"):
        yield from sent(match[1].upper(), match[2], False, ours)
    for command, match in configuration.matching(r"(radius|tacacs) server (\S+)"):
        encrypted = any(re.fullmatch(r"d?tls(?: .*)?", line) for line in command.beneath)
        for host in _beneath(command, r"address ipv[46] (\S+)(?: .*)?"):
            yield from sent(f"{match[1].upper()} ({match[2]})", host, encrypted, ours)
    for command, match in configuration.matching(r"aaa group server (radius|tacacs\+) .*"):
        for host in _beneath(command, r"server-private (\S+)(?: .*)?"):
            yield from sent(match[1].upper(), host, False, ours)
    for command, match in configuration.matching(r"ldap server (\S+)"):
        for host in _beneath(command, r"ipv[46] (\S+)(?: .*)?"):
            yield from sent(f"LDAP ({match[1]})", host, any("mode secure" in line for line in command.beneath), ours)


def _urls(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    """Whatever names a URL: archives, kron, EEM, images, licences."""
    for command in configuration.commands:
        for line in (command.text, *command.beneath):
            if _FREE.match(line) or _CERTIFICATES.match(line):
                continue
            where = f"`{command.text}`" if line == command.text else f"beneath `{command.text}`"
            for match in _URL.finditer(line):
                yield from _url(match, where if "://" not in command.text else "a command", ours)
            if (verb := _COPIED.search(line)) and _ASKED.search(line, verb.end()):
                yield f"something is copied in clear, {where}"


def _url(match: re.Match[str], where: str, ours: Collectors) -> Iterator[str]:
    """`scheme://user:password@host:port/path`, the host of IPv6 in brackets; without a host the device asks for it."""
    scheme = match[1].lower()
    place = re.match(r"[a-z]+:/{1,2}(?:[^/]*@)?(?:\[([^\]/]*)\]|([^:/]*))", match[0], re.IGNORECASE)
    host = place and (place[1] or place[2])
    yield from sent(f"{scheme} ({where})", host or "a host that is asked for", scheme not in _CLEAR, ours)


def _clients(configuration: Configuration, _: Collectors) -> Iterator[str]:
    if configuration.has(r"ip ftp (?:username|password) .*"):
        yield "a login to FTP servers, which goes in clear: `ip ftp`"
    for command, _match in configuration.matching(r"boot system (?:tftp|ftp|rcp|http|mop)(?! ?:)\b.*"):
        yield f"the image comes in clear: `{command.text}`"
    for command in configuration.commands:
        if any(re.match(r"action \S+ mail ", line) for line in command.beneath):
            yield f"mail in clear, beneath `{command.text}`"


def _beneath(command: Command, pattern: str) -> Iterator[str]:
    for line in command.beneath:
        if found := re.fullmatch(pattern, line):
            yield found[1]


_LOOKS: tuple[Callable[[Configuration, Collectors], Iterator[str]], ...] = (
    *(_logs, _snmp, _flows, _logins),
    *(_urls, _clients),
)
