"""A login to Vault that lives as long as one run, in memory, and what it may be asked for.

hvac picks up an ambient token, address and proxy by itself: all three are shut off here. Every request carries the
run's id as X-Correlation-ID, which Vault's audit log keeps in clear.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol, Self

import hvac
import msgspec
import requests
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest, RateLimitExceeded, VaultDown
from hvac.exceptions import VaultError as HvacError
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, ResponseError
from urllib3.util import Retry

from obet.errors import VaultDeniedError, VaultError
from obet.model import VaultSettings
from obet.vault import names

_TIMEOUT, _MOMENT = 10, 1  # seconds, for one request, and for one after Vault gave no answer
_TRIES_MORE, _LONGEST_PAUSE = 3, 5.0  # for a request that Vault turns away for its rate; seconds


class AppRoleCredential(msgspec.Struct, frozen=True):
    """Login material of one role; its repr shows nothing."""

    role_id: str
    secret_id: str

    def __repr__(self) -> str:
        return "AppRoleCredential(…)"


class Token(msgspec.Struct, frozen=True):
    """A token; its repr shows what opens nothing: accessor, and Vault's id of the identity that it is for."""

    value: str
    accessor: str = ""
    entity: str = ""

    def __repr__(self) -> str:
        return f"Token(accessor={self.accessor!r}, entity={self.entity!r})"


_NO_TOKEN = Token("")


class ReadNotes(Protocol):
    """Where a run keeps account of the secrets that it read."""

    def noted(self, accessor: str, path: str, request: str) -> None: ...


class Session:
    """One token and the connection that it is used over."""

    def __init__(
        self,
        settings: VaultSettings,
        run_id: str,
        token: Token = _NO_TOKEN,
        notes: ReadNotes | None = None,
        silence: Silence | None = None,
    ) -> None:
        """`silence` is that of a session to the same Vault, which this one is a child of."""
        self.settings = settings
        self.run_id = run_id
        self.token = token
        self._notes = notes
        self._silence = silence or Silence()
        self._connected: tuple[int, hvac.Client] | None = None

    def __repr__(self) -> str:
        return f"Session({self.settings.address}, {self.run_id})"

    @property
    def _client(self) -> hvac.Client:
        """The connection of this process: a TLS connection must not be shared with a fork (Ansible's workers are)."""
        if self._connected is None or self._connected[0] != os.getpid():
            self._connected = os.getpid(), _client(self.settings, self.run_id, self._silence)
        client = self._connected[1]
        client.token = self.token.value
        return client

    @classmethod
    def login(
        cls, settings: VaultSettings, run_id: str, credential: AppRoleCredential, notes: ReadNotes | None = None
    ) -> Session:
        """A session by AppRole; VaultDeniedError from an address or with a secret id that is not the role's."""
        session = cls(settings, run_id, notes=notes)
        with translated("login by AppRole"):
            answer = session._client.auth.approle.login(
                credential.role_id, credential.secret_id, mount_point=settings.approle_mount
            )
        made = answer["auth"]
        session.token = Token(made["client_token"], made["accessor"], made["entity_id"])
        return session

    def child(self, role: str, policy: str, life: int | None = None) -> Session:
        """A token with that one policy, made through a token role, whose addresses bind it.

        It lives for `life` seconds at a time, or as long as the role says.
        """
        with translated(f"token for {policy}"):
            answer = self._client.auth.token.create(
                policies=[policy], role_name=role, ttl=None if life is None else f"{life}s"
            )
        made = answer["auth"]
        token = Token(made["client_token"], made["accessor"], made["entity_id"])
        return Session(self.settings, self.run_id, token, self._notes, self._silence)

    def renew(self) -> None:
        """Another quarter of an hour for a run that goes on; an idle token ends."""
        with translated("renew this run's token"):
            self._client.auth.token.renew_self()

    def server_time(self) -> int:
        """Vault's own clock (`server_time_utc`), in seconds since 1970; needs no token."""
        with translated("read Vault's clock"):
            return int(self._client.read("sys/health?standbyok=true")["server_time_utc"])

    def get(self, path: str) -> dict[str, Any] | None:
        """What stands at `path`; None when there is nothing. Of what is deleted its `metadata` stands there alone."""
        with translated(f"read {path}"):
            answer = _read(self._client, path)
        if answer is None:
            return None
        found, secrets = _data(answer), f"{self.settings.kv_mount}/data/{names.DEVICE_SECRETS}"
        if self._notes is not None and path.startswith(secrets) and found.get("data") is not None:
            self._notes.noted(self.token.accessor, path.partition("?")[0], answer["request_id"])
        return found

    def list(self, path: str) -> list[str]:
        try:
            with translated(f"list {path}"):
                answer = self._client.list(path)
        except _NothingThereError:
            return []
        return [] if answer is None else [str(key) for key in _data(answer)["keys"]]

    def put(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        with translated(f"write {path}"):
            answer = self._client.write_data(path, data=dict(body))
        return {} if isinstance(answer, requests.Response) else _data(answer)

    def answer(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A write whose whole answer counts, as a login's does."""
        with translated(f"write {path}"):
            found = self._client.write_data(path, data=dict(body))
        return {} if isinstance(found, requests.Response) else dict(found)

    def delete(self, path: str) -> None:
        with translated(f"delete {path}"):
            self._client.delete(path)

    def close(self) -> None:
        """Revoke the token; every child of it ends as well. A Vault that is away leaves it to its minutes of life."""
        if self.token.value:
            with suppress(TokenGoneError), translated("revoke this run's token"):
                self._client.auth.token.revoke_self()
            self.token = _NO_TOKEN
        self._client.session.close()


class _NothingThereError(VaultError):
    pass


class TokenGoneError(VaultError):
    """No word about grants: it is not a refusal, and proves none."""


class BadRequestError(VaultError):
    """A 400: how Vault answers a wrong password as well."""


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """hvac's and requests' errors as ours, without what Vault quotes of the request."""
    try:
        yield
    except Forbidden as error:
        if "invalid token" in str(error):
            raise TokenGoneError(
                f"Vault knows this run's token no more (403): {doing}: it expired or was revoked: start again"
            ) from None
        raise VaultDeniedError(f"Vault refuses (403): {doing}: no valid grant for it from here") from None
    except InvalidPath:
        raise _NothingThereError(f"Vault has nothing there (404): {doing}") from None
    except InvalidRequest:
        raise BadRequestError(f"Vault refuses the request (400): {doing}") from None
    except RateLimitExceeded:
        raise VaultError(f"Vault limits our rate (429): {doing}: raise its quota, or start again later") from None
    except VaultDown:
        raise VaultError(f"Vault is sealed or standing by (503): {doing}: unseal it and start again") from None
    except HvacError as error:
        raise VaultError(f"Vault answers {type(error).__name__}: {doing}") from None
    except requests.Timeout:
        raise VaultError(f"Vault gives no answer in time: {doing}: is an audit device stalled?") from None
    except (requests.RequestException, OSError) as error:
        certificate = isinstance(error, requests.exceptions.SSLError)
        remedy = "is `ca_file` in estate.yml right, and this machine's clock?" if certificate else _NOT_REACHED
        raise VaultError(f"Vault cannot be reached ({type(error).__name__}): {doing}: {remedy}") from None


_NOT_REACHED = "is it up, and is `vault` in estate.yml right?"


class _Patience(Retry):
    """What Vault turns away for its rate limit was not done, so it is sent again, whatever it is; nothing else is."""

    def increment(self, *arguments: Any, **options: Any) -> Self:
        """One try less; none is left when Vault asks for a longer pause than a run can wait for."""
        answer = options.get("response")
        if answer is not None and (self.get_retry_after(answer) or 0) > _LONGEST_PAUSE:
            raise MaxRetryError(options["_pool"], "", ResponseError("asks for too long a pause"))
        return super().increment(*arguments, **options)


class Silence:
    """Whether a Vault has stopped answering, known to all sessions of one login, whichever thread of theirs asks.

    A run asks Vault for several things at its end, and must not stand for minutes before one that hangs. One request
    that gets no answer says nothing of a Vault that answers others meanwhile.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answered, self._fell_silent = clock(), False

    def patience(self) -> float:
        """How many seconds the next request waits for its answer."""
        return _MOMENT if self._fell_silent else _TIMEOUT

    def answered(self) -> None:
        self._answered, self._fell_silent = self._clock(), False

    def timed_out(self, waited: float) -> None:
        """A request waited for so many seconds, and nobody was answered meanwhile."""
        self._fell_silent = self._fell_silent or self._clock() - self._answered >= waited


class _Connection(HTTPAdapter):
    def __init__(self, silence: Silence, **options: Any) -> None:
        super().__init__(**options)
        self._silence = silence

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        options["timeout"] = waits = self._silence.patience()
        try:
            answer = super().send(request, *arguments, **options)
        except requests.Timeout:
            self._silence.timed_out(waits)
            raise
        self._silence.answered()
        return answer


def _read(client: hvac.Client, path: str) -> Any:
    try:
        return client.adapter.get(f"/v1/{path}")
    except InvalidPath as error:  # 404 as well for a deleted version, whose number the next writer has to name
        deleted = ((error.json or {}).get("data") or {}).get("metadata")
        return error.json if deleted else None


def _client(settings: VaultSettings, run_id: str, silence: Silence) -> hvac.Client:
    connection = requests.Session()
    connection.trust_env = False
    connection.verify = settings.ca_file  # hvac would let the connection's own setting win over its argument
    connection.headers["X-Correlation-ID"] = run_id
    # read=False: a time-out stays one, and is not tried again
    again = _Patience(
        total=_TRIES_MORE,
        connect=0,
        read=False,
        redirect=0,
        other=0,
        status_forcelist=[429],
        allowed_methods=None,
        backoff_factor=0.5,
        raise_on_status=False,
    )
    connection.mount("https://", _Connection(silence, max_retries=again))
    return hvac.Client(url=settings.address, token="", session=connection, namespace="", allow_redirects=False)


def _data(answer: Any) -> dict[str, Any]:
    """The payload of an answer; some of Vault's own paths put it beside `data`, not in it."""
    if not answer:
        return {}
    data = answer.get("data")
    return dict(data) if data else {k: v for k, v in answer.items() if k not in {"data", "request_id"}}
