"""One policy a device: our fixed addresses and named co-managers, and none that would be empty or lock us out."""

from __future__ import annotations

from ipaddress import ip_address
from typing import cast

import pytest
from builders import KEY, addresses, customer, device, estate, ips, managed
from obet.access.policy import management_policy
from obet.errors import PolicyError
from obet.model import Address, Device, Estate, ExecutionNode, ManagementService

ESTATE = estate(customer([managed()]))
FIXED = ips("198.51.100.11", "198.51.100.12", "2001:db8:51::11", "2001:db8:51::12")


class NobodysEstate:
    """What an estate without one fixed address would be, if its file could be loaded."""

    def sources(self, _: Device) -> tuple[Address, ...]:
        return ()


def control_node(ipv4: str | None = None, ipv6: str | None = None) -> Estate:
    node = ExecutionNode(addresses=addresses(ipv4, ipv6), control=True, host_key=KEY)
    return estate(customer([managed()]), nodes={"node1": node})


def test_the_sources_are_our_fixed_addresses_on_both_families_and_no_other() -> None:
    policy = management_policy(ESTATE, device())
    assert list(policy.sources) == FIXED
    assert policy.co_managers == ()


def test_a_named_co_manager_is_a_source_and_told_apart_from_ours() -> None:
    policy = management_policy(ESTATE, device(co_managers=(addresses("203.0.113.21", "2001:db8:cb::21"),)))
    assert list(policy.co_managers) == ips("203.0.113.21", "2001:db8:cb::21")
    assert set(policy.ours) == set(FIXED)
    assert set(policy.sources) == {*policy.ours, *policy.co_managers}


def test_a_co_manager_at_our_own_address_is_one_source() -> None:
    policy = management_policy(ESTATE, device(co_managers=(addresses("198.51.100.12"),)))
    assert list(policy.sources) == FIXED


def test_the_ports_are_those_of_the_management_services_each_once_and_in_order() -> None:
    services = tuple(ManagementService(protocol="ssh", port=port) for port in (2222, 22, 2222))
    assert management_policy(ESTATE, device(management=services)).ports == (22, 2222)


@pytest.mark.parametrize("source", FIXED, ids=str)
def test_our_own_source_among_the_fixed_ones_is_taken(source: Address) -> None:
    assert source in management_policy(ESTATE, device(), source).sources


@pytest.mark.parametrize("text", ["198.51.100.13", "203.0.113.66", "2001:db8:51::13", "127.0.0.1", "203.0.113.21"])
def test_our_own_source_that_is_not_fixed_is_refused_also_when_a_co_managers(text: str) -> None:
    with pytest.raises(PolicyError, match="would lock us out") as caught:
        management_policy(ESTATE, device(co_managers=(addresses("203.0.113.21"),)), ip_address(text))
    assert text in str(caught.value)
    assert caught.value.exit_code == 4


def test_no_fixed_address_at_all_is_refused_rather_than_nobody_or_everybody() -> None:
    with pytest.raises(PolicyError, match="no execution node has a fixed address"):
        management_policy(cast(Estate, NobodysEstate()), device())


@pytest.mark.parametrize(
    ("node", "own"),
    [(("198.51.100.11", None), (None, "2001:db8::1")), ((None, "2001:db8:51::11"), ("198.51.100.101", None))],
    ids=["IPv4 to IPv6", "IPv6 to IPv4"],
)
def test_a_control_node_and_a_device_without_a_common_family_are_refused(
    node: tuple[str | None, str | None], own: tuple[str | None, str | None]
) -> None:
    with pytest.raises(PolicyError, match="in a family of the device"):
        management_policy(control_node(*node), device(addresses=addresses(*own)))


@pytest.mark.parametrize("node", [("198.51.100.11", None), (None, "2001:db8:51::11")], ids=["IPv4", "IPv6"])
def test_a_policy_of_one_family_is_refused_for_a_device_that_has_both(node: tuple[str | None, str | None]) -> None:
    missing = "IPv4" if node[0] is None else "IPv6"
    both = device(addresses=addresses("198.51.100.101", "2001:db8::1"))
    with pytest.raises(PolicyError, match=f"has an {missing} address, but no execution node has one"):
        management_policy(control_node(*node), both)
    one = device(addresses=addresses(*(("198.51.100.101", None) if node[0] else (None, "2001:db8::1"))))
    assert management_policy(control_node(*node), one).sources


def test_another_nodes_family_does_not_help_the_control_node() -> None:
    nodes = {
        "node1": ExecutionNode(addresses=addresses("198.51.100.11"), control=True),
        "node2": ExecutionNode(addresses=addresses(ipv6="2001:db8:51::12"), host_key=KEY),
    }
    with pytest.raises(PolicyError, match="control node"):
        management_policy(estate(nodes=nodes), device(addresses=addresses(ipv6="2001:db8::1")))


TUNNELLED = device(reach="tunnel", seen_as=(addresses("198.51.100.30", "2001:db8:51::30"),))
RESERVE = addresses("198.51.100.19")


def test_the_reserve_is_a_source_like_the_nodes_own() -> None:
    whole = estate(customer([managed()]), reserve=RESERVE)
    assert set(management_policy(whole, device()).sources) == {*FIXED, *RESERVE.both}
    assert management_policy(whole, device(), RESERVE.first).ours


def test_a_device_behind_a_tunnel_accepts_what_it_sees_and_not_the_nodes_own_addresses() -> None:
    whole = estate(customer([managed()]), reserve=RESERVE)
    assert list(management_policy(whole, TUNNELLED).sources) == ips("198.51.100.30", "2001:db8:51::30")
    assert management_policy(whole, TUNNELLED, ip_address("198.51.100.30")).ours


def test_our_own_source_that_a_device_behind_a_tunnel_does_not_see_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"none of its `seen_as`: applying would lock us out"):
        management_policy(ESTATE, TUNNELLED, ip_address("198.51.100.11"))


def test_a_tunnel_of_another_family_than_the_devices_is_refused() -> None:
    other = device(addresses=addresses("198.51.100.101"), reach="tunnel", seen_as=(addresses(ipv6="2001:db8::1"),))
    with pytest.raises(PolicyError, match="`seen_as` has no address in a family of the device"):
        management_policy(ESTATE, other)
