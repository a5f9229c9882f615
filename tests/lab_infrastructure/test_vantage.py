"""A vantage point carries a connection to a server and gives nobody a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from lab import LabError

if TYPE_CHECKING:
    from pathlib import Path

    from lab import Lab

NAMES = ["node2", "outsider1", "outsider2"]


@pytest.fixture(scope="module")
def ssh(lab: Lab) -> list[str]:
    """An ssh command on node1 with a certificate that the vantage points trust."""
    home: Path = lab.node1.home
    for name in ("ca", "user"):
        lab.node1.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / name])
    lab.node1.run(["ssh-keygen", "-q", "-s", home / "ca", "-I", "test", "-n", "probe", "-V", "+5m", home / "user.pub"])
    for name in NAMES:
        lab.trust(lab.machine(name), (home / "ca.pub").read_text(), "probe")
    options = ["BatchMode=yes", "StrictHostKeyChecking=accept-new", "ConnectTimeout=5", f"IdentityFile={home / 'user'}"]
    return ["ssh", "-F", "none", *(word for option in options for word in ("-o", option))]


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("name", NAMES)
def test_direct_tcpip_goes_through_and_comes_from_the_vantage_point(
    lab: Lab, ssh: list[str], name: str, family: str
) -> None:
    vantage, server = lab.machine(name), lab.machine("server1")
    target = f"[{getattr(server, family)}]:22"

    result = lab.node1.run([*ssh, "-W", target, f"vantage@{vantage.ipv4}"], input="SSH-2.0-probe\r\n", check=False)

    assert result.stdout.startswith("SSH-2.0-OpenSSH")
    assert getattr(vantage, family) in server.run(["cat", "/var/log/auth.log"]).stdout


@pytest.mark.parametrize("command", [[], ["id"], ["-s", "sftp"]])
def test_a_shell_a_command_and_a_subsystem_are_refused(lab: Lab, ssh: list[str], command: list[str]) -> None:
    result = lab.node1.run([*ssh, f"vantage@{lab.machine('outsider1').ipv4}", *command], check=False)

    assert result.returncode != 0
    assert "uid=" not in result.stdout
    assert "This account is currently not available" in result.stdout


def test_forwarding_back_is_refused(lab: Lab, ssh: list[str]) -> None:
    target = f"vantage@{lab.machine('outsider1').ipv4}"

    result = lab.node1.run(
        [*ssh, "-o", "ExitOnForwardFailure=yes", "-N", "-R", "2222:127.0.0.1:22", target], check=False
    )

    assert "remote port forwarding failed" in result.stderr


def test_a_certificate_for_another_principal_is_refused(lab: Lab, ssh: list[str]) -> None:
    home = lab.node1.home
    lab.node1.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / "other"])
    lab.node1.run(["ssh-keygen", "-q", "-s", home / "ca", "-I", "x", "-n", "other", home / "other.pub"])
    words = [word.replace(str(home / "user"), str(home / "other")) for word in ssh]

    result = lab.node1.run([*words, f"vantage@{lab.machine('node2').ipv4}"], check=False)

    assert "Permission denied" in result.stderr


def test_trust_survives_a_reboot_of_the_vantage_point(lab: Lab, ssh: list[str]) -> None:
    vantage = lab.machine("outsider2")
    vantage.restart()

    target = f"[{lab.machine('server1').ipv4}]:22"
    result = lab.node1.run([*ssh, "-W", target, f"vantage@{vantage.ipv4}"], input="SSH-2.0-probe\r\n", check=False)

    assert result.stdout.startswith("SSH-2.0-OpenSSH")


def test_a_server_is_no_vantage_point(lab: Lab) -> None:
    with pytest.raises(LabError, match="server1 is no vantage point"):
        lab.trust(lab.machine("server1"), "ssh-ed25519 AAAA", "probe")
