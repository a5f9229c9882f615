"""What the driver of IOS reads out of a configuration and sends to it, without a device."""

from __future__ import annotations

import base64
import hashlib

import pytest
from lab.simulators.ios import secrets
from obet.errors import DeviceError
from obet.platforms.ios import driver_accounts, driver_archive
from obet.secret import Secret

DEVICE = "d-0000000001"
LOOK = "show running-config view full"


def looking(running: str) -> list[str]:
    return driver_accounts.account(DEVICE, running, "obet-read", "$9$salt$hash", "read").splitlines()


def test_a_hash_is_one_that_ios_takes_for_the_password_and_never_the_same_twice() -> None:
    one, other = (driver_accounts.hashed(Secret("Canary-1")) for _ in range(2))
    assert one != other
    assert secrets.is_hash(9, one)
    assert secrets.matches("Canary-1", 9, one)
    assert not secrets.matches("Canary-2", 9, one)


def test_an_account_that_looks_gets_a_level_that_opens_nothing_else_and_that_nobody_has() -> None:
    assert looking("")[-1].startswith("username obet-read privilege 14 ")
    assert "privilege 6 " in looking("privilege exec level 7 configure terminal\n")[-1]
    assert "privilege 14 " in looking("privilege exec level 7 show startup-config\n")[-1]
    with pytest.raises(DeviceError, match="no privilege level left"):
        looking("username helper privilege 14 secret 9 x\n")
    with pytest.raises(DeviceError, match="no privilege level left"):
        looking("privilege exec level 5 clear line\nusername helper privilege 5 secret 9 x\n")
    assert "privilege 14 " in looking("username obet-read privilege 14 secret 9 x\n")[-1]


def test_the_first_words_of_its_command_stay_at_their_levels() -> None:
    assert looking("")[:2] == [f"privilege exec level 14 {LOOK}", "privilege exec level 1 show"]
    theirs = "privilege exec level 7 show running-config"
    assert looking(f"{theirs}\n")[1:3] == [theirs, "privilege exec level 1 show"]


def test_what_an_account_that_looks_was_given_is_taken_away_and_others_keep_theirs() -> None:
    ours = [
        f"privilege exec level 14 {LOOK}",
        f"privilege exec level 14 {LOOK.removesuffix(' view full')}",
        "privilege exec level 1 show",
    ]
    theirs = ["privilege exec level 7 show running-config interface", "privilege exec all level 5 show ip"]
    text = driver_accounts.rights_of_looking("".join(f"{line}\n" for line in [*theirs, *ours]))
    assert text.splitlines() == [f"no {line}" for line in ours]
    assert driver_accounts.rights_of_looking("privilege exec level 1 show\n") == ""


@pytest.mark.parametrize("name", ["", "a b", "what?", "new\nline", "x" * 65])
def test_a_name_that_would_be_another_command_is_refused(name: str) -> None:
    with pytest.raises(DeviceError, match="can be called"):
        driver_accounts.account(DEVICE, "", name, "$9$salt$hash", "full")


def test_accounts_are_full_from_privilege_15_on_alone() -> None:
    running = "username a privilege 15 secret 9 x\nusername b privilege 1 secret 9 x\nusername c password 7 x\n"
    assert driver_accounts.shown(running) == {"a": "full", "b": "read", "c": "read"}
    assert [driver_accounts.has_password(running, name) for name in "abc"] == [False, False, True]


LISTING = """\
Directory of flash:/

   11  -rw-               100  Nov 01 2026 10:00:00 +00:00  obet-archive-Nov-01-1
   12  -rw-               100  Nov 01 2026 10:00:00 +00:00  copies/switch1-Nov-01-1
   13  -rw-               100  Nov 01 2026 10:00:00 +00:00  image.bin

1000000 bytes total (900000 bytes free)
"""


def test_copies_are_found_by_where_the_archive_puts_them() -> None:
    running = "hostname switch1\narchive\n path flash:copies/$h-$t\nend\n"
    assert driver_archive.folders(running) == ["dir", "dir flash:copies"]
    found = list(driver_archive.candidates(running, [LISTING]))
    assert found == [("flash:obet-archive-Nov-01-1", True), ("flash:copies/switch1-Nov-01-1", False)]
    below = LISTING.replace("flash:/", "flash:/copies/").replace("copies/switch1-Nov", "switch1-Nov")
    assert ("flash:copies/switch1-Nov-01-1", False) in driver_archive.candidates(running, [below])
    assert driver_archive.folders("hostname switch1\nend\n") == ["dir"]


def test_names_of_ours_are_found_and_no_word_of_a_customers() -> None:
    text = """\
! Last configuration change by obet
username obet privilege 15 secret 9 x
username obetter privilege 15 secret 9 x
archive
 path flash:obet-archive
ip access-list extended OBET-MANAGEMENT-V4
line vty 0 4
 access-class OBET-MANAGEMENT-V4 in vrf-also
"""
    assert driver_archive.names_of_ours(text, ("obet", "obet-read")) == [
        "OBET-MANAGEMENT-V4",
        "flash:obet-archive",
        "obet",
    ]


def test_an_archive_of_the_customers_is_neither_made_nor_taken_away() -> None:
    theirs = "archive\n log config\n  logging enable\n path disk0:copies\n"
    assert driver_archive.mended(theirs, LISTING) == ""
    assert driver_archive.unmended(theirs) == ""
    ours = driver_archive.mended("hostname switch1\n", LISTING)
    assert " path flash:obet-archive\n" in ours
    assert " no path\n" in driver_archive.unmended(ours)
    assert driver_archive.mended("hostname switch1\n", "%Error opening flash:/ (No such device)") == ""


# Keys

CHAIN = """hostname switch1
ip ssh pubkey-chain
  username owner
   key-hash ssh-rsa 0123456789ABCDEF0123456789ABCDEF
  username obet
   key-hash ssh-rsa 11111111111111111111111111111111 a comment
   key-hash ssh-rsa 22222222222222222222222222222222
  username obet-read
line vty 0 4
"""
SAYS = "SSH Enabled - version 2.0\nAuthentication methods:{}\nAuthentication Publickey Algorithms:{}\nMAC Algorithms:\n"


def key_of(number: int) -> str:
    return f"ssh-rsa {base64.b64encode(bytes([number])).decode()} obet-{number}"


def test_the_keys_of_an_account_are_those_that_stand_beneath_its_own_name() -> None:
    assert driver_accounts.keys(CHAIN, "obet") == [f"ssh-rsa {'1' * 32}", f"ssh-rsa {'2' * 32}"]
    assert driver_accounts.keys(CHAIN, "obet-read") == driver_accounts.keys("hostname x\n", "obet") == []
    names = ("owner", "obet", "obet-read", "ob", "hostname")
    assert [driver_accounts.has_keys(CHAIN, name) for name in names] == [True, True, True, False, False]


def test_what_goes_is_told_before_what_comes_and_nothing_where_all_is_as_wanted() -> None:
    text = driver_accounts.only_keys(CHAIN, "obet", (key_of(1), key_of(2)))
    digests = [hashlib.md5(bytes([number]), usedforsecurity=False).hexdigest().upper() for number in (1, 2)]
    assert text.splitlines() == [
        "ip ssh pubkey-chain",
        " username obet",
        f"  no key-hash ssh-rsa {'1' * 32}",
        f"  no key-hash ssh-rsa {'2' * 32}",
        *(f"  key-hash ssh-rsa {digest}" for digest in digests),
        "  exit",
        " exit",
    ]
    there = CHAIN.replace("1" * 32, digests[0]).replace("2" * 32, digests[1])
    assert driver_accounts.only_keys(there, "obet", (key_of(2), key_of(1))) == ""


@pytest.mark.parametrize(
    ("methods", "algorithms", "kind"),
    [
        ("publickey,keyboard-interactive,password", "x509v3-ssh-rsa,ssh-rsa,rsa-sha2-256,rsa-sha2-512", "ssh-rsa"),
        ("publickey", "rsa-sha2-512", "ssh-rsa"),
        ("publickey", "ssh-ed25519,x509v3-rsa2048-sha256, rsa-sha2-256", "ssh-rsa"),
        ("keyboard-interactive,password", "ssh-rsa,rsa-sha2-256", None),
        ("publickey,password", "x509v3-ssh-rsa,ssh-rsa", None),
        ("publickey,password", "x509v3-rsa-sha2-256", None),
    ],
)
def test_a_device_takes_keys_where_it_says_so_and_knows_a_signature_of_today(
    methods: str, algorithms: str, kind: str | None
) -> None:
    assert driver_accounts.key_kind(SAYS.format(methods, algorithms)) == kind


def test_a_device_that_says_nothing_of_keys_takes_none() -> None:
    assert driver_accounts.key_kind("SSH Enabled - version 2.0\nAuthentication timeout: 120 secs\n") is None
    assert driver_accounts.key_kind("Authentication methods:publickey\nHostkey Algorithms:rsa-sha2-512\n") is None
