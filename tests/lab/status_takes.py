#!/usr/bin/python3 -I
"""Whether this server's status service takes the token on standard input: 0, it does; 1, it refuses it; else no answer.

The owner of a service brings such a program, as Obet knows no service itself.
"""

from __future__ import annotations

import ssl
import sys
import urllib.error
import urllib.request

URL = "https://127.0.0.1:8443/"


def main() -> int:
    """Ask once."""
    context = ssl.create_default_context()
    context.check_hostname = False  # the service's certificate is its own, made at boot
    context.verify_mode = ssl.CERT_NONE
    headers = {"Authorization": f"Bearer {sys.stdin.readline().strip()}"}
    try:
        urllib.request.urlopen(urllib.request.Request(URL, headers=headers), context=context, timeout=5)
    except urllib.error.HTTPError as error:
        return 1 if error.code == 401 else 2
    except OSError:
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
