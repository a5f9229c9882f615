"""What a Junos device exchanges with others beside management: encrypted and with our collectors, or named here.

NTP and DNS are no exchange of data of ours. Whether a tunnel carries what is sent in clear cannot be seen from the
configuration, so that counts as clear. Findings hold no community, key or password.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise

from obet.access.finding import Finding
from obet.access.intervals import both, minus, name_of, union
from obet.access.sending import Collectors, findings, sent
from obet.platforms.junos.configuration import ANY, Configuration, read
from obet.platforms.junos.filters import Filters, units
from obet.platforms.junos.groups import Statement, Words

_SNMP = 161
_CLEAR = {"tftp", "ftp", "pasvftp", "http", "rcp"}
_URL = re.compile(rf"\b({'|'.join(sorted(_CLEAR | {'scp', 'sftp', 'https', 'ssh'}))})://[^\s\"'|;]*", re.IGNORECASE)
# What people say, and certificates' and revocation lists' own places, which are public.
_FREE = (
    *(("system", "login", "message"), ("system", "login", "announcement"), ("system", "location")),
    *(("snmp", "contact"), ("snmp", "location"), ("snmp", "description"), ("snmp", "name"), ("security", "pki")),
)
# What a vendor publishes and the device fetches: no data of a customer's, but nobody must change it on the way.
_FETCHED = (
    ("system", "license"),
    ("security", "idp"),
    ("services", "application-identification"),
    ("services", "security-intelligence"),
)
# Hosts that are the device's own other half.
_INSIDE = {"other-routing-engine", "scc-master", "sfc0-master", "lcc-master"}


def prove_services(running: str, collectors: Iterable[IPv4Address | IPv6Address]) -> list[Finding]:
    """What goes out in clear, or to somewhere that is no collector; an empty list is the proof.

    ProofError when `running` is not what `show configuration | display set` prints.
    """
    configuration = read(running)
    ours = frozenset(collectors)
    said = list(configuration.unread)
    for look in _LOOKS:
        said += look(configuration, ours)
    return findings(said)


def _after(configuration: Configuration, *words: str) -> Iterator[tuple[Words, str]]:
    """The path up to these words, wherever they stand, and the word that follows them; each once."""
    seen = set()
    for statement in configuration.statements:
        said = statement.words
        for end in range(len(words), len(said)):
            if said[end - len(words) : end] == words and not _is_free(statement) and said[: end + 1] not in seen:
                seen.add(said[: end + 1])
                yield said[:end], said[end]
                break


def _is_free(statement: Statement) -> bool:
    return statement.words[-2:-1] == ("description",) or any(statement.words[: len(path)] == path for path in _FREE)


def _logs(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    for path, host in _after(configuration, "syslog", "host"):
        if host != "local" and host not in _INSIDE:
            encrypted = configuration.values(*path, host, "transport") == ["tls"]
            yield from sent("logs", host, encrypted, ours)
    every = configuration.values("security", "log", "transport", "protocol") == ["tls"]
    for name in configuration.values("security", "log", "stream"):
        stream = ("security", "log", "stream", name)
        own = configuration.values(*stream, "transport", "protocol")
        for host in configuration.values(*stream, "host"):
            if host not in {"port", "routing-instance"}:
                yield from sent("logs", host, own == ["tls"] or (every and not own), ours)


def _snmp(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    if not configuration.has("snmp"):
        return
    communities = [*configuration.values("snmp", "community"), *configuration.values("snmp", "v3", "snmp-community")]
    for number, _ in enumerate(communities, 1):
        yield f"an SNMP community (version 1 and 2c, in clear): `snmp community …`, number {number}"
    for name in configuration.values("snmp", "trap-group"):
        for host in configuration.values("snmp", "trap-group", name, "targets"):
            yield from sent("SNMP notifications", host, False, ours)
    yield from _snmp_targets(configuration, ours)
    for statement, _ in configuration.beneath("snmp", "v3", "vacm", "access"):
        if any(word == "security-level" and level != "privacy" for word, level in pairwise(statement.words)):
            yield f"SNMP in clear: `{statement.text}`"
    yield from _snmp_users(configuration)
    if communities or configuration.has("snmp", "v3"):
        yield from _answers(configuration, ours)


def _snmp_targets(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    v3 = ("snmp", "v3")
    for name in configuration.values(*v3, "target-address"):
        target = (*v3, "target-address", name)
        levels = [
            level
            for parameters in configuration.values(*target, "target-parameters")
            for level in configuration.values(*v3, "target-parameters", parameters, "parameters", "security-level")
        ]
        for host in configuration.values(*target, "address") or ["nowhere"]:
            yield from sent("SNMP notifications", host, levels == ["privacy"], ours)


def _snmp_users(configuration: Configuration) -> Iterator[str]:
    for engine in configuration.values("snmp", "v3", "usm"):
        users = ("snmp", "v3", "usm", engine, *((ANY,) if engine == "remote-engine" else ()), "user")
        named: dict[str, set[str]] = {}
        for _, rest in configuration.beneath(*users):
            if rest:
                named.setdefault(rest[0], set()).update(rest[1:2])
        for user, said in named.items():
            if said & {"privacy-des", "privacy-3des"}:
                yield f"SNMP encrypted by DES: user {user}"
            elif not said & {"privacy-aes128", "privacy-aes192", "privacy-aes256"}:
                yield f"SNMP in clear: user {user}"


def _answers(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    """Whom the agent answers beside the collectors: lists of its own are of communities alone."""
    filters = Filters(configuration)
    for unit in units(configuration):
        for version in (4, 6):
            taken = filters.admitted(unit, version, _SNMP, "udp")
            others = minus(taken.possibly, union((int(a), int(a)) for a in ours if a.version == version))
            if others:
                by = next(why for why, whom in taken.by if both(whom, others))
                yield f"SNMP answers {name_of(others[0], version)}: lo0.{unit}: {by}"


def _flows(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    for word in ("flow-server", "cflowd"):
        for _, host in _after(configuration, word):
            yield from sent("flows", host, False, ours)
    for host in configuration.values("protocols", "sflow", "collector"):
        yield from sent("flows", host, False, ours)
    for host in configuration.values("services", "analytics", "streaming-server", ANY, "remote-address"):
        yield from sent("telemetry", host, False, ours)
    for words in (("analyzer", ANY, "output", "ip-address"), ("port-mirroring", "family", ANY, "output", "ip-address")):
        for host in configuration.values("forwarding-options", *words):
            yield from sent("copies of packets", host, False, ours)


def _logins(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    """RADIUS hides the password alone, TACACS+ all but weakly: neither without TLS."""
    for words in (("radius-server",), ("destination", "radius", "server")):
        for path, host in _after(configuration, *words):
            encrypted = configuration.has(*path, host, "radsec-destination")
            yield from sent("RADIUS", host, encrypted, ours)
    for host in configuration.values("access", "radsec", "destination", ANY, "address"):
        yield from sent("RADIUS", host, True, ours)
    for words in (("tacplus-server",), ("destination", "tacplus", "server")):
        for _, host in _after(configuration, *words):
            yield from sent("TACACS", host, False, ours)
    for path, host in _after(configuration, "ldap-server"):
        encrypted = configuration.has(*path, host, "tls-type")
        yield from sent("LDAP", host, encrypted, ours)


def _urls(configuration: Configuration, ours: Collectors) -> Iterator[str]:
    """Whatever names a URL: archives of the configuration, of logs and of accounting, scripts, images, licences."""
    for statement in configuration.statements:
        for place, word in enumerate(statement.words):
            if "://" in word and not _is_free(statement):
                for match in _URL.finditer(word):
                    yield from _url(match, statement, place, ours)
    for path, site in _after(configuration, "archive-sites"):
        if not _URL.match(site) and not site.startswith(("/", "file:")):
            yield f"a copy goes to where nobody can tell: `{' '.join(path)}`"


def _url(match: re.Match[str], statement: Statement, place: int, ours: Collectors) -> Iterator[str]:
    """`scheme://user:password@host:port/path`, the host of IPv6 in brackets."""
    scheme = match[1].lower()
    where = re.match(r"\w+:/{2}(?:[^/]*@)?(?:\[([^\]/]*)\]|([^:/]*))", match[0])
    host = (where and (where[1] or where[2])) or "a host that is asked for"
    encrypted = scheme not in _CLEAR
    if encrypted and any(statement.words[: len(path)] == path for path in _FETCHED):
        return
    yield from sent(f"{scheme} (`{' '.join(statement.words[: min(place, 3)])}`)", host, encrypted, ours)


_LOOKS: tuple[Callable[[Configuration, Collectors], Iterator[str]], ...] = (_logs, _snmp, _flows, _logins, _urls)
