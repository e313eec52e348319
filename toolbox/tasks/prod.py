"""prod: real machines, from a config to one that has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.tasks import task

from toolbox.tasks import show

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from invoke.context import Context

    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.pki.identity import Identity
    from toolbox.lib.provision.handover import Desk, Handover
    from toolbox.lib.transport.forward import Forwarding
    from toolbox.lib.transport.serve import Report

NAMES = "hosts, one or more; the only one by default"
ADDRESS = "IP address or name at which machines reach this place; its own by default"
PORT = "TCP port there; 47443 by default"
DEADLINE = 1800


@task(
    help={
        "hosts": NAMES,
        "address": ADDRESS,
        "port": PORT,
        "patience": "seconds for which a machine tries; 600 by default",
        "json": show.JSON,
    },
    iterable=["hosts"],
)
def ignition(
    _context: Context,
    hosts: Sequence[str] | None = None,
    address: str = "",
    port: int = 0,
    patience: int = 0,
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Print the public bootstrap config of a host, by which its machine fetches the real one.

    Examples:
        invoke prod.ignition web --address 192.0.2.10 > web.ign
        invoke prod.ignition web db --address boot.example.org --json
    """
    from json import loads

    from toolbox.lib.habitat import place
    from toolbox.lib.provision import door

    wanted = _project()
    machines = _hosts(wanted, hosts or ())
    identity = _identity(wanted, machines)
    desk = _desk(address, port, patience)
    handovers = _handovers(wanted, identity, desk, machines)
    if json:
        items = [
            {
                "host": item.host,
                "url": desk.url(item.offer.path),
                "headers": dict(item.offer.headers),
                "ignition": loads(item.bootstrap),
            }
            for item in handovers
        ]
        show.emit("prod.ignition", items)
    else:
        show.data_bytes("\n".join(item.bootstrap for item in handovers).encode())
    names = " ".join(item.host for item in handovers)
    show.say(f"it holds no secret; machines ask at {desk.url('/')}")
    if not address and door.advice(place.here(), desk.port):
        show.say("that is the address of this container; for machines outside of it: --address")
    show.next_step(f"{show.program()} prod.serve {names} --address {desk.address}")


@task(
    help={
        "hosts": NAMES,
        "address": ADDRESS,
        "port": PORT,
        "bind": "IP address to listen on, 0.0.0.0 for all; --address by default",
        "listen": "TCP port to listen on where that is another; --port by default",
        "source": "network that machines ask from, such as 192.0.2.0/24; can be given again",
        "deadline": "seconds after which no machine is waited for any more",
        "forward": "have the router forward the port, by PCP, NAT-PMP or UPnP",
        "json": show.JSON,
    },
    iterable=["hosts", "source"],
)
def serve(  # noqa: PLR0913 - the options of a task
    _context: Context,
    hosts: Sequence[str] | None = None,
    address: str = "",
    port: int = 0,
    bind: str = "",
    listen: int = 0,
    source: Sequence[str] | None = None,
    deadline: int = DEADLINE,
    forward: bool = False,  # noqa: FBT001, FBT002
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Give each host's config to its machine, once, and end when all have theirs.

    Examples:
        invoke prod.serve web --address 192.0.2.10
        invoke prod.serve web db --address boot.example.org --bind 0.0.0.0 --source 192.0.2.0/24
    """
    from contextlib import nullcontext

    from toolbox.lib.core.steps import step
    from toolbox.lib.provision import handover
    from toolbox.lib.transport import forward as forwarding
    from toolbox.lib.transport import serve as server

    wanted = _project()
    machines = _hosts(wanted, hosts or ())
    identity = _identity(wanted, machines)
    desk = _desk(address, port, 0, source or ())
    handovers = _handovers(wanted, identity, desk, machines)
    offers = [item.offer for item in handovers]
    credentials = handover.credentials(identity, desk)
    listener = _listener(desk, bind, listen or desk.port, named=bool(address))
    inside = listener.getsockname()[1]
    way = forwarding.forwarded(inside, desk.port, deadline) if forward else nullcontext()
    with listener, way as mapping:
        if mapping is not None:
            _tell_forwarding(mapping, desk)
        names = ", ".join(item.host for item in handovers)
        with step(f"Serve {names} at {desk.url('/')}"):
            report = server.serve(listener, offers, credentials, deadline=deadline)
    _tell(report, as_json=json)


def _listener(desk: Desk, bind: str, port: int, *, named: bool) -> socket.socket:
    """Return the socket that machines reach; say what to do where only this container does."""
    import os

    from toolbox.lib.habitat import place
    from toolbox.lib.provision import door
    from toolbox.lib.transport import serve as server

    if bind:
        return server.listen(bind, port)
    here, published = place.here(), os.environ.get(door.VARIABLE, "")
    listener = door.opened(desk, port, named=named, place=here, published=published)
    if not published and (words := door.advice(here, port)):
        show.say(f"only this container reaches it; for machines outside of it: {words}")
    return listener


def _tell_forwarding(mapping: Forwarding, desk: Desk) -> None:
    """Say what the router does, and whether that is what machines were told."""
    public = mapping.public or "its address"
    show.say(f"the router forwards {public} port {mapping.outside} to us, by {mapping.protocol}")
    if mapping.public and mapping.public != desk.address:
        show.say(f"machines ask at {desk.address}, which has to lead there")


def _tell(report: Report, *, as_json: bool) -> None:
    """Print what was served and refused; raise what went wrong."""
    problem = report.problem()
    if as_json:
        items = [
            {"host": item.name, "served": True, "source": item.source, "seconds": item.seconds}
            for item in report.deliveries
        ]
        missing = [
            {"host": name, "served": False, "source": None, "seconds": None}
            for name in report.missing
        ]
        show.emit("prod.serve", [*items, *missing], findings=report.findings(), ok=not problem)
    else:
        rows = [(item.name, "served", item.source) for item in report.deliveries]
        rows += [(name, "not served", "") for name in report.missing]
        show.table(("host", "state", "from"), rows)
        show.findings(report.findings())
    if problem:
        raise problem


def _project() -> Project:
    from toolbox.tasks import sim

    return sim.project()


def _hosts(wanted: Project, names: Sequence[str]) -> tuple[Host, ...]:
    from toolbox.lib.inventory.choice import named, parted

    return named(wanted, parted(names))


def _identity(wanted: Project, hosts: Sequence[Host]) -> Identity:
    """Return the keys of a project's real machines."""
    from toolbox.lib.simulation import keys

    return keys.real(wanted, hosts)


def _desk(address: str, port: int, patience: int, sources: Sequence[str] = ()) -> Desk:
    from toolbox.lib.provision import handover

    return handover.desk(address, port=port, patience=patience, sources=sources)


def _handovers(
    wanted: Project, identity: Identity, desk: Desk, hosts: Sequence[Host]
) -> list[Handover]:
    """Return what hands over the configs of some hosts."""
    from toolbox.lib.butane import pipeline
    from toolbox.lib.provision import handover
    from toolbox.lib.simulation import handout

    outcomes = pipeline.every(wanted, hosts, identity)
    show.findings(pipeline.findings(outcomes))
    configs = handout.handed(wanted, pipeline.accepted(outcomes), identity)
    return [handover.prepare(config, identity, desk) for config in configs.values()]


ns = Collection("prod", ignition, serve)
