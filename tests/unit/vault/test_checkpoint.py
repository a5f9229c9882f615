"""How far the ledger goes, in Vault: forward only, along one chain only, whoever moves it."""

from __future__ import annotations

from typing import cast

import pytest
from held_kv import HeldKv
from obet.errors import VaultError
from obet.evidence.chain import Checkpoint
from obet.vault import checkpoint
from obet.vault.session import Session

PATH = "kv/data/evidence/ledger"
CHAIN = {number: f"{number:064x}" for number in range(1, 10)}


def chained(number: int) -> Checkpoint:
    return Checkpoint(number, CHAIN[number])


def holds(number: int, hash_: str) -> bool:
    return CHAIN.get(number) == hash_


def other(number: int, hash_: str) -> bool:  # noqa: ARG001 - a ledger with none of those lines
    return False


@pytest.fixture
def kv() -> HeldKv:
    return HeldKv()


def advance(kv: HeldKv, number: int) -> Checkpoint | None:
    checkpoint.advance(cast(Session, kv), chained(number), holds)
    return checkpoint.read(cast(Session, kv))


def test_there_is_none_before_the_first(kv: HeldKv) -> None:
    assert checkpoint.read(cast(Session, kv)) is None
    assert advance(kv, 3) == chained(3)


def test_it_moves_forward_and_never_back(kv: HeldKv) -> None:
    assert advance(kv, 3) == chained(3)
    assert advance(kv, 5) == chained(5)
    assert advance(kv, 4) == chained(5)
    assert advance(kv, 5) == chained(5)
    assert len(kv.held[PATH]) == 2


def test_a_ledger_without_the_line_that_is_vouched_for_is_not_vouched_for_however_long_it_is(kv: HeldKv) -> None:
    advance(kv, 3)
    checkpoint.advance(cast(Session, kv), Checkpoint(9, "f" * 64), other)
    assert checkpoint.read(cast(Session, kv)) == chained(3)


@pytest.mark.parametrize("meanwhile", [4, 9])
def test_who_is_overtaken_looks_again_and_the_furthest_stands(kv: HeldKv, meanwhile: int) -> None:
    advance(kv, 2)
    kv.before_write = lambda: cast(None, advance(kv, meanwhile))
    assert advance(kv, 6) == chained(max(6, meanwhile))


def test_who_is_overtaken_again_and_again_says_so(kv: HeldKv) -> None:
    moves = iter(range(1, 9))

    def overtake() -> None:
        advance(kv, next(moves))
        kv.before_write = overtake

    kv.before_write = overtake
    with pytest.raises(VaultError, match="moves all the time"):
        checkpoint.advance(cast(Session, kv), chained(9), holds)


def test_a_vault_that_refuses_is_an_error_and_not_an_overtaking(kv: HeldKv) -> None:
    advance(kv, 1)
    kv.before_write = lambda: setattr(kv, "sealed", True)
    with pytest.raises(VaultError, match="sealed"):
        checkpoint.advance(cast(Session, kv), chained(2), holds)


@pytest.mark.parametrize(
    "data", [{}, {"number": 0, "hash": ""}, {"number": 1}, {"number": "1", "hash": 2}, {"number": None, "hash": ""}]
)
def test_what_is_none_of_ours_is_damaged(kv: HeldKv, data: dict[str, object]) -> None:
    kv.held[PATH] = [data]
    with pytest.raises(VaultError, match="damaged"):
        checkpoint.read(cast(Session, kv))
    with pytest.raises(VaultError, match="damaged"):
        advance(kv, 1)
