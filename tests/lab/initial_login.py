"""The account that a customer's device came with, as whoever made it in the lab knows it."""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import LabError
from .hosts import Host


@dataclass(frozen=True)
class Login:
    """A name and a password; printing it shows no password."""

    user: str
    password: str = field(repr=False)


class HandedOver(Host):
    """A host that a customer may hand over with such an account; most have none."""

    _login: Login | None = None

    @property
    def initial_login(self) -> Login:
        """The account that the customer's device came with."""
        if self._login is None:
            raise LabError(f"{self.name}: no initial login is known here (its maker knows it, where it has one)")
        return self._login

    @property
    def initial_login_pair(self) -> tuple[str, str]:
        """Its user and password."""
        return self.initial_login.user, self.initial_login.password

    @property
    def has_login(self) -> bool:
        """Whether `initial_login` would answer."""
        return self._login is not None

    def remember_login(self, login: Login) -> None:
        """Take over a login read from a detached lab's own file."""
        self._login = login
