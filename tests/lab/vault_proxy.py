"""Stands on the control node before the lab's Vault and does to a request what a test asks for."""

from __future__ import annotations

import http.server
import re
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from .laboratory import Lab

ADDRESS, PORT = "127.0.0.1", 8300
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "host", "date", "server"}


@dataclass(frozen=True)
class Answer:
    """What a client gets instead of Vault's own answer; status 0 cuts the connection."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"errors":["by the proxy"]}'


CUT = Answer(0)


@dataclass(frozen=True)
class Request:
    """One request of a client's."""

    line: str
    token: str


Fault = Callable[[Request], Answer | None]


class VaultProxy:
    """Forwards from the control node's own address, so that Vault's bound addresses hold; faults come first."""

    def __init__(self, lab: Lab) -> None:
        """Only names: it listens from `__enter__` on."""
        self.lab = lab
        self.address = f"https://{ADDRESS}:{PORT}"
        self.seen: list[str] = []
        self._faults: list[tuple[re.Pattern[str], int, Fault]] = []
        self._lock = threading.Lock()

    def on(self, pattern: str, fault: Fault, *, after: int = 0) -> None:
        """For each request whose `METHOD path` matches, but for the first `after` ones; None lets it through."""
        self._faults.append((re.compile(pattern), after, fault))

    def forward_all(self) -> None:
        """Faults are over."""
        self._faults.clear()

    def fault(self, request: Request) -> Answer | None:
        """What is to become of a request; None: it goes to Vault."""
        with self._lock:
            self.seen.append(request.line)
            due = [
                fault
                for pattern, after, fault in self._faults
                if pattern.search(request.line) and sum(map(bool, map(pattern.search, self.seen))) > after
            ]
        return next((answer for fault in due if (answer := fault(request)) is not None), None)

    def __enter__(self) -> VaultProxy:
        certificate, key = self.lab.vault.authority.issue("proxy", [ADDRESS])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server = _Server((ADDRESS, PORT), _handler(self), bind_and_activate=False)
        server.socket.close()
        listening = self.lab.node1.listen(ADDRESS, PORT)
        # The handshake is the handler's business: a client that stalls must not stop the others.
        server.socket = context.wrap_socket(listening, server_side=True, do_handshake_on_connect=False)
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.socket.close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed or gave up waiting is what the tests are about."""


def _handler(proxy: VaultProxy) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.removeprefix("/v1/")
            request = Request(f"{self.command} {path}", self.headers.get("X-Vault-Token", ""))
            self._answer(proxy.fault(request) or self._forward(body))

        def _forward(self, body: bytes) -> Answer:
            connection = proxy.lab.vault.connection(proxy.lab.node1)
            try:
                kept = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
                connection.request(self.command, self.path, body or None, kept)
                response = connection.getresponse()
                headers = {name: value for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP}
                return Answer(response.status, headers, response.read())
            except OSError:
                return CUT
            finally:
                connection.close()

        def _answer(self, answer: Answer) -> None:
            if answer == CUT:
                self.close_connection = True
                return
            self.send_response(HTTPStatus(answer.status))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server gives it
            """Nothing: pytest shows what a test saw."""

    for method in ("GET", "POST", "PUT", "DELETE", "LIST"):
        setattr(Handler, f"do_{method}", Handler._serve)  # where http.server looks
    return Handler
