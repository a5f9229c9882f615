"""Names in Vault: opaque ids behind one label, in lower case, so that Obet touches only what is its own."""

from __future__ import annotations

from obet.model import Device, Purpose

LABEL = "obet-"
REGISTRAR = "obet-registrar"
VERIFIER = "obet-verifier"
VANTAGE = "obet-vantage"
# The policy and the token role of operators, and the second factor of their login.
OPERATOR = "obet-operator"
SECOND_FACTOR = "obet-operators"
# In the place of a customer's id, where a grant is meant that nobody has: no id is like it.
NOBODY = "nobody"
# The principals of SSH certificates: what a device's file of authorised principals names.
VANTAGE_PRINCIPAL = "vantage"
# Our accounts on a device: one that works, and one that only looks.
ACCOUNT = "obet"
READ_ACCOUNT = "obet-read"
SNMP_USER = "obet-snmp"


def grants(purpose: Purpose) -> str:
    """What the name of each grant of that purpose begins with."""
    return f"{LABEL}{purpose}-"


def grant(purpose: Purpose, customer: str) -> str:
    """The policy and the SSH role of that purpose for that customer."""
    return f"{grants(purpose)}{customer}"


def node_role(node: str) -> str:
    """The AppRole role and the policy of an execution node."""
    return f"{LABEL}node-{node}"


def operator(name: str) -> str:
    """An operator's identity in Vault, and the OIDC role that he alone can log in with."""
    return f"{OPERATOR}-{name}"


def token_role(node: str, purpose: Purpose) -> str:
    """The token role through which that node gets tokens of that purpose, bound to its own addresses."""
    return f"{node_role(node)}-{purpose}"


def reader(customer: str) -> str:
    """The SSH role for the read-only account on that customer's devices."""
    return f"{LABEL}read-{customer}"


def read_principal(device: str) -> str:
    return f"{device}.read"


# Below the KV mount's `data/` or `metadata/`.
DEVICE_SECRETS = "access/"
LEDGER_CHECKPOINT = "evidence/ledger"


def device_secret(customer: str, device: str) -> str:
    """Below the KV mount's `data/` or `metadata/`."""
    return f"{DEVICE_SECRETS}{customer}/{device}"


def device_of(path: str) -> str:
    """Whose secrets stand at that path of Vault's (`kv/data/access/…`); empty where it is no device's."""
    return "".join(path.partition(f"/data/{DEVICE_SECRETS}")[2].split("/")[1:2])


def account_secret(customer: str, device: str, account: str) -> str:
    """Below the device's own: the login of an account of ours, where the device knows no certificates."""
    return f"{device_secret(customer, device)}/accounts/{account}"


def snmp_secret(customer: str, device: str) -> str:
    """Below the device's own: the passphrases by which collectors ask it."""
    return f"{device_secret(customer, device)}/snmp"


def secrets_of(customer: str, device: Device) -> dict[str, str]:
    """All that stands in Vault of a device, by what it is: below the KV mount's `data/` or `metadata/`."""
    found = {"its secrets": device_secret(customer, device.id)}
    if device.platform != "linux":  # which takes certificates of minutes
        for account in (ACCOUNT, READ_ACCOUNT):
            found[f"the login of {account}"] = account_secret(customer, device.id, account)
        # Whether or not a collector asks it now: what was made while one did ends with the rest.
        found["the passphrases of SNMP"] = snmp_secret(customer, device.id)
    return found


def lock(customer: str, device: str) -> str:
    """Below the KV mount's `data/`: who works on the device."""
    return f"locks/{customer}/{device}"


def customer_key(customer: str) -> str:
    """The customer's transit key."""
    return customer


def device_key(customer: str, device: str) -> str:
    """The device's transit key."""
    return f"{customer}-{device}"
