"""Addresses stay what they are: those of other machines do not matter, nor the order of hosts."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from toolbox.lib.inventory.host import Host, Simulation
from toolbox.lib.simulation import layout, network

if TYPE_CHECKING:
    from pathlib import Path

    from toolbox.lib.inventory.project import Project

WIDE = IPv4Network("10.77.0.0/24")
NARROW = IPv4Network("10.77.0.0/29")


def _host(name: str, address: str | None = None) -> Host:
    given = IPv4Address(address) if address else None
    folder: Path = None  # type: ignore[assignment]
    return Host(name, name, "debian", folder, sim=Simulation(address=given))


def _hosts(*names: str) -> list[Host]:
    return [_host(name) for name in names]


def test_by_name_alone() -> None:
    """A host's address does not depend on which others there are, while no two meet."""
    alone = network.assign(WIDE, _hosts("web"), {})
    both = network.assign(WIDE, _hosts("db", "web"), {})

    assert alone["web"] == both["web"] != both["db"]
    assert both["web"] in WIDE


def test_full() -> None:
    """As many hosts as there is room for get an address each, none of them the subnet's own."""
    hosts = _hosts("a", "b", "c", "d", "e", "f")
    given = network.assign(NARROW, hosts, {})

    assert sorted(given.values()) == list(NARROW.hosts())
    assert given == network.assign(NARROW, hosts[::-1], {})


def test_a_new_host_moves_nobody() -> None:
    """Whatever names come later, and in whatever order, who has an address keeps it."""
    before: dict[str, IPv4Address] = {}
    names: list[str] = []
    for name in ("f", "e", "d", "c", "b", "a"):
        names.append(name)
        given = network.assign(NARROW, _hosts(*sorted(names)), before)
        assert {known: given[known] for known in before} == before
        before = given


def test_wish() -> None:
    """A host that asks for an address gets it; whoever had it moves, and the rest stay."""
    before = network.assign(WIDE, _hosts("db", "mx"), {})
    wanting = _host("web", str(before["db"]))

    given = network.assign(WIDE, [*_hosts("db", "mx"), wanting], before)

    assert (given["web"], given["mx"]) == (before["db"], before["mx"])
    assert given["db"] != before["db"]


def test_other_subnet() -> None:
    """In another subnet everyone has another address."""
    before = network.assign(WIDE, _hosts("db", "web"), {})
    other = IPv4Network("192.168.7.0/28")

    given = network.assign(other, _hosts("db", "web"), before)

    assert all(address in other for address in given.values())


def test_remembered(project: Project) -> None:
    """What was given is remembered, and forgotten with its host."""
    where = layout.of(project)
    where.folder.mkdir(parents=True)
    assert network.remembered(where) == {}

    given = network.ensure(project, where)
    assert network.remembered(where) == given.addresses
    assert set(given.addresses) == {"db", "web"}

    without = replace(project, hosts=project.hosts[1:])
    assert set(network.ensure(without, where).addresses) == {"web"}
    assert set(network.remembered(where)) == {"web"}
