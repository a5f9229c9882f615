"""A dry run of each playbook, at each stage of a server's life: it says what would be done, does nothing, fails not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from lab import Machine, estate
from lab.estate import WARRANTY_DEVICE
from lab.provision import Obet, provision
from life_support import Job, new_lab, recap, secret_path

_PLAYBOOKS = (
    "onboard",
    "configure",
    "restrict_access",
    "verify_access",
    "rotate_credentials",
    "post_warranty",
    "offboard",
    "site",
)


@pytest.fixture(scope="module")
def own() -> Iterator[Obet]:
    """One server, which the tests of this file take through its life, in their order."""
    with new_lab() as lab:
        yield provision(lab, [WARRANTY_DEVICE])


@pytest.fixture
def server(own: Obet) -> Machine:
    return own.lab.machine("server1")


def state_of(own: Obet, server: Machine) -> tuple[str, str, str]:
    """What a playbook may change: the server's files and rules, and the version of its secrets in Vault."""
    files = server.run(["sh", "-c", "find /etc /usr/local /var/lib/obet* -type f | sort | xargs md5sum"], check=False)
    rules = server.run(["nft", "list", "ruleset"]).stdout.partition("counter denied")[0]
    job = Job(own)
    tokens = (job.token(WARRANTY_DEVICE, purpose) for purpose in ("technical", "ending"))
    answers = (job.call(token, "GET", secret_path(WARRANTY_DEVICE)) for token in tokens)
    version = next(answer["data"]["metadata"]["version"] for status, answer in answers if status == 200)
    return files.stdout, rules, str(version)


def dry(own: Obet, server: Machine, playbook: str) -> tuple[str, int]:
    """What a dry run says, and how many changes it announces; it fails at nothing and changes nothing."""
    before = state_of(own, server)
    answer = own.play(playbook, "--check", "--diff", "--limit", WARRANTY_DEVICE, check=False)
    counts = recap(answer.stdout)[WARRANTY_DEVICE]
    assert (answer.returncode, counts["failed"], counts["unreachable"]) == (0, 0, 0), answer.stdout
    assert state_of(own, server) == before
    return answer.stdout, counts["changed"]


@pytest.mark.parametrize("playbook", ["configure", "restrict_access", "verify_access", "rotate_credentials", "site"])
def test_of_a_server_that_is_not_onboarded_it_says_what_it_cannot_show(
    own: Obet, server: Machine, playbook: str
) -> None:
    said, changes = dry(own, server, playbook)
    assert f"{WARRANTY_DEVICE}: passed over: does not take our certificates yet" in said
    assert (changes > 0) == (playbook == "site"), "its first part is onboarding, which can be shown"


@pytest.mark.parametrize("playbook", ["onboard", "post_warranty", "offboard"])
def test_of_a_server_that_is_not_onboarded_onboarding_is_shown_and_nothing_is_to_end(
    own: Obet, server: Machine, playbook: str
) -> None:
    said, changes = dry(own, server, playbook)
    assert (changes > 0, "passed over: no" in said) == (playbook == "onboard", playbook != "onboard")


def test_of_a_server_that_was_never_configured_it_says_what_would_change(own: Obet, server: Machine) -> None:
    own.play("onboard", "--limit", WARRANTY_DEVICE)
    shown = {playbook: dry(own, server, playbook) for playbook in _PLAYBOOKS}
    said, _ = shown["configure"]
    for task in ("The next value of each secret stands in Vault", "Each secret is in its file", "Reload the services"):
        assert "changed: " in said.partition(f"{task}]")[2].partition("TASK [")[0]
    assert "being introduced: status" in said
    for playbook in ("verify_access", "site"):
        assert f"{WARRANTY_DEVICE}: access is not as it must be: outsider1" in shown[playbook][0]
    changes = {playbook: count for playbook, (_, count) in shown.items()}
    assert {name for name, count in changes.items() if count} == {
        "configure",
        "restrict_access",
        "rotate_credentials",
        "site",
    }


def test_of_a_server_in_service_only_a_rotation_would_change_anything(own: Obet, server: Machine) -> None:
    own.play("configure", "--limit", WARRANTY_DEVICE)
    own.play("restrict_access", "--limit", WARRANTY_DEVICE)
    changes = {playbook: dry(own, server, playbook)[1] for playbook in _PLAYBOOKS}
    assert {name for name, count in changes.items() if count} == {"rotate_credentials"}


def test_of_an_ending_it_says_what_would_be_done_before_and_after_the_customers_word(
    own: Obet, server: Machine
) -> None:
    estate.set_warranty_end(own.estate, datetime.now(UTC) - timedelta(seconds=5))
    own.obet("vault", "apply")
    said, changes = dry(own, server, "post_warranty")
    assert f"{WARRANTY_DEVICE}: pending: the customer's own access is to be placed" in said
    assert changes > 0
    own.play("post_warranty", "--limit", WARRANTY_DEVICE)
    assert dry(own, server, "post_warranty")[1] == 0
    own.obet("handover", "confirm", WARRANTY_DEVICE)
    assert dry(own, server, "post_warranty")[1] > 0
    own.play("post_warranty", "--limit", WARRANTY_DEVICE)
    assert server.run(["id", "obet"], check=False).returncode != 0
