"""What a simulated device is made from, for the process that will be it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..processes import write_atomically


@dataclass(frozen=True)
class Settings:
    """What a device is made from. It holds no secret: the first user's password only as a hash.

    `namespace`: a name as `ip netns` shows it; None: the process's own. `ports`: by service name, where they differ
    from the platform's own. `shared`: other devices live in the same namespace, so rules hold for `addresses` only.
    `options`: the platform's own.
    """

    name: str
    platform: str
    directory: str
    addresses: list[str]
    user: str
    password_hash: str
    namespace: str | None = None
    shared: bool = False
    enforced: bool = True
    time_scale: float = 1.0
    ports: dict[str, int] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    def save(self) -> Path:
        """Into the device's folder, which must exist, for the process that will be it."""
        path = Path(self.directory) / "settings.json"
        write_atomically(path, json.dumps(asdict(self)))
        return path

    @classmethod
    def read(cls, path: Path) -> Settings:
        """What `save` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))
