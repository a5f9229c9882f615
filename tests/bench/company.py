"""A company with one customer of many switches: its estate, and what Vault holds for it."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import yaml
from lab import LabError
from lab.estate import EXAMPLE, WARRANTY_CUSTOMER
from lab.provision import provision

if TYPE_CHECKING:
    import http.client
    from collections.abc import Iterable

    from lab import Lab

    from .fleet import Fleet, Switch

CUSTOMER, SERVICE = "c-bench00000", "s-bench00000"
NODE_ROLE = "obet-node-node1"


class Company:
    """Obet, ready to work on the fleet."""

    def __init__(self, lab: Lab, fleet: Fleet) -> None:
        """Vault is set up from code, as in every lab; the example's customers make room."""
        self.own = provision(lab, ())
        self.fleet = fleet
        self._customers_key = " ".join(lab.customer_rsa_public_key.split()[:2])

    def serve(self, switches: Iterable[Switch]) -> None:
        """Contracts and Vault name these and no others."""
        found = list(switches)
        folder = self.own.estate / "customers"
        shutil.rmtree(folder)
        (folder / CUSTOMER / "devices").mkdir(parents=True)
        example = yaml.safe_load((EXAMPLE / "customers" / WARRANTY_CUSTOMER / "contract.yml").read_text())
        _write(folder / CUSTOMER / "contract.yml", _contract(example, [switch.id for switch in found]))
        for switch in found:
            _write(folder / CUSTOMER / "devices" / f"{switch.id}.yml", self._device(switch))
        self.own.obet("vault", "apply")

    def _device(self, switch: Switch) -> dict[str, Any]:
        ipv4, ipv6 = switch.addresses
        return {
            "id": switch.id,
            "platform": "ios",
            "owner": "customer",
            "addresses": {"ipv4": ipv4, "ipv6": ipv6},
            "host_key": self.fleet.host_key,
            "management": [{"protocol": "ssh"}],
            "enforce": "restrict",
            "customer_access": {"account": "owner", "public_key": self._customers_key},
        }

    def hand_over(self, switches: Iterable[Switch]) -> None:
        """The passwords of our accounts stand in Vault, as onboarding puts them there."""
        token, connection = self.token(), self.own.lab.vault.connection(self.own.lab.node1)
        for switch in switches:
            for account, password in switch.secrets.items():
                _put(connection, f"/v1/kv/data/{self.place(switch, account)}", {"data": {"password": password}}, token)
        connection.close()

    @staticmethod
    def place(switch: Switch, account: str) -> str:
        """Where an account's password stands in Vault's KV."""
        return f"access/{CUSTOMER}/{switch.id}/accounts/{account}"

    def token(self) -> str:
        """A job's token for the customer, of a quarter of an hour: what a peer reads passwords with."""
        node, vault = self.own.lab.node1, self.own.lab.vault
        material = {part: self._login_material(part) for part in ("role_id", "secret_id")}
        _, answer = vault.answer("POST", "auth/approle/login", material, source=node)
        policy = {"policies": [f"obet-technical-{CUSTOMER}"]}
        path = f"auth/token/create/{NODE_ROLE}-technical"
        _, made = vault.answer("POST", path, policy, answer["auth"]["client_token"], source=node)
        return str(made["auth"]["client_token"])

    @property
    def rules_to_push(self) -> str:
        """The lists and what binds them, as the plan has them: what a peer pushes bare."""
        said = self.own.obet("plan", self.fleet.switches[0].id).stdout.partition("\n")[2]
        rules = said.partition("no ip http server")[0]
        lines = rules.replace("line vty\n", "line vty 0 15\n").splitlines()
        return "".join(f"{line}\n" for line in lines if line != "exit")

    def _login_material(self, part: str) -> str:
        return (self.own.credentials / f"{NODE_ROLE}.{part.replace('_', '-')}").read_text()


def _put(connection: http.client.HTTPSConnection, path: str, body: dict[str, Any], token: str) -> None:
    connection.request("POST", path, json.dumps(body), {"X-Vault-Token": token, "X-Vault-Request": "true"})
    response = connection.getresponse()
    said = response.read().decode()
    if response.status != 200:
        raise LabError(f"Vault: {path}: {response.status}: {said}")


def _contract(example: dict[str, Any], devices: list[str]) -> dict[str, Any]:
    record = example["agreement"][0] | {"services": [SERVICE]}
    today = datetime.now(UTC).date()
    service = {
        "id": SERVICE,
        "kind": "one-off",
        "started": (today - timedelta(days=30)).isoformat(),
        "access_ends": "warranty",
        "warranty_until": (today + timedelta(days=365)).isoformat(),
        "devices": devices,
        "invoices": [{"id": "i-bench00000", "issued": today.isoformat(), "state": "unpaid"}],
    }
    return {"id": CUSTOMER, "time_zone": example["time_zone"], "agreement": [record], "services": [service]}


def _write(path: Any, document: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
