"""Vault's audit log: each read of a secret with its run and purpose, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from obet.vault.audit import SecretRead, secret_reads

PATH = "kv/data/access/c-0000000001/d-0000000001"
REQUEST: dict[str, Any] = {
    "operation": "read",
    "mount_type": "kv",
    "path": PATH,
    "remote_address": "198.51.100.11",
    "id": "request-1",
    "headers": {"x-correlation-id": ["run-1"]},
}
POLICIES = ["default", "obet-technical-c-0000000001"]
ENTRY: dict[str, Any] = {
    "type": "response",
    "time": "2026-05-01T10:00:00Z",
    "auth": {"policies": POLICIES, "accessor": "accessor-1", "entity_id": "entity-1"},
    "request": REQUEST,
    "response": {"data": {"data": {"login": {"password": "hmac-sha256:abc"}}, "metadata": {"version": 1}}},
}


def line(request: dict[str, Any] | None = None, **changes: Any) -> str:
    return json.dumps(ENTRY | changes | {"request": REQUEST | (request or {})}) + "\n"


def test_a_read_is_told_with_its_time_run_path_purpose_and_address() -> None:
    assert [*secret_reads([line()])] == [
        SecretRead(
            at="2026-05-01T10:00:00Z",
            run="run-1",
            path=PATH,
            purpose="technical",
            address="198.51.100.11",
            refused=False,
            request="request-1",
            accessor="accessor-1",
            entity="entity-1",
        )
    ]


def test_a_refused_read_is_told_as_refused() -> None:
    (found,) = secret_reads([line(error="1 error occurred: permission denied")])
    assert found.refused


@pytest.mark.parametrize(
    ("policies", "purpose"),
    [
        (["obet-technical-c-0000000001"], "technical"),
        (["default", "obet-ending-c-0000000001"], "ending"),
        (["default", "obet-node"], "none"),
        (["root"], "none"),
        (["xobet-technical-c-0000000001"], "none"),
        (["obet-technical"], "none"),
        (["obet-marketing-c-0000000001"], "none"),
        ([], "none"),
        (None, "none"),
    ],
)
def test_the_purpose_is_that_of_the_tokens_policy(policies: list[str] | None, purpose: str) -> None:
    (found,) = secret_reads([line(auth={"policies": policies})])
    assert found.purpose == purpose


@pytest.mark.parametrize("headers", [None, {}, {"x-correlation-id": []}, {"x-other": ["run-1"]}])
def test_a_read_without_a_runs_id_is_told_as_of_none(headers: Any) -> None:
    (found,) = secret_reads([line({"headers": headers})])
    assert found.run == "none"


@pytest.mark.parametrize(
    "entry",
    [
        line(type="request"),
        line(type="unheard of"),
        line({"operation": "update"}),
        line({"operation": "create"}),
        line({"operation": "delete"}),
        line({"operation": "list"}),
        line({"path": "kv/metadata/access/c-0000000001/d-0000000001"}),
        line({"path": "kv/config"}),
        line({"mount_type": "ssh", "path": "ssh/data/x"}),
        line({"mount_type": "system", "path": "sys/policies/acl/data/x"}),
    ],
)
def test_no_other_operation_is_a_read_of_a_secret(entry: str) -> None:
    assert [*secret_reads([entry])] == []


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "\n",
        "not JSON\n",
        line()[: len(line()) // 2],
        "\x00\x00\x00\n",
        "{}\n",
        "null\n",
        "42\n",
        '"text"\n',
        "[1, 2]\n",
        '{"type": "response", "request": null}\n',
        '{"type": "response", "request": "x"}\n',
        '{"type": "response", "request": {"operation": "read", "mount_type": "kv", "path": null}}\n',
    ],
)
def test_a_line_that_is_not_whole_is_passed_over_and_the_next_is_read(garbage: str) -> None:
    assert len([*secret_reads([line(), garbage, line()])]) == 2


NOTHING_GIVEN = [
    None,
    {},
    {"data": None},
    {"data": {}},
    {"data": {"data": None, "metadata": {"deletion_time": "2026-05-01T09:00:00Z"}}},
]


@pytest.mark.parametrize("response", NOTHING_GIVEN)
def test_an_answer_that_gave_nothing_is_no_read_and_a_refusal_of_it_is_told(response: Any) -> None:
    assert [*secret_reads([line(response=response)])] == []
    (refused,) = secret_reads([line(response=response, error="permission denied")])
    assert refused.refused


def test_a_wrapped_answer_is_a_read_though_nothing_of_it_is_shown() -> None:
    """Vault puts the secret aside for whoever holds the wrapping token, and the log has no data of it."""
    (found,) = secret_reads([line(response={"wrap_info": {"accessor": "a", "creation_path": PATH, "ttl": 60}})])
    assert not found.refused


@pytest.mark.parametrize("data", [{}, {"services": {}}])
def test_an_answer_that_gave_an_empty_secret_is_a_read(data: Any) -> None:
    (found,) = secret_reads([line(response={"data": {"data": data}})])
    assert not found.refused


@pytest.mark.parametrize("auth", [None, {}])
def test_a_read_without_a_token_is_told_all_the_same(auth: Any) -> None:
    (found,) = secret_reads([line(auth=auth, error="permission denied")])
    assert (found.refused, found.purpose) == (True, "none")


def test_the_order_is_that_of_the_log() -> None:
    runs = ["b", "a", "c"]
    lines = [line({"headers": {"x-correlation-id": [run]}}) for run in runs]
    assert [read.run for read in secret_reads(lines)] == runs


def test_what_a_log_holds_of_a_value_is_not_told() -> None:
    (found,) = secret_reads([line(response={"data": {"data": {"login": "hmac-sha256:abc"}}})])
    assert "hmac" not in repr(found)
