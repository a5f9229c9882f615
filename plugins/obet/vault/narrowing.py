"""What of a change of a grant only takes away: pure, and never more than what stands there and what is wanted.

A grant that names a device less and another more is first narrowed to what both say, then widened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Any

from obet.vault.desired import hcl

_BLOCK = re.compile(r'path "([^"]+)" \{\s*capabilities = (\[[^\]]*\])\s*\}')


def narrowed(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """Of a policy or an SSH role what `current` allows already and `wanted` still does; None when that is nothing.

    What of `current` is not written as ours is allows nothing that is known.
    """
    if "policy" in wanted:
        rights = _both(_rights(str(current.get("policy", ""))), _rights(wanted["policy"]))
        return {"policy": hcl(rights)} if rights else None
    users = [user for user in _listed(wanted["allowed_users"]) if user in _listed(current.get("allowed_users"))]
    try:
        sources = _hosts_within(_sources(wanted), _sources(current))
    except ValueError:  # what stands there are no addresses
        return None
    if not users or not sources:  # without sources a certificate would work from anywhere
        return None
    options = {**wanted["default_critical_options"], "source-address": ",".join(sources)}
    return {**wanted, "allowed_users": ",".join(users), "default_critical_options": options}


def _both(one: Mapping[str, set[str]], other: Mapping[str, set[str]]) -> dict[str, set[str]]:
    return {path: common for path in one if (common := one[path] & other.get(path, set()))}


def _rights(policy: str) -> dict[str, set[str]]:
    """Capabilities by path; none at all where anything is not written as our own policies are."""
    if _BLOCK.sub("", policy).strip():
        return {}
    found = _BLOCK.findall(policy)
    try:
        rights = {path: set(json.loads(capabilities)) for path, capabilities in found}
    except ValueError:
        return {}
    return rights if len(rights) == len(found) else {}


def _sources(role: Mapping[str, Any]) -> list[str]:
    return _listed((role.get("default_critical_options") or {}).get("source-address"))


def _hosts_within(hosts: Iterable[str], networks: Iterable[str]) -> list[str]:
    """Those of `hosts` that are in one of the networks; all of them where no network says otherwise."""
    around = [ip_network(network, strict=False) for network in networks]
    if not around:
        return [*hosts]
    return [host for host in hosts if any(_within(ip_network(host), network) for network in around)]


def _within(host: Any, network: Any) -> bool:
    return bool(host.version == network.version and host.subnet_of(network))


def _listed(value: Any) -> list[str]:
    """Vault's lists come as lists or as text with commas."""
    return [part for part in (value.split(",") if isinstance(value, str) else value or ()) if part]
