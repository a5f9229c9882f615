"""Sends packets with any source into this kernel's own rules, and tells which of them get through.

A program of its own, for a network namespace of its own (`unshare --net python kernel_packets.py`): each line of input
is a JSON object with `rules` (text of nft) and `packets` ([source, port] each), each line of output one with `listing`
(what `nft -j list ruleset` says of the rules) and `admitted` (for each packet whether it passed `input`). Packets come
in by a TUN device: the kernel has done with one when the write returns.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

DEVICE = "tun0"
HOST = {4: "192.0.2.1", 6: "2001:db8:ffff::1"}
_SET_DEVICE, _TUN_WITHOUT_HEADER = 0x400454CA, 0x1001
# After all others: what comes here was let in.
MEASURE = """
table inet measure {
    set seen4 { type ipv4_addr . inet_service; size 65535; flags dynamic; }
    set seen6 { type ipv6_addr . inet_service; size 65535; flags dynamic; }
    chain last {
        type filter hook input priority 1000; policy accept;
        update @seen4 { ip saddr . tcp dport }
        update @seen6 { ip6 saddr . tcp dport }
    }
}
"""


def nft(*arguments: str, text: str = "") -> str:
    answer = subprocess.run(["nft", *arguments], input=text, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise SystemExit(f"nft: {answer.stderr}\n{text}")
    return answer.stdout


def device() -> int:
    """The TUN device, up and with the host's addresses; everybody is reached through it."""
    handle = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(handle, _SET_DEVICE, struct.pack("16sH", DEVICE.encode(), _TUN_WITHOUT_HEADER))
    for command in (
        f"link set {DEVICE} up",
        f"addr add {HOST[4]}/24 dev {DEVICE}",
        f"addr add {HOST[6]}/64 dev {DEVICE} nodad",
        f"route add default dev {DEVICE}",
        f"-6 route add default dev {DEVICE}",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    for name in ("all", DEVICE):
        Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter").write_text("0")
    return handle


def packet(source: str, port: int) -> bytes:
    """A TCP segment that opens a connection; its own checksum is not looked at before `input`."""
    address = ip_address(source)
    host = ip_address(HOST[address.version])
    segment = struct.pack("!HHIIBBHHH", 40000, port, 1, 0, 5 << 4, 2, 1024, 0, 0)
    if address.version == 6:
        return struct.pack("!IHBB", 6 << 28, len(segment), 6, 64) + address.packed + host.packed + segment
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0) + address.packed + host.packed
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return head[:10] + struct.pack("!H", total) + head[12:] + segment


def seen() -> set[tuple[str, int]]:
    found = set()
    for name in ("seen4", "seen6"):
        for item in json.loads(nft("-j", "list", "set", "inet", "measure", name))["nftables"]:
            for element in item.get("set", {}).get("elem", []):
                address, port = (element["elem"]["val"] if "elem" in element else element)["concat"]
                found.add((str(ip_address(address)), int(port)))
    return found


def answer(handle: int, question: dict[str, Any]) -> dict[str, Any]:
    nft("-f", "-", text=f"flush ruleset\n{question['rules']}")
    listing = nft("-j", "list", "ruleset")
    nft("-f", "-", text=MEASURE)
    for source, port in question["packets"]:
        os.write(handle, packet(source, port))
    through = seen()
    return {"listing": listing, "admitted": [(source, port) in through for source, port in question["packets"]]}


def main() -> None:
    handle = device()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(handle, json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
