"""What people read, in each language: a file each, of one shape, strictly read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

import msgspec

LANGUAGES = ("en", "bg")


class Wording(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`proofs`, `events` and `requirements` translate names of the core, `phrases` what it says with values in it.

    What is not in them stands as it is, in English.
    """

    language: str
    months: tuple[str, ...]
    promises: Mapping[str, str]
    proofs: Mapping[str, str]
    events: Mapping[str, str]
    requirements: Mapping[str, str]
    phrases: Mapping[str, str]
    words: Mapping[str, str]


@cache
def wording(language: str) -> Wording:
    """KeyError when it is none of LANGUAGES."""
    if language not in LANGUAGES:
        raise KeyError(language)
    text = resources.files(__package__).joinpath(f"{language}.toml").read_bytes()
    return msgspec.toml.decode(text, type=Wording)
