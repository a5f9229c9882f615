"""Ten promises: one holds only when every proof of it ran and passed, and one failure breaks it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obet.evidence.promises import PROOFS, Check, Verdict, as_json, verdicts

# The order and the names of the ten promises, as they are stated.
NAMES = [
    "consent",
    "purpose",
    "agreed-contacts",
    "no-linking",
    "minimal-data",
    "portal",
    "fixed-ip",
    "certificates",
    "post-warranty",
    "offboarding",
]


def check(promise: str, proof: str, *, passed: bool | None = True, where: str = "d-1") -> Check:
    remedy = "" if passed else f"mend {where}"
    return Check(promise=promise, proof=proof, where=where, passed=passed, seen="seen", remedy=remedy)


def all_of(promise: str) -> list[Check]:
    return [check(promise, proof) for proof in PROOFS[promise]]


def verdict(promise: str, checks: list[Check]) -> Verdict:
    (found,) = [v for v in verdicts(checks) if v.name == promise]
    return found


def test_the_ten_are_told_in_their_order_whatever_was_looked_at() -> None:
    assert [v.name for v in verdicts([])] == NAMES
    assert [v.name for v in verdicts(all_of("offboarding") + all_of("consent"))] == NAMES


@pytest.mark.parametrize("promise", NAMES)
def test_each_has_proofs_and_without_one_look_none_of_them_is_shown(promise: str) -> None:
    assert len(set(PROOFS[promise])) == len(PROOFS[promise]) > 0
    found = verdict(promise, [])
    assert (found.holds, found.checks, found.failures, found.missing) == (None, 0, (), PROOFS[promise])


@pytest.mark.parametrize("promise", NAMES)
def test_it_holds_when_all_its_proofs_passed(promise: str) -> None:
    found = verdict(promise, all_of(promise))
    assert (found.holds, found.checks, found.missing) == (True, len(PROOFS[promise]), ())


@pytest.mark.parametrize(("promise", "proof"), [(name, proof) for name in NAMES for proof in PROOFS[name]])
def test_each_single_proof_is_needed(promise: str, proof: str) -> None:
    found = verdict(promise, [c for c in all_of(promise) if c.proof != proof])
    assert (found.holds, found.missing) == (None, (proof,))


def test_one_undecided_look_keeps_it_open_though_another_of_the_same_proof_passed() -> None:
    open_one = check("fixed-ip", "the fixed addresses get in", passed=None, where="d-2")
    found = verdict("fixed-ip", [*all_of("fixed-ip"), open_one])
    assert (found.holds, found.missing, found.failures) == (None, ("the fixed addresses get in",), ())


def test_one_failure_breaks_it_though_all_else_passed_or_is_open() -> None:
    failed = check("fixed-ip", "outsiders do not get in", passed=False, where="d-2")
    told = ({"what": "outsiders do not get in: seen", "where": "d-2", "remedy": "mend d-2"},)
    open_one = check("fixed-ip", "the fixed addresses get in", passed=None)
    for others in ([], all_of("fixed-ip"), [open_one]):
        found = verdict("fixed-ip", [*others, failed])
        assert (found.holds, found.failures, found.checks) == (False, told, len(others) + 1)


def test_one_promises_failure_is_no_others() -> None:
    failed = check("consent", "a job without one is refused by Vault", passed=False)
    found = verdicts([*all_of("fixed-ip"), failed])
    assert {v.name: v.holds for v in found if v.holds is not None} == {"fixed-ip": True, "consent": False}


def test_a_proof_of_another_promise_shows_nothing() -> None:
    shared = "a scan of every store finds nothing"
    assert shared in PROOFS["post-warranty"]
    found = verdict("offboarding", [check("post-warranty", shared)])
    assert shared in found.missing


def test_the_json_is_of_just_this_shape() -> None:
    passed = check("fixed-ip", "the fixed addresses get in")
    failed = check("consent", "a job without one is refused by Vault", passed=False)
    told = json.loads(json.dumps(as_json([passed, failed])))
    assert set(told) == {"promises", "seen"}
    assert [set(promise) for promise in told["promises"]] == [{"name", "holds", "checks", "failures", "missing"}] * 10
    assert [promise["name"] for promise in told["promises"]] == NAMES
    assert told["promises"][0] == {
        "name": "consent",
        "holds": False,
        "checks": 1,
        "failures": [
            {"what": "a job without one is refused by Vault: seen", "where": "d-1", "remedy": "mend d-1"},
        ],
        "missing": [],
    }
    assert told["promises"][6]["holds"] is None
    assert told["promises"][6]["missing"] == [p for p in PROOFS["fixed-ip"] if p != "the fixed addresses get in"]
    assert told["seen"][0] == {
        "promise": "fixed-ip",
        "proof": "the fixed addresses get in",
        "where": "d-1",
        "passed": True,
        "seen": "seen",
        "remedy": "",
    }


ANY_CHECK = st.sampled_from([(name, proof) for name in NAMES for proof in PROOFS[name]]).flatmap(
    lambda place: st.builds(
        lambda passed, where: check(*place, passed=passed, where=where),
        st.sampled_from([True, True, True, None, False]),
        st.sampled_from(["d-1", "d-2"]),
    )
)


@given(checks=st.lists(ANY_CHECK, max_size=12), complete=st.sampled_from(NAMES))
def test_true_is_said_only_when_all_was_seen_and_false_only_of_a_failure(checks: list[Check], complete: str) -> None:
    checks = [*checks, *all_of(complete)]
    told: list[dict[str, Any]] = as_json(checks)["promises"]
    for promise in told:
        own = [c for c in checks if c.promise == promise["name"]]
        seen = {c.proof for c in own}
        assert (promise["holds"] is False) == any(c.passed is False for c in own) == bool(promise["failures"])
        assert (promise["holds"] is True) == (all(c.passed for c in own) and seen == set(PROOFS[promise["name"]]))
        assert bool(promise["missing"]) == (promise["holds"] is None)


@pytest.mark.parametrize("stray", [check("fixed ip", PROOFS["fixed-ip"][0]), check("fixed-ip", "looks fine")])
def test_a_check_that_would_count_for_nothing_is_an_error(stray: Check) -> None:
    with pytest.raises(ValueError, match="is no proof of the table"):
        verdicts([*all_of("fixed-ip"), stray])
