"""SNMP on a router and a switch of a whole lab: version 3 first, and seen to answer, before communities go.

One story in its order: each test goes on from where the one before it left both devices.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ios_support import system_name
from lab import estate
from lab.estate import NETWORK_DEVICES, ROUTER_DEVICE, SWITCH_DEVICE
from lab.provision import Obet, provision
from life_support import Edit, Job, edited, fails_clearly, files_under, new_lab, promises, recap, secret_path, verdict
from pysnmp.hlapi.v3arch.asyncio import (
    CommunityData,
    UsmUserData,
    usmAesCfb128Protocol,
    usmAesCfb256Protocol,
    usmHMAC192SHA256AuthProtocol,
    usmHMACSHAAuthProtocol,
)

__all__ = ["edited"]
BOTH = ",".join(NETWORK_DEVICES)
NAMES = {ROUTER_DEVICE: "MikroTik", SWITCH_DEVICE: "switch1"}
PROTOCOLS = {
    "SHA1": usmHMACSHAAuthProtocol,
    "SHA256": usmHMAC192SHA256AuthProtocol,
    "AES128": usmAesCfb128Protocol,
    "AES256": usmAesCfb256Protocol,
}
COMMUNITY = CommunityData("public")
COLLECTOR = "198.51.100.11"
# A filter of the customer's own that keeps the collector's questions out.
SHUT = {
    ROUTER_DEVICE: f"/ip/firewall/filter/add chain=input protocol=udp dst-port=161 src-address={COLLECTOR} action=drop",
    SWITCH_DEVICE: [
        *("ip access-list extended WATCH", f" deny udp host {COLLECTOR} any eq snmp", " permit ip any any"),
        *("interface Vlan1", " ip access-group WATCH in"),
    ],
}
OPEN = {
    ROUTER_DEVICE: "/ip/firewall/filter/remove [find protocol=udp]",
    SWITCH_DEVICE: ["interface Vlan1", " no ip access-group WATCH in", "no ip access-list extended WATCH"],
}
DEVICES = pytest.mark.parametrize("device", NETWORK_DEVICES, ids=NETWORK_DEVICES.get)


@pytest.fixture(scope="module")
def network() -> Iterator[Obet]:
    """Both answer the community `public`, as delivered or as their owner wanted it."""
    with new_lab() as lab:
        own = provision(lab, NETWORK_DEVICES)
        told(own, ROUTER_DEVICE, "/snmp/set enabled=yes")
        own.play("onboard", "--limit", BOTH)
        yield own


def told(own: Obet, device: str, what: Any) -> None:
    """At the device itself."""
    control = own.lab.simulator(NETWORK_DEVICES[device]).control
    if device == ROUTER_DEVICE:
        control.call("script", source=what)
    else:
        control.call("configure", lines=what)


def says(own: Obet, device: str, credential: Any, host: str = "node1") -> bool:
    """Whether it tells its name."""
    return system_name(own.lab.simulator(NETWORK_DEVICES[device]), credential, host) == NAMES[device]


def entry(own: Obet, device: str, purpose: str = "technical") -> dict[str, Any]:
    """What a collector's software reads."""
    job = Job(own)
    status, answer = job.call(job.token(device, purpose), "GET", f"{secret_path(device)}/snmp")
    assert status == 200, answer
    found: dict[str, Any] = answer["data"]["data"]
    return found


def user(found: dict[str, Any], **other: str) -> UsmUserData:
    words = found | other
    return UsmUserData(
        words["user"],
        words["auth"],
        words["priv"] or None,
        PROTOCOLS[words["auth_protocol"]],
        PROTOCOLS[words["priv_protocol"]] if words["priv"] else None,
    )


def restrict(own: Obet, *more: str, device: str = BOTH, check: bool = True) -> Any:
    return own.play("restrict_access", "--limit", device, "-e", "obet_mend=true", *more, check=check)


def test_before_a_community_is_answered_to_anybody(network: Obet) -> None:
    assert all(says(network, device, COMMUNITY, "outsider1") for device in NETWORK_DEVICES)


def test_on_a_device_that_no_collector_asks_nothing_of_snmp_is_touched(network: Obet, edited: Edit) -> None:
    for device in NETWORK_DEVICES:
        edited(estate.device_file(network.estate, device), "snmp_collectors:\n- logs\n", "")
    restrict(network)
    assert all(says(network, device, COMMUNITY, "outsider1") for device in NETWORK_DEVICES)
    job = Job(network)
    for device, name in NETWORK_DEVICES.items():
        assert "obet-snmp" not in str(network.lab.simulator(name).control.state()).lower()
        assert job.call(job.token(device), "GET", f"{secret_path(device)}/snmp")[0] == 404


def test_where_version_3_does_not_answer_communities_stay(network: Obet) -> None:
    for device, what in SHUT.items():
        told(network, device, what)
    answer = restrict(network, check=False)
    for device, what in OPEN.items():
        told(network, device, what)
    fails_clearly(answer, 2, ROUTER_DEVICE, "does not answer SNMPv3", "communities stay")
    assert f"{SWITCH_DEVICE}: does not answer SNMPv3" in answer.stdout
    assert all(says(network, device, COMMUNITY, "outsider1") for device in NETWORK_DEVICES)
    code, found = promises(network, *NETWORK_DEVICES)
    said = [failure["what"] for failure in verdict(found, "fixed-ip")["failures"]]
    assert code == 10
    assert any("answers SNMPv1 and v2c" in what for what in said), said
    assert any("an SNMP community" in what for what in said), said


def test_from_a_node_that_is_no_collector_nothing_can_be_shown_so_communities_stay(network: Obet, edited: Edit) -> None:
    settings = network.estate / "estate.yml"
    text = settings.read_text()
    begin = text.index("collectors:")
    moved = text[begin:].replace(COLLECTOR, "198.51.100.14", 1).replace("2001:db8:51::11", "2001:db8:51::14", 1)
    edited(settings, text[begin:], moved)
    answer = restrict(network)
    assert answer.stdout.count("not probed, as this node is none of its collectors") >= len(NETWORK_DEVICES)
    for device in NETWORK_DEVICES:
        assert says(network, device, COMMUNITY, "node1")
        assert not says(network, device, user(entry(network, device))), "it is set up for another address"
    again = restrict(network)
    assert all(count["changed"] == 0 for count in recap(again.stdout).values())


def test_check_mode_shows_what_would_come_and_go_and_no_secret(network: Obet) -> None:
    answer = restrict(network, "--check", "--diff")
    assert all(count["changed"] == 1 for count in recap(answer.stdout).values())
    assert "+/snmp/community obet-snmp" in answer.stdout
    assert "-snmp-server … (of version 1 and 2c: 1)" in answer.stdout
    secrets = [entry(network, device)[part] for device in NETWORK_DEVICES for part in ("auth", "priv")]
    assert not any(secret in answer.stdout for secret in [*secrets, "public"])
    assert all(says(network, device, COMMUNITY) for device in NETWORK_DEVICES)


def test_once_version_3_answers_the_collector_communities_answer_nobody(network: Obet) -> None:
    answer = restrict(network, "--diff")
    for device in NETWORK_DEVICES:
        found = entry(network, device)
        assert recap(answer.stdout)[device]["changed"] == 1
        assert says(network, device, user(found))
        assert not says(network, device, user(found), "outsider1"), "its addresses are the collectors'"
        assert not says(network, device, user(found, auth="another-passphrase"))
        assert not says(network, device, user(found, priv="another-passphrase"))
        assert not says(network, device, user(found, priv="")), "not without encryption"
        assert not any(says(network, device, COMMUNITY, host) for host in ("node1", "outsider1"))
        assert not any(found[part] in answer.stdout for part in ("auth", "priv"))


def test_a_second_run_changes_nothing_and_the_promise_holds(network: Obet) -> None:
    assert all(count["changed"] == 0 for count in recap(restrict(network).stdout).values())
    code, found = promises(network, *NETWORK_DEVICES)
    assert verdict(found, "fixed-ip")["failures"] == []
    assert code == 0


def test_the_best_protocols_that_each_has_stand_in_vault_for_the_collector(network: Obet) -> None:
    protocols = {
        device: (entry(network, device)["auth_protocol"], entry(network, device)["priv_protocol"])
        for device in NETWORK_DEVICES
    }
    assert protocols == {ROUTER_DEVICE: ("SHA1", "AES128"), SWITCH_DEVICE: ("SHA256", "AES256")}


def test_a_user_that_somebody_changed_is_put_back(network: Obet) -> None:
    told(network, ROUTER_DEVICE, "/snmp/community/set obet-snmp authentication-password=somebody-elses")
    other = "snmp-server user obet-snmp OBET-SNMP v3 auth sha-2 256 somebody-elses priv aes 256 somebody-elses"
    told(network, SWITCH_DEVICE, [other])
    assert not any(says(network, device, user(entry(network, device))) for device in NETWORK_DEVICES)
    assert all(count["changed"] == 1 for count in recap(restrict(network).stdout).values())
    assert all(says(network, device, user(entry(network, device))) for device in NETWORK_DEVICES)


def test_new_passphrases_work_and_the_old_are_refused(network: Obet) -> None:
    before = {device: entry(network, device) for device in NETWORK_DEVICES}
    cut_off = _with_next(network, SWITCH_DEVICE, before[SWITCH_DEVICE])
    network.play("rotate_credentials", "--limit", BOTH)
    for device, old in before.items():
        new = entry(network, device)
        assert "next" not in new
        assert {new["auth"], new["priv"]}.isdisjoint({old["auth"], old["priv"]})
        assert says(network, device, user(new))
        assert not says(network, device, user(old))
    assert entry(network, SWITCH_DEVICE)["auth"] == cut_off, "a rotation that was cut off is taken up where it was"


def _with_next(own: Obet, device: str, found: dict[str, Any]) -> str:
    """As a run leaves it that was killed before the device had the new ones; the new one that signs."""
    job, made = Job(own), "0" * 31 + "1"
    path = f"{secret_path(device)}/snmp"
    status, answer = job.call(job.token(device), "POST", path, {"data": found | {"next": {"auth": made, "priv": made}}})
    assert status == 200, answer
    return made


def test_no_passphrase_stands_in_a_file_of_the_node(network: Obet) -> None:
    words = [entry(network, device)[part].encode() for device in NETWORK_DEVICES for part in ("auth", "priv")]
    planted = network.lab.node1.home / "planted"
    planted.write_bytes(words[0])
    folders = (network.lab.node1.directory, network.lab.node1.home, network.estate)
    try:
        found = {p for f in folders for p in files_under(f) if any(word in p.read_bytes() for word in words)}
    finally:
        planted.unlink()
    assert found == {planted}


def test_the_ending_takes_the_user_away_and_its_passphrases(network: Obet) -> None:
    """The last test: it ends the access of both."""
    known = {device: entry(network, device) for device in NETWORK_DEVICES}
    estate.end_warranty_now(network.estate)
    network.obet("vault", "apply")
    network.play("post_warranty", "--limit", BOTH)
    assert all(says(network, device, user(found)) for device, found in known.items()), "not before he confirmed"
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda device: network.obet("handover", "confirm", device), NETWORK_DEVICES))
    network.play("post_warranty", "--limit", BOTH)
    job = Job(network)
    for device, found in known.items():
        assert not says(network, device, user(found))
        assert job.call(job.token(device, "ending"), "GET", f"{secret_path(device)}/snmp")[0] in {403, 404}
        state = network.lab.simulator(NETWORK_DEVICES[device]).control.state()
        assert "obet" not in str(state["running"]).lower()
    assert network.lab.simulator("switch1").control.state()["snmp_users"] == []
    journal = (network.lab.node1.home / ".local/state/obet/journal.jsonl").read_text().splitlines()
    refused = [line for line in map(json.loads, journal) if line["step"] == "credentials refused"]
    assert {line["device"] for line in refused if line["detail"]["snmp"] >= 2} == set(NETWORK_DEVICES)
    network.obet("vault", "apply")
    _, found = promises(network, *NETWORK_DEVICES)
    assert verdict(found, "post-warranty")["failures"] == []
