"""What is said of a console that does not repeat, or does not take, what was typed: never a secret of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from obet.errors import DeviceError
from obet.platforms.ios.driver_console import Console

AUTH, PRIV, COMMUNITY = "Canary-" + "a" * 25, "Canary-" + "b" * 25, "Canary-c"
USER = f"snmp-server user obet OBET-SNMP v3 auth sha-2 256 {AUTH} priv aes 256 {PRIV}"


class Terminal:
    """Repeats what is typed as `echo` has it, and says `answer` to what is typed of SNMP."""

    def __init__(self, echo: Callable[[str], str], answer: str = "") -> None:
        self._echo, self._answer, self._said, self._mode = echo, answer, "switch1#", ""

    def settimeout(self, seconds: float) -> None: ...

    def sendall(self, data: bytes) -> None:
        for line in data.decode().removesuffix("\n").split("\n"):
            self._mode = "(config)" if line.startswith("configure") else self._mode
            monitored = "snmp-server" in line
            shown, answer = (self._echo(line), self._answer) if monitored else (line, "")
            self._said += f"{shown}\r\n{answer}switch1{self._mode}#"

    def recv(self, _: int) -> bytes:
        said, self._said = self._said, ""
        return said.encode()


def refusal(typed: list[str], echo: Callable[[str], str] = str, answer: str = "") -> str:
    console = Console("d-0000000001", Terminal(echo, answer), 1.0)
    console.begin()
    console.enter()
    with pytest.raises(DeviceError) as raised:
        console.take(typed)
    return str(raised.value)


@pytest.mark.parametrize("typed", [[USER], ["no snmp-server enable traps", USER]], ids=["alone", "behind another"])
@pytest.mark.parametrize(
    "echo",
    [lambda line: f"{line} $", lambda line: line[-40:], lambda _: f"! {USER}"],
    ids=["longer", "cut", "of another"],
)
def test_what_a_terminal_repeats_of_a_secret_in_another_way_is_not_shown(
    typed: list[str], echo: Callable[[str], str]
) -> None:
    said = refusal(typed, echo)
    assert "as a terminal does" in said
    assert "aaaa" not in said
    assert "bbbb" not in said


@pytest.mark.parametrize("secret", [f"no snmp-server community {COMMUNITY}", USER])
def test_what_a_device_says_of_a_secret_that_it_does_not_take_is_shown_without_it(secret: str) -> None:
    said = refusal([secret], answer=f"% Invalid input: {secret}\r\n")
    assert "% Invalid input: " in said
    assert "Canary" not in said


def test_what_is_no_secret_is_shown_as_it_was_said() -> None:
    said = refusal(["no snmp-server enable traps"], lambda line: f"{line} $")
    assert said.endswith("no snmp-server enable traps $")
