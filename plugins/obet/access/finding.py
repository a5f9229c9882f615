"""What a proof finds."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """Something that must not be, in one line: which packets, on which port, by which rule or setting."""

    what: str
