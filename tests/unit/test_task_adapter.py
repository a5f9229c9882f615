"""What a network device's own task says without a task more: its message is shown, and what waits is in the recap."""

from __future__ import annotations

from obet.task_adapter import telling


def test_what_there_is_to_say_is_always_shown() -> None:
    assert telling({"changed": False, "msg": "passed over"}) == {
        "changed": False,
        "msg": "passed over",
        "_ansible_verbose_always": True,
    }


def test_what_waits_stands_in_the_recap() -> None:
    told = telling({"changed": True, "pending": "the customer has not confirmed"})
    stats = {"data": {"pending": "the customer has not confirmed"}, "per_host": True, "aggregate": True}
    assert told["ansible_stats"] == stats


def test_where_there_is_nothing_to_say_nothing_is_shown() -> None:
    assert telling({"changed": True}) == {"changed": True}
