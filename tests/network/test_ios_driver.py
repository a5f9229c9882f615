"""IOS's driver keeps what a driver promises, on the lab's switch: the whole commit protocol, accounts, an ending."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import asyncssh
import pytest
from builders import DEVICE, addresses, ips
from ios_support import until
from lab.simulators.faults import FaultKind
from network_support import described, nothing
from obet.access.policy import ManagementPolicy
from obet.defaults import REVERT_SECONDS
from obet.devices import key_pairs
from obet.devices.commit import commit
from obet.devices.connection import Answer, try_login
from obet.devices.driver import Change
from obet.devices.own_login import takes
from obet.erasure.steps import Step
from obet.errors import DeviceError, LoginRefusedError, NotLetInError
from obet.model import Address, Addresses, CustomerAccess, Device, ManagementService
from obet.platforms.ios import driver_accounts
from obet.platforms.ios.driver import IosDriver, open_driver
from obet.platforms.ios.driver_console import opened
from obet.platforms.ios.proof import prove
from obet.platforms.ios.rules import render
from obet.secret import Secret
from obet.vault.device_secrets import Login
from simulator_support import at, reaches

if TYPE_CHECKING:
    from lab.simulators.simulator import Simulator

PLACE = "switch1"
Result = TypeVar("Result")

NODE1 = ips("198.51.100.11", "2001:db8:51::11")
NODE2 = ips("198.51.100.12", "2001:db8:51::12")
OURS = ("obet", "obet-read")
PASSWORD = "Canary-of-obet-4711"
HASH = driver_accounts.hashed(Secret(PASSWORD))
READY = ["archive", " path flash:obet-archive", " maximum 2", f"username obet privilege 15 secret 9 {HASH}"]
# What is shut already need not be shut in each test; one test opens all of it again.
SHUT = ["no ip http server", "no ip http secure-server", "line vty 0 15", " transport input ssh"]
SHUT += ["ip ssh server algorithm encryption aes256-gcm@openssh.com aes128-gcm@openssh.com aes256-ctr aes192-ctr"]
OPEN = ["ip http server", "ip http secure-server", "line vty 0 15", " transport input telnet ssh"]
OPEN += ["no ip ssh server algorithm encryption"]
RSA = asyncssh.generate_private_key("ssh-rsa", key_size=2048)


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


@pytest.fixture
def switch(simulator: Simulator) -> Iterator[Simulator]:
    """The switch with an archive and our account, as onboarding leaves it."""
    control = simulator.control
    if "username obet " not in control.state()["startup"]:
        control.call("configure", lines=[*READY, *SHUT])
        control.call("save")
    control.forget()
    before = control.state()
    yield simulator
    control.clear()
    after = control.state()
    if any(after[part] != before[part] for part in ("running", "startup", "pending", "files")):
        control.scale(100)
        control.call("restore")
        control.scale(1)


def on(
    switch: Simulator,
    work: Callable[[IosDriver], Result],
    login: tuple[str, str] = ("obet", PASSWORD),
    host: str = "node1",
    **changes: Any,
) -> Result:
    """What comes of a driver, opened as a host of the lab."""
    target = described(switch, **changes)

    def opened_and_worked() -> Result:
        with open_driver(target, Login(login[0], Secret(login[1]))) as driver:
            return work(driver)

    return at(switch, host, opened_and_worked)


def initial(switch: Simulator) -> tuple[str, str]:
    return switch.initial_login_pair


def change(run: str = "run-1", ours: list[Address] = NODE1, others: list[Address] = NODE2, wait: int = 60) -> Change:
    policy = ManagementPolicy(device=DEVICE, ours=tuple(ours), co_managers=tuple(others), ports=(22,))
    return Change(run=run, text=render(policy), revert_seconds=wait, policy=policy)


def attempt(switch: Simulator) -> int:
    """A new login from our own address, in this thread; how often outsiders were refused."""
    with open_driver(described(switch), Login("obet", Secret(PASSWORD))):
        pass
    if reaches(switch, "outsider1", switch.ipv4, 22) or reaches(switch, "outsider1", switch.ipv6, 22):
        raise DeviceError("an outsider gets in")
    return 2


def restrict(switch: Simulator, wanted: Change, over: tuple[str, ...] = (), **more: Any) -> list[str]:
    """The whole protocol in one run; the steps that are on record."""
    recorded: list[str] = []

    def work(driver: IosDriver) -> list[str]:
        commit(
            more.get("driver", lambda one: one)(driver),
            wanted,
            attempt=more.get("attempt", lambda: attempt(switch)),
            record=lambda step, _: recorded.append(step),
            is_over=over.__contains__,
        )
        return recorded

    return on(switch, work)


def texts(switch: Simulator) -> tuple[str, str]:
    state = switch.control.state()
    return state["running"], state["startup"]


def taken_back(switch: Simulator) -> None:
    """The device's timer has run out."""
    switch.control.clear()
    switch.control.advance(61)
    switch.control.settled()
    assert until(lambda: switch.control.state()["pending"] is None)


def one_line(error: DeviceError) -> str:
    said = str(error)
    assert said.isprintable()
    assert len(said) < 400
    assert PASSWORD not in said
    return said


# Who it is, before anything is sent


def test_no_credential_goes_to_a_device_with_another_host_key(switch: Simulator) -> None:
    pinned = switch.ssh_host_key
    switch.control.fault(FaultKind.HOST_KEY)
    with pytest.raises(DeviceError, match="wrong host key"):
        on(switch, lambda _: None, host_key=pinned)
    assert switch.control.offered() == []
    switch.control.clear()
    on(switch, lambda _: None, host_key=pinned)
    assert {one.kind for one in switch.control.offered()} == {"user", "password"}


def test_no_credential_goes_to_a_device_whose_key_is_of_another_kind_than_the_pinned(switch: Simulator) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    with pytest.raises(DeviceError, match="wrong host key"):
        on(switch, lambda _: None, host_key=other)
    assert switch.control.offered() == []


def test_a_refused_login_is_told_from_a_device_that_does_not_answer(switch: Simulator) -> None:
    with pytest.raises(LoginRefusedError, match="refuses the login of obet"):
        on(switch, lambda _: None, login=("obet", "wrong"))
    with pytest.raises(NotLetInError) as raised:
        on(switch, lambda _: None, management=(ManagementService(protocol="ssh", port=2222),))
    assert not isinstance(raised.value, LoginRefusedError)


def test_a_device_is_reached_over_ipv6_alone(switch: Simulator) -> None:
    only = Addresses(ipv6=addresses("", switch.ipv6).ipv6)
    assert on(switch, lambda driver: driver.accounts()["obet"], addresses=only) == "full"


def test_a_banner_that_looks_like_a_prompt_is_passed_over(switch: Simulator) -> None:
    switch.control.call("configure", lines=["banner motd ^C", "switch1#", "elsewhere# terminal length 0", "switch1#^C"])
    assert on(switch, lambda driver: driver.accounts()["obet"]) == "full"


def test_a_session_leaves_no_file_and_no_secret_in_any_log_on_this_machine(
    switch: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.DEBUG):
        on(switch, lambda driver: driver.put_account("obet-two", Secret("Other-Canary-1"), "full"))
    assert list(tmp_path.rglob("*")) == []
    for secret in (PASSWORD, "Other-Canary-1", "$9$"):
        assert secret not in caplog.text


# Accounts


def test_an_account_gets_its_password_and_rights_and_keeps_them_over_a_reboot(switch: Simulator) -> None:
    on(switch, lambda driver: driver.put_account("obet-two", Secret("Other-Canary-1"), "full"), login=initial(switch))
    switch.control.reboot()
    assert on(switch, lambda driver: driver.gaps(), login=("obet-two", "Other-Canary-1")) == ()
    for text in texts(switch):
        assert "username obet-two privilege 15 secret 9 $9$" in text
        assert "Other-Canary-1" not in text


def test_a_changed_password_is_the_only_one_that_works(switch: Simulator) -> None:
    on(switch, lambda driver: driver.put_account("obet", Secret("Other-Canary-1"), "full"))
    on(switch, lambda _: None, login=("obet", "Other-Canary-1"))
    with pytest.raises(LoginRefusedError):
        on(switch, lambda _: None)


def test_an_account_that_looks_sees_all_that_a_proof_needs_and_changes_nothing(switch: Simulator) -> None:
    restrict(switch, change())
    on(switch, lambda driver: driver.put_account("obet-read", Secret("Reader-1"), "read"))
    reader = ("obet-read", "Reader-1")
    assert on(switch, lambda driver: driver.accounts(), login=reader) == {
        "admin": "full",
        "obet": "full",
        "obet-read": "read",
    }
    running, denied = on(switch, lambda driver: (driver.running(), driver.denied()), login=reader)
    assert prove(running, [*NODE1, *NODE2], [22]) == []
    assert denied is not None
    before = texts(switch)
    works: list[Callable[[IosDriver], object]] = [
        lambda driver: driver.put_account("obet-read", Secret("Reader-2"), "full"),
        lambda driver: driver.arm(change("run-2", others=[])),
        lambda driver: driver.remove_ours(OURS, nothing),
        lambda driver: driver.put_customer(CustomerAccess(account="owner", public_key=public(RSA))),
    ]
    for work in works:
        with pytest.raises(DeviceError):
            on(switch, work, login=reader)
    assert texts(switch) == before


def test_level_one_stays_as_it_was_beside_an_account_that_looks(switch: Simulator) -> None:
    switch.control.call("configure", lines=["username guest secret Guest-1"])
    on(switch, lambda driver: driver.put_account("obet-read", Secret("Reader-1"), "read"))
    with pytest.raises(DeviceError, match="shows guest no running configuration: the account needs privilege 15"):
        on(switch, lambda driver: driver.running(), login=("guest", "Guest-1"))


def test_an_account_with_a_readable_password_is_made_anew_with_a_hash(switch: Simulator) -> None:
    switch.control.call("configure", lines=["username helper privilege 15 password Readable-1"])
    on(switch, lambda driver: driver.put_account("helper", Secret("Other-Canary-1"), "full"))
    assert "Readable-1" not in texts(switch)[0]
    on(switch, lambda _: None, login=("helper", "Other-Canary-1"))


def test_a_password_is_not_in_what_is_said_of_a_command_that_is_refused(switch: Simulator) -> None:
    switch.control.fault(FaultKind.REFUSE, "username obet", text=f"% {HASH} is not taken")
    with pytest.raises(DeviceError, match="refuses `username obet privilege 15 secret …`") as raised:
        on(switch, lambda driver: driver.put_account("obet", Secret(PASSWORD), "full"))
    assert "$9$" not in one_line(raised.value).replace(HASH, "")


def test_what_is_not_saved_is_no_account(switch: Simulator) -> None:
    switch.control.fault(FaultKind.REFUSE, "write memory", text="startup-config file open failed (Device busy)")
    with pytest.raises(DeviceError, match="does not save its configuration: startup-config file open failed"):
        on(switch, lambda driver: driver.put_account("obet-two", Secret("x"), "full"))


def public(key: asyncssh.SSHKey) -> str:
    return " ".join(key.export_public_key().decode().split()[:2])


def customer_gets_in(switch: Simulator, key: asyncssh.SSHKey) -> bool:
    """Whether his key opens an account with full rights."""
    credential = {"username": "owner", "client_keys": [key], "preferred_auth": "publickey"}

    async def work() -> Answer:
        target = described(switch)
        return await try_login(target, target.addresses.first, 22, credential, command="show privilege")

    answer = at(switch, "node1", lambda: asyncio.run(work()))
    assert answer.outcome in {"accepted", "refused"}
    return "level is 15" in answer.output


def test_the_customers_key_opens_an_account_with_full_rights_that_outlives_a_reboot(switch: Simulator) -> None:
    switch.control.call("configure", lines=["ip ssh server authenticate user password"])
    access = CustomerAccess(account="owner", public_key=public(RSA))
    for _ in range(2):
        on(switch, lambda driver: driver.put_customer(access))
    switch.control.reboot()
    assert customer_gets_in(switch, RSA)
    assert not customer_gets_in(switch, asyncssh.generate_private_key("ssh-rsa", key_size=2048))


def test_the_customers_own_password_stays_his(switch: Simulator) -> None:
    access = CustomerAccess(account="admin", public_key=public(RSA))
    on(switch, lambda driver: driver.put_customer(access))
    on(switch, lambda _: None, login=initial(switch))


def test_a_key_that_ios_does_not_take_is_refused_by_its_kind_and_nothing_is_sent(switch: Simulator) -> None:
    before = texts(switch)
    key = public(asyncssh.generate_private_key("ssh-ed25519"))
    with pytest.raises(DeviceError, match="ssh-rsa alone, and the customer's is ssh-ed25519"):
        on(switch, lambda driver: driver.put_customer(CustomerAccess(account="owner", public_key=key)))
    assert texts(switch) == before


# Keys of our own


KEYS = [key_pairs.generate("ssh-rsa") for _ in range(3)]


def with_key(key: Secret, user: str = "obet") -> Login:
    """With a password that the switch does not take."""
    return Login(user, Secret("no-password-of-its-own"), key=key)


def lines_of(*keys: Secret) -> list[str]:
    return sorted(f"key-hash {driver_accounts.kept(key_pairs.public_key(key))}" for key in keys)


def in_the_chain(switch: Simulator, user: str = "obet") -> list[str]:
    """The lines of the account's keys, which must be the same in what is saved."""
    found = []
    for text in texts(switch):
        block = re.search(rf"^  username {user}\n((?:   .*\n?)*)", text, re.MULTILINE)
        found.append(sorted(line.strip() for line in block[1].splitlines()) if block else [])
    assert found[0] == found[1]
    return found[0]


def given(switch: Simulator, *keys: Secret, user: str = "obet") -> None:
    on(switch, lambda driver: driver.put_keys(user, tuple(map(key_pairs.public_key, keys))))


def logged_in(device: Device, login: Login) -> Mapping[str, str]:
    with open_driver(device, login) as driver:
        return driver.accounts()


def gets_in(switch: Simulator, login: Login) -> bool:
    return at(switch, "node1", lambda: takes(described(switch), login))


def test_a_key_of_ours_opens_its_account_and_no_password_goes_to_the_switch(switch: Simulator) -> None:
    assert on(switch, lambda driver: driver.key_kind()) == "ssh-rsa"
    given(switch, KEYS[0])
    switch.control.reboot()
    switch.control.forget()

    assert at(switch, "node1", lambda: logged_in(described(switch), with_key(KEYS[0])))["obet"] == "full"
    assert gets_in(switch, with_key(KEYS[0]))
    offered = switch.control.offered()
    assert {one.kind for one in offered} == {"user", "key"}
    assert all(one.accepted for one in offered)


def test_no_key_but_the_accounts_own_opens_it_and_a_refused_one_is_a_refused_login(switch: Simulator) -> None:
    on(switch, lambda driver: driver.put_account("obet-read", Secret("Reader-1"), "read"))
    given(switch, KEYS[0])
    switch.control.forget()
    for refused in (with_key(KEYS[1]), with_key(KEYS[0], "obet-read")):
        assert not gets_in(switch, refused)
        with pytest.raises(LoginRefusedError, match=f"refuses the login of {refused.user}"):
            at(switch, "node1", partial(logged_in, described(switch), refused))
    assert "password" not in {one.kind for one in switch.control.offered()}


def test_no_key_goes_to_a_device_with_another_host_key(switch: Simulator) -> None:
    pinned = described(switch)
    switch.control.fault(FaultKind.HOST_KEY)
    for log_in in (takes, logged_in):
        with pytest.raises(DeviceError, match="wrong host key"):
            at(switch, "node1", partial(log_in, pinned, with_key(KEYS[0])))
    assert switch.control.offered() == []


def test_an_account_has_just_the_keys_that_it_was_given_and_others_keep_theirs(switch: Simulator) -> None:
    on(switch, lambda driver: driver.put_customer(CustomerAccess(account="owner", public_key=public(RSA))))
    stranger = public(asyncssh.generate_private_key("ssh-rsa", key_size=2048))
    lines = ["ip ssh pubkey-chain", " username obet", f"  key-hash {driver_accounts.kept(stranger)}", "  exit", " exit"]
    switch.control.call("configure", lines=lines)
    for keys in (KEYS[:2], KEYS[1:2], KEYS[1:2], KEYS[1:]):
        given(switch, *keys)
        assert in_the_chain(switch) == lines_of(*keys)
    assert [gets_in(switch, with_key(key)) for key in KEYS] == [False, True, True]
    assert customer_gets_in(switch, RSA)


def test_a_key_that_the_switch_has_not_taken_is_said(switch: Simulator) -> None:
    for text in ("% Invalid input detected at '^' marker.", "%SSH: Failed to decode the Key Value"):
        switch.control.fault(FaultKind.REFUSE, "key-hash", text=text, times=1)
        with pytest.raises(DeviceError, match=r"refuses `key-hash …`|has not taken") as raised:
            given(switch, KEYS[0])
        one_line(raised.value)
        switch.control.clear()
    assert in_the_chain(switch) == []


@pytest.mark.parametrize(
    "line",
    [
        "ip ssh server authenticate user password",
        "ip ssh server algorithm publickey x509v3-ssh-rsa ssh-rsa",
        "ip ssh server algorithm publickey x509v3-rsa2048-sha256 ecdsa-sha2-nistp256",
    ],
)
def test_a_switch_that_takes_no_key_that_we_would_sign_with_is_told_from_one_that_does(
    switch: Simulator, line: str
) -> None:
    assert on(switch, lambda driver: driver.key_kind()) == "ssh-rsa"
    switch.control.call("configure", lines=[line])
    assert on(switch, lambda driver: driver.key_kind()) is None


def test_no_key_is_changed_while_a_colleagues_change_is_pending(switch: Simulator) -> None:
    on(switch, lambda driver: driver.arm(change("other")))
    with pytest.raises(DeviceError, match="nothing else is changed meanwhile"):
        given(switch, KEYS[0])


# What must be there before


def test_a_gap_is_named_and_mended_where_configuration_can(switch: Simulator) -> None:
    switch.control.call("configure", lines=["archive", " no path", " no maximum"])
    assert ["archive" in gap.what for gap in on(switch, lambda driver: driver.gaps())] == [True]
    on(switch, lambda driver: driver.mend())
    assert on(switch, lambda driver: driver.gaps()) == ()
    assert "flash:obet-archive" in texts(switch)[1]
    before = texts(switch)
    on(switch, lambda driver: driver.mend())
    assert texts(switch) == before


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        (["archive", " path tftp://192.0.2.1/copy"], "archive is not on the device"),
        (["username obet privilege 5"], "privilege 15"),
    ],
)
def test_what_only_a_person_can_mend_is_left_to_him(switch: Simulator, lines: list[str], what: str) -> None:
    switch.control.call("configure", lines=["privilege exec all level 5 show", "privilege exec level 5 dir", *lines])
    assert [what in gap.what for gap in on(switch, lambda driver: driver.gaps())] == [True]


def test_a_full_flash_is_a_gap_and_stops_a_change_before_anything_is_sent(switch: Simulator) -> None:
    before = texts(switch)
    switch.control.fault(FaultKind.FULL)
    assert ["no room" in gap.what for gap in on(switch, lambda driver: driver.gaps())] == [True]
    with pytest.raises(DeviceError, match="No space left") as raised:
        restrict(switch, change())
    one_line(raised.value)
    assert texts(switch) == before


# The commit protocol


def test_a_change_that_works_is_kept_and_proven_and_leaves_no_copy_on_flash(switch: Simulator) -> None:
    wanted = change()
    switch.control.call("configure", lines=OPEN)
    assert reaches(switch, "outsider1", switch.ipv4, 23)
    assert not on(switch, lambda driver: driver.is_kept(wanted))
    assert restrict(switch, wanted) == [Step.MANAGEMENT_CHANGE_STARTED, Step.MANAGEMENT_CHANGE_CONFIRMED]
    assert on(switch, lambda driver: (driver.is_kept(wanted), driver.pending())) == (True, None)
    for text in texts(switch):
        assert "run-1" not in text
        assert prove(text + "\nend\n" if not text.endswith("end\n") else text, [*NODE1, *NODE2], [22]) == []
    state = switch.control.state()
    assert (state["pending"], state["files"]) == (None, [])
    assert [reaches(switch, "outsider1", switch.ipv4, port) for port in (22, 23, 80, 443)] == [False] * 4
    assert reaches(switch, "node2", switch.ipv6, 22)
    switch.control.advance(3600)
    switch.control.settled()
    switch.control.reboot()
    assert on(switch, lambda driver: driver.is_kept(wanted))


def test_a_foreign_rule_that_lets_others_in_is_found_in_what_runs(switch: Simulator) -> None:
    restrict(switch, change())
    switch.control.call(
        "configure",
        lines=["ip access-list extended OBET-MANAGEMENT-V4", " 5 permit tcp host 203.0.113.66 any eq 22"],
    )
    found = prove(on(switch, lambda driver: driver.running()), [*NODE1, *NODE2], [22])
    assert "203.0.113.66" in " ".join(finding.what for finding in found)
    assert not on(switch, lambda driver: driver.is_kept(change()))


def test_a_preview_names_lines_of_the_device_and_changes_nothing(switch: Simulator) -> None:
    switch.control.call("configure", lines=["ip http server"])
    before = texts(switch)
    diff = on(switch, lambda driver: driver.preview(change()))
    assert "+ permit tcp host 198.51.100.11 any eq 22\n" in diff
    assert "-ip http server\n" in diff
    assert texts(switch) == before
    restrict(switch, change())
    assert on(switch, lambda driver: driver.preview(change())) == ""


def test_the_next_change_replaces_lists_and_leaves_none_behind(switch: Simulator) -> None:
    restrict(switch, change())
    restrict(switch, change("run-2", others=[]))
    assert not reaches(switch, "node2", switch.ipv4, 22)
    for text in texts(switch):
        assert len(re.findall(r"^(?:ip access-list extended|ipv6 access-list) OBET", text, re.MULTILINE)) == 2


def test_a_change_that_locks_us_out_is_not_confirmed_and_the_device_takes_it_back(switch: Simulator) -> None:
    before = texts(switch)
    with pytest.raises(DeviceError, match="not confirmed: the device takes the change back within 60 s"):
        restrict(switch, change(ours=NODE2, others=[]))
    assert not reaches(switch, "node1", switch.ipv4, 22)
    taken_back(switch)
    assert texts(switch) == before
    on(switch, lambda _: None)


def test_fewer_refused_than_tried_is_not_confirmed(switch: Simulator) -> None:
    with pytest.raises(DeviceError, match="refused fewer than the 3 attempts"):
        restrict(switch, change(), attempt=lambda: attempt(switch) + 1)


@pytest.mark.parametrize("seconds", [0, 59, 7260])
def test_a_time_that_the_device_cannot_wait_arms_nothing(switch: Simulator, seconds: int) -> None:
    with pytest.raises(DeviceError, match="after 1 to 120 minutes"):
        restrict(switch, change(wait=seconds))
    assert switch.control.state()["pending"] is None


class Killing:
    """A driver whose process ends before the step that is named."""

    def __init__(self, driver: IosDriver, kill: str) -> None:
        self._driver, self._kill = driver, kill

    def __getattr__(self, name: str) -> Any:
        if name == self._kill:
            raise Killed
        return getattr(self._driver, name)


@pytest.mark.parametrize(
    ("kill", "timer"),
    [
        ("arm", "still runs"),
        ("check_pending", "still runs"),
        ("check_pending", "runs out first"),
        ("confirm", "runs out first"),
        ("is_kept", "still runs"),
    ],
)
def test_a_run_killed_before_a_step_leaves_a_device_that_the_next_run_brings_to_the_same_end(
    switch: Simulator, kill: str, timer: str
) -> None:
    before = texts(switch)
    with pytest.raises(Killed):
        restrict(switch, change("killed"), driver=lambda driver: Killing(driver, kill))
    if timer == "runs out first":
        taken_back(switch)
        assert texts(switch) == before
    restrict(switch, change("next"), over=("killed",))
    assert on(switch, lambda driver: driver.is_kept(change()))


# Faults, at commands from the first to the last


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        (FaultKind.DROP_AFTER, "revert timer"),
        (FaultKind.DROP_AFTER, "OBET-CHANGE"),
        (FaultKind.DROP, "line vty 5 15"),
        (FaultKind.DROP, "configure confirm"),
        (FaultKind.DROP_AFTER, "configure confirm"),
        (FaultKind.DROP, "write memory"),
    ],
)
def test_a_session_that_breaks_anywhere_is_said_and_the_next_run_reaches_the_same_end(
    switch: Simulator, kind: FaultKind, command: str
) -> None:
    switch.control.fault(kind, command, times=1)
    with pytest.raises(DeviceError, match=r"closed the connection|connection has broken") as raised:
        restrict(switch, change("broken"))
    one_line(raised.value)
    if switch.control.state()["pending"] and "OBET-CHANGE" not in texts(switch)[0]:
        taken_back(switch)  # the run broke before it could leave its name
    restrict(switch, change("next"), over=("broken",))
    assert on(switch, lambda driver: driver.is_kept(change()))


FAULTS: list[tuple[FaultKind, str, dict[str, Any]]] = [
    (FaultKind.GARBAGE, "show running-config view full", {"text": "nul"}),
    (FaultKind.GARBAGE, "show running-config view full", {"text": "utf8"}),
    (FaultKind.GARBAGE, "show line", {"text": "flood"}),
    (FaultKind.GARBAGE, "access-class OBET", {"text": "ansi"}),
    (FaultKind.GARBAGE, "access-class OBET", {"text": "prompt"}),
    (FaultKind.GARBAGE, "show archive config rollback", {"text": "flood"}),
    (FaultKind.REFUSE, "revert timer", {"text": "% Invalid input detected at '^' marker."}),
    (FaultKind.REFUSE, "deny ipv6 any any", {"text": "Command rejected: no memory"}),
    (FaultKind.REFUSE, "configure confirm", {"text": "% Command authorization failed."}),
    (FaultKind.REBOOT, "transport input ssh", {"times": 1}),
    (FaultKind.REBOOT, "show ipv6 access-list", {"times": 1}),
]


@pytest.mark.parametrize(("kind", "command", "more"), FAULTS)
def test_a_device_that_misbehaves_ends_in_one_clear_error_and_as_it_was(
    switch: Simulator, kind: FaultKind, command: str, more: dict[str, Any]
) -> None:
    before = texts(switch)
    switch.control.fault(kind, command, **more)
    with pytest.raises(DeviceError) as raised:
        restrict(switch, change())
    assert one_line(raised.value).startswith(DEVICE)
    switch.control.settled()
    taken_back(switch)
    assert texts(switch) == before


def test_a_slow_device_is_waited_for_and_a_silent_one_is_not(switch: Simulator) -> None:
    switch.control.fault(FaultKind.SLOW, "show privilege", seconds=1.0)
    login = Login("obet", Secret(PASSWORD))

    def ask(silence: float) -> str:
        with opened(described(switch), login, silence) as console:
            return console.ask("show privilege")

    assert "15" in at(switch, "node1", lambda: ask(5.0))
    with pytest.raises(DeviceError, match="fell silent"):
        at(switch, "node1", lambda: ask(0.3))


@pytest.mark.parametrize(("wait", "in_time"), [(REVERT_SECONDS["ios"], True), (60, False)])
def test_two_seconds_for_each_answer_are_in_time_for_the_confirmation(
    switch: Simulator, wait: int, in_time: bool
) -> None:
    before = texts(switch)
    switch.control.scale(20)
    switch.control.fault(FaultKind.SLOW, "", seconds=0.1)  # which are two of the switch's own seconds
    try:
        if in_time:
            assert restrict(switch, change(wait=wait))[-1] is Step.MANAGEMENT_CHANGE_CONFIRMED
        else:
            with pytest.raises(DeviceError):
                restrict(switch, change(wait=wait))
    finally:
        switch.control.clear()
        switch.control.scale(1)
    if not in_time:
        taken_back(switch)
        assert texts(switch) == before


def test_thousands_of_lines_and_text_that_is_no_ascii_are_read_and_ruled(switch: Simulator) -> None:
    foreign = [f" permit ip host 192.0.2.{n % 256} host 203.0.113.{n // 256}" for n in range(4000)]
    text = "Щит № 3, Übergang".encode().decode("latin-1")  # the console takes bytes
    for start in range(0, len(foreign), 500):
        switch.control.call("configure", lines=["ip access-list extended WATCH", *foreign[start : start + 500]])
    switch.control.call("configure", lines=["interface GigabitEthernet1/0/1", f" description {text}"])
    switch.control.call("save")
    many = [ip_address(f"192.0.2.{n}") for n in range(1, 250)]
    wanted = change(others=many)
    restrict(switch, wanted)
    running = on(switch, lambda driver: driver.running())
    assert "description Щит № 3, Übergang" in running
    assert all(line in running for line in foreign)
    assert prove(running, [*NODE1, *many], [22]) == []


# Others' changes, and one's own that came too late


def test_a_colleagues_change_that_is_not_confirmed_is_left_alone_and_said(switch: Simulator) -> None:
    def colleague() -> None:
        with opened(described(switch), Login(*_secret(initial(switch)))) as console:
            console.enter("configure terminal revert timer 5")
            console.leave()

    at(switch, "node1", colleague)
    before = texts(switch)
    works: list[Callable[[], object]] = [
        lambda: restrict(switch, change()),
        lambda: on(switch, lambda driver: driver.put_account("obet-two", Secret("x"), "full")),
        lambda: on(switch, lambda driver: driver.revert("run-1")),
        lambda: on(switch, lambda driver: driver.confirm(change())),
        lambda: on(switch, lambda driver: driver.remove_ours(OURS, nothing)),
    ]
    for work in works:
        with pytest.raises(DeviceError, match="a change of user admin is pending"):
            work()
    assert texts(switch) == before
    assert switch.control.state()["pending"] == "admin"


def _secret(login: tuple[str, str]) -> tuple[str, Secret]:
    return login[0], Secret(login[1])


def test_the_change_of_another_run_is_left_alone_unless_that_run_is_over(switch: Simulator) -> None:
    on(switch, lambda driver: driver.arm(change("other")))
    with pytest.raises(DeviceError, match="run other is pending"):
        restrict(switch, change())
    for work in (lambda d: d.revert("run-1"), lambda d: d.confirm(change()), lambda d: d.check_pending(change(), 0)):
        with pytest.raises(DeviceError, match="run other is pending, and not that of run run-1"):
            on(switch, work)
    assert on(switch, lambda driver: driver.pending()) == "other"
    with pytest.raises(DeviceError, match="nothing else is changed meanwhile"):
        on(switch, lambda driver: driver.put_account("obet-two", Secret("x"), "full"))


def test_a_change_under_our_account_that_names_no_run_is_nobodys_to_take_back(switch: Simulator) -> None:
    def armed() -> None:
        with opened(described(switch), Login("obet", Secret(PASSWORD))) as console:
            console.enter("configure terminal revert timer 5")
            console.leave()

    at(switch, "node1", armed)
    with pytest.raises(DeviceError, match="a change of user obet is pending"):
        restrict(switch, change())


def test_a_change_is_not_confirmed_when_its_timer_was_faster(switch: Simulator) -> None:
    before = texts(switch)

    def late(driver: IosDriver) -> None:
        driver.arm(change())
        taken_back(switch)
        with pytest.raises(DeviceError, match="has taken it back"):
            driver.check_pending(change(), 0)
        with pytest.raises(DeviceError, match="has taken it back"):
            driver.confirm(change())
        driver.revert("run-1")
        assert not driver.is_kept(change())

    on(switch, late)
    assert texts(switch) == before


def test_rules_that_somebody_changed_meanwhile_are_not_confirmed(switch: Simulator) -> None:
    def disturbed(driver: IosDriver) -> None:
        driver.arm(change())
        switch.control.call("configure", lines=["line vty 0 4", " transport input telnet ssh"])
        with pytest.raises(DeviceError, match="does not run the rules as they were loaded"):
            driver.check_pending(change(), 0)
        with pytest.raises(DeviceError, match="does not run the rules as they were loaded"):
            driver.confirm(change())

    on(switch, disturbed)
    assert switch.control.state()["pending"] == "obet"


def test_a_change_is_taken_back_at_once_when_told_so(switch: Simulator) -> None:
    before = texts(switch)
    on(switch, lambda driver: driver.arm(change()))
    on(switch, lambda driver: driver.revert("run-1"))
    state = switch.control.state()
    assert (texts(switch), state["pending"], state["files"]) == (before, None, [])


def test_many_drivers_at_once_do_not_disturb_each_other(switch: Simulator) -> None:
    def own(number: int) -> str:
        return on(switch, lambda driver: driver.preview(change(others=ips(f"192.0.2.{number}"))))

    with ThreadPoolExecutor(8) as pool:
        for number, diff in enumerate(pool.map(own, range(1, 9)), start=1):
            assert re.findall(r"host (192\.0\.2\.\d+) ", diff) == [f"192.0.2.{number}"]


# The end


def onboarded(switch: Simulator) -> None:
    on(switch, lambda driver: driver.put_account("obet-read", Secret("Reader-1"), "read"))
    given(switch, KEYS[0])
    given(switch, KEYS[1], user="obet-read")
    restrict(switch, change())
    on(switch, lambda driver: driver.put_customer(CustomerAccess(account="owner", public_key=public(RSA))))


def test_ours_goes_and_the_customers_managers_are_let_in_alone(switch: Simulator) -> None:
    onboarded(switch)
    on(switch, lambda driver: driver.arm(change("run-2")))
    taken_back(switch)
    assert switch.control.state()["files"], "the timer leaves a copy"
    co_managers = (addresses("198.51.100.12", "2001:db8:51::12"),)

    def end(driver: IosDriver) -> None:
        assert set(driver.residue(OURS)) >= {*OURS, "OBET-MANAGEMENT-V4", "OBET-MANAGEMENT-V6", "flash:obet-archive"}
        driver.remove_ours(OURS, nothing)
        assert driver.residue(OURS) == ()

    on(switch, end, co_managers=co_managers)
    switch.control.reboot()
    for text in texts(switch):
        assert "obet" not in text.lower()
    assert switch.control.state()["files"] == []
    assert [reaches(switch, host, switch.ipv4, 22) for host in ("node2", "node1", "outsider1")] == [True, False, False]
    assert prove(texts(switch)[0] + "\nend\n", NODE2, [22]) == []


def test_where_the_customer_names_no_managers_his_lines_are_as_they_were_and_old_logins_are_refused(
    switch: Simulator,
) -> None:
    onboarded(switch)
    for _ in range(2):
        on(switch, lambda driver: driver.remove_ours(OURS, nothing), login=initial(switch))
    assert on(switch, lambda driver: driver.residue(OURS), login=initial(switch)) == ()
    assert "access-class" not in texts(switch)[1]
    assert customer_gets_in(switch, RSA)
    for login in (("obet", PASSWORD), ("obet-read", "Reader-1")):
        with pytest.raises(LoginRefusedError):
            on(switch, lambda _: None, login=login)
    assert not gets_in(switch, with_key(KEYS[0]))
    assert not gets_in(switch, with_key(KEYS[1], "obet-read"))


def test_an_account_that_is_gone_with_its_key_left_is_residue(switch: Simulator) -> None:
    given(switch, KEYS[0])
    switch.control.call("configure", lines=["no username obet"])
    assert on(switch, lambda driver: "obet" in driver.residue(OURS), login=initial(switch))
    on(switch, lambda driver: driver.remove_ours(OURS, nothing), login=initial(switch))
    assert "obet" not in texts(switch)[0]


def test_lines_that_were_bound_to_a_list_of_the_customers_are_bound_to_it_again(switch: Simulator) -> None:
    his = ["access-list 23 permit 198.51.100.0 0.0.0.255", "line vty 0 15", " access-class 23 in"]
    switch.control.call("configure", lines=his)
    onboarded(switch)
    assert reaches(switch, "outsider1", switch.ipv4, 22) is False
    on(switch, lambda driver: driver.remove_ours(OURS, nothing))
    for text in texts(switch):
        assert set(re.findall(r"^ (.*access-class .*)$", text, re.MULTILINE)) == {"access-class 23 in"}
        assert "obet" not in text.lower()
    assert [reaches(switch, host, switch.ipv4, 22) for host in ("outsider1", "customer1")] == [True, False]


def test_copies_of_the_customers_own_archive_go_only_where_they_name_us(switch: Simulator) -> None:
    switch.control.call("configure", lines=["no username obet", "archive", " path flash:copies", " maximum 10"])
    at(switch, "node1", lambda: _archived(switch, initial(switch)))
    kept = switch.control.state()["files"]
    switch.control.call("configure", lines=[READY[-1]])
    at(switch, "node1", lambda: _archived(switch, ("obet", PASSWORD)))
    assert len(switch.control.state()["files"]) == 2
    assert any(name.startswith("flash:copies") for name in on(switch, lambda driver: driver.residue(OURS)))
    on(switch, lambda driver: driver.remove_ours(OURS, nothing))
    assert switch.control.state()["files"] == kept
    assert "path flash:copies" in texts(switch)[1]


def _archived(switch: Simulator, login: tuple[str, str]) -> None:
    with opened(described(switch), Login(*_secret(login))) as console:
        console.ask("archive config")


@pytest.mark.parametrize("command", ["no ip access-list", "write memory"])
def test_an_ending_that_breaks_is_finished_by_the_next(switch: Simulator, command: str) -> None:
    onboarded(switch)
    switch.control.fault(FaultKind.DROP, command, times=1)
    with pytest.raises(DeviceError):
        on(switch, lambda driver: driver.remove_ours(OURS, nothing))
    switch.control.advance(3600)  # what was begun comes back by itself, and with it our account
    switch.control.settled()
    on(switch, lambda driver: driver.remove_ours(OURS, nothing))
    assert on(switch, lambda driver: driver.residue(OURS), login=initial(switch)) == ()
