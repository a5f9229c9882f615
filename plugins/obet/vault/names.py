"""Names in Vault: opaque ids behind one label, in lower case, so that Obet touches only what is its own."""

from __future__ import annotations

from obet.model import Purpose

LABEL = "obet-"
REGISTRAR = "obet-registrar"
NODE = "obet-node"
VERIFIER = "obet-verifier"
VANTAGE = "obet-vantage"
# The principals of SSH certificates: what a device's file of authorised principals names.
VANTAGE_PRINCIPAL = "vantage"


def grant(purpose: Purpose, customer: str) -> str:
    """The policy and the SSH role of that purpose for that customer."""
    return f"{LABEL}{purpose}-{customer}"


def token_role(purpose: Purpose) -> str:
    return f"{LABEL}{purpose}"


def node_role(node: str) -> str:
    return f"{NODE}-{node}"


def reader(customer: str) -> str:
    """The SSH role for the read-only account on that customer's devices."""
    return f"{LABEL}read-{customer}"


def read_principal(device: str) -> str:
    return f"{device}.read"


def device_secret(customer: str, device: str) -> str:
    """Below the KV mount's `data/` or `metadata/`."""
    return f"access/{customer}/{device}"
