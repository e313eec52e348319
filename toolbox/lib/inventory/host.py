"""A host: a machine that is wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolbox.lib.inventory.profile import Card

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address
    from pathlib import Path

    from toolbox.lib.inventory.document import Place

SYSTEMS = ("debian", "fcos")
"""Operating systems a host can have: the embedded Debian, and Fedora CoreOS."""

DEFAULT_MEMORY = 2048
"""MiB of a simulated machine."""

DEFAULT_CPUS = 2
"""Virtual CPUs of a simulated machine."""

DEFAULT_DISK = 10
"""GiB of a simulated machine's disk."""

SSH = 22


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of a simulated machine that is reachable from outside it.

    Attributes:
        host_port: Port on the loopback address of the toolbox; None means a free one is chosen.
        guest_port: Port on the machine.
        protocol: ``tcp``.
    """

    host_port: int | None
    guest_port: int
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True)
class Simulation:
    """The size of a host's simulated machine and what it shows to the outside.

    Attributes:
        memory: MiB.
        cpus: Virtual CPUs.
        disk: GiB.
        forwards: Ports reachable from outside, beside ssh.
        ssh_port: Port on the loopback address that leads to its ssh; None means a free one.
        address: Its address in the simulation's subnet; None means one that its name leads to.
    """

    memory: int = DEFAULT_MEMORY
    cpus: int = DEFAULT_CPUS
    disk: int = DEFAULT_DISK
    forwards: tuple[Forward, ...] = ()
    ssh_port: int | None = None
    address: IPv4Address | None = None


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern for paths of Butane files, and where it was written."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Host:
    """A machine that is wanted.

    Attributes:
        name: Host name, one label.
        fqdn: Name with the project's domain.
        os: One of `SYSTEMS`.
        folder: Where its Butane files are; need not exist.
        variables: Names for its templates, the project's with the host's own laid over them.
        modules: Its modules, the project's first, in the order in which they are laid.
        include: Its Butane files are only those that one of these means, unless there are none.
        exclude: Those that one of these means are left out.
        sim: Its simulated machine.
        card: What its certificate says beside its names, and what it gets further keys for.
        address: Where its real machine is reached by ssh, an IP address or a name; empty for none.
        ssh_port: TCP port there.
    """

    name: str
    fqdn: str
    os: str
    folder: Path
    variables: Mapping[str, Any] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    include: tuple[Pattern, ...] = ()
    exclude: tuple[Pattern, ...] = ()
    sim: Simulation = Simulation()
    card: Card = field(default_factory=Card)
    address: str = ""
    ssh_port: int = SSH
