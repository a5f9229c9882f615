"""As near to a limit as Python comes: asyncssh logins with one command each, all passwords known before.

python bare_asyncssh.py HOSTS.json     each with its password in it
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import asyncssh

AT_ONCE = 50


async def read(one: dict[str, Any], few: asyncio.Semaphore) -> bool:
    """Whether the device has answered with a whole configuration."""
    async with few:
        options = {"known_hosts": ([one["host_key"]], [], []), "config": None, "client_keys": None, "agent_path": None}
        async with asyncssh.connect(
            one["address"], username=one["user"], password=one["password"], preferred_auth="password", **options
        ) as connection:
            answer = await connection.run("show running-config")
            return "\nend" in str(answer.stdout).replace("\r", "")


async def main(hosts: list[dict[str, Any]]) -> int:
    """0 when all have."""
    few = asyncio.Semaphore(AT_ONCE)
    for one in hosts:
        one["host_key"] = asyncssh.import_public_key(one["host_key"])
    done = await asyncio.gather(*(read(one, few) for one in hosts))
    print(f"{sum(done)} of {len(hosts)}")
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
