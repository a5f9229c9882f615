"""Servers are machines of their own, and the host's files and users stay as they are."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lab import CommandError, CommandTimeoutError, LabError

if TYPE_CHECKING:
    from lab import Lab, Machine

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"


def test_a_users_and_a_file_of_one_server_are_not_on_another_nor_on_the_host(lab: Lab) -> None:
    before = Path("/etc/passwd").read_bytes()
    lab.machine("server1").run(["useradd", "onlyhere"])
    lab.machine("server1").write("/etc/onlyhere", "text\n", mode=0o600)

    assert lab.machine("server1").run(["stat", "-c", "%a %U", "/etc/onlyhere"]).stdout == "600 root\n"
    assert lab.machine("server2").run(["id", "onlyhere"], check=False).returncode == 1
    assert lab.machine("server2").run(["test", "-e", "/etc/onlyhere"], check=False).returncode == 1
    assert Path("/etc/passwd").read_bytes() == before
    assert not Path("/etc/onlyhere").exists()


def test_every_machine_has_a_host_key_and_a_name_of_its_own(lab: Lab) -> None:
    keys = {machine.run(["cat", HOST_KEY]).stdout for machine in lab.machines.values()}
    names = [machine.run(["hostname"]).stdout.strip() for machine in lab.machines.values()]

    assert len(keys) == len(lab.machines)
    assert names == list(lab.machines)


def test_a_machine_shows_neither_the_hosts_files_nor_its_processes(server: Machine) -> None:
    assert server.run(["cat", "/proc/1/comm"]).stdout == "python3\n"
    assert len(server.run(["sh", "-c", "ls -d /proc/[0-9]*"]).stdout.split()) < 12
    assert server.run(["ls", str(Path(__file__).parent)], check=False).returncode != 0
    assert "obet-lab" not in server.run(["sh", "-c", "cut -d' ' -f2 /proc/mounts"]).stdout


def test_a_servers_root_can_neither_set_the_clock_nor_make_the_kernel_reboot(server: Machine) -> None:
    bounding = server.run(["grep", "CapBnd", "/proc/1/status"]).stdout.split()[1]

    assert not int(bounding, 16) & (1 << 25 | 1 << 22 | 1 << 16)


def test_a_machine_cannot_change_the_kernels_settings_but_its_own_networks(server: Machine) -> None:
    assert server.run(["test", "-w", "/proc/sys/vm/overcommit_memory"], check=False).returncode == 1
    assert server.run(["test", "-w", "/proc/sysrq-trigger"], check=False).returncode == 1
    assert server.run(["test", "-w", "/proc/sys/net/ipv4/tcp_syncookies"]).returncode == 0


def test_a_reboot_keeps_files_and_loses_processes_rules_and_run(lab: Lab) -> None:
    server = lab.machine("server2")
    server.write("/etc/kept", "kept\n")
    server.write("/run/lost", "lost\n")
    server.run(["nft", "add", "table", "inet", "lost"])
    server.run(["sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 &"])
    key = server.run(["cat", HOST_KEY]).stdout

    server.restart()

    assert server.run(["cat", "/etc/kept"]).stdout == "kept\n"
    assert server.run(["cat", HOST_KEY]).stdout == key
    assert server.run(["test", "-e", "/run/lost"], check=False).returncode == 1
    assert "lost" not in server.run(["nft", "list", "tables"]).stdout
    assert "sleep" not in server.run(["sh", "-c", "cat /proc/[0-9]*/comm"]).stdout


def test_rules_in_the_configuration_come_back_with_a_reboot(lab: Lab) -> None:
    server = lab.machine("server2")
    stock = server.run(["cat", "/etc/nftables.conf"]).stdout
    server.write("/etc/nftables.conf", stock + "table inet persistent { }\n")

    server.restart()
    tables = server.run(["nft", "list", "tables"]).stdout
    server.write("/etc/nftables.conf", stock)
    server.restart()

    assert "inet persistent" in tables
    assert "inet persistent" not in server.run(["nft", "list", "tables"]).stdout


def test_a_service_that_dies_is_started_again(lab: Lab) -> None:
    server = lab.machine("server2")
    server.run(["sh", "-c", "kill -KILL $(cat /run/sshd.pid); rm /run/sshd.pid"])

    server.run(["sh", "-c", "until test -s /run/sshd.pid; do :; done"], timeout=20)

    assert lab.node1.connect(server.ipv4, 22).recv(4) == b"SSH-"


def test_the_node_has_no_capability_and_a_home_of_its_own(lab: Lab) -> None:
    os.environ["LAB_TEST_LEAK"] = "leak"
    status = lab.node1.run(["cat", "/proc/self/status"]).stdout
    environment = lab.node1.run(["env"]).stdout
    del os.environ["LAB_TEST_LEAK"]

    capabilities = {line.split()[1] for line in status.splitlines() if line.startswith("Cap")}
    assert capabilities == {"0" * 16}
    assert f"HOME={lab.node1.home}" in environment.splitlines()
    assert "leak" not in environment


def test_the_nodes_ssh_folder_is_not_the_hosts(lab: Lab) -> None:
    lab.node1.run(["sh", "-c", 'touch "$HOME/.ssh/of-the-node"'])

    assert "of-the-node" in lab.node1.run(["sh", "-c", "ls ~root/.ssh"]).stdout
    assert not Path("~root/.ssh/of-the-node").expanduser().exists()


def test_the_node_cannot_change_its_own_network(lab: Lab) -> None:
    result = lab.node1.run(["ip", "address", "add", "198.51.100.66/24", "dev", "eth0"], check=False)

    assert "Operation not permitted" in result.stderr


def test_a_failing_command_says_where_and_why(server: Machine) -> None:
    with pytest.raises(CommandError, match=r"server1: ls /absent: .*No such file") as caught:
        server.run(["ls", "/absent"])

    assert isinstance(caught.value, LabError)
    assert isinstance(caught.value, subprocess.CalledProcessError)


def test_a_command_is_ended_with_its_time_also_inside_a_machine(server: Machine) -> None:
    with pytest.raises(CommandTimeoutError):
        server.run(["sleep", "4711"], timeout=0.5)

    server.run(["sh", "-c", "while grep -qa '^sleep.4711' /proc/[0-9]*/cmdline; do :; done"], timeout=10)


def test_input_and_environment_reach_a_command(server: Machine) -> None:
    result = server.run(["sh", "-c", 'cat; echo "$WORD"'], input="in\n", env={"WORD": "out"})

    assert result.stdout == "in\nout\n"
