"""Vault as it is against what it is to hold: what differs is found, what is only spelt otherwise is not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, cast

import pytest
from builders import CUSTOMER, DEVICE, SECOND_DEVICE, customer, device, estate, managed
from obet.errors import VaultDeniedError
from obet.model import Purpose
from obet.obligations import Grant
from obet.vault.desired import desired
from obet.vault.session import Session
from obet.vault.state import Change, apply, closings, difference, remedy

ESTATE = estate(customer([managed()], (), [device(), device(SECOND_DEVICE)]))
WANTED = desired(
    ESTATE, [Grant(CUSTOMER, DEVICE, Purpose.TECHNICAL), Grant(CUSTOMER, SECOND_DEVICE, Purpose.TECHNICAL)]
)
POLICY = f"sys/policies/acl/obet-technical-{CUSTOMER}"
ROLE = f"ssh/roles/obet-technical-{CUSTOMER}"
READER = f"ssh/roles/obet-read-{CUSTOMER}"
LOGIN = "auth/approle/role/obet-node-node2"
KEYS = {f"transit/keys/{key}" for key in (CUSTOMER, f"{CUSTOMER}-{DEVICE}", f"{CUSTOMER}-{SECOND_DEVICE}")}


class HeldVault:
    """What a Vault holds, in memory: reads, lists, writes and deletes by path, as `Session` offers them."""

    settings = ESTATE.settings.vault

    def __init__(self) -> None:
        self.held: dict[str, Any] = {"sys/mounts": {}, "sys/auth": {}, "sys/audit": {}}

    def get(self, path: str) -> Any:
        return copy.deepcopy(self.held.get(path))

    def list(self, path: str) -> list[str]:
        return [place.rpartition("/")[2] for place in self.held if place.rpartition("/")[0] == path]

    def put(self, path: str, body: Any) -> dict[str, Any]:
        table, _, name = path.rpartition("/")
        if table in self.held and not path.startswith("sys/policies"):
            self.held[table][f"{name}/"] = copy.deepcopy(body)
        elif path.endswith("/tune"):
            settings = {"user_lockout_disable": body["user_lockout_config"]["lockout_disable"]}
            self.held["sys/auth"]["approle/"]["config"] = {"user_lockout_config": settings}
        else:
            self.held[path] = copy.deepcopy(body)
        return {}

    def delete(self, path: str) -> None:
        del self.held[path]


def as_wanted() -> HeldVault:
    vault = HeldVault()
    apply(cast(Session, vault), difference(cast(Session, vault), WANTED))
    return vault


def changes(vault: HeldVault) -> list[str]:
    return [str(change) for change in difference(cast(Session, vault), WANTED)]


def test_an_empty_vault_lacks_all_and_once_written_nothing() -> None:
    assert len(changes(HeldVault())) == len(WANTED)
    assert all(change.startswith("create ") for change in changes(HeldVault()))
    assert changes(as_wanted()) == []


def test_looking_writes_nothing() -> None:
    vault = as_wanted()
    before = copy.deepcopy(vault.held)
    del vault.held[POLICY], before[POLICY]
    assert changes(vault) == [f"create {POLICY}"]
    assert vault.held == before


# Drift: each of these is another Vault than the wanted one.
DRIFT: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "a policy with a path more": (
        POLICY,
        "policy",
        lambda text: text + 'path "kv/*" {\n  capabilities = ["read"]\n}\n',
    ),
    "a policy with a path less": (POLICY, "policy", lambda text: text.partition("}\n")[2]),
    "a right more": (POLICY, "policy", lambda text: text.replace('"create",', '"create", "delete",', 1)),
    "a right moved to another path": (
        POLICY,
        "policy",
        lambda text: text.replace('"create", "read", "update"', '"create", "update"', 1).replace(
            '"create", "read", "update"', '"create", "read", "read", "update"', 1
        ),
    ),
    "a user more": (ROLE, "allowed_users", lambda users: f"{users},root"),
    "a user less": (ROLE, "allowed_users", lambda users: users.partition(",")[0]),
    "sources from everywhere": (ROLE, "default_critical_options", lambda _: {"source-address": "0.0.0.0/0"}),
    "no sources": (ROLE, "default_critical_options", lambda _: {}),
    "a critical option more": (ROLE, "default_critical_options", lambda found: found | {"force-command": "sh"}),
    "an extension more": (ROLE, "default_extensions", lambda found: found | {"permit-port-forwarding": ""}),
    "an extension where none is": (READER, "default_extensions", lambda _: {"permit-pty": ""}),
    "any extension on asking": (ROLE, "allowed_extensions", lambda _: ""),
    "longer certificates": (ROLE, "max_ttl", lambda _: 3600),
    "host certificates": (ROLE, "allow_host_certificates", lambda _: True),
    "a login from elsewhere": (LOGIN, "secret_id_bound_cidrs", lambda found: [*found, "203.0.113.66/32"]),
    "a login from anywhere": (LOGIN, "secret_id_bound_cidrs", lambda _: None),
    "a use from anywhere": (LOGIN, "token_bound_cidrs", lambda _: []),
    "another policy": (LOGIN, "token_policies", lambda _: ["root"]),
    "a login without secret": (LOGIN, "bind_secret_id", lambda _: False),
    "tokens of use anywhere": ("auth/token/roles/obet-node-node1-technical", "token_bound_cidrs", lambda _: []),
    "keys made by encrypting": ("transit/config/keys", "disable_upsert", lambda _: False),
    "orphans": ("auth/token/roles/obet-node-node1-technical", "orphan", lambda _: True),
}
SPELLINGS: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "users in another order": (ROLE, "allowed_users", lambda users: ",".join(reversed(users.split(",")))),
    "hosts without their mask": (LOGIN, "token_bound_cidrs", lambda found: [a.partition("/")[0] for a in found]),
    "hosts in another order": (LOGIN, "secret_id_bound_cidrs", lambda found: found[::-1]),
    "hosts in another writing": (LOGIN, "token_bound_cidrs", lambda found: [a.upper() for a in found]),
    "lists instead of text": (ROLE, "allowed_users", lambda users: users.split(",")),
    "a list that is no list but a tuple": (LOGIN, "token_policies", tuple),
}


@pytest.mark.parametrize(("path", "field", "change"), DRIFT.values(), ids=DRIFT)
def test_what_says_something_else_is_found(path: str, field: str, change: Callable[[Any], Any]) -> None:
    vault = as_wanted()
    vault.held[path][field] = change(vault.held[path][field])
    assert changes(vault) == [f"update {path}"]


@pytest.mark.parametrize(("path", "field", "change"), SPELLINGS.values(), ids=SPELLINGS)
def test_what_says_the_same_in_other_words_is_not(path: str, field: str, change: Callable[[Any], Any]) -> None:
    vault = as_wanted()
    before = vault.held[path][field]
    vault.held[path][field] = change(before)
    assert vault.held[path][field] != before
    assert changes(vault) == []


@pytest.mark.parametrize("field", ["exportable", "allow_plaintext_backup"])
def test_a_key_that_can_be_copied_is_drift_for_an_administrator(field: str) -> None:
    key = f"transit/keys/{CUSTOMER}"
    vault = as_wanted()
    vault.held[key][field] = True
    (change,) = difference(cast(Session, vault), WANTED)
    assert (str(change), change.base) == (f"update {key}", True)
    assert "makes no such key unexportable again" in remedy(vault.settings, change)
    assert "bootstrap" not in remedy(vault.settings, change), "which would change nothing"
    assert "`obet vault bootstrap`" in remedy(vault.settings, Change("update", LOGIN, base=True))


def test_what_vault_adds_of_its_own_is_no_drift() -> None:
    vault = as_wanted()
    for place in (ROLE, LOGIN, POLICY):
        vault.held[place] |= {"algorithm_signer": "default", "local_secret_ids": False, "name": place}
    vault.held["sys/mounts"]["kv/"] |= {"accessor": "kv_1", "uuid": "x"}
    assert changes(vault) == []


@pytest.mark.parametrize("path", [POLICY, ROLE, READER, LOGIN, "kv/config", "auth/token/roles/obet-node-node1-ending"])
def test_what_is_missing_is_to_be_created(path: str) -> None:
    vault = as_wanted()
    del vault.held[path]
    assert changes(vault) == [f"create {path}"]


def test_a_grant_that_nothing_calls_for_is_deleted_and_its_policy_first() -> None:
    vault = as_wanted()
    stale = [
        f"sys/policies/acl/obet-ending-{CUSTOMER}",
        "ssh/roles/obet-technical-c-gone",
        "ssh/roles/obet-read-c-gone",
    ]
    for path in reversed(stale):
        vault.held[path] = {}
    assert changes(vault)[0] == f"delete {stale[0]}"
    assert set(changes(vault)) == {f"delete {path}" for path in stale}


ONE_DEVICE = desired(ESTATE, [Grant(CUSTOMER, DEVICE, Purpose.TECHNICAL)])
OTHER_DEVICE_ONLY = desired(ESTATE, [Grant(CUSTOMER, SECOND_DEVICE, Purpose.TECHNICAL)])
NAMED = {POLICY: "policy", ROLE: "allowed_users", READER: "allowed_users"}


class FailingVault(HeldVault):
    """Refuses each write and deletion of some places, and keeps the order of all others."""

    def __init__(self, held: HeldVault, failing: set[str]) -> None:
        self.held, self.failing = copy.deepcopy(held.held), failing
        self.written: list[str] = []

    def put(self, path: str, body: Any) -> dict[str, Any]:
        self.asked(path)
        return super().put(path, body)

    def delete(self, path: str) -> None:
        self.asked(path)
        super().delete(path)

    def asked(self, path: str) -> None:
        if path in self.failing:
            raise VaultDeniedError(f"refuses {path}")
        self.written.append(path)


def named(vault: HeldVault, path: str) -> set[str]:
    """The devices that a grant names."""
    text = str(vault.held[path][NAMED[path]])
    return {device for device in (DEVICE, SECOND_DEVICE) if device in text}


def test_a_device_that_left_a_grant_leaves_it_by_what_only_closes() -> None:
    vault = as_wanted()
    found = difference(cast(Session, vault), ONE_DEVICE)
    assert {change.path for change in closings(found)} == set(NAMED)
    apply(cast(Session, vault), closings(found))
    assert all(named(vault, path) == {DEVICE} for path in NAMED)
    assert difference(cast(Session, vault), ONE_DEVICE) == []


def test_what_only_closes_opens_nothing_for_a_device_that_came() -> None:
    vault = HeldVault()
    apply(cast(Session, vault), difference(cast(Session, vault), ONE_DEVICE))
    assert closings(difference(cast(Session, vault), WANTED)) == []
    apply(cast(Session, vault), closings(difference(cast(Session, vault), OTHER_DEVICE_ONLY)))
    assert [path for path in NAMED if path in vault.held] == [POLICY], "no role without a user"
    assert named(vault, POLICY) == set(), "one went and another came: nothing of it is left, and nothing opened"
    apply(cast(Session, vault), difference(cast(Session, vault), OTHER_DEVICE_ONLY))
    assert all(named(vault, path) == {SECOND_DEVICE} for path in NAMED)


def test_a_grant_that_was_widened_by_hand_is_closed_whole() -> None:
    vault = as_wanted()
    vault.held[POLICY]["policy"] = 'path "kv/*" { capabilities = ["read"] }\n# by hand'
    apply(cast(Session, vault), closings(difference(cast(Session, vault), WANTED)))
    assert POLICY not in vault.held
    assert changes(vault) == [f"create {POLICY}"]


def test_all_that_closes_is_done_before_anything_is_opened() -> None:
    held = HeldVault()
    apply(cast(Session, held), difference(cast(Session, held), ONE_DEVICE))
    held.held["ssh/roles/obet-technical-c-gone"] = {}
    del held.held[READER]
    vault = FailingVault(held, failing=set())
    apply(cast(Session, vault), difference(cast(Session, vault), OTHER_DEVICE_ONLY))
    first = vault.written.index(READER)
    assert set(vault.written[:first]) >= {"ssh/roles/obet-technical-c-gone", POLICY, ROLE}
    assert vault.written.count(POLICY) == 2


@pytest.mark.parametrize("failing", [POLICY, ROLE, "ssh/roles/obet-technical-c-gone"])
def test_one_closing_that_fails_keeps_no_other_from_being_done_and_opens_nothing(failing: str) -> None:
    held = as_wanted()
    gone = {"ssh/roles/obet-technical-c-gone", "sys/policies/acl/obet-ending-c-gone"}
    held.held |= {path: {} for path in gone}
    del held.held["auth/approle/role/obet-node-node2"]
    vault = FailingVault(held, {failing})
    with pytest.raises(VaultDeniedError, match=f"^refuses {failing}$"):
        apply(cast(Session, vault), difference(cast(Session, vault), ONE_DEVICE))
    assert set(vault.written) == ({*gone, *NAMED}) - {failing}
    assert all(named(vault, path) == {DEVICE} for path in NAMED if path != failing)


def test_what_is_not_ours_is_left_alone() -> None:
    vault = as_wanted()
    for path in ("sys/policies/acl/default", "sys/policies/acl/technical-x", "ssh/roles/other", "kv/data/other"):
        vault.held[path] = {"policy": 'path "*" { capabilities = ["read"] }'}
    assert changes(vault) == []


def test_the_base_is_an_administrators_and_the_grants_are_the_registrars() -> None:
    found = difference(cast(Session, HeldVault()), WANTED)
    assert {change.path for change in found if not change.base} == {POLICY, ROLE, READER, *KEYS}
    assert all(change.resource is not None for change in found)
    vault = as_wanted()
    vault.held["ssh/roles/obet-technical-c-gone"] = {}
    assert difference(cast(Session, vault), WANTED) == [Change("delete", "ssh/roles/obet-technical-c-gone", base=False)]


def test_who_is_no_operator_any_more_is_shut_out_and_his_logins_end() -> None:
    vault = as_wanted()
    vault.held["sys/auth"]["obet-operators/"] = {"description": "obet"}
    user, role = "auth/obet-operators/users/gone", "auth/oidc/role/obet-operator-gone"
    vault.held |= {user: {}, role: {}, "auth/oidc/role/the-companys-own": {}}
    assert changes(vault) == [f"delete {user}", f"delete {role}"]
    found = difference(cast(Session, vault), WANTED)
    assert not [change for change in found if change.base], "the registrar does it"
    apply(cast(Session, vault), found)
    assert changes(vault) == []
    assert "sys/leases/revoke-prefix/auth/obet-operators/login/gone" in vault.held


def test_users_of_a_mount_that_is_not_ours_are_left_alone() -> None:
    vault = as_wanted()
    vault.held["sys/auth"]["obet-operators/"] = {"description": "the company's own"}
    vault.held["auth/obet-operators/users/somebody"] = {}
    assert changes(vault) == []
