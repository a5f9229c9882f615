"""Password and key of our accounts, on a router and a switch: made, renewed, cut off anywhere, taken up again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import msgspec
import pytest
from builders import CUSTOMER, SERVICE, customer, estate, managed, record
from held_kv import HeldKv
from lab.simulators.faults import FaultKind
from lab.simulators.simulator import Simulator
from network_support import described
from obet import network_operations, own_accounts
from obet.devices import key_pairs
from obet.devices.own_login import own_login, takes, takes_wholly
from obet.erasure.steps import Step
from obet.errors import DeviceError, LoginRefusedError, NotLetInError, RunError
from obet.model import Device, ManagementService
from obet.platforms.ios.driver import IosDriver
from obet.platforms.routeros.driver import RouterosDriver
from obet.run import Run
from obet.secret import Secret
from obet.vault import account_logins, device_secrets, names
from obet.vault.account_logins import AccountLogin
from obet.vault.device_secrets import DeviceSecrets, Login
from obet.vault.session import Session
from simulator_support import at, cabled

Result = TypeVar("Result")
ACCOUNTS = (names.ACCOUNT, names.READ_ACCOUNT)
_PASSWORDS = 2  # that are tried each time: a switch takes long over a wrong one
_MANAGED = {"router1": ("ssh", "api-ssl"), "switch1": ("ssh",)}
_DRIVERS: Mapping[str, type[Any]] = {"router1": RouterosDriver, "switch1": IosDriver}


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class Fuse:
    """Burns before the effect of that number: a write to Vault, or a change of an account."""

    def __init__(self, number: int) -> None:
        self.number, self.effects = number, list[str]()

    def before(self, effect: str) -> None:
        if len(self.effects) + 1 == self.number:
            raise Killed
        self.effects.append(effect)


class Held(HeldKv):
    fuse = Fuse(0)

    def put(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self.fuse.before("write")
        return super().put(path, body)


class Served:
    """A device, what Vault holds of it, and a run that may work on it."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator, self.kv = simulator, Held()
        self.session = cast(Session, self.kv)
        services = tuple(ManagementService(protocol=protocol) for protocol in _MANAGED[simulator.name])  # type: ignore[arg-type]
        self.device: Device = described(simulator, management=services)
        own = estate(customer([managed(SERVICE, (self.device.id,))], [record()], [self.device]))
        journal = SimpleNamespace(last=lambda _: {})
        run = SimpleNamespace(
            estate=own,
            device=lambda _: self.device,
            child=lambda _: self.session,
            journal=journal,
            record=lambda *_: None,
        )
        self.run = cast(Run, run)
        user, password = simulator.initial_login_pair
        first = DeviceSecrets(login=Login(user, Secret(password)))
        device_secrets.write(self.session, CUSTOMER, self.device.id, first)

    def as_node(self, work: Callable[[], Result]) -> Result:
        return at(self.simulator, "node1", work)

    def operation(self, verb: str, *, check: bool = False) -> dict[str, Any]:
        work = network_operations.OPERATIONS[verb]
        return self.as_node(lambda: work(self.run, self.device.id, {"check_mode": check}))

    def entry(self, account: str = names.ACCOUNT) -> AccountLogin:
        return account_logins.read(self.session, CUSTOMER, self.device.id, account)

    def put(self, entry: AccountLogin) -> None:
        account_logins.write(self.session, CUSTOMER, self.device.id, entry)

    def takes(self, login: Login, *, wholly: bool = False) -> bool:
        return self.as_node(lambda: (takes_wholly if wholly else takes)(self.device, login))

    def own(self, account: str = names.ACCOUNT, *, doubted: bool = False) -> Login:
        return self.as_node(lambda: own_login(self.device, self.entry(account), doubted=doubted))

    def without_keys(self) -> None:
        """As a device was that was taken over before there were keys."""
        for account in ACCOUNTS:
            login = self.own()
            self.as_node(lambda login=login, account=account: self._put_keys(login, account))  # type: ignore[misc]
            self.put(msgspec.structs.replace(self.entry(account), key=None))

    def _put_keys(self, login: Login, account: str) -> None:
        with network_operations.open_driver(self.device, login) as driver:
            driver.put_keys(account, ())

    def is_whole(self) -> None:
        """Each account has one password and one key in Vault, and the device takes just these."""
        for account in ACCOUNTS:
            entry = self.entry(account)
            assert entry.key is not None
            assert (entry.upcoming, entry.upcoming_key) == (None, None)
            assert self.takes(entry.logins[0], wholly=True)
        known = {secret for account in ACCOUNTS for secret in (self.entry(account).password, self.entry(account).key)}
        for account in ACCOUNTS:
            every = account_logins.every(self.session, CUSTOMER, self.device.id, account)
            passwords, keys = [one for one in every if one.key is None], [one for one in every if one.key is not None]
            for login in (*passwords[-_PASSWORDS:], *keys):
                assert self.takes(login) == ((login.key or login.password) in known)


@pytest.fixture(scope="module", params=["router1", "switch1"])
def simulator(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with cabled(request.param) as running:
        yield running


@pytest.fixture(scope="module")
def onboarded(simulator: Simulator) -> Served:
    served = Served(simulator)
    assert served.operation("onboard")["changed"]
    return served


@pytest.fixture
def served(onboarded: Served) -> Iterator[Served]:
    onboarded.simulator.control.forget()
    yield onboarded
    onboarded.kv.fuse = Fuse(0)
    onboarded.simulator.control.clear()


def test_onboarding_gives_each_account_a_key_of_its_own_and_done_twice_changes_nothing(served: Served) -> None:
    served.is_whole()
    kinds = {key_pairs.public_key(served.entry(a).key).split()[0] for a in ACCOUNTS}  # type: ignore[arg-type]
    assert kinds == {{"routeros": "ssh-ed25519", "ios": "ssh-rsa"}[served.simulator.platform]}
    assert served.entry().key != served.entry(names.READ_ACCOUNT).key
    assert served.operation("onboard", check=True) == {"changed": False}
    served.simulator.control.forget()
    served.operation("onboard")
    ours = [one for one in served.simulator.control.offered() if one.kind == "password" and one.user in ACCOUNTS]
    assert {one.service for one in ours} <= {"api-ssl"}, "a password goes only where no key is taken"


def test_a_device_of_before_there_were_keys_works_on_and_gets_them_with_the_next_run(served: Served) -> None:
    served.without_keys()
    assert served.own().key is None
    assert served.takes(served.own(), wholly=True)
    assert served.operation("onboard", check=True)["changed"]
    assert served.entry().key is None
    assert served.operation("onboard")["changed"]
    served.is_whole()


def test_a_key_that_somebody_removed_is_told_and_the_next_onboarding_places_one(served: Served) -> None:
    good = served.own()
    served.as_node(lambda: served._put_keys(good, names.ACCOUNT))
    with pytest.raises(DeviceError, match="refuse"):
        served.as_node(lambda: _running(served))
    assert served.own(doubted=True).key is None
    assert served.operation("onboard")["changed"]
    served.is_whole()


def _running(served: Served) -> str:
    with network_operations.open_driver(served.device, own_login(served.device, served.entry())) as driver:
        return driver.running()


def test_a_device_that_takes_no_keys_is_left_with_passwords(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.without_keys()
    monkeypatch.setattr(_DRIVERS[served.simulator.name], "key_kind", lambda _: None)
    assert served.operation("onboard", check=True) == {"changed": False}
    served.operation("onboard")
    served.operation("rotate")
    assert {served.entry(account).key for account in ACCOUNTS} == {None}
    assert served.takes(served.own(), wholly=True)


def test_a_key_is_not_left_as_it_is_without_a_word_where_a_device_takes_none_any_more(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.operation("onboard")
    keys = {served.entry(account).key for account in ACCOUNTS}
    with monkeypatch.context() as changed:
        changed.setattr(_DRIVERS[served.simulator.name], "key_kind", lambda _: None)
        with pytest.raises(DeviceError, match="takes no SSH key any more, and obet has one: it was not renewed"):
            served.operation("rotate")
    assert {served.entry(account).key for account in ACCOUNTS} == keys
    served.operation("rotate")
    served.is_whole()


def test_an_ending_that_was_cut_off_is_not_done_while_any_of_our_logins_is_taken(served: Served) -> None:
    """The password is refused as somebody has changed it, and not as our access was removed."""
    if served.simulator.platform != "routeros":
        pytest.skip("the key alone opens an account of a switch")
    served.operation("onboard")
    recorded = list[Step]()
    begun = {Step.REMOVAL_STARTED: SimpleNamespace(at=datetime(2026, 1, 1, tzinfo=UTC), detail={})}
    plan = SimpleNamespace(done=tuple(begun), customer_confirmed=True)
    journal = SimpleNamespace(last=lambda _: begun, steps=lambda _: set(begun))
    ending = SimpleNamespace(
        **vars(served.run) | {"journal": journal, "plan": lambda _: plan, "now": datetime(2026, 1, 2, tzinfo=UTC)}
    )
    ending.record = lambda _device, step, _detail=None: recorded.append(step)
    own = served.own()
    served.as_node(lambda: _with_password(served, own, Secret("Somebody-elses-1")))
    try:
        with pytest.raises(DeviceError, match="still takes a login of "):
            served.as_node(lambda: network_operations.end(cast(Run, ending), served.device.id, {"check_mode": False}))
        assert recorded == []
    finally:
        served.as_node(lambda: _with_password(served, Login(own.user, Secret("Somebody-elses-1")), own.password))
    served.is_whole()


def _with_password(served: Served, login: Login, password: Secret) -> None:
    with network_operations.open_driver(served.device, login) as driver:
        driver.put_account(names.ACCOUNT, password, "full")


# Of each rotation: Vault, account, Vault for a password; Vault, both keys, the new one, Vault for a key.
_CUTS = {"router1": (2, 3, 6, 8, 9, 10, 13), "switch1": (9,)}


def test_a_rotation_that_is_cut_off_anywhere_leaves_a_way_in_and_is_finished_by_the_next(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.operation("onboard")
    driver = _DRIVERS[served.simulator.name]
    for name in ("put_account", "put_keys"):
        whole = getattr(driver, name)

        def burning(self: Any, *arguments: Any, whole: Callable[..., None] = whole, name: str = name) -> None:
            served.kv.fuse.before(name)
            whole(self, *arguments)

        monkeypatch.setattr(driver, name, burning)
    for cut in _CUTS[served.simulator.name]:
        served.kv.fuse = Fuse(cut)
        with pytest.raises(Killed):
            served.operation("rotate")
        served.kv.fuse = Fuse(0)
        for account in ACCOUNTS:
            assert served.takes(served.own(account), wholly=True), cut
        served.operation("rotate" if cut % 2 else "onboard")
    served.kv.fuse = Fuse(0)
    served.operation("rotate")
    password, key = ["write", "put_account", "write"], ["write", "put_keys", "put_keys", "write"]
    assert served.kv.fuse.effects == [*password * 2, *key * 2, *password]
    served.is_whole()


def test_a_new_key_that_does_not_open_is_said_and_the_old_one_stays(served: Served) -> None:
    served.operation("onboard")
    old = served.own()
    faults = {"routeros": "/user/ssh-keys/import", "ios": "key-hash"}
    served.simulator.control.fault(FaultKind.REFUSE, faults[served.simulator.platform], text="% not now")
    with pytest.raises(DeviceError, match=r"not now|refuses"):
        served.as_node(lambda: _renewed(served))
    served.simulator.control.clear()
    assert served.entry().upcoming_key is not None
    assert served.own() == msgspec.structs.replace(old, password=served.own().password)
    served.as_node(lambda: _renewed(served))
    assert not served.takes(old)


def _renewed(served: Served) -> None:
    network_operations._renew_keys(served.run, served.device.id, [names.ACCOUNT])


def test_a_device_that_is_away_has_refused_nothing(served: Served) -> None:
    login = served.own()
    others = [service for service in served.device.management if service.protocol != "ssh"]
    management = (ManagementService(protocol="ssh", port=2222), *others)
    away = msgspec.structs.replace(served.device, management=management)
    with pytest.raises(NotLetInError) as raised:
        served.as_node(lambda: takes(away, login))
    assert not isinstance(raised.value, LoginRefusedError)


@pytest.mark.parametrize("simulator", ["router1"], indirect=True)
def test_a_router_whose_filter_says_nothing_has_let_nobody_in_and_refused_no_login(served: Served) -> None:
    login = served.own()
    rule = "/ip firewall filter add chain=input action=drop comment=silent"
    assert served.simulator.control.call("script", source=rule) == ""
    with pytest.raises(NotLetInError):
        served.takes(login)
    gone = "/ip firewall filter remove [find where comment=silent]"
    assert served.simulator.control.call("script", source=gone) == ""
    assert served.takes(login)


def test_an_ending_that_is_let_in_no_more_claims_only_what_it_saw(served: Served) -> None:
    others = [service for service in served.device.management if service.protocol != "ssh"]
    away = msgspec.structs.replace(served.device, management=(ManagementService(protocol="ssh", port=2222), *others))
    told: list[tuple[Step, Any]] = []

    def run(*done: Step) -> Run:
        plan = SimpleNamespace(done=frozenset({Step.REMOVAL_STARTED, *done}), customer_confirmed=True)
        made: dict[str, Any] = vars(served.run) | {
            "device": lambda _: away,
            "plan": lambda _: plan,
            "record": lambda _, step, detail: told.append((step, detail)),
        }
        return cast(Run, SimpleNamespace(**made))

    with pytest.raises(NotLetInError):
        served.as_node(lambda: network_operations._remove(run(), away.id))
    assert told == []
    served.as_node(lambda: network_operations._remove(run(Step.CREDENTIALS_REFUSED), away.id))
    assert told == [(Step.ACCESS_REMOVED, {"seen": "not seen: cut off before"})]


def test_an_account_of_which_vault_holds_nothing_has_no_login(served: Served) -> None:
    with pytest.raises(RunError, match="Vault holds no login of obet-other for it: onboarding makes one"):
        own_login(served.device, served.entry("obet-other"))
    assert not own_accounts.is_ours(served.run, served.device.id, "obet-other")
