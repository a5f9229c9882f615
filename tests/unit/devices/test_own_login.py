"""A login that cannot be tried is neither taken nor refused, and what is missing is said."""

from __future__ import annotations

import pytest
from builders import device_of
from msgspec.structs import replace
from obet.devices import key_pairs
from obet.devices.own_login import takes
from obet.errors import DeviceError, LoginRefusedError
from obet.model import ManagementService
from obet.secret import Secret
from obet.vault.device_secrets import Login


def test_a_key_is_not_refused_by_a_device_whose_contract_names_ssh_no_more() -> None:
    router = replace(device_of("routeros"), management=(ManagementService(protocol="api-ssl"),))
    login = Login("obet", Secret("Canary-password"), key=key_pairs.generate("ssh-ed25519"))
    with pytest.raises(DeviceError, match="a key of obet cannot be tried: name ssh among its management") as raised:
        takes(router, login)
    assert not isinstance(raised.value, LoginRefusedError)
