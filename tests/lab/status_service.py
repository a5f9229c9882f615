"""The server's own service, which is not management: says its status over HTTPS to who knows the token.

It is there so that a test can show that a change of management access leaves the customer's traffic alone, and that
a token of ours stops working. It reads its token when it starts and when it is reloaded, as services do. Runs on the
machine's own Python, from a copy in its file tree.
"""

from __future__ import annotations

import hmac
import os
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PORT = 8443
TOKEN = Path("/etc/status/token")
CERTIFICATE = Path("/run/status/certificate.pem")
KEY = Path("/run/status/key.pem")
NUMBER = Path("/run/status/pid")


class StatusHandler(BaseHTTPRequestHandler):
    """Answers 200 to the right token and 401 to anything else, also while there is no token."""

    token = b""
    timeout = 10
    server_version = "status"
    sys_version = ""

    def do_GET(self) -> None:
        """Say whether the request's token is the right one."""
        allowed = self.token_is_right()
        body = b"ok\n" if allowed else b"unauthorized\n"
        self.send_response(200 if allowed else 401)
        if not allowed:
            self.send_header("WWW-Authenticate", "Bearer")
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def token_is_right(self) -> bool:
        """Compare in constant time; a missing or empty token is nobody's."""
        given = self.headers.get("Authorization", "").encode("latin-1", "replace")
        return bool(self.token) and hmac.compare_digest(given, b"Bearer " + self.token)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's
        """Keep no log: it would hold addresses."""


class DualStackServer(ThreadingHTTPServer):
    """Listens on both families; TLS starts in the connection's thread, so a slow client delays nobody."""

    address_family = socket.AF_INET6
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        """Listen at once."""
        self.context = context
        super().__init__(("::", PORT), StatusHandler)

    def server_bind(self) -> None:
        """Take IPv4 connections as well."""
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        socketserver.TCPServer.server_bind(self)  # HTTPServer's would ask a name server first

    def get_request(self) -> tuple[ssl.SSLSocket, Any]:
        """Accept without waiting for the handshake, which the first read does."""
        connection, address = self.socket.accept()
        connection.settimeout(StatusHandler.timeout)
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


def load(*_: object) -> None:
    """Read the token, and say by the file of this process's number that it was read."""
    try:
        StatusHandler.token = TOKEN.read_bytes().strip()
    except OSError:
        StatusHandler.token = b""
    NUMBER.write_text(f"{os.getpid()}\n", encoding="ascii")


def make_certificate() -> None:
    """A new self-signed certificate at each boot."""
    KEY.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    subprocess.run(
        ["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "30", "-subj", f"/CN={socket.gethostname()}", "-keyout", str(KEY), "-out", str(CERTIFICATE)],
        check=True, capture_output=True,
    )  # fmt: skip


def main() -> int:
    """Serve until the machine stops."""
    make_certificate()
    signal.signal(signal.SIGHUP, load)
    load()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    DualStackServer(context).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
