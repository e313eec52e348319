"""A host's config, made ready to be fetched once: what is public of it, and what is offered."""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from toolbox.lib.butane.remote import PATIENCE_SECONDS, Remote, public
from toolbox.lib.core.errors import HabitatError, UsageError
from toolbox.lib.inventory.names import domain_problem
from toolbox.lib.pki import serving
from toolbox.lib.transport.credentials import Credentials
from toolbox.lib.transport.offer import Offer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolbox.lib.butane.translate import IgnitionConfig
    from toolbox.lib.pki.identity import Identity
    from toolbox.lib.transport.offer import Network

PORT = 47443
"""Where machines ask, unless another port is named."""
MAX_PORT = 65535
ELSEWHERE = ("192.0.2.1", 9)
"""An address that is nobody's (RFC 5737)."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where machines fetch their configs.

    Attributes:
        address: IP address or DNS name that they know it by.
        port: TCP port that they know.
        patience: Seconds for which a machine tries.
        sources: Networks that requests may come from; any where none is named.
    """

    address: str
    port: int = PORT
    patience: int = PATIENCE_SECONDS
    sources: tuple[Network, ...] = ()

    def url(self, path: str) -> str:
        """Return the URL of a path."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"https://{host}:{self.port}{path}"


@dataclass(frozen=True, slots=True)
class Handover:
    """What hands a config over.

    Attributes:
        host: Name of the host.
        bootstrap: Ignition config with which the machine starts, JSON; public.
        offer: What the server gives away; secret.
    """

    host: str
    bootstrap: str
    offer: Offer


def desk(
    address: str = "", *, port: int = 0, patience: int = 0, sources: Sequence[str] = ()
) -> Desk:
    """Return a desk from what a person says.

    Args:
        address: IP address or DNS name; the address of this place by default.
        port: TCP port; `PORT` by default.
        patience: Seconds; some minutes by default.
        sources: Networks that requests may come from.

    Raises:
        UsageError: Something of it is wrong.
        HabitatError: This place has no address.
    """
    given = Desk(own_address()) if not address else Desk(_address(address))
    return replace(
        given,
        port=_port(port) or PORT,
        patience=patience or PATIENCE_SECONDS,
        sources=tuple(_network(text) for text in sources),
    )


def own_address() -> str:
    """Return the address of this place from which others are reached.

    Raises:
        HabitatError: It has none.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Reason: nothing is sent; the kernel only says which way it would go.
            probe.connect(ELSEWHERE)
        except OSError as error:
            message = "this place has no address at which machines could reach it"
            raise HabitatError(message, hint="--address names one") from error
        return str(probe.getsockname()[0])


def bindable(address: str) -> str:
    """Return the address that a server listens on when machines know it by another one, too.

    Args:
        address: IP address or DNS name that machines know.
    """
    try:
        return str(ip_address(address))
    except ValueError:
        return own_address()


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        problem = domain_problem(text)
    if problem:
        message = f"{text!r} is neither an IP address nor a name: {problem}"
        raise UsageError(message, hint="such as 192.0.2.10 or boot.example.org")
    return text


def _port(port: int) -> int:
    if not 0 <= port <= MAX_PORT:
        message = f"{port} is no port"
        raise UsageError(message, hint=f"ports go from 1 to {MAX_PORT}")
    return port


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        message = f"{text!r} is no network: {error}"
        raise UsageError(message, hint="such as 192.0.2.0/24, or an address") from error


def prepare(config: IgnitionConfig, identity: Identity, desk: Desk) -> Handover:
    """Return what hands the config of a host over.

    The same config, identity and desk always give the same, so the bootstrap can be on a medium
    long before the server runs.

    Args:
        config: The host's config.
        identity: Keys of the project.
        desk: Where the machine fetches it.
    """
    name, root = config.host.name, serving.root(identity)
    path = f"/{root.token('path', name)}"
    authority = root.authority(desk.address)
    remote = Remote(desk.url(path), authority, config.sha256, desk.patience)
    offer = Offer(
        name,
        path,
        config.json.reveal().encode(),
        headers=remote.headers,
        sources=desk.sources,
    )
    return Handover(name, public(remote), offer)


def credentials(identity: Identity, desk: Desk) -> Credentials:
    """Return what a server shows for one run, with a key that is new.

    Args:
        identity: Keys of the project.
        desk: Where it is.
    """
    certificate, key = serving.root(identity).certificate(desk.address)
    return Credentials(certificate, key)
