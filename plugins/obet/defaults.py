"""What an estate, a contract or a device means where it says nothing. Decided here and nowhere else."""

from __future__ import annotations

from typing import Final

# From the end of technical access until nobody may reach the device any more, in days.
HARD_STOP_DAYS: Final = 30

REACH: Final = "direct"
MANAGEMENT_PORTS: Final = {"ssh": 22, "api-ssl": 8729}
FILE_OWNER: Final = "root"
FILE_MODE: Final = "0600"
# As whom a service's check runs on a device, and for how long it may go on until it sees what is wanted, in seconds.
CHECK_ACCOUNT: Final = "nobody"
CHECK_SECONDS: Final = 20

# How long a device waits for the confirmation of a change, in seconds. IOS is typed to line by line, some forty answers
# between its timer and the confirmation: it may take three seconds for each, and is still in time with the logins.
REVERT_SECONDS: Final = {"linux": 60, "routeros": 60, "ios": 180}

# New connections that log in to one device at the same time. IOS has five lines unless more are configured; one is held
# by the session that changes its rules, and one is left to a colleague.
LOGINS_AT_ONCE: Final = 3

KV_MOUNT: Final = "kv"
SSH_MOUNT: Final = "ssh"
APPROLE_MOUNT: Final = "approle"
TRANSIT_MOUNT: Final = "transit"
OPERATORS_MOUNT: Final = "obet-operators"
OIDC_MOUNT: Final = "oidc"

# Persons who must approve; also the fewest that an estate may ask for. One is the operator's own login, two is another
# person as well. What a contract makes due is approved by the signed agreement.
APPROVE_LOOKING: Final = 0
APPROVE_ACCESS_CHANGE: Final = 1
APPROVE_MANUAL_ERASURE: Final = 2
APPROVE_DUE_ERASURE: Final = 0

# Days. Erasures are replayed on a restored backup, so they are kept longer than any backup is.
KEEP_LEDGER: Final = 5 * 366
KEEP_AUDIT: Final = 366
KEEP_EVIDENCE: Final = 5 * 366
KEEP_CERTIFICATES: Final = 10 * 366
KEEP_ERASURES: Final = 10 * 366
KEEP_BACKUPS: Final = 35
