"""The only reader of contracts: the example loads; one fault anywhere is one line with its place, and nothing loads."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest
from builders import EXAMPLE, edit, line_of
from obet import estate
from obet.errors import EstateError
from obet.hosts import hosts

WARRANTY, MANAGED, UNAGREED = (Path("customers") / name for name in ("c-qgx2np9y3d", "c-hkqgde66rg", "c-aqj5van3ze"))
CONTRACT = WARRANTY / "contract.yml"
DEVICE = WARRANTY / "devices" / "d-593ccz0tsv.yml"
SWITCH = WARRANTY / "devices" / "d-e9k4t2s7rb.yml"
SETTINGS = Path("estate.yml")
DIGEST = "sha256:b85f99badb2561f6b691cc1e610676382286c924c00e2dc9c251a7e3b2fbf4e2"
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAINqirccz5y7J92IlKXXOuLU2yB90HnsXao9Dsl9gwwn2"


@dataclass(frozen=True)
class Fault:
    """One edit of the example, and the line of which the error must then speak."""

    file: Path
    old: str
    new: str
    at: str


UNTIL = "warranty_until: 2028-01-31"
STARTED = "started: 2026-02-01"
SERVICE_ID = "- id: s-t33nptq71a"
DEVICE_V4, DEVICE_V6 = "ipv4: 198.51.100.101", 'ipv6: "2001:db8:51::101"'

GIVEN, HELD, LOAD = "given: 2026-01-15", "since: 2026-09-15", "{name: load, keep_days: 30}"
CO_MANAGER = '- {ipv4: 203.0.113.21, ipv6: "2001:db8:cb::21"}'
TAKES = "/usr/local/bin/status-takes"
STATUS = "- {name: status, path: /etc/status/token, reload: status, check: {command: [/usr/local/bin/status-takes]}}"
ACCESS = f"customer_access:\n  account: owner\n  public_key: ssh-ed25519 {KEY}\n"
SEEN_AS = "seen_as: [{{ipv4: {}}}]\nenforce:"
LOGS = 'addresses: {ipv4: 198.51.100.11, ipv6: "2001:db8:51::11"}\n\n# Hosts'

CONTRACT_FAULTS = {
    "an unknown field": Fault(CONTRACT, STARTED, f"{STARTED}\n    colour: red", "colour"),
    "a field twice": Fault(CONTRACT, STARTED, f"{STARTED}\n    kind: managed", "kind: managed"),
    "a missing field": Fault(CONTRACT, f"    {STARTED}\n", "", SERVICE_ID),
    "an anchor": Fault(CONTRACT, "time_zone: ", "time_zone: &zone ", "&zone"),
    "an alias": Fault(CONTRACT, "time_zone: Europe/Sofia", "time_zone: *zone", "*zone"),
    "a tag that makes objects": Fault(CONTRACT, "time_zone: ", "time_zone: !!python/object:os.system ", "!!python"),
    "a tag of its own": Fault(CONTRACT, "services:\n", "services: !ours\n", "!ours"),
    "nested too deep": Fault(CONTRACT, "[d-593ccz0tsv, d-p1vd6gxw0m, d-e9k4t2s7rb]", "[" * 30 + "]" * 30, "[[["),
    "text for a list": Fault(CONTRACT, "[d-593ccz0tsv, d-p1vd6gxw0m, d-e9k4t2s7rb]", "d-593ccz0tsv", "devices: d-"),
    "a number for text": Fault(CONTRACT, "Europe/Sofia", "3", "time_zone"),
    "a truth for text": Fault(CONTRACT, "Europe/Sofia", "true", "time_zone"),
    "text for a number": Fault(CONTRACT, "agreement:\n", 'hard_stop_days: "30"\nagreement:\n', "hard_stop_days"),
    "no day to stop hard": Fault(CONTRACT, "agreement:\n", "hard_stop_days: 0\nagreement:\n", "hard_stop_days"),
    "a hard stop far away": Fault(CONTRACT, "agreement:\n", "hard_stop_days: 91\nagreement:\n", "hard_stop_days"),
    "an unknown kind": Fault(CONTRACT, "kind: one-off", "kind: oneoff", "kind: oneoff"),
    "an unknown zone": Fault(CONTRACT, "Europe/Sofia", "Europe/Sofa", "time_zone"),
    "a zone that walks": Fault(CONTRACT, "Europe/Sofia", "../../../etc/localtime", "time_zone"),
    "a day that is none": Fault(CONTRACT, UNTIL, "warranty_until: 2027-02-29", "2027-02-29"),
    "a month that is none": Fault(CONTRACT, UNTIL, "warranty_until: 2027-13-01", "2027-13-01"),
    "a day in words": Fault(CONTRACT, UNTIL, "warranty_until: tomorrow", "tomorrow"),
    "an instant without offset": Fault(CONTRACT, UNTIL, "warranty_until: 2028-01-31T18:00:00", "T18:00"),
    "the last day there is": Fault(CONTRACT, UNTIL, "warranty_until: 9999-12-31", "9999"),
    "the first day there is": Fault(CONTRACT, STARTED, "started: 0001-01-01", "0001-01-01"),
    "an instant before all": Fault(CONTRACT, UNTIL, "warranty_until: 0001-01-01T00:00:00+02:00", "0001-01-01"),
    "a warranty without a date": Fault(CONTRACT, f"    {UNTIL}\n", "", SERVICE_ID),
    "no last day, no warranty": Fault(CONTRACT, f"warranty\n    {UNTIL}\n", "earliest\n", SERVICE_ID),
    "one-off work of no end": Fault(CONTRACT, "    access_ends: warranty\n", "", SERVICE_ID),
    "a managed service that ends": Fault(CONTRACT, "kind: one-off", "kind: managed", SERVICE_ID),
    "paid without a day": Fault(CONTRACT, ", paid: 2026-02-20", "", "i-02z397k8re"),
    "a day without payment": Fault(CONTRACT, "state: paid", "state: reversed", "i-02z397k8re"),
    "two services of one id": Fault(
        CONTRACT,
        "services:\n",
        f"services:\n  {SERVICE_ID}\n    kind: managed\n    {STARTED}\n    devices: []\n",
        "services:\n",
    ),
    "another customer's id": Fault(CONTRACT, "id: c-qgx2np9y3d", "id: c-qgx2np9y3e", "id: c-"),
    "a device without a file": Fault(CONTRACT, "[d-593ccz0tsv,", "[d-0000000000,", "d-0000000000"),
    "an unknown agreement": Fault(CONTRACT, "version: 2026-01", "version: 2026-02", "2026-02\n"),
    "another digest": Fault(CONTRACT, "sha256:b85f", "sha256:b85e", "sha256"),
    "a digest of another kind": Fault(CONTRACT, "sha256:", "sha512:", "sha512"),
    "a last day beside a warranty": Fault(CONTRACT, UNTIL, f"{UNTIL}\n    last_day: 2027-01-31", "last_day"),
    "a device twice in a service": Fault(CONTRACT, "[d-593ccz0tsv,", "[d-593ccz0tsv, d-593ccz0tsv,", "devices: [d-5"),
    "an invoice twice": Fault(CONTRACT, "i-x7491tw2vr", "i-02z397k8re", "services:\n"),
    "another customer's invoice": Fault(CONTRACT, "i-x7491tw2vr", "i-564wqgwtm2", "i-564wqgwtm2"),
    "a record of one service twice": Fault(CONTRACT, "s-7qf8h7c4kz]", "s-t33nptq71a]", "services: [s-"),
    "withdrawn before it was given": Fault(CONTRACT, GIVEN, f"{GIVEN}\n    withdrawn: 2026-01-14", "withdrawn"),
    "a version with an escape": Fault(CONTRACT, "version: 2026-01", r'version: "\e[2J"', "version:"),
    "a hold without its id": Fault(CONTRACT, "id: h-w1nejzbhdn, ", "", "legal_hold"),
    "a hold for a person": Fault(CONTRACT, "h-w1nejzbhdn", "ivanov", "ivanov"),
    "a hold that ends before it began": Fault(CONTRACT, HELD, f"{HELD}, until: 2026-09-14", "legal_hold"),
    "a metric twice": Fault(CONTRACT, UNTIL, f"{UNTIL}\n    metrics: [{LOAD}, {LOAD}]", "metrics"),
    "a metric kept for no day": Fault(CONTRACT, UNTIL, f"{UNTIL}\n    metrics: [{LOAD[:-3]}0}}]", "metrics"),
    "a metric kept for ever": Fault(CONTRACT, UNTIL, f"{UNTIL}\n    metrics: [{{name: load}}]", "metrics"),
    "a metric kept far too long": Fault(CONTRACT, UNTIL, f"{UNTIL}\n    metrics: [{LOAD[:-1]}000}}]", "metrics"),
    "a metric with a path for a name": Fault(CONTRACT, UNTIL, f"{UNTIL}\n    metrics: [{{name: ../x}}]", "metrics"),
    "a record of no service": Fault(CONTRACT, "[s-t33nptq71a,", "[s-0000000000,", "s-0000000000"),
}
DEVICE_FAULTS = {
    "a network for a host": Fault(DEVICE, DEVICE_V4, "ipv4: 10.0.0.0/8", "10.0.0.0/8"),
    "everybody for a host": Fault(DEVICE, "ipv4: 203.0.113.21", "ipv4: 0.0.0.0/0", "0.0.0.0/0"),
    "a host with its mask": Fault(DEVICE, DEVICE_V4, "ipv4: 198.51.100.101/32", "/32"),
    "no address in particular": Fault(DEVICE, DEVICE_V4, "ipv4: 0.0.0.0", "ipv4: 0."),
    "no IPv6 address in particular": Fault(DEVICE, DEVICE_V6, 'ipv6: "::"', '"::"'),
    "a multicast address": Fault(DEVICE, DEVICE_V4, "ipv4: 224.0.0.1", "224.0.0.1"),
    "an IPv6 multicast address": Fault(DEVICE, DEVICE_V6, 'ipv6: "ff02::1"', "ff02::1"),
    "a loopback address": Fault(DEVICE, DEVICE_V4, "ipv4: 127.0.0.1", "127.0.0.1"),
    "an IPv6 loopback address": Fault(DEVICE, DEVICE_V6, 'ipv6: "::1"', '"::1"'),
    "the broadcast address": Fault(DEVICE, DEVICE_V4, "ipv4: 255.255.255.255", "255.255.255.255"),
    "a link's own address": Fault(DEVICE, DEVICE_V6, 'ipv6: "fe80::1"', "fe80::1"),
    "an address with a zone": Fault(DEVICE, DEVICE_V6, 'ipv6: "2001:db8:51::101%eth0"', "%eth0"),
    "nftables text in a zone": Fault(DEVICE, DEVICE_V6, 'ipv6: "2001:db8::1%x } accept #"', "accept #"),
    "IPv4 in IPv6's clothes": Fault(DEVICE, DEVICE_V6, 'ipv6: "::ffff:127.0.0.1"', "::ffff"),
    "IPv6 where IPv4 stands": Fault(DEVICE, DEVICE_V4, 'ipv4: "2001:db8::1"', "2001:db8::1"),
    "a number for an address": Fault(DEVICE, DEVICE_V4, "ipv4: 3325256805", "3325256805"),
    "no address at all": Fault(DEVICE, f"{{{DEVICE_V4}, {DEVICE_V6}}}", "{}", "addresses"),
    "no management": Fault(DEVICE, "management:\n  - {protocol: ssh, port: 22}", "management: []", "management"),
    "an open protocol": Fault(DEVICE, "protocol: ssh", "protocol: telnet", "telnet"),
    "a port that is none": Fault(DEVICE, "port: 22", "port: 65536", "65536"),
    "port nought": Fault(DEVICE, "port: 22", "port: 0", "port: 0"),
    "a port in quotes": Fault(DEVICE, "port: 22", "port: '22'", "'22'"),
    "our account as his": Fault(DEVICE, "account: owner", "account: obet", "account: obet"),
    "root as his": Fault(DEVICE, "account: owner", "account: root", "account: root"),
    "a secret's path that walks": Fault(DEVICE, "/etc/status/token", "/etc/../shadow", "../shadow"),
    "an unknown platform": Fault(DEVICE, "platform: linux", "platform: amiga", "platform"),
    "an unknown owner": Fault(DEVICE, "owner: customer", "owner: somebody", "owner: some"),
    "the provider's own, handed over": Fault(DEVICE, "owner: customer", "owner: provider", "customer_access"),
    "the customer's, never handed over": Fault(DEVICE, ACCESS, "", "id: d-"),
    "a tunnel from nowhere": Fault(DEVICE, "enforce:", "reach: tunnel\nenforce:", "id: d-"),
    "a jump host of no address": Fault(DEVICE, "enforce:", "reach: jump\nseen_as: []\nenforce:", "id: d-"),
    "a tunnel that is none": Fault(DEVICE, "enforce:", SEEN_AS.format("198.51.100.30"), "seen_as"),
    "seen as an outsider": Fault(DEVICE, "enforce:", f"reach: jump\n{SEEN_AS.format('203.0.113.66')}", "113.66"),
    "seen as itself": Fault(DEVICE, "enforce:", f"reach: jump\n{SEEN_AS.format('198.51.100.101')}", "seen_as"),
    "seen as a co-manager": Fault(DEVICE, "enforce:", f"reach: jump\n{SEEN_AS.format('203.0.113.21')}", "cb::21"),
    "a check of no program": Fault(DEVICE, f"[{TAKES}]", "[]", "name: status"),
    "a check found on the way": Fault(DEVICE, TAKES, "status-takes", "name: status"),
    "a check with a line break": Fault(DEVICE, TAKES, f'{TAKES}, "a\\nb"', "name: status"),
    "a check by root": Fault(DEVICE, f"[{TAKES}]", f"[{TAKES}], account: root", "name: status"),
    "a check of no time": Fault(DEVICE, f"[{TAKES}]", f"[{TAKES}], seconds: 0", "name: status"),
    "a check by another way": Fault(DEVICE, f"command: [{TAKES}]", "url: https://localhost", "name: status"),
    "a service with a path": Fault(DEVICE, "reload: status", "reload: ../status", "name: status"),
    "a service that is an option": Fault(DEVICE, "reload: status", "reload: --status", "name: status"),
    "files on a device that has none": Fault(DEVICE, "platform: linux", "platform: eos", "service_secrets"),
    "a secret twice": Fault(DEVICE, STATUS, f"{STATUS}\n  {STATUS.replace('token', 'x')}", "service_secrets"),
    "two secrets in a file": Fault(DEVICE, STATUS, f"{STATUS}\n  {STATUS.replace('status,', 'x,')}", "service_secrets"),
    "a server that is asked by SNMP": Fault(DEVICE, "enforce:", "snmp_collectors: [logs]\nenforce:", "snmp_collectors"),
    "a collector that is none": Fault(SWITCH, "[logs]", "[flows]", "[flows]"),
    "a collector twice": Fault(SWITCH, "[logs]", "[logs, logs]", "[logs, logs]"),
    "a node's address": Fault(DEVICE, DEVICE_V4, "ipv4: 198.51.100.12", "100.12"),
    "an outsider's address": Fault(DEVICE, DEVICE_V6, 'ipv6: "2001:db8:cb::66"', "cb::66"),
    "the reserve's address": Fault(DEVICE, DEVICE_V4, "ipv4: 198.51.100.19", "100.19"),
    "another device's address and port": Fault(DEVICE, DEVICE_V4, "ipv4: 198.51.100.102", "100.102"),
    "a node as co-manager": Fault(DEVICE, "ipv4: 203.0.113.21", "ipv4: 198.51.100.12", "100.12"),
    "an outsider as co-manager": Fault(DEVICE, "ipv4: 203.0.113.21", "ipv4: 203.0.113.66", "113.66"),
    "the reserve as co-manager": Fault(DEVICE, '"2001:db8:cb::21"', '"2001:db8:51::19"', "51::19"),
    "the device as its co-manager": Fault(DEVICE, "ipv4: 203.0.113.21", "ipv4: 198.51.100.101", "cb::21"),
    "a co-manager twice": Fault(DEVICE, CO_MANAGER, f"{CO_MANAGER}\n  - {{ipv4: 203.0.113.21}}", "113.21}"),
    "a key over two lines": Fault(DEVICE, f"ssh-ed25519 {KEY}", f'"ssh-ed25519 {KEY}\\n* ssh-rsa AAAA"', "ssh-rsa"),
}
SETTINGS_FAULTS = {
    "two control nodes": Fault(SETTINGS, "node2:\n", "node2:\n    control: true\n", "nodes:"),
    "no control node": Fault(SETTINGS, "control: true", "control: false", "nodes:"),
    "an outsider with a node's address": Fault(SETTINGS, "ipv4: 203.0.113.66", "ipv4: 198.51.100.12", "cb::66"),
    "an outsider with a node's IPv6 address": Fault(SETTINGS, '"2001:db8:cb::66"', '"2001:db8:51:0::11"', "51:0::11"),
    "one address of two nodes": Fault(SETTINGS, "ipv4: 198.51.100.12", "ipv4: 198.51.100.11", "51::12"),
    "two outsiders at one address": Fault(SETTINGS, "ipv4: 203.0.113.66", "ipv4: 198.51.100.66", "cb::66"),
    "a reserve that a node has": Fault(SETTINGS, "198.51.100.19", "198.51.100.12", "reserve:"),
    "a reserve that an outsider has": Fault(SETTINGS, '"2001:db8:51::19"', '"2001:db8:cb::66"', "203.0.113.66"),
    "a reserve that is a network": Fault(SETTINGS, "198.51.100.19", "198.51.100.0/28", "reserve:"),
    "a collector at the reserve": Fault(SETTINGS, LOGS, LOGS.replace(".11", ".19"), '100.19, ipv6: "2001:db8:51::11"'),
    "an outsider at a collector": Fault(SETTINGS, LOGS, LOGS.replace(".11", ".66"), "51::66"),
    "an uplink that walks": Fault(SETTINGS, "uplink: first-line", "uplink: ../x", "../x"),
    "a login of another kind": Fault(SETTINGS, "op1: {login: userpass}", "op1: {login: ldap}", "ldap"),
    "an operator without login": Fault(SETTINGS, "op1: {login: userpass}", "op1: {}", "op1"),
    "an operator with a name": Fault(SETTINGS, "op1:", '"Ivan Ivanov":', "Ivan"),
    "an access change by nobody": Fault(SETTINGS, "access_change: 1", "access_change: 0", "access_change"),
    "a manual erasure by one": Fault(SETTINGS, "manual_erasure: 2", "manual_erasure: 1", "manual_erasure"),
    "more approvals than people": Fault(SETTINGS, "looking: 0", "looking: 4", "looking"),
    "approval of an unknown action": Fault(SETTINGS, "looking: 0", "loking: 0", "loking"),
    "nothing kept": Fault(SETTINGS, "ledger: 1830", "ledger: 0", "ledger"),
    "kept for ever": Fault(SETTINGS, "audit: 366", "audit: 36600", "audit: 36600"),
    "a keep time of nothing": Fault(SETTINGS, "audit: 366", "cookies: 366", "cookies"),
    "backups that outlive erasures": Fault(SETTINGS, "backups: 35", "backups: 3660", "erasures"),
    "one audit file": Fault(SETTINGS, ", /var/log/vault/audit-2.log", "", "audit_files"),
    "an audit file twice": Fault(SETTINGS, "audit-2", "audit-1", "audit_files"),
    "an audit file that walks": Fault(SETTINGS, "/var/log/vault/audit-2.log", "/var/log/../x", "audit_files"),
    "a network for a node": Fault(SETTINGS, "ipv4: 198.51.100.11", "ipv4: 198.51.100.0/24", "100.0/24"),
    "a network for the second node": Fault(SETTINGS, "ipv4: 198.51.100.12", "ipv4: 198.51.100.0/24", "100.0/24"),
    "an unknown field of a node": Fault(SETTINGS, "node2:\n", "node2:\n    colour: red\n", "colour"),
    "a name that walks": Fault(SETTINGS, "node2:", "../node2:", "../node2"),
    "Vault in clear": Fault(SETTINGS, "https://", "http://", "http://"),
    "Vault with a login": Fault(SETTINGS, "https://", "https://user@", "user@"),
    "a mount that walks": Fault(SETTINGS, "vault:\n", "vault:\n  kv_mount: ../sys\n", "../sys"),
    "a key without end": Fault(SETTINGS, "ssh-ed25519 ", "ssh-ed25519", "ssh-ed25519A"),
}
# What a folder's name and a policy's path are made of: nothing in it walks, nothing is written in two ways.
IDS = ["../x", "s-../../etc", "S-T33NPTQ71A", "s-T33nptq71a", "s-t33nptq71i", "s-t33nptq71l", "s-t33nptq71o"]
IDS += [
    "s-t33nptq71u",
    "s-t33nptq71",
    "s-t33nptq71aa",
    "c-t33nptq71a",
    "t33nptq71a",
    "s-t33nptq7/a",
    "s-t33nptq71\u0661",
]
ID_FAULTS = {f"the id {text}": Fault(CONTRACT, SERVICE_ID, f'- id: "{text}"', f'"{text}"') for text in IDS}
FAULTS = CONTRACT_FAULTS | DEVICE_FAULTS | SETTINGS_FAULTS | ID_FAULTS


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_one_fault_is_one_line_with_file_and_line_and_nothing_loads(example: Path, fault: Fault) -> None:
    path = example / fault.file
    edit(path, fault.old, fault.new)
    line = next(n for n, text in enumerate(path.read_text().splitlines(keepends=True), start=1) if fault.at in text)
    for load in (estate.load, hosts):
        with pytest.raises(EstateError) as caught:
            load(example)
        message = str(caught.value)
        assert message.startswith(f"{path}:{line}: ")
        assert "\n" not in message
        assert caught.value.exit_code == 3


# msgspec searches a pattern, and `$` also matches before a last newline.
TRAILING = {
    "a service's id": Fault(CONTRACT, SERVICE_ID, f'- id: "{SERVICE_ID[6:]}\\n"', r"\n"),
    "a digest": Fault(CONTRACT, f"digest: {DIGEST}", f'digest: "{DIGEST}\\n"', r"\n"),
    "a host key": Fault(DEVICE, f"host_key: ssh-ed25519 {KEY}", f'host_key: "ssh-ed25519 {KEY}\\n"', r"\n"),
    "a secret's path": Fault(DEVICE, "path: /etc/status/token", r'path: "/etc/status/token\n"', r"\n"),
    "a secret's name": Fault(DEVICE, "name: status", r'name: "status\n"', r"\n"),
    "an account": Fault(DEVICE, "account: owner", r'account: "owner\n"', r"\n"),
    "our own account": Fault(DEVICE, "account: owner", r'account: "root\n"', r"\n"),
    "Vault's address": Fault(SETTINGS, "https://198.51.100.10:8200", r'"https://198.51.100.10:8200\n"', r"\n"),
}


@pytest.mark.parametrize("fault", TRAILING.values(), ids=TRAILING)
def test_text_of_a_fixed_form_ends_where_its_line_ends(example: Path, fault: Fault) -> None:
    edit(example / fault.file, fault.old, fault.new)
    with pytest.raises(EstateError, match=f":{line_of(example / fault.file, fault.at)}: "):
        estate.load(example)


def second_device(example: Path) -> Path:
    return Path(shutil.copy(example / DEVICE, example / MANAGED / "devices"))


def renamed(old: Path, new: Path) -> Callable[[Path], Path]:
    return lambda example: (example / old).rename(example / new)


def test_a_service_that_another_customer_has_is_named_with_both_places(example: Path) -> None:
    first, second = (example / folder / "contract.yml" for folder in (UNAGREED, MANAGED))
    edit(first, "- id: s-d89tmqgm1k", "- id: s-4ghjjwzdfn")
    with pytest.raises(EstateError) as caught:
        estate.load(example)
    line = line_of(second, "- id: s-4ghjjwzdfn")
    assert str(caught.value) == f"{second}:{line}: id: s-4ghjjwzdfn stands in {first} too: ids are given once"


def test_what_may_stand_at_one_address_does(example: Path) -> None:
    """A collector on an execution node, two devices behind one address, a co-manager that is another device."""
    edit(example / DEVICE, DEVICE_V4, "ipv4: 198.51.100.102")
    edit(example / DEVICE, "port: 22}", "port: 2222}")
    edit(example / DEVICE, "ipv4: 203.0.113.21", "ipv4: 198.51.100.103")
    found = estate.load(example)
    assert found.settings.collectors["logs"].addresses == found.settings.nodes["node1"].addresses


def test_what_an_estate_does_not_say_means_the_defaults(example: Path) -> None:
    path = example / "estate.yml"
    text = path.read_text()
    for field in ("reserve: ", "approval: ", "keep: "):
        edit(path, next(line for line in text.splitlines() if line.startswith(field)), "")
    edit(path, "operators:\n  op1: {login: userpass}\n  op2: {login: userpass}\n", "")
    found = estate.load(example).settings
    assert (found.reserve, dict(found.operators)) == (None, {})
    said = estate.load(EXAMPLE).settings
    assert found.approval == said.approval
    assert found.keep == said.keep


def created(path: Path) -> Callable[[Path], Path]:
    def create(example: Path) -> Path:
        (example / path).write_text("id: 1\n")
        return example / path

    return create


def removed(path: Path) -> Callable[[Path], Path]:
    def remove(example: Path) -> Path:
        (example / path).unlink()
        return example / path

    return remove


FOLDERS = {
    "a customer's folder with another id": renamed(UNAGREED, UNAGREED.with_name("c-0000000000")),
    "a customer's folder in upper case": renamed(UNAGREED, UNAGREED.with_name("c-AQJ5VAN3ZE")),
    "a customer's folder with a name": renamed(UNAGREED, UNAGREED.with_name("acme")),
    "a customer's folder with an end of line": renamed(UNAGREED, UNAGREED.with_name("c-aqj5van3ze\n")),
    "a file among the customers": created(Path("customers/notes.txt")),
    "a device's file with another id": renamed(DEVICE, DEVICE.with_name("d-0000000000.yml")),
    "a copy among the devices": created(DEVICE.with_suffix(".yml~")),
    "a device in two customers": second_device,
    "no contract": removed(CONTRACT),
    "no settings": removed(SETTINGS),
}


@pytest.mark.parametrize("spoil", FOLDERS.values(), ids=FOLDERS)
def test_one_file_in_the_wrong_place_is_named_in_one_line_and_nothing_loads(
    example: Path, spoil: Callable[[Path], Path]
) -> None:
    place = spoil(example)
    with pytest.raises(EstateError) as caught:
        estate.load(example)
    assert str(place).strip() in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_example_loads_whole() -> None:
    found = estate.load(EXAMPLE)
    assert {customer.id: [*customer.devices] for customer in found.customers.values()} == {
        "c-aqj5van3ze": ["d-jscb00nk6m"],
        "c-hkqgde66rg": ["d-4jmtzhs00w", "d-nh4bbpheqk"],
        "c-mbr7ba2cby": ["d-a8gfp81xga", "d-skqf5xe0yz"],
        "c-qgx2np9y3d": ["d-291m8gq0b9", "d-593ccz0tsv", "d-e9k4t2s7rb", "d-p1vd6gxw0m"],
    }
    assert found.control_node == "node1"
    assert set(found.fixed_addresses) == {
        ip_address(f"{prefix}{number}") for prefix in ("198.51.100.", "2001:db8:51::") for number in (11, 12, 19)
    }


@pytest.mark.usefixtures("parser")
def test_both_parsers_load_the_same_estate(example: Path) -> None:
    assert estate.load(example) == estate.load(EXAMPLE)


def test_hidden_files_are_no_customers_and_no_devices(example: Path) -> None:
    (example / "customers" / ".git").mkdir()
    (example / DEVICE.with_name(f".{DEVICE.name}.swp")).write_text("not YAML: [")
    assert estate.load(example) == estate.load(EXAMPLE)


def test_a_customer_without_devices_and_an_estate_without_customers_load(example: Path) -> None:
    shutil.rmtree(example / WARRANTY / "devices")
    edit(example / CONTRACT, "[d-593ccz0tsv, d-p1vd6gxw0m, d-e9k4t2s7rb]", "[]")
    edit(example / CONTRACT, "[d-291m8gq0b9]", "[]")
    assert estate.load(example).customers["c-qgx2np9y3d"].devices == {}
    shutil.rmtree(example / "customers")
    assert estate.load(example).customers == {}


def test_a_device_belongs_to_the_customer_in_whose_folder_it_stands() -> None:
    found = estate.load(EXAMPLE)
    assert found.customer_of("d-593ccz0tsv").id == "c-qgx2np9y3d"
    with pytest.raises(KeyError):
        found.customer_of("d-0000000000")


def test_the_estates_folder_is_where_an_obet_yml_is_named_or_stands(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("")
    assert estate.folder_among([str(tmp_path / "hosts"), str(EXAMPLE)]) == EXAMPLE
    assert estate.folder_among([str(EXAMPLE / "obet.yml")]) == EXAMPLE
    assert estate.folder_among([str(tmp_path), str(tmp_path / "hosts"), "host,"]) is None
    assert estate.folder_among([]) is None


def test_for_closing_what_can_be_read_is_read_and_the_rest_is_named(example: Path) -> None:
    assert estate.load_readable(example) == (estate.load(example), frozenset())
    edit(example / CONTRACT, STARTED, f"{STARTED}\n    colour: red")
    found, unread = estate.load_readable(example)
    assert unread == {WARRANTY.name}
    assert found.customers.keys() == estate.load(EXAMPLE).customers.keys() - {WARRANTY.name}


def test_without_its_settings_an_estate_cannot_be_read_for_closing_either(example: Path) -> None:
    (example / SETTINGS).write_text("nodes: {}\n")
    with pytest.raises(EstateError, match=r"estate\.yml:1"):
        estate.load_readable(example)
