"""A key of ours is told from others whatever a router shows of keys."""

from __future__ import annotations

import pytest
from obet.devices import key_pairs
from obet.platforms.routeros.driver_accounts import shows

FIRST, SECOND = (key_pairs.public_key(key_pairs.generate("ssh-ed25519")) for _ in range(2))


def name(key: str) -> str:
    return key.split()[2]


@pytest.mark.parametrize("place", ["key-owner", "info", "comment"])
def test_a_router_that_hides_keys_is_asked_for_the_name(place: str) -> None:
    row = {"user": "obet", "bits": "256", place: name(FIRST)}
    assert shows(row, FIRST)
    assert not shows(row, SECOND)
    assert not shows({"user": "obet", "bits": "256"}, FIRST)


def test_a_router_that_shows_keys_is_not_believed_by_the_name() -> None:
    row = {"user": "obet", "key": " ".join(SECOND.split()[:2]), "key-owner": name(FIRST)}
    assert shows(row, SECOND)
    assert not shows(row, FIRST)
