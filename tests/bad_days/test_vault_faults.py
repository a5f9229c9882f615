"""Vault is sealed, away, slow or busy, before a run and in the middle of one: it ends in time and says so."""

from __future__ import annotations

import itertools
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from subprocess import CompletedProcess

import pytest
from lab import Machine, VaultServer
from lab.estate import MANAGED_CUSTOMER, MANAGED_DEVICE, SHARED_DEVICE, WARRANTY_CUSTOMER
from lab.provision import Obet
from lab.vault_proxy import CUT, Answer, Request, VaultProxy
from life_support import Edit, Job, administrator, fails_clearly, let_locks_expire, recap, verified

# One request of each kind of run, in its middle.
_PLAY_READS = f"GET kv/data/access/.*{MANAGED_DEVICE}"
_REGISTRAR_LOOKS = "GET auth/approle/role/"
_VERIFIER_SIGNS = "sign/obet-read-"


def _play(own: Obet) -> CompletedProcess[str]:
    return own.play("configure", "--limit", MANAGED_DEVICE, check=False)


def _apply(own: Obet) -> CompletedProcess[str]:
    return own.obet("vault", "apply", check=False)


def _verify(own: Obet) -> CompletedProcess[str]:
    return verified(own, MANAGED_DEVICE)


RUNS = pytest.mark.parametrize(
    ("run", "code", "middle"),
    [(_play, 2, _PLAY_READS), (_apply, 5, _REGISTRAR_LOOKS), (_verify, 5, _VERIFIER_SIGNS)],
    ids=["playbook", "registrar", "verifier"],
)
Run = Callable[[Obet], CompletedProcess[str]]


@RUNS
def test_a_vault_that_is_down_before_a_run_is_said_in_one_line(
    served: Obet, proxied: VaultProxy, secrets: list[str], run: Run, code: int, middle: str
) -> None:
    proxied.on(".", lambda _: CUT)
    began = time.monotonic()
    fails_clearly(run(served), code, "Vault cannot be reached", secrets=secrets)
    assert time.monotonic() - began < 30
    assert proxied.seen != []
    assert not [line for line in proxied.seen if re.search(middle, line)]


@RUNS
def test_a_vault_that_is_cut_off_in_mid_run_is_said_in_one_line(
    served: Obet, proxied: VaultProxy, admin: str, secrets: list[str], run: Run, code: int, middle: str
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
    let_locks_expire(served.lab, admin)
    assert run(served).returncode == 0


@RUNS
def test_a_vault_that_is_sealed_in_mid_run_is_said_and_the_run_can_be_repeated(
    served: Obet, proxied: VaultProxy, admin: str, secrets: list[str], run: Run, code: int, middle: str
) -> None:
    vault = served.lab.vault
    sealed: list[str] = []

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
    let_locks_expire(served.lab, admin)
    assert run(served).returncode == 0


@RUNS
def test_a_token_that_is_gone_in_mid_run_is_said_and_the_run_can_be_repeated(
    served: Obet, proxied: VaultProxy, admin: str, secrets: list[str], run: Run, code: int, middle: str
) -> None:
    gone: list[str] = []

    def revoke(request: Request) -> None:
        if not gone:
            gone.append(request.line)
            served.lab.vault.request("POST", "auth/token/revoke", {"token": request.token}, admin)

    proxied.on(middle, revoke)
    fails_clearly(run(served), code, "token", "expired or was revoked", "start again", secrets=secrets)
    assert gone, "it never came that far"
    let_locks_expire(served.lab, admin)
    assert run(served).returncode == 0


@RUNS
def test_both_audit_devices_stalled_is_a_time_out_that_names_them(
    served: Obet, secrets: list[str], run: Run, code: int, middle: str
) -> None:
    """Vault serves nobody while it cannot write down whom it serves."""
    began = time.monotonic()
    with stalled_audit(served.lab.vault):
        answer = run(served)
    assert 10 < time.monotonic() - began < 40
    fails_clearly(answer, code, "no answer in time", "is an audit device stalled?", secrets=secrets)
    assert run(served).returncode == 0
    assert middle


def test_a_vault_that_hangs_in_mid_run_is_waited_for_once_and_not_at_every_step(
    served: Obet, proxied: VaultProxy, admin: str, secrets: list[str]
) -> None:
    released = threading.Event()

    def hang(_: Request) -> Answer:
        proxied.on(".", lambda _: CUT if released.wait(120) else None)
        released.wait(120)
        return CUT

    proxied.on(_PLAY_READS, hang)
    began = time.monotonic()
    answer = _play(served)
    took = time.monotonic() - began
    released.set()
    fails_clearly(answer, 2, "no answer in time", f"read kv/data/access/{MANAGED_CUSTOMER}", secrets=secrets)
    assert 10 < took < 60
    proxied.forward_all()
    let_locks_expire(served.lab, admin)
    assert _play(served).returncode == 0


def test_a_slow_vault_only_takes_longer(served: Obet, proxied: VaultProxy) -> None:
    asked: list[str] = []

    def late(request: Request) -> None:
        asked.append(request.line)
        time.sleep(0.3)

    proxied.on(".", late)
    assert recap(_play(served).stdout)[MANAGED_DEVICE]["failed"] == 0
    assert len(asked) > 5


def test_a_busy_vaults_pause_is_kept_and_the_same_request_sent_again(served: Obet, proxied: VaultProxy) -> None:
    turned_away: list[float] = []

    def busy(_: Request) -> Answer | None:
        turned_away.append(time.monotonic())
        return Answer(429, {"Retry-After": "1"}) if len(turned_away) < 3 else None

    proxied.on("POST auth/approle/login", busy)
    assert _apply(served).returncode == 0
    assert len(turned_away) == 3
    assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(turned_away))


def test_a_vault_that_asks_for_an_hours_pause_is_not_waited_for(
    served: Obet, proxied: VaultProxy, secrets: list[str]
) -> None:
    proxied.on("POST auth/approle/login", lambda _: Answer(429, {"Retry-After": "3600"}))
    fails_clearly(_apply(served), 5, "limits our rate (429)", "login by AppRole", "quota", secrets=secrets)
    assert proxied.seen.count("POST auth/approle/login") == 1


def test_vaults_own_rate_limit_ends_the_run_in_one_line(served: Obet, admin: str, secrets: list[str]) -> None:
    quota = "sys/quotas/rate-limit/a-bad-day"
    limit = {"path": "auth/approle/", "rate": 1, "interval": "600s"}
    served.lab.vault.request("POST", quota, limit, admin)
    try:
        began = time.monotonic()
        fails_clearly(_apply(served), 5, "limits our rate (429)", "quota", secrets=secrets)
        assert time.monotonic() - began < 30
    finally:
        served.lab.vault.request("DELETE", quota, None, admin)
    assert _apply(served).returncode == 0


def test_a_registrar_that_was_cut_off_between_two_writes_makes_the_rest_the_next_time(
    served: Obet, proxied: VaultProxy
) -> None:
    contract = served.estate / "customers" / MANAGED_CUSTOMER / "contract.yml"
    text = contract.read_text()
    assert "kind: managed" in text
    contract.write_text(text.replace("kind: managed", "kind: managed\n    ended: 2026-10-30"))
    try:
        proxied.on("^(POST|PUT|DELETE) (sys/policies|ssh/roles)", lambda _: CUT, after=1)
        fails_clearly(_apply(served), 5, "Vault cannot be reached")
        proxied.forward_all()
        assert "nothing to do" not in _apply(served).stdout
        assert "nothing to do" in _apply(served).stdout
    finally:
        contract.write_text(text)
    assert _apply(served).returncode == 0


def test_a_contract_that_cannot_be_read_keeps_nobody_elses_access_open(
    served: Obet, admin: str, secrets: list[str]
) -> None:
    """Its own stays as it is: what is unknown is neither opened nor taken away."""
    broken, over = (served.estate / "customers" / c / "contract.yml" for c in (WARRANTY_CUSTOMER, MANAGED_CUSTOMER))
    before = {path: path.read_text() for path in (broken, over)}
    broken.write_text(f"{before[broken]}stray: field\n")
    over.write_text(before[over].replace("kind: managed", "kind: managed\n    ended: 2026-10-30"))
    try:
        answer = _apply(served)
        granted = [
            served.lab.vault.answer("GET", f"sys/policies/acl/obet-{purpose}-{customer}", token=admin)[0]
            for customer in (WARRANTY_CUSTOMER, MANAGED_CUSTOMER)
            for purpose in ("technical", "ending")
        ]
    finally:
        for path, text in before.items():
            path.write_text(text)
        restored = _apply(served)
    fails_clearly(answer, 3, f"{broken}:", "unknown field `stray`", secrets=secrets)
    assert granted == [200, 404, 404, 404], "closed for the one, as it was for the other, and nothing is opened"
    assert restored.returncode == 0


def test_a_contract_that_cannot_be_read_keeps_no_device_in_anothers_grant_that_it_has_left(
    served: Obet, admin: str, edited: Edit
) -> None:
    broken, left = (served.estate / "customers" / c / "contract.yml" for c in (WARRANTY_CUSTOMER, MANAGED_CUSTOMER))
    places = [f"sys/policies/acl/obet-technical-{MANAGED_CUSTOMER}", f"ssh/roles/obet-read-{MANAGED_CUSTOMER}"]

    def named() -> list[set[str]]:
        texts = [str(served.lab.vault.request("GET", place, token=admin)["data"]) for place in places]
        return [{device for device in (MANAGED_DEVICE, SHARED_DEVICE) if device in text} for text in texts]

    text = broken.read_text()
    assert named() == [{MANAGED_DEVICE, SHARED_DEVICE}] * 2
    edited(left, f"devices: [{MANAGED_DEVICE}, {SHARED_DEVICE}]", f"devices: [{MANAGED_DEVICE}]")
    broken.write_text(f"{text}stray: field\n")
    try:
        answer = _apply(served)
        narrowed = named()
    finally:
        broken.write_text(text)
        edited(left, f"devices: [{MANAGED_DEVICE}]", f"devices: [{MANAGED_DEVICE}, {SHARED_DEVICE}]")
        restored = _apply(served)
    fails_clearly(answer, 3, "unknown field `stray`")
    assert f"update {places[0]}" in answer.stderr
    assert narrowed == [{MANAGED_DEVICE}] * 2
    assert restored.returncode == 0


def test_a_vault_that_is_sealed_between_the_servers_new_password_and_its_record_loses_neither(
    provisioned: Obet, edited: Edit
) -> None:
    """The most dangerous moment of all: the server has taken the next password, and Vault cannot be told."""
    lab, server = provisioned.lab, provisioned.lab.machine("server2")
    admin = administrator(lab)
    sealed: list[str] = []

    def seal(request: Request) -> None:
        if not sealed:
            sealed.append(request.line)
            lab.vault.request("PUT", "sys/seal", {}, admin)

    with VaultProxy(lab) as proxy:
        edited(provisioned.estate / "estate.yml", lab.vault.address, proxy.address)
        proxy.on(f"(POST|PUT) kv/data/access/.*{MANAGED_DEVICE}", seal, after=1)
        answer = provisioned.play("onboard", "--limit", MANAGED_DEVICE, check=False)
        lab.vault.unseal()
        assert sealed, "it never came that far"
        kept = Job(provisioned).secrets(MANAGED_DEVICE)
        fails_clearly(
            answer, 2, "Vault is sealed", "unseal it", secrets=[kept["login"]["password"], kept["next"]["password"]]
        )
        assert kept["login"]["password"] == server.initial_login.password
        assert _opens(server, kept["next"]["password"]), "what the server took stood in Vault before"
        let_locks_expire(lab, admin)
        provisioned.play("onboard", "--limit", MANAGED_DEVICE)
    now = Job(provisioned).secrets(MANAGED_DEVICE)
    assert "next" not in now
    assert now["login"]["password"] == kept["next"]["password"]
    assert _opens(server, now["login"]["password"])
    assert not _opens(server, server.initial_login.password)


def _opens(server: Machine, password: str) -> bool:
    """Asked of the server itself, which takes no passwords over SSH any more."""
    user = server.initial_login.user
    su = ["runuser", "-u", "nobody", "--", "su", "-c", "id -un", user]
    return server.run(su, input=f"{password}\n", check=False).stdout.strip() == user


@contextmanager
def stalled_audit(vault: VaultServer) -> Iterator[None]:
    """As after a log rotation gone wrong: each audit log is a pipe that is full and that nobody reads."""
    logs = [vault.audit_directory / f"audit-{number}.log" for number in (1, 2)]
    kept = {log: log.with_suffix(".kept") for log in logs}
    pipes = []
    for log in logs:
        log.rename(kept[log])
        os.mkfifo(log, 0o600)
        pipes.append((os.open(log, os.O_RDONLY | os.O_NONBLOCK), os.open(log, os.O_WRONLY | os.O_NONBLOCK)))
    vault.reopen_logs()
    for _, writer in pipes:
        with suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)
    try:
        yield
    finally:
        over = threading.Event()
        drains = [threading.Thread(target=_drain, args=(reader, over)) for reader, _ in pipes]
        for drain in drains:
            drain.start()
        for log in logs:
            kept[log].replace(log)
        vault.reopen_logs()
        over.set()
        for drain, pipe in zip(drains, pipes, strict=True):
            drain.join()
            for end in pipe:
                os.close(end)


def _drain(reader: int, over: threading.Event) -> None:
    while not over.wait(0.02):
        with suppress(BlockingIOError):
            while os.read(reader, 65536):
                pass
