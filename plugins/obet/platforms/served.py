"""Which platforms are served: a folder beside this module, with its rules, its proof and its driver."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Protocol, cast

from obet.access.finding import Finding
from obet.access.policy import ManagementPolicy
from obet.model import Address

_HERE = "obet.platforms"


class Rules(Protocol):
    def render(self, policy: ManagementPolicy) -> str:
        """The policy as text that the device takes; the same policy is the same text."""
        ...


class Proof(Protocol):
    def prove(self, running: str, allowed: Iterable[Address], ports: Iterable[int]) -> list[Finding]:
        """What contradicts "these ports take these sources and no other"; ProofError for what is no configuration."""
        ...


class Services(Protocol):
    def prove_services(self, running: str, collectors: Iterable[Address]) -> list[Finding]:
        """What else is a way in, and what is sent in clear, or to others than the collectors."""
        ...


def rules(platform: str) -> Rules:
    return cast(Rules, import_module(f"{_HERE}.{platform}.rules"))


def proof(platform: str) -> Proof:
    return cast(Proof, import_module(f"{_HERE}.{platform}.proof"))


def services(platform: str) -> Services:
    return cast(Services, import_module(f"{_HERE}.{platform}.services"))
