"""What Vault is to hold: each grant names just its own, nobody is given what he does not need."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import permutations
from typing import Any

import pytest
from builders import (
    CUSTOMER,
    DEVICE,
    OTHER_CUSTOMER,
    OTHER_DEVICE,
    SECOND_DEVICE,
    addresses,
    customer,
    device,
    estate,
    managed,
)
from obet.model import Operator, Purpose
from obet.obligations import Grant
from obet.vault.desired import Resource, desired

TECHNICAL, ENDING = Purpose.TECHNICAL, Purpose.ENDING
ESTATE = estate(
    customer([managed()], (), [device(), device(SECOND_DEVICE)]),
    customer([managed()], (), [device(OTHER_DEVICE)], name=OTHER_CUSTOMER),
)
GRANTS = [
    Grant(CUSTOMER, DEVICE, TECHNICAL),
    Grant(CUSTOMER, SECOND_DEVICE, ENDING),
    Grant(OTHER_CUSTOMER, OTHER_DEVICE, TECHNICAL),
]
CONTROL = ["198.51.100.11/32", "2001:db8:51::11/128"]
SECOND_NODE = ["198.51.100.12/32", "2001:db8:51::12/128"]
WANTED = desired(ESTATE, GRANTS)


def at(path: str, wanted: tuple[Resource, ...] = WANTED) -> Mapping[str, Any]:
    (found,) = [resource.body for resource in wanted if resource.path == path]
    return found


def policies() -> dict[str, str]:
    return {
        name: resource.body["policy"]
        for resource in WANTED
        if (name := resource.path.removeprefix("sys/policies/acl/")) != resource.path
    }


FORM = re.compile(
    r'path "([^"]*)" \{\n  capabilities = (\[[^\]]*\])\n(?:  allowed_parameters = \{\n((?:    .*\n)+)  \}\n)?\}\n'
)


def rights(policy: str) -> dict[str, set[str]]:
    """A policy's paths with their capabilities; nothing else but parameters may be in its text."""
    assert FORM.sub("", policies()[policy]) == ""
    return {path: set(json.loads(capabilities)) for path, capabilities, _ in FORM.findall(policies()[policy])}


def parameters(policy: str) -> dict[str, dict[str, list[Any]]]:
    """What a request may carry, for those paths where a policy says so; a name that it does not list is refused."""
    found = {}
    for path, _, lines in FORM.findall(policies()[policy]):
        if lines:
            pairs = (line.partition(" = ") for line in lines.splitlines())
            found[path] = {json.loads(name.strip()): json.loads(values) for name, _, values in pairs}
    return found


def may(policy: str, capability: str, path: str) -> bool:
    """As Vault decides: the exact path, else the pattern that says most before its first wildcard."""
    found = rights(policy)
    if path in found:
        return capability in found[path]
    matching = [rule for rule in found if re.fullmatch(_pattern(rule), path)]
    best = max(matching, key=lambda rule: len(re.split(r"[+*]", rule)[0]), default="")
    return capability in found.get(best, set())


def _pattern(rule: str) -> str:
    """`+` is one segment, `*` at the end is anything (Vault, policies)."""
    text = re.escape(rule.removesuffix("*")).replace(r"\+", "[^/]+")
    return text + (".*" if rule.endswith("*") else "")


EVERY_CAPABILITY = ("create", "read", "update", "delete", "list", "patch", "sudo")
DATA, METADATA = f"kv/data/access/{CUSTOMER}/{DEVICE}", f"kv/metadata/access/{CUSTOMER}/{DEVICE}"
OTHERS = [f"kv/{kind}/access/{OTHER_CUSTOMER}/{OTHER_DEVICE}" for kind in ("data", "metadata", "delete", "destroy")]


def test_there_is_one_policy_for_each_customer_and_purpose_that_is_granted_and_no_other() -> None:
    fixed = {"obet-registrar", "obet-verifier", "obet-node-node1", "obet-node-node2"}
    assert set(policies()) - fixed == {
        f"obet-technical-{CUSTOMER}",
        f"obet-ending-{CUSTOMER}",
        f"obet-technical-{OTHER_CUSTOMER}",
    }
    assert {r.path for r in desired(ESTATE, ()) if r.path.startswith("sys/policies/acl/")} == {
        f"sys/policies/acl/{name}" for name in fixed
    }


def test_a_grants_policy_is_these_paths_and_no_other() -> None:
    reader = f"ssh/sign/obet-read-{CUSTOMER}"
    assert rights(f"obet-technical-{CUSTOMER}") == {
        DATA: {"create", "read", "update"},
        f"kv/data/locks/{CUSTOMER}/{DEVICE}": {"create", "read", "update"},
        f"transit/encrypt/{CUSTOMER}-{DEVICE}": {"update"},
        f"transit/decrypt/{CUSTOMER}-{DEVICE}": {"update"},
        f"ssh/sign/obet-technical-{CUSTOMER}": {"update"},
        reader: {"update"},
    }
    assert rights(f"obet-ending-{CUSTOMER}") == {
        f"kv/data/access/{CUSTOMER}/{SECOND_DEVICE}": {"read"},
        f"kv/metadata/access/{CUSTOMER}/{SECOND_DEVICE}": {"delete", "read"},
        f"kv/data/locks/{CUSTOMER}/{SECOND_DEVICE}": {"create", "read", "update"},
        f"transit/encrypt/{CUSTOMER}-{SECOND_DEVICE}": {"update"},
        f"transit/decrypt/{CUSTOMER}-{SECOND_DEVICE}": {"update"},
        f"ssh/sign/obet-ending-{CUSTOMER}": {"update"},
        reader: {"update"},
    }


def test_a_device_that_takes_no_certificates_has_its_accounts_passwords_under_its_own_secrets() -> None:
    switch = device(platform="ios")
    whole = estate(customer([managed(devices=(DEVICE,))], devices=[switch]))
    found = desired(whole, [Grant(CUSTOMER, DEVICE, Purpose.TECHNICAL)])
    (policy,) = (r.body["policy"] for r in found if r.path == f"sys/policies/acl/obet-technical-{CUSTOMER}")
    assert f'path "{DATA}/accounts/obet" ' in policy
    assert f'path "{DATA}/accounts/obet-read" ' in policy
    assert f'path "{DATA}/snmp" ' in policy
    assert "accounts" not in policies()[f"obet-technical-{CUSTOMER}"]


def test_the_verifier_reads_no_secret_of_a_device() -> None:
    assert may("obet-verifier", "read", METADATA)
    assert not any(may("obet-verifier", "read", path) for path in (DATA, f"{DATA}/accounts/obet-read"))


@pytest.mark.parametrize("name", [f"obet-technical-{CUSTOMER}", f"obet-ending-{CUSTOMER}"])
def test_a_customers_policy_names_nothing_of_another(name: str) -> None:
    assert OTHER_CUSTOMER not in policies()[name]
    assert OTHER_DEVICE not in policies()[name]
    assert not any(may(name, capability, path) for capability in EVERY_CAPABILITY for path in OTHERS)
    assert not any(path.endswith("*") or "+" in path for path in rights(name))


def test_a_purposes_policy_names_no_device_of_the_other_purpose() -> None:
    assert SECOND_DEVICE not in policies()[f"obet-technical-{CUSTOMER}"]
    assert DEVICE not in policies()[f"obet-ending-{CUSTOMER}"]


def test_ending_writes_no_secret_and_work_destroys_none() -> None:
    ended = f"kv/data/access/{CUSTOMER}/{SECOND_DEVICE}"
    assert rights(f"obet-ending-{CUSTOMER}")[ended] == {"read"}
    assert may(f"obet-technical-{CUSTOMER}", "update", DATA)
    for capability in EVERY_CAPABILITY:
        assert not may(f"obet-technical-{CUSTOMER}", capability, METADATA)


@pytest.mark.parametrize("capability", EVERY_CAPABILITY)
@pytest.mark.parametrize("name", ["obet-registrar", "obet-node-node1", "obet-verifier"])
def test_no_fixed_policy_reaches_a_secret(name: str, capability: str) -> None:
    assert not any(may(name, capability, path) for path in (DATA, *OTHERS[:1], "kv/data/access", "kv/data/x"))


def test_the_registrar_signs_nothing_and_destroys_no_secret() -> None:
    signing = [
        path.replace("roles", "sign") for path in (f"ssh/roles/obet-technical-{CUSTOMER}", "ssh/roles/obet-vantage")
    ]
    for capability in EVERY_CAPABILITY:
        assert not any(may("obet-registrar", capability, path) for path in (*signing, "ssh/issue/x", METADATA))
        assert not may("obet-registrar", capability, "auth/token/create/obet-node-node1-technical")


def test_the_registrar_writes_grants_but_not_who_it_is_itself() -> None:
    granted = f"obet-technical-{CUSTOMER}"
    assert may("obet-registrar", "update", f"sys/policies/acl/{granted}")
    assert may("obet-registrar", "delete", f"ssh/roles/{granted}")
    for own in ("obet-registrar", "obet-node-node1", "obet-verifier", "root", "default"):
        assert not may("obet-registrar", "update", f"sys/policies/acl/{own}")
        assert not may("obet-registrar", "create", f"sys/policies/acl/{own}")
    assert may("obet-registrar", "read", "sys/policies/acl/obet-node-node1")
    assert not may("obet-registrar", "update", "auth/approle/role/obet-node-node1")
    assert not may("obet-registrar", "update", "auth/token/roles/obet-node-node1-technical")


@pytest.mark.parametrize("capability", EVERY_CAPABILITY)
def test_a_node_reads_no_policy_and_signs_only_to_look_out_from_a_vantage_point(capability: str) -> None:
    node, signed = "obet-node-node1", "ssh/sign/obet-vantage"
    for path in ("sys/policies/acl", f"sys/policies/acl/{node}", f"ssh/roles/obet-technical-{CUSTOMER}"):
        assert not may(node, capability, path)
    assert not may(node, capability, f"ssh/sign/obet-technical-{CUSTOMER}")
    assert may(node, capability, signed) == (capability == "update")


@pytest.mark.parametrize("purpose", Purpose)
def test_a_node_makes_tokens_through_its_own_roles_and_no_other(purpose: Purpose) -> None:
    assert may("obet-node-node1", "update", f"auth/token/create/obet-node-node1-{purpose}")
    assert not may("obet-node-node1", "update", f"auth/token/create/obet-node-node2-{purpose}")
    assert not may("obet-node-node1", "update", "auth/token/create")
    assert not may("obet-node-node1", "update", "auth/token/create-orphan")


def test_the_verifier_writes_nothing_but_the_checkpoint_and_signs_only_for_looking() -> None:
    writing = {
        path for path, found in rights("obet-verifier").items() if found & {"create", "update", "delete", "sudo"}
    }
    checkpoint, opening = "kv/data/evidence/ledger", "transit/decrypt/c-*"
    assert writing == {"ssh/sign/obet-read-*", "ssh/sign/obet-vantage", checkpoint, opening}
    assert rights("obet-verifier")[checkpoint] == {"create", "read", "update"}
    assert rights("obet-verifier")[opening] == {"update"}
    assert not may("obet-verifier", "update", f"ssh/sign/obet-technical-{CUSTOMER}")
    assert may("obet-verifier", "read", METADATA)


KEYS = (CUSTOMER, f"{CUSTOMER}-{DEVICE}")
FIXED = ("obet-registrar", "obet-node-node1", "obet-node-node2", "obet-verifier")
GRANTED = (f"obet-technical-{CUSTOMER}", f"obet-ending-{CUSTOMER}", f"obet-technical-{OTHER_CUSTOMER}")


def test_the_registrar_makes_keys_only_as_ours_are_and_reaches_nothing_below_them() -> None:
    for key in KEYS:
        assert may("obet-registrar", "create", f"transit/keys/{key}")
        assert not may("obet-registrar", "delete", f"transit/keys/{key}")
        for below in ("config", "rotate", "trim", "import", "import_version", "soft-delete", "soft-delete-restore"):
            assert not any(may("obet-registrar", c, f"transit/keys/{key}/{below}") for c in EVERY_CAPABILITY)
    assert parameters("obet-registrar") == {
        "transit/keys/+": {"type": ["aes256-gcm96"], "exportable": [False], "allow_plaintext_backup": [False]}
    }
    assert rights("obet-registrar")["transit/config/keys"] == {"read"}, "or upsert could be switched on again"


@pytest.mark.parametrize("policy", [*FIXED, *GRANTED])
def test_nobody_of_ours_copies_deletes_or_reconfigures_a_key(policy: str) -> None:
    for key in KEYS:
        doors = [f"transit/{way}/{key}" for way in ("backup", "restore", "export/encryption-key", "byok-export")]
        doors += [f"transit/keys/{key}/config", "transit/restore", "transit/cache-config", "sys/mounts/transit"]
        doors += [f"transit/datakey/plaintext/{key}", f"sys/remount/{key}"]
        assert not any(may(policy, capability, door) for capability in EVERY_CAPABILITY for door in doors)
        assert not may(policy, "delete", f"transit/keys/{key}")
    assert not any(may(policy, c, "transit/config/keys") for c in ("create", "update", "patch", "delete", "sudo"))


@pytest.mark.parametrize("policy", FIXED[1:])
def test_nobody_but_the_registrar_makes_a_key(policy: str) -> None:
    assert not any(may(policy, capability, f"transit/keys/{key}") for capability in EVERY_CAPABILITY for key in KEYS)


def test_only_a_devices_own_grant_seals_and_only_that_and_the_verifier_opens() -> None:
    own, other = f"{CUSTOMER}-{DEVICE}", f"{OTHER_CUSTOMER}-{OTHER_DEVICE}"
    sealing = {policy for policy in (*FIXED, *GRANTED) if may(policy, "update", f"transit/encrypt/{own}")}
    opening = {policy for policy in (*FIXED, *GRANTED) if may(policy, "update", f"transit/decrypt/{own}")}
    assert sealing == {f"obet-technical-{CUSTOMER}"}
    assert opening == {"obet-verifier", f"obet-technical-{CUSTOMER}"}
    assert not may(f"obet-technical-{CUSTOMER}", "update", f"transit/decrypt/{other}")
    assert not may(f"obet-technical-{CUSTOMER}", "update", f"transit/encrypt/{other}")
    assert not any(may(policy, "create", f"transit/encrypt/{own}") for policy in (*FIXED, *GRANTED))


def test_a_lock_is_taken_by_whom_its_device_is_granted_to_and_is_removed_by_nobody() -> None:
    lock = f"locks/{CUSTOMER}/{DEVICE}"
    taking = {policy for policy in (*FIXED, *GRANTED) if may(policy, "update", f"kv/data/{lock}")}
    assert taking == {f"obet-technical-{CUSTOMER}"}
    for policy in (*FIXED, *GRANTED):
        ways = [f"kv/{way}/{lock}" for way in ("metadata", "delete", "undelete", "destroy")]
        assert not any(may(policy, capability, way) for capability in EVERY_CAPABILITY for way in ways)


def test_the_checkpoint_of_the_ledger_is_moved_by_who_keeps_one_and_is_removed_by_nobody() -> None:
    moving = {policy for policy in (*FIXED, *GRANTED) if may(policy, "update", "kv/data/evidence/ledger")}
    assert moving == {"obet-node-node1", "obet-node-node2", "obet-verifier"}
    for policy in (*FIXED, *GRANTED):
        ways = [f"kv/{way}/evidence/ledger" for way in ("metadata", "delete", "undelete", "destroy")]
        assert not any(may(policy, capability, way) for capability in EVERY_CAPABILITY for way in ways)


def test_each_customer_and_device_with_a_grant_has_a_key_of_its_own_that_cannot_be_copied() -> None:
    keys = {r.path.removeprefix("transit/keys/"): r for r in WANTED if r.path.startswith("transit/keys/")}
    assert set(keys) == {
        *(CUSTOMER, f"{CUSTOMER}-{DEVICE}", f"{CUSTOMER}-{SECOND_DEVICE}"),
        *(OTHER_CUSTOMER, f"{OTHER_CUSTOMER}-{OTHER_DEVICE}"),
    }
    for key in keys.values():
        assert (key.body["exportable"], key.body["allow_plaintext_backup"], key.base) == (False, False, False)
    assert at("transit/config/keys") == {"disable_upsert": True}


def test_the_audit_log_names_accessors_in_clear_and_values_never() -> None:
    for resource in WANTED[:2]:
        assert resource.body["options"].get("hmac_accessor") == "false"
        assert resource.body["options"].get("log_raw", "false") == "false"


SSH_ROLES = {r.path.removeprefix("ssh/roles/"): r.body for r in WANTED if r.path.startswith("ssh/roles/")}


@pytest.mark.parametrize("name", sorted(SSH_ROLES))
def test_each_ssh_role_binds_its_certificates_to_sources_and_lets_the_caller_ask_for_nothing(name: str) -> None:
    role = SSH_ROLES[name]
    sources = CONTROL if name == "obet-vantage" else [*CONTROL, *SECOND_NODE]
    assert role["default_critical_options"] == {"source-address": ",".join(sources)}
    assert role["allowed_critical_options"] == role["allowed_extensions"] == "none@obet"
    assert role["allow_host_certificates"] is False
    assert role["allow_user_key_ids"] is False
    assert 0 < role["ttl"] == role["max_ttl"] <= 300


def test_a_certificate_names_also_what_a_device_behind_a_tunnel_sees_and_for_its_customer_alone() -> None:
    tunnelled = device(SECOND_DEVICE, reach="tunnel", seen_as=(addresses("198.51.100.30"),))
    whole = estate(
        customer([managed()], (), [device(), tunnelled]),
        customer([managed()], (), [device(OTHER_DEVICE)], name=OTHER_CUSTOMER),
        reserve=addresses("198.51.100.19"),
    )
    wanted = desired(whole, GRANTS)

    def sources(name: str) -> list[str]:
        return list(at(f"ssh/roles/{name}", wanted)["default_critical_options"]["source-address"].split(","))

    fixed = [*CONTROL, *SECOND_NODE, "198.51.100.19/32"]
    assert sources(f"obet-technical-{CUSTOMER}") == fixed
    assert sources(f"obet-ending-{CUSTOMER}") == ["198.51.100.30/32"]
    assert sources(f"obet-read-{CUSTOMER}") == [*fixed, "198.51.100.30/32"]
    assert sources(f"obet-technical-{OTHER_CUSTOMER}") == fixed


def test_an_ssh_role_is_for_just_the_devices_of_its_grants() -> None:
    assert {name: role["allowed_users"] for name, role in SSH_ROLES.items()} == {
        "obet-vantage": "vantage",
        f"obet-technical-{CUSTOMER}": DEVICE,
        f"obet-ending-{CUSTOMER}": SECOND_DEVICE,
        f"obet-technical-{OTHER_CUSTOMER}": OTHER_DEVICE,
        f"obet-read-{CUSTOMER}": f"{DEVICE}.read,{SECOND_DEVICE}.read",
        f"obet-read-{OTHER_CUSTOMER}": f"{OTHER_DEVICE}.read",
    }


def test_only_work_gets_a_terminal_and_only_the_vantage_point_forwards() -> None:
    assert SSH_ROLES[f"obet-technical-{CUSTOMER}"]["default_extensions"] == {"permit-pty": ""}
    assert SSH_ROLES[f"obet-read-{CUSTOMER}"]["default_extensions"] == {}
    assert SSH_ROLES["obet-vantage"]["default_extensions"] == {"permit-port-forwarding": ""}


@pytest.mark.parametrize(
    ("role", "addresses"),
    [
        ("obet-registrar", CONTROL),
        ("obet-verifier", CONTROL),
        ("obet-node-node1", CONTROL),
        ("obet-node-node2", SECOND_NODE),
    ],
)
def test_each_login_role_is_bound_to_its_addresses_at_login_and_at_use(role: str, addresses: list[str]) -> None:
    body = at(f"auth/approle/role/{role}")
    assert body["secret_id_bound_cidrs"] == body["token_bound_cidrs"] == addresses
    assert body["secret_id_ttl"] == (0 if role == "obet-registrar" else 30 * 86400)
    assert body["bind_secret_id"] is True
    assert body["token_policies"] == [role]
    assert 0 < body["token_ttl"] <= 15 * 60, "an idle token ends in minutes"
    assert body["token_max_ttl"] <= 8 * 60 * 60


def test_there_is_no_login_role_beside_those_four() -> None:
    assert sum(r.path.startswith("auth/approle/role/") for r in WANTED) == 4


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize(("node", "addresses"), [("node1", CONTROL), ("node2", SECOND_NODE)])
def test_a_token_of_a_purpose_takes_only_its_policies_works_only_from_its_node_and_lives_minutes(
    node: str, addresses: list[str], purpose: Purpose
) -> None:
    body = at(f"auth/token/roles/obet-node-{node}-{purpose}")
    assert body["allowed_policies_glob"] == [f"obet-{purpose}-*"]
    assert body["token_bound_cidrs"] == addresses
    assert body["orphan"] is False
    assert body["renewable"] is False
    assert 0 < body["token_explicit_max_ttl"] <= 15 * 60


def test_there_are_two_audit_devices_before_anything_else() -> None:
    assert [(r.kind, r.body["options"]["file_path"]) for r in WANTED[:2]] == [("audit", "/a.log"), ("audit", "/b.log")]


def test_the_registrar_writes_what_follows_from_contracts_and_nothing_of_the_base() -> None:
    own = {r.path for r in WANTED if not r.base}
    assert own == {r.path for r in WANTED} - {r.path for r in desired(ESTATE, ())}
    for path in own:
        assert may("obet-registrar", "update", path)
        assert may("obet-registrar", "create", path)


def test_the_same_grants_in_any_order_are_the_same_bytes() -> None:
    assert {json.dumps([r.body for r in desired(ESTATE, order)]) for order in permutations(GRANTS)} == {
        json.dumps([r.body for r in WANTED])
    }
    assert desired(ESTATE, frozenset(GRANTS)) == WANTED


def test_the_same_nodes_in_any_order_are_the_same_rights() -> None:
    nodes = dict(reversed(list(ESTATE.settings.nodes.items())))
    turned = desired(estate(*ESTATE.customers.values(), nodes=nodes), GRANTS)
    assert {r.path: r.body["policy"] for r in turned if "policy" in r.body} == {
        f"sys/policies/acl/{name}": text for name, text in policies().items()
    }


def test_mounts_of_other_names_are_named_everywhere() -> None:
    vault = ESTATE.settings.vault
    mounts = {"kv_mount": "secrets", "ssh_mount": "ca", "approle_mount": "nodes", "transit_mount": "sealing"}
    renamed = type(vault)(address=vault.address, ca_file="", **mounts)
    moved = desired(estate(*ESTATE.customers.values(), vault=renamed), GRANTS)
    text = json.dumps([[r.path, r.body] for r in moved])
    assert not re.search(r"\b(kv/|ssh/(sign|roles|config)|auth/approle|transit/)", text)
    assert f"sealing/encrypt/{CUSTOMER}-{DEVICE}" in text
    assert (
        f"secrets/data/access/{CUSTOMER}/{DEVICE}" in at(f"sys/policies/acl/obet-technical-{CUSTOMER}", moved)["policy"]
    )


OPERATORS = {name: Operator(login=login) for name, login in (("ivan", "userpass"), ("mira", "oidc"), ("petar", "oidc"))}
WITH_OPERATORS = desired(estate(*ESTATE.customers.values(), operators=OPERATORS), GRANTS)


def test_an_estate_without_operators_has_nothing_of_theirs() -> None:
    assert not [r.path for r in WANTED if "operator" in r.path]


def test_operators_with_a_password_have_a_mount_without_lockout_and_a_second_factor() -> None:
    (factor,) = [r for r in WITH_OPERATORS if r.kind == "second-factor"]
    assert factor.body == {"mount": "obet-operators", "operators": ["ivan"]}
    (mount,) = [r for r in WITH_OPERATORS if r.kind == "auth" and r.path == "obet-operators"]
    assert mount.body["config"] == {"user_lockout_config": {"user_lockout_disable": True}}
    assert WITH_OPERATORS.index(mount) < WITH_OPERATORS.index(factor), "its accessor is needed"


@pytest.mark.parametrize("name", ["mira", "petar"])
def test_each_oidc_operator_has_a_role_that_he_alone_can_log_in_with_from_our_addresses_for_minutes(name: str) -> None:
    role = at(f"auth/oidc/role/obet-operator-{name}", WITH_OPERATORS)
    assert role["bound_claims"] == {"preferred_username": [name]}
    assert role["oidc_scopes"] == ["profile"], "the scope that brings the claim"
    assert role["token_policies"] == ["obet-operator"]
    assert role["token_bound_cidrs"] == [*CONTROL, *SECOND_NODE]
    assert 0 < role["token_ttl"] <= 15 * 60
    assert role["token_max_ttl"] <= 8 * 60 * 60
    assert "auth/oidc/role/obet-operator-ivan" not in [r.path for r in WITH_OPERATORS]


def test_an_operators_run_gets_his_own_policy_and_no_other() -> None:
    role = at("auth/token/roles/obet-operator", WITH_OPERATORS)
    assert role["allowed_policies"] == ["obet-operator"]
    assert role["orphan"] is False, "it ends with his login, and is his in Vault's log"
    assert role["token_bound_cidrs"] == [*CONTROL, *SECOND_NODE]
    assert role["token_explicit_max_ttl"] <= 8 * 60 * 60


def test_an_operator_may_what_a_node_may_and_reads_no_secret() -> None:
    text = at("sys/policies/acl/obet-operator", WITH_OPERATORS)["policy"]
    given = set(re.findall(r'path "([^"]*)"', text))
    roles = {f"auth/token/create/obet-node-{node}-{p}" for node in ("node1", "node2") for p in Purpose}
    looking = {"kv/data/evidence/ledger", "ssh/sign/obet-vantage", "ssh/config/ca"}
    assert given == {*roles, *looking, "auth/token/create/obet-operator"}


def test_the_registrar_shuts_operators_out_and_lets_none_in() -> None:
    role, user = "auth/oidc/role/obet-operator-mira", "auth/obet-operators/users/ivan"
    for path in (role, user):
        assert may("obet-registrar", "delete", path)
        assert not may("obet-registrar", "create", path)
        assert not may("obet-registrar", "update", path)
    assert not may("obet-registrar", "delete", "auth/oidc/role/the-companys-own")
    assert may("obet-registrar", "sudo", "sys/leases/revoke-prefix/auth/obet-operators/login/ivan")
    assert not may("obet-registrar", "update", "sys/leases/revoke-prefix/auth/approle/login")
