"""A device's SNMP passphrases in Vault: two writers do not mix, and a collector finds all that it needs."""

from __future__ import annotations

from typing import cast

import msgspec
import pytest
from builders import CUSTOMER, DEVICE
from held_kv import HeldKv
from obet.errors import VaultError
from obet.vault import snmp_passphrases
from obet.vault.session import Session
from obet.vault.snmp_passphrases import SnmpPassphrases, generate

PATH = f"kv/data/access/{CUSTOMER}/{DEVICE}/snmp"


@pytest.fixture
def kv() -> Session:
    return cast(Session, HeldKv())


def test_what_is_written_is_read_and_nothing_is_an_empty_entry(kv: Session) -> None:
    assert snmp_passphrases.read(kv, CUSTOMER, DEVICE) == SnmpPassphrases()
    wanted = SnmpPassphrases(current=generate(), upcoming=generate(), protocols=("SHA1", "AES128"))
    written = snmp_passphrases.write(kv, CUSTOMER, DEVICE, wanted)
    assert snmp_passphrases.read(kv, CUSTOMER, DEVICE) == written == msgspec.structs.replace(wanted, version=1)
    assert written.known == (wanted.current, wanted.upcoming)


def test_a_collectors_software_finds_all_that_it_needs(kv: Session) -> None:
    pair = generate()
    snmp_passphrases.write(kv, CUSTOMER, DEVICE, SnmpPassphrases(current=pair, protocols=("SHA256", "AES256")))
    (held,) = cast(HeldKv, kv).held[PATH]
    assert held == {
        "user": "obet-snmp",
        "auth": pair.auth.reveal(),
        "priv": pair.priv.reveal(),
        "auth_protocol": "SHA256",
        "priv_protocol": "AES256",
    }


def test_of_two_writers_the_second_is_refused(kv: Session) -> None:
    snmp_passphrases.write(kv, CUSTOMER, DEVICE, SnmpPassphrases(current=generate()))
    with pytest.raises(VaultError):
        snmp_passphrases.write(kv, CUSTOMER, DEVICE, SnmpPassphrases(current=generate()))


def test_passphrases_are_unlike_each_other_and_of_letters_and_digits() -> None:
    made = [part.reveal() for pair in (generate(), generate()) for part in (pair.auth, pair.priv)]
    assert len(set(made)) == len(made)
    assert all(word.isalnum() and len(word) >= 32 for word in made)
