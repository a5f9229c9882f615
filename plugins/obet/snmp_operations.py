"""SNMP on network devices, in stages: a user of version 3 is set up and shown to answer before communities go.

A device is asked from this node where its address is one of the collectors that the device's file names. From elsewhere
nothing can be shown: the user is set up, communities stay, and that is said.
"""

from __future__ import annotations

from typing import cast

import msgspec

from obet.devices import snmp
from obet.devices.driver import NetworkDriver
from obet.devices.snmp import Access, AuthProtocol, PrivProtocol
from obet.devices.ssh_files import source_towards
from obet.errors import DeviceError
from obet.model import Address, Device
from obet.operations import Values
from obet.run import Run
from obet.vault import snmp_passphrases
from obet.vault.names import SNMP_USER
from obet.vault.snmp_passphrases import Passphrases, SnmpPassphrases


def restrict(run: Run, device: str, driver: NetworkDriver, *, check: bool) -> Values:
    """Sets our user up, sees that it is answered as it must be, then takes communities away; twice changes nothing.

    `changed`, the `diff` as text, and a `msg` where this node cannot ask. DeviceError when version 3 does not
    answer: communities stay then.
    """
    found = run.device(device)
    if not found.snmp_collectors:
        return {"changed": False}
    sources, agent, place = run.estate.snmp_sources(found), driver.snmp, _asked_at(run, found)
    stands, diff = agent.stands(sources), agent.preview(sources)
    if check:
        return {"changed": not stands or (place is not None and bool(diff)), "diff": diff}
    entry = _made(run, device)
    taken = _taken(place, entry) if stands and place else None
    put = not stands or (place is not None and taken is None)
    if put:
        entry = _put(run, device, driver, entry)
    if place is None:
        return {"changed": put, "diff": diff, "msg": _not_probed(device)}
    in_clear = agent.in_clear()
    if put or in_clear:
        _must_answer(device, place, _access(entry, taken or entry.known[-1]))
    if in_clear:
        # None of our ways in depends on it, and version 3 has just answered: the device need not take this back.
        communities = agent.communities()
        agent.drop_communities()
        if left := snmp.answered(place, communities):
            raise DeviceError(f"{device}: still answers {left} of the SNMP communities that were taken out of use")
    return {"changed": put or in_clear > 0, "diff": diff}


def rotate(run: Run, device: str, driver: NetworkDriver) -> Values:
    """New passphrases, in Vault before the device gets them; seen to be answered, and the old ones refused."""
    entry = _read(run, device)
    if entry.current is None or not run.device(device).snmp_collectors:
        return {}
    place = _asked_at(run, run.device(device))
    if place is None:
        why = "this node is none of its collectors, and cannot show that new ones are answered"
        return {"msg": f"{device}: its SNMP passphrases stay as they are: {why}"}
    if entry.upcoming is None:
        entry = _write(run, device, msgspec.structs.replace(entry, upcoming=snmp_passphrases.generate()))
    old, new = entry.known
    entry = _put(run, device, driver, entry)
    _must_answer(device, place, _access(entry, new))
    if snmp.ask(place, _access(entry, old)) == "answered":
        raise DeviceError(f"{device}: was told new SNMP passphrases, and answers the old ones still")
    _write(run, device, msgspec.structs.replace(entry, current=new, upcoming=None))
    return {}


def end(run: Run, device: str, driver: NetworkDriver) -> dict[str, str | int]:
    """Takes our user away. For the journal: how many old passphrases were then refused, or that none could be tried."""
    pairs = snmp_passphrases.every(run.child(device), run.estate.customer_of(device).id, device)
    entry, place = _read(run, device), _asked_at(run, run.device(device))
    answered = place is not None and _taken(place, entry) is not None
    driver.snmp.remove()
    if not pairs:
        return {}
    if place is None or not answered:  # silence would prove nothing
        return {"snmp": "removed; this node was not answered before either"}
    if "answered" in snmp.ask_all(place, [_access(entry, pair) for pair in pairs]):
        raise DeviceError(f"{device}: still answers an SNMP user of ours that was removed")
    return {"snmp": len(pairs)}


def destroy(run: Run, device: str) -> None:
    """All versions of the passphrases, after they were refused."""
    snmp_passphrases.destroy(run.child(device), run.estate.customer_of(device).id, device)


def _must_answer(device: str, place: Address, right: Access) -> None:
    """Not with another passphrase, and not without encryption."""
    other = snmp_passphrases.generate()
    wrong = [
        msgspec.structs.replace(right, auth=other.auth),
        msgspec.structs.replace(right, priv=other.priv),
        msgspec.structs.replace(right, priv=None),
    ]
    outcome = snmp.ask(place, right)
    if outcome != "answered":
        how = "does not answer" if outcome == "silent" else "refuses"
        raise DeviceError(
            f"{device}: {how} SNMPv3 from this node, a collector of it: its communities stay; see what filters UDP "
            f"port {snmp.PORT} there and on the way"
        )
    if "answered" in snmp.ask_all(place, wrong):
        raise DeviceError(f"{device}: answers SNMPv3 by a wrong passphrase or without encryption: its communities stay")


def _taken(place: Address, entry: SnmpPassphrases) -> Passphrases | None:
    """Which of those that Vault knows the device answers: a rotation that was cut off leaves two."""
    outcomes = snmp.ask_all(place, [_access(entry, pair) for pair in entry.known])
    return next((pair for pair, seen in zip(entry.known, outcomes, strict=True) if seen == "answered"), None)


def _asked_at(run: Run, device: Device) -> Address | None:
    """The device's address which this node reaches as one of its collectors; None where it is none of them."""
    allowed = run.estate.snmp_sources(device)
    return next((a for a in device.addresses.both if source_towards(a, snmp.PORT) in allowed), None)


def _not_probed(device: str) -> str:
    why = "this node is none of its collectors"
    return (
        f"{device}: SNMPv3 is set up and not probed, as {why}: communities stay until a node that is one was answered"
    )


def _put(run: Run, device: str, driver: NetworkDriver, entry: SnmpPassphrases) -> SnmpPassphrases:
    """Gives our user what stands last in Vault, where the protocols are kept that the device has."""
    protocols = driver.snmp.put(run.estate.snmp_sources(run.device(device)), entry.known[-1])
    if protocols == entry.protocols:
        return entry
    return _write(run, device, msgspec.structs.replace(entry, protocols=protocols))


def _made(run: Run, device: str) -> SnmpPassphrases:
    """The passphrases, which stand in Vault before the device gets them."""
    entry = _read(run, device)
    if entry.current is None:
        return _write(run, device, msgspec.structs.replace(entry, current=snmp_passphrases.generate()))
    return entry


def _access(entry: SnmpPassphrases, pair: Passphrases) -> Access:
    auth, priv = entry.protocols
    return Access(
        user=SNMP_USER,
        auth_protocol=cast(AuthProtocol, auth or "SHA1"),
        auth=pair.auth,
        priv_protocol=cast(PrivProtocol, priv or "AES128"),
        priv=pair.priv,
    )


def _read(run: Run, device: str) -> SnmpPassphrases:
    return snmp_passphrases.read(run.child(device), run.estate.customer_of(device).id, device)


def _write(run: Run, device: str, entry: SnmpPassphrases) -> SnmpPassphrases:
    return snmp_passphrases.write(run.child(device), run.estate.customer_of(device).id, device, entry)
