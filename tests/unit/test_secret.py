"""A secret shows itself to nobody but who asks for it by name."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from obet.secret import Secret
from obet.vault.device_secrets import DeviceSecrets, Login

VALUE = "correct-horse-battery"
SECRET = Secret(VALUE)
HOLDERS = [
    SECRET,
    [SECRET],
    {"password": SECRET},
    Login("setup", SECRET),
    DeviceSecrets(version=1, login=Login("setup", SECRET), next_password=SECRET, services={"status": SECRET}),
    DeviceSecrets(version=1, next_services={"status": SECRET}),
]


def test_reveal_is_the_way_to_it() -> None:
    assert Secret(VALUE).reveal() == VALUE


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: type(holder).__name__)
@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        "{}".format,
        "{!r}".format,
        "{!s}".format,
        "{!a}".format,
        lambda value: f"{value}",
        ascii,
    ],
    ids=["repr", "str", "format", "!r", "!s", "!a", "f-string", "ascii"],
)
def test_no_text_made_of_it_or_of_what_holds_it_shows_it(holder: Any, show: Callable[[Any], str]) -> None:
    assert "Secret(…)" in show(holder) or "Secret(\\u2026)" in show(holder)
    assert VALUE not in show(holder)


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: type(holder).__name__)
@pytest.mark.parametrize(
    "write",
    [json.dumps, msgspec.json.encode, msgspec.to_builtins, pickle.dumps, copy.deepcopy],
    ids=lambda write: f"{write.__module__}.{write.__name__}",
)
def test_it_is_not_written_down(holder: Any, write: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError) as caught:
        write(holder)
    assert VALUE not in str(caught.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_protocol_of_pickle_takes_it(protocol: int) -> None:
    with pytest.raises(TypeError, match="not written down"):
        pickle.dumps(SECRET, protocol)


def test_it_is_not_copied() -> None:
    with pytest.raises(TypeError, match="not written down"):
        copy.copy(SECRET)


def test_json_with_a_default_of_text_shows_only_that_there_is_one() -> None:
    assert json.loads(json.dumps(SECRET, default=str)) == "Secret(…)"


def test_a_traceback_with_all_its_variables_does_not_show_it() -> None:
    def fail(password: Secret) -> None:
        raise ValueError(password)

    with pytest.raises(ValueError, match="Secret") as caught:
        fail(SECRET)
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "Secret(…)" in shown
    assert VALUE not in shown


def test_a_log_does_not_show_it(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("obet").warning("password %s, %r", SECRET, {"password": SECRET})
    assert caplog.messages == ["password Secret(…), {'password': Secret(…)}"]


def test_it_has_no_dictionary_of_attributes_to_be_read() -> None:
    with pytest.raises(TypeError):
        vars(SECRET)
    with pytest.raises(AttributeError):
        SECRET.more = "x"  # type: ignore[attr-defined]


def test_two_are_equal_when_their_values_are_and_none_equals_its_text() -> None:
    assert Secret(VALUE) == SECRET
    assert Secret("other") != SECRET
    assert SECRET != VALUE
    assert {SECRET: 1}[Secret(VALUE)] == 1
