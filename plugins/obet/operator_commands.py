"""`obet login`, `logout` and `vault operator`: who works with Obet, as himself. Nothing secret comes as an argument."""

from __future__ import annotations

import os
import sys
import uuid
from argparse import Namespace

from obet import estate as estates
from obet.commands import asked, tell
from obet.errors import RunError, VaultError
from obet.vault import operators
from obet.vault.session import Session, Token


def login(options: Namespace) -> int:
    """Name, password and code; with `--token`, a token that `vault login` gave for the company's OIDC."""
    estate = estates.load(options.estate)
    settings = estate.settings.vault
    session = Session(settings, str(uuid.uuid4()))
    operators.place(os.environ)  # before anybody types a password for nothing
    if options.token:
        session.token = Token(asked("Token: "))
    elif not options.name:
        raise RunError("say who you are: obet login NAME")
    else:
        operators.require_named(estate, options.name)
        operators.log_in(session, options.name, asked("Password: "), asked("Code: "))
    name = operators.name_of(session)
    # Whoever was logged in here before; it may be this very token.
    try:
        operators.end(settings, session.run_id, os.environ, but=session.token.value)
    except VaultError as error:
        print(f"obet: who was logged in here before: {error}", file=sys.stderr)
    operators.keep(os.environ, session.token.value)
    said = f"logged in as {name}, from this node, until `obet logout` or a quarter of an hour without a run"
    tell(options, said, operator=name)
    return 0


def logout(options: Namespace) -> int:
    """Says "logged out" only of a token that Vault knows no more."""
    settings = estates.load(options.estate).settings.vault
    operators.end(settings, str(uuid.uuid4()), os.environ)
    tell(options, "logged out")
    return 0


def vault_operator(options: Namespace) -> int:
    """An administrator's: his token and the operator's new password come on standard input, a line each."""
    estate = estates.load(options.estate)
    session = Session(estate.settings.vault, str(uuid.uuid4()), Token(asked("Administrator's token: ")))
    address = operators.enrol(session, estate, options.name, asked(f"New password of {options.name}: "))
    tell(options, address, operator=options.name, second_factor=address)
    print(f"{options.name} adds this to his authenticator; it is not shown again", file=sys.stderr)
    return 0
