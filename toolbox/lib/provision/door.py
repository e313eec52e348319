"""Where a server listens so that machines reach it: at their address, or in a container behind it.

A container has a network of its own as a rule, and what listens in it is reached only by a port
that its host publishes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.core.errors import HabitatError, UsageError
from toolbox.lib.habitat.place import Kind
from toolbox.lib.provision.handover import bindable
from toolbox.lib.transport import serve

if TYPE_CHECKING:
    import socket

    from toolbox.lib.habitat.place import Habitat
    from toolbox.lib.provision.handover import Desk

VARIABLE = "INFRA_PUBLISH"
"""The port that the launcher publishes, as podman has it; tasks see it, too."""

EVERYWHERE = "0.0.0.0"  # noqa: S104 - all of a container, of which its host opens one port
SHUT = frozenset({Kind.LAUNCHER, Kind.CONTAINER, Kind.GITHUB})


def opened(
    desk: Desk, port: int, *, named: bool, place: Habitat, published: str = ""
) -> socket.socket:
    """Return a socket at which machines reach a desk, where nobody says what to listen on.

    Args:
        desk: Where machines ask.
        port: TCP port to listen on.
        named: Whether a person has said at which address machines ask.
        place: The place that this runs in.
        published: What `VARIABLE` says; empty where the launcher publishes nothing.

    Raises:
        UsageError: Machines would ask at an address that only this container knows.
        HabitatError: The port is not the published one, is taken, or the address is not ours.
    """
    if published:
        _require_published(port, published)
        if not named:
            message = "machines ask the host of this container, whose address is not known in here"
            raise UsageError(message, hint="name it, such as --address 192.0.2.10")
        return serve.listen(EVERYWHERE, port)
    address = bindable(desk.address)
    try:
        return serve.listen(address, port)
    except HabitatError as error:
        if not advice(place, port) or serve.is_own(address):
            raise
        message = f"{address} is not the address of this container, which publishes no port"
        raise HabitatError(message, hint=advice(place, port)) from error


def advice(place: Habitat, port: int) -> str:
    """Return how a port of a container is published; empty where there is no container.

    Args:
        place: The place that this runs in.
        port: The port.
    """
    if place.kind is Kind.LAUNCHER:
        return f"{VARIABLE}={port} ./infra prod.serve … --address THE-HOST'S"
    if place.kind in SHUT:
        return (
            f"podman run -p {port}:{port} … prod.serve … --address THE-HOST'S --bind {EVERYWHERE}"
        )
    return ""


def _require_published(port: int, published: str) -> None:
    inside = published.rpartition(":")[2]
    if inside != str(port):
        message = f"port {port} is listened on, and the container publishes {published}"
        hint = f"--listen {inside}, or {VARIABLE}={port} ./infra prod.serve …"
        raise HabitatError(message, hint=hint)
