"""What all simulated devices share, each part alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncssh
import pytest
from lab import LabError
from lab.simulators.enforcement import DROP, jump, rule
from lab.simulators.faults import DroppedError, Fault, FaultKind, Faults, RefusedError
from lab.simulators.timers import Timers
from lab.simulators.users import User, Users, digest, hash_password, password_matches


def test_a_password_is_kept_as_a_hash_that_only_it_matches() -> None:
    kept = hash_password("правилна")

    assert "правилна" not in kept
    assert kept != hash_password("правилна")
    assert password_matches("правилна", kept)
    assert not password_matches("грешна", kept)
    assert not password_matches("", "")


def test_only_an_enabled_users_own_password_and_keys_open_and_every_offer_is_noted() -> None:
    key, other = (asyncssh.generate_private_key("ssh-ed25519").convert_to_public() for _ in range(2))
    users = Users()
    users.by_name["a"] = User(hash_password("right"), [key.export_public_key().decode()])

    assert users.check_password("a", "right", "ssh")
    assert users.check_key("a", key)
    assert not users.check_password("a", "wrong", "ssh")
    assert not users.check_password("b", "right", "ssh")
    assert not users.check_key("a", other)
    users.by_name["a"].disabled = True
    assert not users.check_password("a", "right", "ssh")
    assert not users.check_key("a", key)
    assert [(one.value, one.accepted) for one in users.offered[:1]] == [(digest("right"), True)]
    assert len(users.offered) == 7


def test_a_fault_strikes_its_command_so_many_times() -> None:
    async def strike() -> list[object]:
        faults, seen = Faults(), list[object]()
        faults.add(Fault(FaultKind.REFUSE, command="^set", times=1, text="no"))
        faults.add(Fault(FaultKind.GARBAGE, command="show", text="nul"))
        for command in ("get", "set x", "set x", "show"):
            try:
                seen.append(await faults.before(command))
            except RefusedError as refused:
                seen.append(str(refused))
        faults.add(Fault(FaultKind.DROP))
        with pytest.raises(DroppedError):
            await faults.before("get")
        faults.clear()
        return [*seen, await faults.before("show"), faults.struck]

    *seen, struck = asyncio.run(strike())
    assert seen == [b"", "no", b"", b"\x00\x00abc\x00\r\n", b""]
    assert struck == {"refuse": 1, "garbage": 1, "drop": 1}


def noting(done: list[str], name: str) -> Callable[[], Awaitable[None]]:
    async def act() -> None:
        done.append(name)

    return act


def test_timers_run_when_the_devices_clock_says_and_not_after_they_were_cancelled() -> None:
    async def run() -> list[list[str]]:
        done: list[str] = []
        timers, seen = Timers(), []
        for name, seconds in (("soon", 10.0), ("late", 100.0), ("never", 50.0)):
            timers.call_later(name, seconds, noting(done, name))
        timers.cancel("never")
        for step in (9.0, 2.0, 100.0):
            timers.advance(step)
            await timers.idle()
            seen.append(list(done))
        return seen

    assert asyncio.run(run()) == [[], ["soon"], ["soon", "late"]]


def test_a_faster_clock_brings_a_waiting_timer_nearer() -> None:
    async def run() -> float:
        timers, done = Timers(), asyncio.Event()

        async def act() -> None:
            done.set()

        timers.call_later("hour", 3600.0, act)
        timers.set_scale(360_000.0)
        await asyncio.wait_for(done.wait(), 5)
        return timers.passed

    assert asyncio.run(run()) >= 3600


def test_a_rule_from_nobody_is_no_rule_and_never_one_from_anybody() -> None:
    assert rule("accept", sources=["198.51.100.11"], family=6) == []
    assert rule("accept", ports=[22]) == ["tcp dport { 22 } accept"]
    assert rule(DROP, sources=["198.51.100.0/24", "198.51.100.11", "2001:db8::1"], ports=[22, "80-90"]) == [
        f"ip saddr {{ 198.51.100.0/24 }} tcp dport {{ 22, 80-90 }} {DROP}",
        f"ip6 saddr {{ 2001:db8::1/128 }} tcp dport {{ 22, 80-90 }} {DROP}",
    ]


def test_a_chains_name_is_not_nft_text() -> None:
    assert jump("management") == "jump management"
    with pytest.raises(LabError, match="no chain can be called"):
        jump("a accept; }")
