"""A leaf as it may stand at a customer's, with all that surrounds management: it is restricted, and proven to be."""

from __future__ import annotations

from builders import ips
from eos_device import EosDevice
from obet.access.policy import ManagementPolicy
from obet.platforms.eos.proof import prove
from obet.platforms.eos.rules import commands, remove
from obet.platforms.eos.services import prove_services

SOURCES = tuple(ips("198.51.100.11", "198.51.100.12", "2001:db8:51::11"))
COLLECTORS = ips("198.51.100.51")
POLICY = ManagementPolicy(device="d-0000000001", ours=SOURCES[1:], co_managers=SOURCES[:1], ports=(22, 443))
VRFS = [(vrf, word) for vrf in ("default", "MGMT") for word in ("ip", "ipv6")]
LEAF = """\
! Command: show running-config
! device: leaf3a (DCS-7280SR3-48YC8, EOS-4.32.2F)
!
! boot system flash:/EOS64-4.32.2F.swi
!
no aaa root
!
username admin privilege 15 role network-admin secret sha512 $6$abcdefgh$0123456789
username owner privilege 15 role network-admin nopassword
username owner ssh-key ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINqirccz5y7J92IlKXXOuLU2yB90HnsXao9Dsl9gwwn2 owner@example
!
role WATCH
   10 permit mode exec command show .*
   20 deny command .*
!
management api http-commands
   protocol https ssl profile WEB
   no shutdown
   !
   vrf MGMT
      no shutdown
!
no service interface inactive port-id allocation disabled
!
transceiver qsfp default-mode 4x10G
!
service routing protocols model multi-agent
!
queue-monitor length
!
alias sib show ip bgp summary
alias both
   10 show version
   20 show clock
!
agent Bfd shutdown
!
schedule tech-support interval 60 timeout 30 max-log-files 100 command show tech-support
!
logging buffered 100000
logging vrf MGMT host 198.51.100.51 6514 protocol tls ssl-profile LOGS
logging vrf MGMT source-interface Management1
!
hostname leaf3a
ip name-server vrf MGMT 198.51.100.53
dns domain customer.example
!
ntp local-interface vrf MGMT Management1
ntp server vrf MGMT 198.51.100.123 prefer iburst
!
spanning-tree mode mstp
spanning-tree mst 0 priority 4096
!
system l1
   unsupported speed action error
   unsupported error-correction action error
!
vlan 10
   name Сървъри
!
vlan 4094
   name MLAG
   trunk group MLAG
!
vrf instance MGMT
!
vrf instance TENANT
   description management telnet
!
interface Port-Channel10
   description to the servers !
   switchport trunk allowed vlan 10
   switchport mode trunk
   mlag 10
!
interface Ethernet1
   description spine1
   mtu 9214
   no switchport
   ip address 10.1.1.1/31
   ip ospf network point-to-point
!
interface Ethernet2
   vrf TENANT
   no switchport
   ip address 10.2.2.1/31
   ip access-group EDGE in
!
interface Loopback0
   ip address 10.255.0.31/32
!
interface Management1
   vrf MGMT
   ip address 198.51.100.113/24
   ipv6 address 2001:db8:51::113/64
!
interface Vxlan1
   vxlan source-interface Loopback0
   vxlan udp-port 4789
   vxlan vlan 10 vni 10010
!
ip virtual-router mac-address 00:1c:73:00:00:01
!
ip access-list EDGE
   counters per-entry
   10 permit icmp any any
   20 permit tcp any any established
   30 deny ip any any log
!
ip access-list standard THEIRS
   10 permit 192.0.2.0/24
!
ip routing
no ip routing vrf MGMT
ip routing vrf TENANT
!
ip prefix-list LOOPBACKS seq 10 permit 10.255.0.0/24 eq 32
!
mlag configuration
   domain-id RACK3
   local-interface Vlan4094
   peer-address 10.255.1.2
   peer-link Port-Channel1000
!
ip route vrf MGMT 0.0.0.0/0 198.51.100.1
!
route-map CONNECTED permit 10
   match ip address prefix-list LOOPBACKS
!
router bfd
   multihop interval 300 min-rx 300 multiplier 3
!
router bgp 65103
   router-id 10.255.0.31
   neighbor SPINES peer group
   neighbor 10.1.1.0 peer group SPINES
   !
   vlan 10
      rd 10.255.0.31:10010
      route-target both 10010:10010
   !
   address-family evpn
      neighbor SPINES activate
   !
   vrf TENANT
      rd 10.255.0.31:2
      redistribute connected
!
banner login
Only who is meant.
management telnet
   no shutdown
EOF
!
management console
   idle-timeout 30
!
management ssh
   ip access-group THEIRS vrf MGMT in
   authentication protocol keyboard-interactive public-key
   connection limit 20
   no shutdown
   !
   vrf TENANT
      shutdown
!
management telnet
   shutdown
!
management security
   ssl profile LOGS
      tls versions 1.2 1.3
      trust certificate logs-ca.crt
   !
   ssl profile WEB
      certificate web.crt key web.key
!
end
"""


def found(text: str) -> list[str]:
    return [finding.what for finding in prove(text, SOURCES, POLICY.ports)]


def restricted() -> EosDevice:
    device = EosDevice(LEAF)
    for _ in device.merge(commands(POLICY, LEAF)):
        pass
    return device


def test_before_what_is_open_is_named_and_nothing_else() -> None:
    doors = {what.split(": ", 2)[2] for what in found(LEAF) if "also takes" in what}
    assert doors == {
        "SSH in VRF default: no `ip access-group`, which lets everybody in",
        "SSH in VRF default: no `ipv6 access-group`, which lets everybody in",
        "SSH in VRF MGMT: access list THEIRS, `10 permit 192.0.2.0/24`",
        "SSH in VRF MGMT: no `ipv6 access-group`, which lets everybody in",
        *(f"eAPI in VRF {vrf}: no `{word} access-group`, which lets everybody in" for vrf, word in VRFS),
    }
    assert {what.split(":")[0] for what in found(LEAF) if "also takes" not in what} == {
        "port 22",
        "SSH takes weak algorithms, perhaps",
    }


def test_afterwards_it_is_proven_and_nothing_is_left_to_do() -> None:
    running = restricted().running()
    assert found(running) == []
    assert commands(POLICY, running) == ""


def test_what_it_sends_was_right_before_and_is_right_afterwards() -> None:
    assert [finding.what for finding in prove_services(LEAF, COLLECTORS)] == []
    assert [finding.what for finding in prove_services(restricted().running(), COLLECTORS)] == []


def test_all_but_management_stays_as_it_was() -> None:
    before, after = EosDevice(LEAF).tree, restricted().tree
    changed = {head for head in {*before, *after} if before.get(head) != after.get(head)}
    assert changed == {
        "ip access-list OBET-MANAGEMENT-V4",
        "ipv6 access-list OBET-MANAGEMENT-V6",
        *("management ssh", "management api http-commands", "management security"),
    }


def test_when_ours_goes_the_customers_list_is_still_there() -> None:
    device = restricted()
    for _ in device.merge(remove(device.running(), ips("192.0.2.7"), (22, 443))):
        pass
    assert "OBET" not in device.running()
    assert "ip access-list standard THEIRS" in device.tree
    assert [finding.what for finding in prove(device.running(), ips("192.0.2.7"), [22, 443])] == []
