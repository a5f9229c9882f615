"""What the core says in English is told in Bulgarian where it is of a closed set, and as it is where it is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

import pytest
from builders import DEVICE, PLATFORMS, device_of, estate
from hypothesis import given, settings
from hypothesis import strategies as st
from obet.erasure.steps import Step
from obet.evidence.chain import Checkpoint, Line, damage
from obet.evidence.reconciliation import shortened
from obet.evidence.wording import wording
from obet.evidence.wording.phrases import Phrases
from obet.model import Customer
from obet.obligations import obligations
from obet.platforms.eos.proof import prove as prove_eos
from obet.platforms.ios.proof import prove as prove_ios
from obet.platforms.linux.proof import Finding
from strategies import cases

BULGARIAN = Phrases(wording("bg").phrases)
CYRILLIC = re.compile(r"[\u0430-\u044f]")
LINE = Line(run="r", event="run began", node="n", by="x", number=1, at="t", previous="0", hash="h")  # type: ignore[arg-type]


@given(case=cases())
@settings(max_examples=60)
def test_each_cause_of_any_contract_has_its_words(case: tuple[Customer, datetime]) -> None:
    customer, now = case
    for obligation in obligations(estate(customer), now):
        told = BULGARIAN.find(obligation.cause)
        assert told is not None, obligation.cause
        assert not re.search(r"service |agreement|warranty|hard stop|paid", told)


def test_what_is_said_of_a_ledger_has_its_words() -> None:
    said = [*damage([LINE]), shortened([], Checkpoint(3, "h")), shortened([LINE], None)]
    said.append(shortened([LINE], Checkpoint(1, "another")))
    assert len(said) == 5
    assert [one for one in said if not BULGARIAN.find(one)] == []


@pytest.mark.parametrize(
    ("english", "bulgarian"),
    [
        (f"node1 to {DEVICE} (IPv6): no answer", f"node1 до {DEVICE} (IPv6): няма отговор"),
        ("port 22: also takes an address (IPv4)", "порт 22: приема и някой адрес (IPv4)"),
        (
            "port 22: also takes outsider1 (IPv4); port 22: may refuse node2 (IPv6)",
            "порт 22: приема и outsider1 (IPv4); порт 22: може да откаже на node2 (IPv6)",
        ),
        ("1 changed, 12 ok", "с промяна: 1, без промяна: 12"),  # noqa: RUF001 - Bulgarian
        ("listens where it is managed, passwords no", "слуша където се управлява, пароли: не"),  # noqa: RUF001 - Bulgarian
        (
            "removed, recorded 2026-11-23 09:28:48Z by run 9be3e80a",
            "премахнат, записано на 2026-11-23 09:28:48Z от изпълнение 9be3e80a",
        ),
        ("7 tried, recorded 2026-11-23 09:28:48Z by run 9be3e80a", None),
        ("still there: its secrets; SSH role obet-ending-c-1", "още е там: тайните му; роля за SSH obet-ending-c-1"),  # noqa: RUF001 - Bulgarian
        ("403 to the same job without the grant that the record opens", None),
        ("1 of 3 reads: 2026-11-23T09:28:48Z, run 9be3e80a: it belongs to no run of ours", None),
        ("2026-11-23T09:28:48Z, run 9be3e80a: it carries a run's id, but its token was not given to that run", None),
        ("53 lines; 1 more half written by what was killed, and never on record", None),
        ("op1 on node1", "op1 на node1"),
    ],
)
def test_what_was_seen_has_its_words(english: str, bulgarian: str | None) -> None:
    told = BULGARIAN.find(english)
    assert told is not None
    assert CYRILLIC.search(told)
    assert bulgarian in {None, told}


@pytest.mark.parametrize("finding", [Finding("port 22: also takes 198.51.100.66")], ids=str)
def test_a_finding_with_an_address_in_it_has_its_words(finding: Finding) -> None:
    assert BULGARIAN.find(finding.what) == "порт 22: приема и 198.51.100.66"


@pytest.mark.parametrize("platform", [name for name in PLATFORMS if device_of(name).not_served])
def test_a_device_that_is_not_served_has_its_words(platform: str) -> None:
    told = BULGARIAN.find(device_of(platform).not_served)
    assert told is not None
    assert told.startswith(f"{DEVICE}: платформата {platform} още не се обслужва")  # noqa: RUF001 - Bulgarian


@pytest.mark.parametrize("prove", [prove_ios, prove_eos])
def test_a_port_that_nothing_listens_on_has_its_words(prove: Callable[..., list[Finding]]) -> None:
    texts = {
        prove_ios: "ip ssh version 2\nline vty 0 4\n transport input none\nend\n",
        prove_eos: "! Command: show running-config\nmanagement ssh\n   fips restrictions\n   shutdown\nend\n",
    }
    (finding,) = prove(texts[prove], [], [22])
    assert CYRILLIC.search(BULGARIAN.find(finding.what) or "")


@pytest.mark.parametrize("step", Step)
def test_each_step_of_an_ending_has_its_words(step: Step) -> None:
    assert CYRILLIC.search(BULGARIAN.find(step) or "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "as it was seen",
        "connection to the server: refused",
        "the login failed",
        "login failed",
        "service s-1: the cat has expired",
        "service s-1, agreement version 2026-01; and more",
        "node1 to nowhere at all: logged in",
        "{lines} lines",
        "3 of " * 2000 + "3 reads: now, run r: " * 2000,
        "a to b: " * 2000,
        "\u202e 3 lines",
    ],
)
def test_what_is_of_no_closed_set_is_not_guessed_at(text: str) -> None:
    assert BULGARIAN.find(text) is None


@given(text=st.text(max_size=80))
def test_whatever_a_device_says_is_answered(text: str) -> None:
    told = BULGARIAN.find(text)
    assert told is None or told


def test_values_are_told_as_they_are_whatever_braces_they_hold() -> None:
    assert BULGARIAN.find("node1 to {0}: logged in") == "node1 до {0}: влезе"
