"""RouterOS' driver on a simulated router: each promise and its other side, the whole protocol, whatever goes wrong."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import asyncssh
import msgspec
import pytest
from builders import addresses
from lab.simulators.simulator import Simulator
from network_support import OURS, Bench, described, nothing
from obet.devices import key_pairs
from obet.devices.commit import commit
from obet.devices.driver import Change, Rights
from obet.devices.own_login import takes, takes_wholly
from obet.erasure.steps import Step
from obet.errors import DeviceError, LoginRefusedError, NotLetInError, ProofError
from obet.model import CustomerAccess, ManagementService
from obet.platforms.routeros import driver_ending
from obet.platforms.routeros.driver import RouterosDriver, open_driver
from obet.platforms.routeros.proof import prove
from obet.platforms.routeros.rules import render
from obet.platforms.routeros.services import prove_services
from obet.secret import Secret
from obet.vault.device_secrets import Login

PLACE = "router1"
Result = TypeVar("Result")
BOTH = (ManagementService(protocol="ssh"), ManagementService(protocol="api-ssl"))
REVERT = 60
OUTSIDE_ATTEMPTS = 4  # both addresses, both ports


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


@pytest.fixture
def router(simulator: Simulator, login: Login) -> Bench:
    """As from the factory, with the certificate that its contract pins."""
    simulator.control.clear()
    simulator.control.scale(1)
    simulator.control.call("factory")
    simulator.control.forget()
    return Bench(simulator, described(simulator, management=BOTH), login)


def driven(
    router: Bench,
    work: Callable[[RouterosDriver], Result],
    *,
    login: Login | None = None,
    host: str = "node1",
    patience: float = 5.0,
    **changes: Any,
) -> Result:
    """A driver on a node, for one piece of work."""
    device = msgspec.structs.replace(router.device, **changes)

    def run() -> Result:
        with open_driver(device, login or router.login, patience) as driver:
            return work(driver)

    return router.at(host, run)


def change(router: Bench, run: str = "run-1", *, sources: tuple[str, ...] = OURS, text: str = "") -> Change:
    policy = router.policy(*sources)
    return Change(run=run, text=text or render(policy), revert_seconds=REVERT, policy=policy)


def running(router: Bench) -> str:
    """Its configuration without the lines that hold the time."""
    return re.sub(r"^# .*\n", "", router.control.state()["running"], flags=re.MULTILINE)


def script(router: Bench, source: str) -> None:
    assert router.control.call("script", source=source) == ""


def time_passes(router: Bench, seconds: float = REVERT) -> None:
    router.control.advance(seconds)
    router.control.settled()


def knock(router: Bench) -> int:
    """An outsider's attempts, each of which sends a packet at least."""

    def attempts() -> int:
        for address in router.device.addresses.both:
            for service in router.device.management:
                with suppress(OSError):
                    socket.create_connection((str(address), service.port), 0.1).close()
                    raise AssertionError("an outsider gets in")
        return OUTSIDE_ATTEMPTS

    return router.at("outsider1", attempts)


def attempt(router: Bench) -> int:
    """New logins from both nodes, and what an outsider tries."""
    for host in ("node1", "node2"):
        driven(router, lambda driver: driver.pending(), host=host, patience=1.0)
    return knock(router)


def committed(router: Bench, wanted: Change, *, driver: Any = None) -> list[tuple[Step, Mapping[str, str]]]:
    journal: list[tuple[Step, Mapping[str, str]]] = []

    def work(own: RouterosDriver) -> None:
        record = lambda step, detail: journal.append((step, detail))  # noqa: E731
        over = router.over.__contains__
        commit(driver(own) if driver else own, wanted, attempt=lambda: attempt(router), record=record, is_over=over)

    driven(router, work, patience=2.0)
    return journal


def ours(router: Bench) -> str:
    """What on the router has our name in its configuration or files."""
    found = [line for line in running(router).splitlines() if "obet" in line]
    return "\n".join(found + [name for name in router.control.state()["files"] if "obet" in name or ".rsc" in name])


# Who it is, and who comes in.


def test_another_certificate_is_refused_before_anything_is_sent(router: Bench) -> None:
    router.control.fault("certificate")
    with pytest.raises(DeviceError, match="wrong certificate"):
        driven(router, lambda driver: driver.pending())
    assert router.control.offered() == []
    router.control.clear()
    assert driven(router, lambda driver: driver.pending()) is None


def test_another_host_key_is_refused_before_anything_is_sent_over_ssh(router: Bench) -> None:
    router.control.fault("host-key")
    with pytest.raises(DeviceError, match="wrong host key"):
        driven(router, lambda driver: driver.running())
    assert [found for found in router.control.offered() if found.service == "ssh"] == []


def test_a_service_without_a_certificate_gets_no_login(router: Bench) -> None:
    script(router, "/ip service set api-ssl certificate=none")
    with pytest.raises(DeviceError, match="give its service `api-ssl` one"):
        driven(router, lambda driver: driver.pending())
    assert router.control.offered() == []


def test_a_login_that_is_refused_is_told_from_a_device_that_cannot_say(router: Bench) -> None:
    wrong = Login(router.login.user, Secret("no-password-of-its-own"))
    with pytest.raises(LoginRefusedError, match="refuses the login of admin") as refused:
        driven(router, lambda driver: driver.pending(), login=wrong)
    assert "no-password" not in str(refused.value)
    router.control.fault("refuse", "/login", text="too busy")
    with pytest.raises(DeviceError, match="too busy") as busy:
        driven(router, lambda driver: driver.pending())
    assert not isinstance(busy.value, LoginRefusedError)


def test_a_device_that_is_away_is_an_error_of_one_line(router: Bench) -> None:
    router.control.call("stop")
    with pytest.raises(DeviceError, match="cut or refused") as error:
        driven(router, lambda driver: driver.pending())
    router.control.call("start")
    assert "\n" not in str(error.value)
    assert not isinstance(error.value, LoginRefusedError)


def test_a_password_may_be_written_in_any_letters(router: Bench) -> None:
    owner = Login("owner", Secret("парола-ü-密"))
    driven(router, lambda driver: driver.put_account("owner", owner.password, "full"))
    assert driven(router, lambda driver: driver.accounts(), login=owner)["owner"] == "full"


def test_no_password_is_logged_by_any_library(router: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = Secret("a-password-that-nobody-logs")
    driven(router, lambda driver: driver.put_account("obet", secret, "full"))
    driven(router, lambda driver: driver.running(), login=Login("obet", secret))
    assert secret.reveal() not in caplog.text
    assert router.login.password.reveal() not in caplog.text


# What it shows.


def test_the_configuration_is_the_same_over_ssh_and_by_a_file_which_goes_again(router: Bench) -> None:
    api_only = (ManagementService(protocol="api-ssl"),)
    over_ssh = driven(router, lambda driver: driver.running())
    by_file = driven(router, lambda driver: driver.running(), management=api_only)
    assert strip(over_ssh) == strip(by_file)
    assert "/ip service set api-ssl certificate=local" in over_ssh
    assert router.control.state()["files"] == []


def strip(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_drivers_in_many_threads_do_not_disturb_each_other(router: Bench) -> None:
    def look(number: int) -> tuple[list[str], Mapping[str, str]]:
        host = ("node1", "node2")[number % 2]
        return driven(router, lambda driver: (strip(driver.running()), driver.accounts()), host=host, patience=20.0)

    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(look, range(12)))
    assert found == [found[0]] * 12
    assert found[0][1] == {"admin": "full"}


def test_what_is_no_configuration_is_an_error_and_never_taken_for_one(router: Bench) -> None:
    for garbage in ("ansi", "prompt", "utf8", "nul", "flood"):
        router.control.fault("garbage", "export", text=garbage, times=1)
        with pytest.raises(DeviceError):
            driven(router, lambda driver: driver.running())
    assert driven(router, lambda driver: driver.running())


def test_the_looking_account_shows_what_the_proof_needs_and_changes_nothing(router: Bench) -> None:
    looks = Login("obet-read", Secret("looking"))
    driven(router, lambda driver: driver.put_account("obet-read", looks.password, "read"))
    committed(router, change(router))
    before = running(router)

    def look(driver: RouterosDriver) -> tuple[str, int | None]:
        for command, words in (
            ("/ip/firewall/filter/add", ("=chain=input", "=action=accept")),
            ("/user/add", ("=name=x", "=group=full")),
            ("/file/add", ("=name=x", "=contents=x")),
            ("/system/scheduler/add", ("=name=x", "=on-event=x")),
            ("/import", ("=file-name=x",)),
            ("/system/reboot", ()),
        ):
            with pytest.raises(DeviceError, match="not enough permissions"):
                driver._api.ask(command, *words)
        return driver.running(), driver.denied()

    text, denied = driven(router, look, login=looks)
    assert prove(text, router.policy().sources, [22, 8729]) == []
    assert denied is not None
    assert denied >= OUTSIDE_ATTEMPTS
    assert running(router) == before


def test_a_looking_account_sees_no_configuration_where_there_is_no_ssh(router: Bench) -> None:
    looks = Login("obet-read", Secret("looking"))
    driven(router, lambda driver: driver.put_account("obet-read", looks.password, "read"))
    with pytest.raises(DeviceError, match="needs SSH"):
        driven(router, lambda d: d.running(), login=looks, management=(ManagementService(protocol="api-ssl"),))
    assert router.control.state()["files"] == []


def test_what_our_rules_deny_is_counted_and_without_them_nothing_counts(router: Bench) -> None:
    assert driven(router, lambda driver: driver.denied()) is None
    committed(router, change(router))
    before = driven(router, lambda driver: driver.denied())
    knock(router)
    after = driven(router, lambda driver: driver.denied())
    assert before is not None
    assert after is not None
    assert after >= before + OUTSIDE_ATTEMPTS
    script(router, '/ip firewall filter add chain=forward action=drop comment="another rule"')
    assert driven(router, lambda driver: driver.denied()) == after


def test_gaps_name_what_keeps_the_timer_from_working(router: Bench) -> None:
    assert driven(router, lambda driver: driver.gaps()) == ()
    driven(router, lambda driver: driver.put_account("obet-read", Secret("looking"), "read"))
    found = driven(router, lambda driver: driver.gaps(), login=Login("obet-read", Secret("looking")))
    assert ["obet-read lacks ftp, policy, test, write" in str(gap) for gap in found] == [True]
    driven(router, lambda driver: driver._api.ask("/system/device-mode/update", "=scheduler=no"))
    router.control.call("press-button")
    before = running(router)
    assert ["device-mode" in str(gap) for gap in driven(router, lambda driver: driver.gaps())] == [True]
    with pytest.raises(DeviceError, match="device-mode"):
        driven(router, lambda driver: driver.arm(change(router)))
    assert running(router) == before
    assert router.control.state()["files"] == []


def test_mending_makes_room_of_our_own_leftovers_and_of_nothing_else(router: Bench) -> None:
    def leave(driver: RouterosDriver) -> None:
        for name in ("obet-rules-killed.rsc", "customer.rsc", "flash/obet-undo-killed.rsc"):
            driver._api.ask("/file/add", f"=name={name}", "=contents=#")

    driven(router, leave)
    driven(router, lambda driver: driver.mend())
    assert router.control.state()["files"] == ["customer.rsc", "flash"]


# A change, from arming to the end.


def test_a_change_that_works_is_kept_on_record_and_proven(router: Bench) -> None:
    wanted = change(router)
    journal = committed(router, wanted)
    assert [step for step, _ in journal] == [Step.MANAGEMENT_CHANGE_STARTED, Step.MANAGEMENT_CHANGE_CONFIRMED]
    text = driven(router, lambda driver: driver.running())
    assert prove(text, wanted.policy.sources, [22, 8729]) == []  # type: ignore[union-attr]
    assert prove_services(text, []) == []
    assert "scheduler" not in running(router)
    assert router.control.state()["files"] == []
    time_passes(router, 10 * REVERT)
    router.control.reboot()
    assert driven(router, lambda driver: (driver.is_kept(wanted), driver.pending())) == (True, None)


def test_a_preview_shows_the_lines_that_would_change_and_changes_nothing(router: Bench) -> None:
    before = running(router)
    shown = driven(router, lambda driver: driver.preview(change(router)))
    assert "+/ip firewall filter add action=accept chain=obet-management comment=obet: ours" in shown
    assert "-/ip service set telnet disabled=no" in shown
    assert running(router) == before
    committed(router, change(router))
    assert driven(router, lambda driver: driver.preview(change(router))) == ""
    fewer = driven(router, lambda driver: driver.preview(change(router, sources=OURS[:1] + OURS[2:])))
    assert [line for line in fewer.splitlines() if "198.51.100.12" in line and line.startswith("-")]


@pytest.mark.parametrize("foreign", ["before ours", "in our chain", "a service's addresses", "a rule of ours is off"])
def test_what_does_not_stand_as_wanted_is_not_kept_and_the_next_change_mends_it(router: Bench, foreign: str) -> None:
    committed(router, change(router))
    accept = 'chain={} action=accept src-address=203.0.113.66 comment="let me in"'
    script(
        router,
        {
            "before ours": f"/ip firewall filter add {accept.format('input')} place-before=0",
            "in our chain": f"/ip firewall filter add {accept.format('obet-management')} place-before=0",
            "a service's addresses": '/ip service set ssh address=""',
            "a rule of ours is off": '/ipv6 firewall filter set [find where comment="obet: denied"] disabled=yes',
        }[foreign],
    )
    text, kept = driven(router, lambda driver: (driver.running(), driver.is_kept(change(router))))
    assert kept is False
    found = [finding.what for finding in prove(text, router.policy().sources, [22, 8729])]
    assert bool(found) == (foreign != "a service's addresses")
    if foreign == "before ours":
        assert any("let me in" in what for what in found)
        committed(router, change(router, "run-2"))
        text = driven(router, lambda driver: driver.running())
        assert prove(text, router.policy().sources, [22, 8729]) == []
        assert "let me in" in text, "no other's rule is touched"


def test_a_change_that_locks_us_out_is_taken_back_by_the_router_itself(router: Bench) -> None:
    before = running(router)
    with pytest.raises(DeviceError, match="takes the change back within 60 s"):
        committed(router, change(router, sources=("198.51.100.12", "2001:db8:51::12")))
    assert running(router) != before
    with pytest.raises(DeviceError):
        driven(router, lambda driver: driver.pending(), patience=0.5)
    time_passes(router)
    assert running(router) == before
    assert ours(router) == ""
    assert driven(router, lambda driver: driver.pending()) is None
    committed(router, change(router, "run-2"))


def test_a_change_that_locks_out_another_node_is_not_confirmed(router: Bench) -> None:
    before = running(router)
    with pytest.raises(DeviceError, match="not confirmed: the device takes the change back within 60 s"):
        committed(router, change(router, sources=("198.51.100.11", "2001:db8:51::11")))
    assert driven(router, lambda driver: driver.pending()) == "run-1"
    time_passes(router)
    assert running(router) == before


def test_a_reboot_takes_back_what_nobody_confirmed(router: Bench) -> None:
    before, wanted = running(router), change(router)
    driven(router, lambda driver: driver.arm(wanted))
    router.control.reboot()
    router.control.settled()
    assert running(router) == before
    with pytest.raises(DeviceError, match="pending no more"):
        driven(router, lambda driver: driver.confirm(wanted))
    assert ours(router) == ""


def test_a_confirmation_after_the_timer_has_run_confirms_nothing(router: Bench) -> None:
    before, wanted = running(router), change(router)

    def late(driver: RouterosDriver) -> None:
        driver.arm(wanted)
        driver.check_pending(wanted, 0)
        time_passes(router)
        driver.confirm(wanted)

    with pytest.raises(DeviceError, match="pending no more"):
        driven(router, late)
    assert running(router) == before


def test_a_change_is_not_as_it_must_be_when_too_little_was_denied_or_other_rules_run(router: Bench) -> None:
    wanted = change(router)

    def checks(driver: RouterosDriver) -> None:
        driver.arm(wanted)
        driver.check_pending(wanted, 0)
        with pytest.raises(DeviceError, match="has denied 0 packets, and 4 attempts"):
            driver.check_pending(wanted, OUTSIDE_ATTEMPTS)
        knock(router)
        driver.check_pending(wanted, OUTSIDE_ATTEMPTS)
        with pytest.raises(DeviceError, match="pending no more"):
            driver.check_pending(change(router, "another"), 0)
        script(router, "/ip firewall filter add chain=input action=accept place-before=0")
        for step in (lambda: driver.check_pending(wanted, 0), lambda: driver.confirm(wanted)):
            with pytest.raises(DeviceError, match="other management rules run"):
                step()
        assert driver.pending() == wanted.run

    driven(router, checks)


def test_rules_that_are_imported_when_no_timer_is_armed_any_more_come_to_nothing(router: Bench) -> None:
    before, wanted = running(router), change(router)
    router.control.fault("drop", "/import .*=file-name=obet-rules.*rsc$", times=1)
    with pytest.raises(DeviceError, match="takes the change back"):
        driven(router, lambda driver: driver.arm(wanted))
    script(router, '/system scheduler remove [find where name~"obet"]')
    with pytest.raises(DeviceError, match="its timer is not armed"):
        driven(router, lambda driver: driver._files.run("obet-rules-run-1.rsc"))
    assert running(router) == before


def test_what_fails_in_the_middle_is_taken_back_at_once(router: Bench) -> None:
    before = running(router)
    spoilt = change(router, text=render(router.policy()).replace("tls-version=only-1.2", "tls-version=only-9"))
    with pytest.raises(DeviceError, match=r"tls-version.*taken back"):
        driven(router, lambda driver: driver.arm(spoilt))
    assert running(router) == before
    assert ours(router) == ""


def test_what_is_no_script_is_refused_before_anything_is_armed(router: Bench) -> None:
    before = running(router)
    spoilt = change(router, text=render(router.policy()) + "/ip firewall filter prnt\n")
    with pytest.raises(DeviceError, match="bad command name"):
        driven(router, lambda driver: driver.arm(spoilt))
    assert running(router) == before
    assert ours(router) == ""


@pytest.mark.parametrize("run", ["a b", 'x"]; /user remove [find', "", "ж"])
def test_a_runs_id_that_would_be_more_than_a_name_on_the_router_is_refused(router: Bench, run: str) -> None:
    with pytest.raises(DeviceError, match="cannot be called"):
        driven(router, lambda driver: driver.arm(change(router, run)))


def test_a_change_of_a_run_that_still_works_is_left_alone(router: Bench) -> None:
    driven(router, lambda driver: driver.arm(change(router, "colleague")))
    before = running(router)
    with pytest.raises(DeviceError, match="run colleague is pending"):
        committed(router, change(router, "run-2"))
    with pytest.raises(DeviceError, match="run colleague is pending"):
        driven(router, lambda driver: driver.arm(change(router, "run-2")))
    assert running(router) == before


def test_where_a_router_has_a_flash_the_way_back_lies_there_and_outlives_a_reboot(router: Bench) -> None:
    driven(router, lambda driver: driver._api.ask("/file/add", "=name=flash/his.rsc", "=contents=#"))
    before = running(router)
    driven(router, lambda driver: driver.arm(change(router)))
    assert "flash/obet-undo-run-1.rsc" in router.control.state()["files"]
    router.control.reboot()
    router.control.settled()
    assert running(router) == before
    assert router.control.state()["files"] == ["flash", "flash/his.rsc"]


def test_of_two_runs_at_once_none_takes_the_others_way_back(router: Bench) -> None:
    before = running(router)

    def meanwhile(first: RouterosDriver) -> None:
        first._check_the_way = lambda: driven(router, lambda second: second.arm(change(router, "second")))  # type: ignore[method-assign]
        first.arm(change(router, "first"))

    with pytest.raises(DeviceError, match="another run changes its management rules"):
        driven(router, meanwhile)
    assert driven(router, lambda driver: driver.pending()) == "second"
    time_passes(router)
    assert running(router) == before


def test_a_colleagues_change_by_napalm_is_left_alone_and_said(router: Bench) -> None:
    script(
        router,
        "/system scheduler add name=napalm-commit-confirm interval=300s "
        'on-event="/system backup load name=before password=\\"\\""',
    )
    before = running(router)
    with pytest.raises(DeviceError, match=r"colleague's change waits .*napalm-commit-confirm"):
        committed(router, change(router))
    assert running(router) == before
    script(router, "/system scheduler remove [find where name=napalm-commit-confirm]")
    committed(router, change(router))


STEPS = ("pending", "arm", "check_pending", "confirm", "is_kept")


class Mortal:
    """A driver whose process dies before the step of this name."""

    def __init__(self, driver: RouterosDriver, step: str) -> None:
        self._driver, self._step = driver, step

    def __getattr__(self, name: str) -> Any:
        if name == self._step:
            raise Killed
        return getattr(self._driver, name)


@pytest.mark.parametrize("timer", ["runs out first", "still runs"])
@pytest.mark.parametrize("step", STEPS)
def test_a_run_killed_at_any_step_leaves_a_router_that_the_next_run_brings_to_the_same_end(
    router: Bench, step: str, timer: str
) -> None:
    before = running(router)
    with pytest.raises(Killed):
        committed(router, change(router, "killed"), driver=lambda driver: Mortal(driver, step))
    if timer == "runs out first":
        time_passes(router)
        if step != "is_kept":
            assert running(router) == before
    router.over.add("killed")
    committed(router, change(router, "next"))
    assert driven(router, lambda driver: (driver.is_kept(change(router)), driver.pending())) == (True, None)
    assert "killed" not in ours(router)
    assert router.control.state()["files"] == []


@pytest.mark.parametrize("kind", ["drop", "drop-after"])
def test_a_confirmation_that_is_cut_off_between_switching_the_timer_off_and_removing_it_blocks_nobody(
    router: Bench, kind: str
) -> None:
    router.control.fault(kind, "/system/scheduler/remove", times=1)
    with pytest.raises(DeviceError):
        committed(router, change(router, "killed"))
    time_passes(router)
    kept = driven(router, lambda driver: (driver.pending(), driver.preview(change(router))))
    assert kept == (None, ""), "the rules were seen to work, and stay"
    committed(router, change(router, "next"))
    assert "scheduler" not in running(router)
    assert router.control.state()["files"] == []


# The command at which each step of a change can be cut off.
COMMANDS = ("/file/add .*undo", "/file/add .*rules", "/file/print", "/file/remove", "/import .*undo", "/import .*rules")
COMMANDS += ("/system/scheduler/add .*startup", "/system/scheduler/add .*interval", "/system/scheduler/print")
COMMANDS += ("/system/scheduler/set", "/system/scheduler/remove", "export")
KINDS: tuple[dict[str, Any], ...] = (
    {"kind": "drop"},
    {"kind": "drop-after"},
    {"kind": "refuse", "text": "failure: not now\x1b[2J\r\n"},
    {"kind": "slow", "seconds": 5.0},
    {"kind": "reboot"},
    *({"kind": "garbage", "text": text} for text in ("ansi", "nul", "utf8", "prompt", "flood")),
)
ALL_FAULTS = [(command, fault) for command in COMMANDS for fault in KINDS]
SAMPLE = random.Random("a fault at each step").sample(ALL_FAULTS, 16)  # noqa: S311 - nothing is secret about it


@pytest.mark.parametrize(
    ("command", "fault"), SAMPLE, ids=[f"{c}: {' '.join(map(str, f.values()))}" for c, f in SAMPLE]
)
def test_whatever_goes_wrong_at_a_command_ends_in_one_line_and_a_router_as_before_or_as_wanted(
    router: Bench, command: str, fault: dict[str, Any]
) -> None:
    before, wanted = strip(running(router)), change(router)
    router.control.fault(**fault, command=command, times=1)
    try:
        committed(router, wanted)
    except DeviceError as error:
        assert "\n" not in str(error)
        assert "\x1b" not in str(error)
        assert len(str(error)) < 800
    router.control.clear()
    time_passes(router)
    found = driven(router, lambda driver: driver.pending())
    assert found in {None, wanted.run}
    if found is None:
        as_wanted = driven(router, lambda driver: driver.preview(wanted)) == ""
        assert as_wanted or strip(running(router)) == before
    router.over.add(wanted.run)
    committed(router, change(router, "next"))
    assert router.control.state()["files"] == []


def test_a_slow_router_is_waited_for_as_long_as_was_said(router: Bench) -> None:
    router.control.fault("slow", "/system/scheduler/print", seconds=0.5, times=2)
    assert driven(router, lambda driver: driver.pending(), patience=3.0) is None
    with pytest.raises(DeviceError, match="no answer in time"):
        driven(router, lambda driver: driver.pending(), patience=0.2)


def test_after_garbage_the_connection_is_not_used_again(router: Bench) -> None:
    router.control.fault("garbage", "/system/scheduler/print", text="nul", times=1)

    def twice(driver: RouterosDriver) -> None:
        with pytest.raises(DeviceError, match="none of RouterOS' API"):
            driver.pending()
        driver.pending()

    with pytest.raises(DeviceError, match="the connection is closed"):
        driven(router, twice)


def test_a_full_flash_stops_the_change_before_it_begins(router: Bench) -> None:
    before = running(router)
    router.control.fault("full")
    with pytest.raises(DeviceError, match="not enough disk space"):
        committed(router, change(router))
    assert running(router) == before


def test_a_configuration_of_thousands_of_lines_in_other_letters_is_read_and_left_as_it_is(router: Bench) -> None:
    rule = 'add chain=forward action=drop src-address=10.{}.{}.1 comment="правило {} \\"ü\\"" disabled=yes'
    lines = [rule.format(n // 250, n % 250, n) for n in range(3000)]
    for start in range(0, len(lines), 300):
        script(router, "/ip firewall filter\n" + "\n".join(lines[start : start + 300]))
    others = [line for line in strip(running(router)) if "obet" not in line]
    committed(router, change(router))
    text = driven(router, lambda driver: driver.running())
    assert prove(text, router.policy().sources, [22, 8729]) == []
    assert text.count("chain=forward") == 3000
    driven(router, lambda driver: driver.arm(change(router, "run-2", sources=("198.51.100.11", "198.51.100.12"))))
    time_passes(router)
    assert prove(driven(router, lambda d: d.running()), router.policy().sources, [22, 8729]) == []
    assert set(others) - set(strip(running(router))) <= {"set api-ssl certificate=local"}


# Accounts.


def test_an_account_gets_its_password_and_rights_and_keeps_them_over_a_reboot(router: Bench) -> None:
    first, second = Login("obet", Secret("first-password")), Login("obet", Secret("second-password"))
    driven(router, lambda driver: driver.put_account("obet", first.password, "full"))
    driven(router, lambda driver: driver.put_account("obet-read", Secret("looking"), "read"))
    assert driven(router, lambda driver: driver.accounts(), login=first) == {
        "admin": "full",
        "obet": "full",
        "obet-read": "read",
    }
    driven(router, lambda driver: driver.put_account("obet", second.password, "full"), login=first)
    with pytest.raises(LoginRefusedError):
        driven(router, lambda driver: driver.pending(), login=first)
    router.control.reboot()
    assert driven(router, lambda driver: driver.pending(), login=second) is None
    state = str(router.control.state())
    assert not [secret for secret in ("first-password", "second-password", "looking") if secret in state]


def test_rights_that_were_widened_by_somebody_are_told_and_put_right(router: Bench) -> None:
    driven(router, lambda driver: driver.put_account("obet-read", Secret("looking"), "read"))
    script(router, '/user group set [find where name="obet-look"] policy=read,write,policy,api,ssh')
    assert driven(router, lambda driver: driver.accounts())["obet-read"] == "full"
    driven(router, lambda driver: driver.put_account("obet-read", Secret("looking"), "read"))
    assert driven(router, lambda driver: driver.accounts())["obet-read"] == "read"


def test_a_password_that_the_router_refuses_is_in_no_message(router: Bench) -> None:
    secret = Secret("refused-password")
    router.control.fault("refuse", "/user/add", text=f"failure: {secret.reveal()} is too weak")
    with pytest.raises(DeviceError, match="… is too weak"):
        driven(router, lambda driver: driver.put_account("obet", secret, "full"))


def opens(router: Bench, account: str, key: asyncssh.SSHKey) -> bool:
    async def log_in() -> bool:
        known = asyncssh.import_public_key(router.device.host_key)
        try:
            async with asyncssh.connect(
                str(router.device.addresses.ipv4),
                username=account,
                client_keys=[key],
                agent_path=None,
                known_hosts=([known], [], []),
                preferred_auth="publickey",
            ):
                return True
        except asyncssh.PermissionDenied:
            return False

    return router.at("node1", lambda: asyncio.run(log_in()))


def access_by(key: asyncssh.SSHKey) -> CustomerAccess:
    return CustomerAccess(account="owner", public_key=" ".join(key.export_public_key().decode().split()[:2]))


def test_the_customers_own_key_opens_his_account_and_no_other_key_does(router: Bench) -> None:
    own, other = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    for _ in range(2):
        driven(router, lambda driver: driver.put_customer(access_by(own)))
    assert opens(router, "owner", own)
    assert not opens(router, "owner", other)
    keys = driven(router, lambda driver: driver._api.ask("/user/ssh-keys/print", "?user=owner"))
    assert len(keys) == 1
    assert driven(router, lambda driver: driver.accounts())["owner"] == "full"
    for password in ("", "owner"):
        with pytest.raises(LoginRefusedError):
            driven(router, lambda driver: driver.pending(), login=Login("owner", Secret(password)))
    assert router.control.state()["files"] == []


def test_a_key_of_a_type_that_the_router_does_not_take_is_said_and_leaves_no_file(router: Bench) -> None:
    router.control.fault("refuse", "/user/ssh-keys/import", text="unable to load key file")
    with pytest.raises(DeviceError, match="unable to load key file: if it takes no keys of the type ssh-ed25519"):
        driven(router, lambda driver: driver.put_customer(access_by(asyncssh.generate_private_key("ssh-ed25519"))))
    assert router.control.state()["files"] == []


# Keys of our own.

KEYS = [key_pairs.generate("ssh-ed25519") for _ in range(3)]


def given(router: Bench, *keys: Secret, user: str = "obet") -> Login:
    """The account with these keys; what comes back is its login by the last."""
    password = Secret(f"password of {user}")
    rights: Rights = "full" if user == "obet" else "read"
    driven(router, lambda driver: driver.put_account(user, password, rights))
    driven(router, lambda driver: driver.put_keys(user, tuple(map(key_pairs.public_key, keys))))
    return Login(user, password, key=keys[-1])


def gets_in(router: Bench, login: Login, *, wholly: bool = False) -> bool:
    return router.at("node1", lambda: (takes_wholly if wholly else takes)(router.device, login))


def keys_of(router: Bench, user: str = "obet") -> list[str]:
    rows = driven(router, lambda driver: driver._api.ask("/user/ssh-keys/print", f"?user={user}"))
    return sorted(f"{row['key']} {row['key-owner']}" for row in rows)


@pytest.mark.parametrize("user", ["obet", "obet-read"])
def test_over_ssh_a_key_of_ours_opens_its_account_and_the_password_does_so_no_more(router: Bench, user: str) -> None:
    own = given(router, KEYS[0], user=user)
    router.control.forget()
    running = driven(router, lambda driver: driver.running(), login=own)
    assert "/ip service" in running
    assert {found.kind for found in router.control.offered() if found.service == "ssh"} == {"user", "key"}
    assert gets_in(router, own, wholly=True)
    assert not gets_in(router, Login(user, own.password), wholly=True)
    with pytest.raises(DeviceError, match="refused"):
        driven(router, lambda driver: driver.running(), login=Login(user, own.password))
    assert gets_in(router, Login(user, own.password)), "its API knows passwords alone"


def test_a_router_that_is_told_so_takes_the_password_over_ssh_beside_a_key(router: Bench) -> None:
    own = given(router, KEYS[0])
    script(router, "/ip ssh set always-allow-password-login=yes")
    assert gets_in(router, Login("obet", own.password), wholly=True)


def test_no_key_but_the_accounts_own_opens_it(router: Bench) -> None:
    own, other = given(router, KEYS[0]), given(router, KEYS[1], user="obet-read")
    assert not gets_in(router, msgspec.structs.replace(own, key=other.key))
    assert not gets_in(router, msgspec.structs.replace(other, key=own.key))
    router.control.reboot()
    assert gets_in(router, own)
    assert gets_in(router, other)


def test_no_key_goes_to_a_router_with_another_host_key(router: Bench) -> None:
    own = given(router, KEYS[0])
    router.control.forget()
    router.control.fault("host-key")
    with pytest.raises(DeviceError, match="wrong host key"):
        gets_in(router, own)
    assert router.control.offered() == []


def test_an_account_has_just_the_keys_that_it_was_given_and_others_keep_theirs(router: Bench) -> None:
    owner, stranger = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    driven(router, lambda driver: driver.put_customer(access_by(owner)))
    given(router, KEYS[0])
    line = stranger.export_public_key().decode().strip()
    script(router, f'/user ssh-keys add user=obet key="{line}"')
    for keys in (KEYS[:2], KEYS[1:2], KEYS[1:2], KEYS[1:]):
        given(router, *keys)
        assert keys_of(router) == sorted(map(key_pairs.public_key, keys))
    opened = [gets_in(router, Login("obet", Secret("x"), key=key)) for key in KEYS]
    assert opened == [False, True, True]
    assert opens(router, "owner", owner)
    assert router.control.state()["files"] == []


def test_the_public_key_names_nothing_but_itself() -> None:
    first, second = (key_pairs.public_key(key).split() for key in KEYS[:2])
    assert re.fullmatch(r"obet-[0-9a-f]{16}", first[2])
    assert len({first[2], second[2]}) == 2
    assert key_pairs.private_key(KEYS[0]).get_comment() is None


def test_a_key_that_the_router_does_not_take_is_said_and_leaves_no_file(router: Bench) -> None:
    router.control.fault("refuse", "/user/ssh-keys/import", text="unable to load key file")
    with pytest.raises(DeviceError, match="unable to load key file"):
        given(router, KEYS[0])
    assert router.control.state()["files"] == []


def test_a_router_that_is_not_managed_over_ssh_gets_no_key(router: Bench) -> None:
    api_only = (ManagementService(protocol="api-ssl"),)
    assert driven(router, lambda driver: driver.key_kind()) == "ssh-ed25519"
    assert driven(router, lambda driver: driver.key_kind(), management=api_only) is None


# The end.

OUR_ACCOUNTS = ("obet", "obet-read")


def administered(router: Bench) -> Login:
    own = given(router, KEYS[0])
    given(router, KEYS[1], user="obet-read")
    committed(router, change(router))
    return own


def test_what_was_ours_goes_and_the_customers_own_access_stays(router: Bench) -> None:
    own, key = administered(router), asyncssh.generate_private_key("ssh-ed25519")
    script(router, '/ip firewall filter add chain=input action=accept comment="his own"')

    def end(driver: RouterosDriver) -> tuple[str, ...]:
        driver.put_customer(access_by(key))
        before = driver.residue(OUR_ACCOUNTS)
        driver.remove_ours(OUR_ACCOUNTS, nothing)
        return before

    before = driven(router, end, login=own)
    assert {"account obet", "SSH key of obet", "account obet-read", "rule 0 of /ip firewall filter"} <= set(before)
    assert driven(router, lambda driver: driver.residue(OUR_ACCOUNTS)) == ()
    assert ours(router) == ""
    assert "198.51.100.12" not in running(router)
    assert 'comment="his own"' in running(router)
    for user, own_key in zip(OUR_ACCOUNTS, KEYS, strict=False):
        login = Login(user, Secret(f"password of {user}"))
        assert not gets_in(router, login)
        assert not gets_in(router, msgspec.structs.replace(login, key=own_key))
    assert opens(router, "owner", key)
    assert (
        driven(router, lambda driver: (driver.remove_ours(OUR_ACCOUNTS, nothing), driver.residue(OUR_ACCOUNTS))[1])
        == ()
    )


CO_MANAGERS = (addresses("198.51.100.12", "2001:db8:51::12"),)


def ended(router: Bench, own: Login, **more: Any) -> str:
    """What of it was not seen."""

    def end(driver: RouterosDriver) -> str:
        driver.remove_ours(OUR_ACCOUNTS, more.get("refused", nothing))
        return driver.leave()

    return driven(router, end, login=own, co_managers=CO_MANAGERS)


def is_let_in(router: Bench, host: str) -> bool:
    """On both families and all ports; in part would be neither."""

    def tried() -> set[bool]:
        found = set()
        for address in router.device.addresses.both:
            for service in router.device.management:
                try:
                    socket.create_connection((str(address), service.port), 0.3).close()
                    found.add(True)
                except OSError:
                    found.add(False)
        return found

    (outcome,) = router.at(host, tried)
    return outcome


def is_the_customers_alone(router: Bench) -> bool:
    """His managers get in, and there is nothing of ours."""
    sources = [address for host in CO_MANAGERS for address in host.both]
    others = [source for source in OURS if source not in str(CO_MANAGERS)]
    named = [source for source in others if f"{source}/" in running(router) or f"{source} " in running(router)]
    proven = prove(router.control.state()["running"], sources, [22, 8729])
    return (ours(router), named, proven) == ("", [], [])


def test_where_the_customer_names_managers_they_alone_get_in_afterwards(router: Bench) -> None:
    own, seen = administered(router), []
    script(router, '/ip firewall filter add chain=management action=accept comment="his own"')

    def refused() -> None:
        seen.append(is_let_in(router, "node1"))
        with pytest.raises(LoginRefusedError):
            driven(router, lambda driver: driver.pending(), login=own)

    assert ended(router, own, refused=refused) == ""
    assert seen == [True], "that a login is refused can only be seen while it can be tried"
    router.control.settled()
    assert [is_let_in(router, host) for host in ("node1", "node2", "outsider1")] == [False, True, False]
    assert is_the_customers_alone(router)
    assert 'comment="his own"' in running(router), "a chain of that name is his"
    assert driven(router, lambda driver: set(driver.accounts()), host="node2").isdisjoint(OUR_ACCOUNTS)


def test_an_ending_that_is_cut_off_behind_our_account_is_brought_to_its_end_by_the_router(router: Bench) -> None:
    own = administered(router)
    driven(router, lambda driver: driver.remove_ours(OUR_ACCOUNTS, nothing), login=own, co_managers=CO_MANAGERS)
    with pytest.raises(LoginRefusedError):
        driven(router, lambda driver: driver.pending(), login=own)
    assert not is_the_customers_alone(router)
    time_passes(router, 20 * 60)
    with pytest.raises(NotLetInError):
        driven(router, lambda driver: driver.pending(), login=own, patience=0.3)
    assert is_the_customers_alone(router)


def test_an_ending_that_was_cut_off_ends_nothing_where_the_device_is_taken_into_service_again(router: Bench) -> None:
    own = administered(router)
    router.control.fault("drop", "/user/set", times=1)
    with suppress(DeviceError):
        driven(router, lambda driver: driver.remove_ours(OUR_ACCOUNTS, nothing), login=own, co_managers=CO_MANAGERS)
    router.control.clear()
    wanted = change(router, "run-2")
    assert not driven(router, lambda driver: driver.is_kept(wanted))
    committed(router, wanted)
    time_passes(router, 20 * 60)
    assert is_let_in(router, "node1")
    assert driven(router, lambda driver: driver.is_kept(wanted), login=Login(own.user, own.password))


def test_a_router_that_does_not_go_on_when_told_is_told_as_not_seen(
    router: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = administered(router)
    monkeypatch.setattr(driver_ending, "_LONGEST", 0.0)
    router.control.fault("refuse", "/system/scheduler/set", text="not permitted")
    assert "by itself within 20 minutes" in ended(router, own)
    time_passes(router, 20 * 60)
    assert is_the_customers_alone(router)


@pytest.mark.parametrize("command", ["/system/scheduler/add", "/user/set", "/user/remove"])
@pytest.mark.parametrize("kind", ["drop", "drop-after"])
def test_an_ending_towards_the_customers_managers_that_is_cut_off_comes_to_the_same_end(
    router: Bench, command: str, kind: str
) -> None:
    own = administered(router)
    router.control.fault(kind, command, times=1)
    with suppress(DeviceError):
        driven(router, lambda driver: driver.remove_ours(OUR_ACCOUNTS, nothing), login=own, co_managers=CO_MANAGERS)
    router.control.clear()
    for again in (own, Login(own.user, own.password)):  # as whoever doubts its key comes in
        with suppress(DeviceError):
            driven(
                router, lambda driver: driver.remove_ours(OUR_ACCOUNTS, nothing), login=again, co_managers=CO_MANAGERS
            )
    time_passes(router, 20 * 60)
    assert is_the_customers_alone(router)


@pytest.mark.parametrize("command", ["/import", "/file/remove", "/user/ssh-keys", "/user/group/remove", "/user/remove"])
@pytest.mark.parametrize("kind", ["drop", "drop-after"])
def test_an_ending_that_is_cut_off_is_brought_to_its_end_by_the_next(router: Bench, command: str, kind: str) -> None:
    own = administered(router)
    router.control.fault(kind, command, times=1)
    with suppress(DeviceError):
        driven(router, lambda driver: driver.remove_ours(OUR_ACCOUNTS, nothing), login=own)
    router.control.clear()
    with suppress(LoginRefusedError):
        driven(router, lambda driver: driver.remove_ours(OUR_ACCOUNTS, nothing), login=own)
    assert driven(router, lambda driver: driver.residue(OUR_ACCOUNTS)) == ()
    assert ours(router) == ""


def test_our_own_account_stays_while_anything_else_of_ours_does(router: Bench) -> None:
    own = administered(router)
    router.control.fault("refuse", "/user/group/remove", text="in use")
    with pytest.raises(DeviceError, match="in use"):
        driven(router, lambda driver: driver.remove_ours(OUR_ACCOUNTS, nothing), login=own)
    router.control.clear()
    assert "account obet" in driven(router, lambda driver: driver.residue(OUR_ACCOUNTS), login=own)


def test_the_proof_takes_nothing_else_for_a_router(router: Bench) -> None:
    with pytest.raises(ProofError):
        prove("", router.policy().sources, [22])
