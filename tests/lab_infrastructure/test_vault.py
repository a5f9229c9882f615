"""The lab's Vault speaks TLS that has to be trusted, and holds its keys in memory."""

from __future__ import annotations

import os
import ssl
import stat

import pytest
from lab import Lab, LabError
from lab.topology import VAULT_PORT


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_vault_is_up_and_its_certificate_passes_strict_checks(lab: Lab, family: str) -> None:
    address = getattr(lab.vault, family)
    context = ssl.create_default_context(cafile=lab.vault.ca_file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN

    with context.wrap_socket(lab.node1.connect(address, VAULT_PORT), server_hostname=address) as connection:
        connection.sendall(b"GET /v1/sys/health HTTP/1.0\r\n\r\n")
        assert connection.recv(32).startswith(b"HTTP/1.0 200")


def test_a_client_that_does_not_trust_the_authority_does_not_connect(lab: Lab) -> None:
    context = ssl.create_default_context()

    with pytest.raises(ssl.SSLCertVerificationError), lab.node1.connect(lab.vault.ipv4, VAULT_PORT) as plain:
        context.wrap_socket(plain, server_hostname=lab.vault.ipv4)


def test_vault_does_not_answer_in_clear(lab: Lab) -> None:
    with lab.node1.connect(lab.vault.ipv4, VAULT_PORT) as connection:
        connection.sendall(b"GET /v1/sys/health HTTP/1.0\r\n\r\n")
        assert b"HTTP request to an HTTPS server" in connection.recv(200)


def test_requests_work_with_the_root_token_and_a_refusal_says_why(lab: Lab) -> None:
    lab.vault.request("POST", "sys/mounts/kept", {"type": "kv-v2"}, lab.vault.root_token)

    assert "kept/" in lab.vault.request("GET", "sys/mounts", token=lab.vault.root_token)["data"]
    with pytest.raises(LabError, match=r"sys/mounts: 403: .*permission denied"):
        lab.vault.request("GET", "sys/mounts", token="wrong")


def test_vault_keeps_what_it_has_over_a_restart(lab: Lab) -> None:
    lab.vault.request(
        "PUT", "sys/policies/acl/kept", {"policy": 'path "x" { capabilities = ["read"] }'}, lab.vault.root_token
    )

    lab.vault.stop()
    assert not lab.vault.running
    lab.vault.start()

    assert "kept" in lab.vault.request("LIST", "sys/policies/acl", token=lab.vault.root_token)["data"]["keys"]


def test_audit_logs_can_be_written_to_a_folder_that_nobody_else_reads(lab: Lab) -> None:
    path = lab.vault.audit_directory / "audit-1.log"
    options = {"type": "file", "options": {"file_path": str(path)}}

    lab.vault.request("POST", "sys/audit/one", options, lab.vault.root_token)

    assert path.stat().st_size > 0
    assert stat.S_IMODE(lab.vault.audit_directory.stat().st_mode) == 0o700


def test_a_vault_variable_of_the_user_does_not_reach_the_server(lab: Lab) -> None:
    assert not [name for name in lab.vault.environment() if name.startswith("VAULT_")]


def test_an_owned_labs_keys_are_in_no_file_and_another_process_does_not_get_them(lab: Lab) -> None:
    secrets = [lab.vault.root_token, lab.vault.unseal_key, lab.machine("server1").initial_login.password]
    attached = Lab.attach(lab.name)

    found = [path for path in lab.state_directory.rglob("*")
             if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets)]  # fmt: skip

    assert found == []
    with pytest.raises(LabError, match="in the memory of the process that made this lab"):
        _ = attached.vault.root_token
    with pytest.raises(LabError, match="no initial login"):
        _ = attached.machine("server1").initial_login


def test_a_detached_labs_keys_are_in_one_file_that_only_its_owner_reads(lab_name: str) -> None:
    made = Lab.up(lab_name)
    attached = Lab.attach(lab_name)

    assert attached.vault.root_token == made.vault.root_token
    assert attached.machine("server2").initial_login == made.machine("server2").initial_login
    mode = (made.state_directory / "secrets.json").stat()
    assert (stat.S_IMODE(mode.st_mode), mode.st_uid) == (0o600, os.geteuid())
    assert attached.vault.request("GET", "sys/mounts", token=attached.vault.root_token)
