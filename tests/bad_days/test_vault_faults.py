"""Vault is sealed, away, slow or busy, before a run and in the middle of one: it ends in time and says so."""

from __future__ import annotations

import time
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest
from lab.estate import MANAGED_DEVICE
from lab.provision import Obet
from lab.vault_proxy import CUT, Answer, Request, VaultProxy
from life_support import fails_clearly, recap

# One request of each kind of run, in its middle.
_PLAY_READS = f"GET kv/data/.*{MANAGED_DEVICE}"
_REGISTRAR_LOOKS = "GET auth/approle/role/"
_VERIFIER_SIGNS = "sign/obet-read-"


def _play(own: Obet) -> CompletedProcess[str]:
    return own.play("configure", "--limit", MANAGED_DEVICE, check=False)


def _apply(own: Obet) -> CompletedProcess[str]:
    return own.obet("vault", "apply", check=False)


def _verify(own: Obet) -> CompletedProcess[str]:
    return own.obet("verify", MANAGED_DEVICE, check=False)


RUNS = pytest.mark.parametrize(
    ("run", "code", "middle"),
    [(_play, 2, _PLAY_READS), (_apply, 5, _REGISTRAR_LOOKS), (_verify, 5, _VERIFIER_SIGNS)],
    ids=["playbook", "registrar", "verifier"],
)
Run = Callable[[Obet], CompletedProcess[str]]


def _works_again(own: Obet) -> None:
    assert recap(own.play("configure", "--limit", MANAGED_DEVICE).stdout)[MANAGED_DEVICE]["changed"] == 0
    assert "nothing to do" in own.obet("vault", "apply").stdout


@RUNS
def test_a_vault_that_is_down_before_a_run_is_said_in_one_line(
    served: Obet, proxied: VaultProxy, secrets: list[str], run: Run, code: int, middle: str
) -> None:
    proxied.on(".", lambda _: CUT)
    began = time.monotonic()
    fails_clearly(run(served), code, "Vault cannot be reached", secrets=secrets)
    assert time.monotonic() - began < 10
    assert middle


@RUNS
def test_a_vault_that_is_cut_off_in_mid_run_is_said_in_one_line(
    served: Obet, proxied: VaultProxy, secrets: list[str], run: Run, code: int, middle: str
) -> None:
    cut: list[str] = []

    def fault(request: Request) -> Answer | None:
        cut.append(request.line)
        proxied.on(".", lambda _: CUT)
        return CUT

    proxied.on(middle, fault)
    fails_clearly(run(served), code, "Vault cannot be reached", secrets=secrets)
    assert cut, "it never came that far"
    proxied.forward_all()
    _works_again(served)


@RUNS
def test_a_vault_that_is_sealed_in_mid_run_is_said_and_the_run_can_be_repeated(
    served: Obet, proxied: VaultProxy, admin: str, secrets: list[str], run: Run, code: int, middle: str
) -> None:
    vault, sealed = served.lab.vault, []

    def seal(request: Request) -> None:
        if not sealed:
            sealed.append(request.line)
            vault.request("PUT", "sys/seal", {}, admin)

    proxied.on(middle, seal)
    try:
        answer = run(served)
        again = _apply(served)
    finally:
        if sealed:
            vault.unseal()
    assert sealed, "it never came that far"
    fails_clearly(answer, code, "Vault is sealed", "unseal it", secrets=secrets)
    fails_clearly(again, 5, "Vault is sealed", "unseal it", secrets=secrets)
    _works_again(served)
