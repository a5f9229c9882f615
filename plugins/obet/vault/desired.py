"""What Vault is to hold: pure, from the estate and the grants that its obligations call for.

The base (mounts, audit, login roles, fixed policies) is written once by an administrator; the registrar writes only
what follows from contracts and clock (policies and SSH roles of purposes) and reports drift in the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from itertools import groupby
from typing import Any, Literal

import msgspec

from obet.defaults import HARD_STOP_DAYS
from obet.errors import PolicyError
from obet.model import Address, Estate, Purpose, VaultSettings
from obet.obligations import Grant
from obet.vault import names

_MINUTES = 60
TOKEN_LIFE = 15 * _MINUTES
RUN_LIFE = 8 * 60 * _MINUTES  # by renewal only: an idle token ends after TOKEN_LIFE
CERTIFICATE_LIFE = 5 * _MINUTES
SECRET_ID_LIFE = HARD_STOP_DAYS * 24 * 60 * _MINUTES  # handed out anew by the registrar before that
# A name that no option has: an empty list would let the caller ask for any. Whoever asks for this one gets it instead
# of the source addresses, and sshd refuses a certificate with a critical option that it does not know.
_NO_OPTION = "none@obet"


class Resource(msgspec.Struct, frozen=True):
    """One thing in Vault: where it stands, what it must say, and who may write it."""

    kind: Literal["mount", "auth", "audit", "ssh-ca", "second-factor", "plain"]
    path: str
    body: Mapping[str, Any]
    base: bool = True


def desired(estate: Estate, granted: Iterable[Grant]) -> tuple[Resource, ...]:
    """All resources, in the order in which they can be made."""
    return (*_base(estate), *_granted(estate, sorted(granted)))


def _base(estate: Estate) -> Iterable[Resource]:
    vault = estate.settings.vault
    for number, path in enumerate(vault.audit_files, start=1):
        yield Resource("audit", f"obet-{number}", {"type": "file", "options": _audit_options(path)})
    yield Resource("mount", vault.kv_mount, {"type": "kv", "options": {"version": "2"}, "description": "obet"})
    yield Resource("mount", vault.ssh_mount, {"type": "ssh", "description": "obet"})
    yield Resource("mount", vault.transit_mount, {"type": "transit", "description": "obet"})
    # With lockout, six wrong secret ids from elsewhere would keep the node itself out.
    lockout = {"user_lockout_disable": True}
    yield Resource("auth", vault.approle_mount, {"type": "approle", "config": {"user_lockout_config": lockout}})
    yield Resource("plain", f"{vault.kv_mount}/config", {"max_versions": 100})
    # Else whoever may encrypt could bring a destroyed key's name back to life.
    yield Resource("plain", f"{vault.transit_mount}/config/keys", {"disable_upsert": True})
    yield Resource("ssh-ca", f"{vault.ssh_mount}/config/ca", {})
    for name, paths in _fixed_policies(estate).items():
        yield _policy(name, paths, base=True)
    for name, addresses in _logins(estate):
        yield Resource("plain", f"auth/{vault.approle_mount}/role/{name}", _login(name, addresses))
    yield from _operators(estate)
    for node, where in estate.settings.nodes.items():
        for purpose in Purpose:
            role = _token_role(purpose, where.addresses.both)
            yield Resource("plain", f"auth/token/roles/{names.token_role(node, purpose)}", role)
    forwarding = {"permit-port-forwarding": ""}
    control = estate.settings.nodes[estate.control_node].addresses.both
    yield _ssh_role(estate, names.VANTAGE, [names.VANTAGE_PRINCIPAL], control, forwarding, base=True)


def _operators(estate: Estate) -> Iterable[Resource]:
    """Where operators log in, and what a run of theirs gets; nothing where the estate names none."""
    people: dict[str, list[str]] = {}
    for name, operator in sorted(estate.settings.operators.items()):
        people.setdefault(operator.login, []).append(name)
    vault = estate.settings.vault
    if "userpass" in people:
        # Lockout would let anybody keep an operator out; a guess needs the second factor as well.
        config = {"user_lockout_config": {"user_lockout_disable": True}}
        yield Resource("auth", vault.operators_mount, {"type": "userpass", "config": config})
        # A right guess is told from a wrong one, wherever it comes from: so they come slowly.
        slowly = {"path": f"auth/{vault.operators_mount}/", "rate": _LOGINS_A_SECOND}
        yield Resource("plain", f"{_RATE_LIMIT}/{names.SECOND_FACTOR}", slowly)
        whom = {"mount": vault.operators_mount, "operators": people["userpass"]}
        yield Resource("second-factor", names.SECOND_FACTOR, whom)
    for name in people.get("oidc", ()):  # a role each: the registrar can shut one out without letting another in
        role = {
            "role_type": "oidc",
            "oidc_scopes": ["profile"],  # which brings the claim (OpenID Connect Core, 5.4)
            "user_claim": _OIDC_CLAIM,
            "bound_claims": {_OIDC_CLAIM: [name]},
            "allowed_redirect_uris": [_OIDC_REDIRECT],
            **_bound(names.OPERATOR, estate.fixed_addresses),
        }
        yield Resource("plain", f"auth/{vault.oidc_mount}/role/{names.operator(name)}", role)
    if people:
        own = {
            "allowed_policies": [names.OPERATOR],
            "token_bound_cidrs": _hosts(estate.fixed_addresses),
            "orphan": False,
            "renewable": True,
            "token_explicit_max_ttl": RUN_LIFE,
            "token_type": "service",
        }
        yield Resource("plain", f"auth/token/roles/{names.OPERATOR}", own)


_RATE_LIMIT = "sys/quotas/rate-limit"
_LOGINS_A_SECOND = 5  # from one address
_OIDC_CLAIM = "preferred_username"
_OIDC_REDIRECT = "http://localhost:8250/oidc/callback"  # what `vault login -method=oidc` listens on


def login_with_second_factor(estate: Estate) -> dict[str, Any]:
    """What such a login is bound to: our fixed addresses, minutes when idle, a working day at most.

    IPv4 only: of an IPv6 address Vault 1.21 makes ::/0, which is any, in the token that it gives after a second factor.
    """
    addresses = [address for address in estate.fixed_addresses if address.version == 4]
    if not addresses:
        raise PolicyError("operators' logins with a second factor can be bound to IPv4 addresses only: no node has one")
    return _bound(names.OPERATOR, addresses)


def _granted(estate: Estate, granted: list[Grant]) -> Iterable[Resource]:
    """Policy and SSH role for each customer and purpose, naming just the devices that are granted now."""
    vault = estate.settings.vault
    for (customer, purpose), group in groupby(sorted(granted, key=_holder), key=_holder):
        devices = [grant.device for grant in group]
        name = names.grant(Purpose(purpose), customer)
        paths = {f"{vault.ssh_mount}/sign/{role}": ["update"] for role in (name, names.reader(customer))}
        for device in devices:
            for secret in names.secrets_of(customer, estate.customers[customer].devices[device]).values():
                paths |= _secret_paths(Purpose(purpose), vault.kv_mount, secret)
            paths[f"{vault.kv_mount}/data/{names.lock(customer, device)}"] = ["create", "read", "update"]
            for way in ("encrypt", "decrypt"):  # who works on the device may know what was done on it
                paths[f"{vault.transit_mount}/{way}/{names.device_key(customer, device)}"] = ["update"]
        yield _policy(name, paths, base=False)
        yield _ssh_role(estate, name, devices, _sources(estate, customer, devices), {"permit-pty": ""})
    for customer, group in groupby(granted, key=lambda grant: grant.customer):
        devices = sorted({grant.device for grant in group})
        principals = [names.read_principal(device) for device in devices]
        yield _ssh_role(estate, names.reader(customer), principals, _sources(estate, customer, devices), {})
        for key in (names.customer_key(customer), *(names.device_key(customer, device) for device in devices)):
            yield Resource("plain", f"{vault.transit_mount}/keys/{key}", _KEY, base=False)


# Neither can be made true later: no policy of ours reaches a key's configuration.
_KEY = {"type": "aes256-gcm96", "exportable": False, "allow_plaintext_backup": False}


def _audit_options(path: str) -> dict[str, str]:
    """Accessors in clear join a read to its run; they open nothing without a right that only an administrator has."""
    return {"file_path": path, "hmac_accessor": "false"}


def _sources(estate: Estate, customer: str, devices: Iterable[str]) -> Iterable[Address]:
    """What these devices see us come from, each once."""
    own = estate.customers[customer].devices
    return dict.fromkeys(address for device in devices for address in estate.sources(own[device]))


def _holder(grant: Grant) -> tuple[str, str]:
    return grant.customer, grant.purpose.value


def _secret_paths(purpose: Purpose, mount: str, secret: str) -> dict[str, list[str]]:
    if purpose is Purpose.TECHNICAL:
        return {f"{mount}/data/{secret}": ["create", "read", "update"]}
    return {f"{mount}/data/{secret}": ["read"], f"{mount}/metadata/{secret}": ["read", "delete"]}


def _fixed_policies(estate: Estate) -> dict[str, dict[str, list[str]]]:
    vault = estate.settings.vault
    kv, ssh, approle = vault.kv_mount, vault.ssh_mount, f"auth/{vault.approle_mount}/role"
    transit, operators = vault.transit_mount, estate.settings.operators
    checkpoint = {f"{kv}/data/{names.LEDGER_CHECKPOINT}": ["create", "read", "update"]}
    running = {**checkpoint, f"{ssh}/sign/{names.VANTAGE}": ["update"], f"{ssh}/config/ca": ["read"]}
    looking = {
        "sys/policies/acl": ["list"],
        f"sys/policies/acl/{names.LABEL}*": ["read"],
        f"{ssh}/roles": ["list"],
        f"{ssh}/roles/{names.LABEL}*": ["read"],
        f"{ssh}/config/ca": ["read"],
    }
    own = {f"sys/policies/acl/{names.grants(p)}*": ["create", "read", "update", "delete"] for p in Purpose}
    handing_out = {f"{approle}/{name}/{part}": caps for name, _ in _logins(estate) for part, caps in _CREDENTIAL}
    return {
        names.REGISTRAR: {
            **looking,
            **own,
            **handing_out,
            "sys/mounts": ["read"],
            "sys/auth": ["read"],
            "sys/audit": ["read", "sudo"],
            f"{kv}/config": ["read"],
            f"{kv}/data/{names.LEDGER_CHECKPOINT}": ["read"],  # which shows whether the journal it sees is the nodes'
            f"{transit}/config/keys": ["read"],
            f"{transit}/keys/+": ["create", "read", "update"],  # not below it: a key's configuration is nobody's
            f"{approle}/{names.LABEL}*": ["read"],
            f"auth/token/roles/{names.LABEL}*": ["read"],
            **_keeping_operators(vault),
            f"{ssh}/roles/{names.LABEL}*": ["create", "read", "update", "delete"],
        },
        **{names.node_role(node): {**running, **_children([node])} for node in estate.settings.nodes},
        **({names.OPERATOR: {**running, **_children(estate.settings.nodes), **_RUN_OF_HIS}} if operators else {}),
        names.VERIFIER: {
            **looking,
            **checkpoint,
            f"{transit}/decrypt/c-*": ["update"],
            f"{kv}/metadata/access/*": ["read", "list"],
            f"{ssh}/sign/{names.LABEL}read-*": ["update"],
            f"{ssh}/sign/{names.VANTAGE}": ["update"],
        },
    }


def _children(nodes: Iterable[str]) -> dict[str, list[str]]:
    roles = (names.token_role(node, purpose) for node in nodes for purpose in Purpose)
    return {f"auth/token/create/{role}": ["update"] for role in roles}


def _keeping_operators(vault: VaultSettings) -> dict[str, list[str]]:
    """The registrar shuts out who is no operator any more; letting somebody in is an administrator's."""
    return {
        f"auth/{vault.operators_mount}/users": ["list"],
        f"auth/{vault.operators_mount}/users/*": ["delete"],
        f"sys/leases/revoke-prefix/auth/{vault.operators_mount}/login/*": ["sudo", "update"],
        f"auth/{vault.oidc_mount}/role": ["list"],
        f"auth/{vault.oidc_mount}/role/{names.operator('*')}": ["read", "delete"],
        f"{_RATE_LIMIT}/{names.SECOND_FACTOR}": ["read"],
        "identity/mfa/method/totp": ["list"],
        "identity/mfa/method/totp/*": ["read"],
        f"identity/mfa/login-enforcement/{names.SECOND_FACTOR}": ["read"],
    }


_RUN_OF_HIS = {f"auth/token/create/{names.OPERATOR}": ["update"]}
_CREDENTIAL = (("role-id", ["read"]), ("secret-id", ["create", "update"]))


def _logins(estate: Estate) -> list[tuple[str, tuple[Address, ...]]]:
    """Each AppRole role: its name, which is its policy's too, and the only addresses that it works from."""
    control = estate.settings.nodes[estate.control_node].addresses.both
    nodes = [(names.node_role(name), node.addresses.both) for name, node in estate.settings.nodes.items()]
    return [(names.REGISTRAR, control), (names.VERIFIER, control), *nodes]


def _login(policy: str, addresses: Iterable[Address]) -> dict[str, Any]:
    bound = _bound(policy, addresses)
    # Should nobody ever run the registrar again, logins end by themselves, and with them what was granted last.
    life = 0 if policy == names.REGISTRAR else SECRET_ID_LIFE
    # Without addresses of the secret id, only the use of a token is refused, not the login.
    hosts = bound["token_bound_cidrs"]
    return {"bind_secret_id": True, "secret_id_bound_cidrs": hosts, "secret_id_ttl": life, **bound}


def _bound(policy: str, addresses: Iterable[Address]) -> dict[str, Any]:
    return {
        "token_bound_cidrs": _hosts(addresses),
        "token_policies": [policy],
        "token_ttl": TOKEN_LIFE,
        "token_max_ttl": RUN_LIFE,
        "token_type": "service",
    }


def _token_role(purpose: Purpose, addresses: Iterable[Address]) -> dict[str, Any]:
    """A token made through a role is bound by the role, not by its parent: without addresses it works anywhere."""
    return {
        "allowed_policies_glob": [f"{names.grants(purpose)}*"],
        "token_bound_cidrs": _hosts(addresses),
        "orphan": False,
        "renewable": False,
        "token_explicit_max_ttl": TOKEN_LIFE,
        "token_type": "service",
    }


def _ssh_role(
    estate: Estate,
    name: str,
    principals: Iterable[str],
    sources: Iterable[Address],
    extensions: Mapping[str, str],
    *,
    base: bool = False,
) -> Resource:
    body = {
        "key_type": "ca",
        "allow_user_certificates": True,
        "allow_host_certificates": False,
        "allowed_users": ",".join(principals),
        "allowed_critical_options": _NO_OPTION,
        "default_critical_options": {"source-address": ",".join(_hosts(sources))},
        "allowed_extensions": _NO_OPTION,
        "default_extensions": dict(extensions),
        "allow_user_key_ids": False,
        "ttl": CERTIFICATE_LIFE,
        "max_ttl": CERTIFICATE_LIFE,
        "not_before_duration": 30,
    }
    return Resource("plain", f"{estate.settings.vault.ssh_mount}/roles/{name}", body, base)


def _hosts(addresses: Iterable[Address]) -> list[str]:
    return [str(ip_network(address)) for address in addresses]


def _policy(name: str, paths: Mapping[str, Iterable[str]], *, base: bool) -> Resource:
    return Resource("plain", f"sys/policies/acl/{name}", {"policy": hcl(paths)}, base)


def hcl(paths: Mapping[str, Iterable[str]]) -> str:
    """A policy in Vault's own language, in a fixed order, so that the same rights are the same bytes."""
    return "".join(
        f'path "{path}" {{\n  capabilities = {json.dumps(sorted(capabilities))}\n{_parameters(path)}}}\n'
        for path, capabilities in sorted(paths.items())
    )


def _parameters(path: str) -> str:
    """A key is made as ours are or not at all: nobody may make one that can be read or copied."""
    if not path.endswith("/keys/+"):
        return ""
    allowed = "".join(f"    {json.dumps(name)} = {json.dumps([value])}\n" for name, value in sorted(_KEY.items()))
    return f"  allowed_parameters = {{\n{allowed}  }}\n"
