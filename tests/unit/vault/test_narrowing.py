"""What of a change of a grant only takes away: never more than what stood there, never more than what is wanted."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obet.vault.desired import hcl
from obet.vault.narrowing import narrowed

PATHS, CAPABILITIES = ("kv/data/a", "kv/data/b", "ssh/sign/c"), ("create", "read", "update", "delete")
rights = st.dictionaries(st.sampled_from(PATHS), st.sets(st.sampled_from(CAPABILITIES), min_size=1), min_size=1)


def role(users: str, sources: Any) -> dict[str, Any]:
    options = {} if sources is None else {"source-address": sources}
    return {"allowed_users": users, "default_critical_options": options, "max_ttl": 300}


@given(current=rights, wanted=rights)
def test_of_two_policies_just_what_both_allow_is_left(
    current: dict[str, set[str]], wanted: dict[str, set[str]]
) -> None:
    both = {path: current[path] & wanted[path] for path in current.keys() & wanted.keys()}
    left = narrowed({"policy": hcl(current)}, {"policy": hcl(wanted)})
    assert left == ({"policy": hcl({p: c for p, c in both.items() if c})} if any(both.values()) else None)


@pytest.mark.parametrize(
    "strange",
    [
        "",
        "# nothing",
        'path "kv/data/a" {\n  capabilities = ["read"]\n}\nname = "x"',
        'path "kv/data/a" {\n  capabilities = ["read"]\n}\npath "kv/data/a" {\n  capabilities = ["deny"]\n}\n',
        'path "kv/data/a" {\n  capabilities = [read]\n}\n',
        'path "kv/data/a" {\n  policy = "read"\n}\n',
    ],
)
def test_a_policy_that_is_not_written_as_ours_leaves_nothing(strange: str) -> None:
    assert narrowed({"policy": strange}, {"policy": hcl({"kv/data/a": ["read"]})}) is None


@pytest.mark.parametrize(
    ("current", "users", "sources"),
    [
        (role("d-1,d-2", "198.51.100.11/32,198.51.100.12/32"), "d-1", "198.51.100.11/32"),
        (role("d-1", "198.51.100.0/24"), "d-1", "198.51.100.11/32"),
        (role("d-1", None), "d-1", "198.51.100.11/32,2001:db8::1/128"),
        (role("d-3,d-1", "2001:db8::1"), "d-1", "2001:db8::1/128"),
    ],
    ids=["hosts", "a network", "from anywhere", "an address"],
)
def test_of_two_roles_the_users_and_the_sources_of_both_are_left(
    current: dict[str, Any], users: str, sources: str
) -> None:
    wanted = role("d-1,d-4", "198.51.100.11/32,2001:db8::1/128")
    assert narrowed(current, wanted) == role(users, sources)
    assert all(ip_network(source).num_addresses == 1 for source in sources.split(","))


@pytest.mark.parametrize(
    "current", [role("d-2", "198.51.100.11/32"), role("d-1", "203.0.113.1/32"), role("d-1", "here"), role("", None)]
)
def test_where_no_user_or_no_source_is_left_the_role_goes_rather_than_letting_in_anybody(
    current: dict[str, Any],
) -> None:
    assert narrowed(current, role("d-1", "198.51.100.11/32")) is None
