"""Which lines a configuration knows, in the order in which they are printed; `grammar` says how they are recognised.

A template is words: a literal (which may be abbreviated when typed), `<x>` one word that tells entries apart, `(x)` one
word of value, and with dots the rest of the line (`(x?...)`: which may be missing). A second line with the same
literals and `<x>` words takes the place of the first.

The sign before a template: `.` printed when it is there; `+` on by default, printed only when it is off; `*` off by
default and always printed; `#` on by default and always printed; `=` always printed, changes nothing; `!` a separator.
After `>` stands the mode that the line opens.
"""

GLOBAL = """
= version 17.9
+ service pad
. service tcp-keepalives-in
. service tcp-keepalives-out
. service timestamps debug (format...)
. service timestamps log (format...)
* service password-encryption
. service sequence-numbers
. service tcp-small-servers
. service udp-small-servers
. service finger
. service config
. service call-home
. platform <rest...>
!
. hostname (name)
!
= boot-start-marker
. boot system <rest...>
= boot-end-marker
!
. vrf definition <name> > vrf
. ip vrf <name> > vrf
!
. logging buffered (rest...)
. logging console (rest...)
. logging monitor (rest...)
. enable secret (rest...)
. enable password (rest...)
!
* aaa new-model
. aaa group server <kind> <name> > any
. aaa authentication login <name> (methods...)
. aaa authentication enable <name> (methods...)
. aaa authentication dot1x <name> (methods...)
. aaa authorization console
. aaa authorization exec <name> (methods...)
. aaa authorization network <name> (methods...)
. aaa authorization commands <level> <name> (methods...)
. aaa accounting <rest...>
. aaa server radius dynamic-author > any
. aaa session-id (kind)
!
. clock timezone (rest...)
. clock summer-time (rest...)
. switch <number> provision (model)
. ip routing
+ ip source-route
. ip bootp server
. ip finger
. ip identd
. ip rcmd rsh-enable
. ip rcmd rcp-enable
. ip rcmd <rest...>
. ip arp inspection <rest...>
. ip name-server <addresses...>
+ ip domain lookup
. ip domain name (name)
. ip domain list <name>
. ip dhcp snooping
. ip dhcp snooping <rest...>
. ip dhcp excluded-address <rest...>
. ip dhcp pool <name> > any
. ip host <name> (addresses...)
. ip multicast-routing
. login block-for (rest...)
. login delay (seconds)
. login quiet-mode access-class (acl)
. login on-failure log
. login on-success log
. ipv6 unicast-routing
. vtp domain (name)
. vtp mode (mode)
. vtp password (rest...)
. vtp version (number)
. parameter-map type <kind> <name> > any
. flow record <name> > any
. flow exporter <name> > any
. flow monitor <name> > any
. flow-sampler <rest...>
. mls <rest...>
. crypto pki trustpoint <name> > any
. crypto pki certificate chain <name> > chain
. crypto pki <rest...>
!
. license <rest...>
. diagnostic <rest...>
. system mtu (bytes)
. spanning-tree mode (mode)
. spanning-tree <rest...>
. errdisable <rest...>
. memory free low-watermark processor (kilobytes)
. configuration mode exclusive
. file prompt quiet
. archive > archive
. object-group network <name> > any
. object-group service <name> > any
. username <name> (rest?...)
!
. redundancy > any
. port-channel <rest...>
. lldp run
+ cdp run
. vlan internal allocation policy (order)
. vlan <ids> > vlan
. track <rest...> > any
. ip ftp passive
. ip ftp source-interface (interface...)
. ip ftp username (name)
. ip ftp password (rest...)
. ip tftp source-interface (interface...)
. ip tftp blocksize (bytes)
. class-map <rest...> > any
. policy-map <rest...> > any
. crypto isakmp policy <number> > any
. crypto isakmp <rest...>
. crypto ikev2 <rest...> > any
. crypto ipsec transform-set <rest...> > any
. crypto ipsec profile <name> > any
. crypto map <rest...> > any
!
. interface <name...> > interface
!
. router <rest...> > any
. ip default-gateway (address)
# ip forward-protocol nd
* ip http server
. ip http port (number)
. ip http access-class (rest...)
. ip http authentication (method...)
* ip http secure-server
. ip http secure-port (number)
. ip http secure-trustpoint (name)
. ip http tls-version (version)
. ip http secure-ciphersuite (suites...)
. ip http secure-active-session-modules (name)
. ip http active-session-modules (name)
. ip http client <kind> (rest...)
. ip http timeout-policy (rest...)
. ip http max-connections (number)
. ip flow-export source (interface...)
. ip flow-export version (rest...)
. ip flow-export destination <address> <port> (rest?...)
. ip flow-cache <rest...>
. ip ftp-server enable
. ip dns server
. ip nat <rest...>
. ip route <rest...>
. ip tacacs source-interface (interface...)
. ip radius source-interface (interface...)
. ip ssh bulk-mode (rest?...)
. ip ssh maxstartups (number)
. ip ssh time-out (seconds)
. ip ssh authentication-retries (number)
. ip ssh port <number> rotary (groups...)
. ip ssh source-interface (interface...)
. ip ssh logging events
. ip ssh version (number)
. ip ssh dh min size (bits)
. ip ssh rsa keypair-name (name)
. ip ssh pubkey-chain > pubkey
. ip ssh server authenticate user publickey
. ip ssh server authenticate user keyboard
. ip ssh server authenticate user password
. ip ssh server algorithm <kind> (names...)
. ip ssh client algorithm <kind> (names...)
. ip ssh server <rest...>
. ip scp server enable
!
. ip access-list standard <name> > standard
. ip access-list extended <name> > extended
. ip prefix-list <rest...>
. ip sla <rest...> > any
. logging source-interface (interface...)
. logging trap (level...)
. logging facility (name)
. logging origin-id (rest...)
. logging tls-profile <name> > any
. logging host <address> (rest?...)
. logging host ipv6 <address> (rest?...)
. logging <rest...>
. ipv6 route <rest...>
. ipv6 access-list <name> > ipv6
. ipv6 prefix-list <rest...>
. ipv6 <rest...>
. route-map <rest...> > any
. snmp-server engineID <rest...>
. snmp-server group <name> <version> (rest?...)
. snmp-server view <name> <tree> (included)
. snmp-server community <name> (rest?...)
. snmp-server trap-source (interface...)
. snmp-server source-interface <kind> (interface...)
. snmp-server location (text...)
. snmp-server contact (text...)
. snmp-server chassis-id (text...)
. snmp-server enable traps (rest?...)
. snmp-server host <address> (rest...)
. snmp-server file-transfer access-group <rest...>
. snmp-server tftp-server-list (acl)
. snmp-server system-shutdown
. snmp-server ifindex persist
. snmp-server manager
. snmp-server tcp <rest...>
. snmp ifmib ifindex persist
. tacacs-server host <address> (rest?...)
. tacacs-server key (rest...)
. tacacs-server <rest...>
. tacacs server <name> > any
. radius-server host <address> (rest?...)
. radius-server key (rest...)
. radius-server <rest...>
. radius server <name> > any
. tftp-server <rest...>
. ftp-server enable
. ftp-server topdir (path)
!
. control-plane > any
!
. banner <kind> (text...)
. privilege <rest...>
. alias exec <name> (command...)
!
. line <kind> <number> > line
!
. monitor session <rest...>
. ntp authenticate
. ntp authentication-key <number> (rest...)
. ntp trusted-key <number>
. ntp source (interface...)
. ntp access-group <rest...>
. ntp server <address> (rest?...)
. ntp server vrf <vrf> <address> (rest?...)
. ntp <rest...>
. mac address-table <rest...>
. mac <rest...>
. wsma <rest...> > any
. pnp <rest...> > any
. kron <rest...> > any
. event manager applet <rest...> > any
. event manager <rest...>
. netconf ssh (rest?...)
. netconf-yang
. netconf-yang ssh <rest...>
. restconf
. gnxi
. gnxi <rest...>
"""

INTERFACE = """
. description (text...)
. switchport
. switchport access vlan (id)
. switchport mode (mode)
. switchport voice vlan (id)
. switchport trunk <kind> <vlan> (ids...)
. switchport <rest...>
. vrf forwarding (name)
. ip vrf forwarding (name)
. ip address (rest...)
. ip access-group (acl) in
. ip access-group (acl) out
. ip flow <rest...>
. ip <rest...>
. encapsulation <rest...>
. shutdown
. negotiation auto
. speed (rate)
. duplex (mode)
. mtu (bytes)
. bandwidth (kilobits)
. load-interval (seconds)
. ipv6 address <rest...>
. ipv6 enable
. ipv6 traffic-filter (acl) in
. ipv6 traffic-filter (acl) out
. ipv6 <rest...>
. channel-group <rest...>
. spanning-tree <rest...>
. storm-control <rest...>
. service-policy <rest...>
. standby <rest...>
. vrrp <rest...>
. power <rest...>
. cdp enable
. lldp <rest...>
. authentication <rest...>
. dot1x <rest...>
. mab
. snmp <rest...>
. logging <rest...>
. keepalive (rest?...)
. media-type (kind)
. tunnel <rest...>
. crypto <rest...>
. mls <rest...>
. srr-queue <rest...>
. priority-queue <rest...>
. auto <rest...>
. macro <rest...>
. device-tracking <rest...>
"""

LINE = """
. session-timeout (rest...)
. access-class (acl) in (also?...)
. access-class (acl) out
. exec-timeout (minutes) (seconds?...)
. absolute-timeout (minutes)
. privilege level (level)
. password (rest...)
. logging synchronous (rest?...)
. ipv6 access-class (acl) in (also?...)
. ipv6 access-class (acl) out
. authorization exec (name)
. authorization commands <level> (name)
. login (method?...)
. rotary (number)
. length (lines)
. width (columns)
. history size (lines)
+ exec
. transport preferred (protocol)
. transport input (protocols...)
. transport output (protocols...)
. escape-character (character)
. stopbits (number)
. speed (rate)
. session-limit (number)
. exec-banner
. motd-banner
"""

ARCHIVE = """
. log config > log-config
. path (path...)
. maximum (number)
. write-memory
. time-period (minutes)
. rollback <rest...>
"""

LOG_CONFIG = """
. logging enable
. logging size (entries)
. logging persistent (rest?...)
. notify syslog (rest?...)
. hidekeys
. record rc
"""

PUBKEY = ". username <name> > pubkey-user"
PUBKEY_USER = ". key-hash <type> <hash> (comment?...)"
VRF = ". rd (value)\n. address-family <rest...> > any\n. description (text...)\n. route-target <rest...>"
VLAN = ". name (text...)\n. state (state)\n. private-vlan <rest...>\n. remote-span"
ANY = ". <rest...> > any"
CHAIN = ". certificate <rest...> > certificate"

# The mode, what it may hold, and what the prompt shows.
MODES = {
    "global": (GLOBAL, "config"),
    "interface": (INTERFACE, "config-if"),
    "line": (LINE, "config-line"),
    "archive": (ARCHIVE, "config-archive"),
    "log-config": (LOG_CONFIG, "config-archive-log-cfg"),
    "pubkey": (PUBKEY, "conf-ssh-pubkey"),
    "pubkey-user": (PUBKEY_USER, "conf-ssh-pubkey-user"),
    "pubkey-data": ("", "conf-ssh-pubkey-data"),
    "standard": ("", "config-std-nacl"),
    "extended": ("", "config-ext-nacl"),
    "ipv6": ("", "config-ipv6-acl"),
    "vrf": (VRF, "config-vrf"),
    "vlan": (VLAN, "config-vlan"),
    "any": (ANY, "config-sub"),
    "chain": (CHAIN, "config-cert-chain"),
    "certificate": ("", "config-pubkey"),
}
ACCESS_LISTS = ("standard", "extended", "ipv6")
