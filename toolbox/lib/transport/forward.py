"""Port forwarding: a router leads a port of its own to us, for as long as something is served."""

from __future__ import annotations

import secrets
import socket
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Protocol, TypeVar

from toolbox.lib.core.errors import HabitatError
from toolbox.lib.core.steps import note
from toolbox.lib.transport import portmap
from toolbox.lib.transport.portmap import Mapped, Unanswered
from toolbox.lib.transport.upnp import Upnp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Answer = TypeVar("Answer")

ROUTES = Path("/proc/net/route")
DEFAULT_ROUTE = "00000000"
GATEWAY_FIELD, FLAGS_FIELD, IS_GATEWAY = 2, 3, 0x2
FIRST_SECONDS, TRIES = 0.25, 5
"""RFC 6886, section 3.1; it would try nine times, which is two minutes."""

MARGIN_SECONDS = 60
SHORTEST_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Forwarding:
    """A port that a router forwards.

    Attributes:
        protocol: ``PCP``, ``NAT-PMP`` or ``UPnP``.
        public: The router's address to the outside; empty where it does not tell.
        outside: Its port.
        inside: Our port.
    """

    protocol: str
    public: str
    outside: int
    inside: int


class Way(Protocol):
    """A way to ask a router."""

    protocol: str

    def map(self, inside: int, outside: int, lifetime: int) -> Mapped:
        """Ask for a mapping of TCP, or for more time of it."""

    def unmap(self, inside: int, outside: int) -> None:
        """End it."""


@contextmanager
def forwarded(
    inside: int, outside: int, seconds: float, ways: Sequence[Way] | None = None
) -> Iterator[Forwarding]:
    """Have a router forward a port for the time of a block.

    Args:
        inside: Our TCP port.
        outside: TCP port of the router.
        seconds: How long the block may take; the mapping ends by itself soon after.
        ways: How to ask, in this order; all that we know by default.

    Raises:
        HabitatError: No router does it; each way's reason is told.
    """
    lifetime = int(seconds) + MARGIN_SECONDS
    way, mapped = _first(ways or known(), inside, outside, lifetime)
    over = Event()
    renewing = Thread(target=_renew, args=(way, inside, outside, mapped, over), daemon=True)
    try:
        renewing.start()
        yield Forwarding(way.protocol, str(mapped.address or ""), mapped.port, inside)
    finally:
        over.set()
        way.unmap(inside, outside)
        renewing.join()


def known() -> tuple[Way, ...]:
    """Return the ways to ask the router of this place, the newest first."""
    router = gateway()
    asked = () if router is None else (Pcp(router), NatPmp(router))
    return (*asked, Upnp())


def gateway(routes: Path = ROUTES) -> str | None:
    """Return the address of the router that leads to everywhere, or None.

    Args:
        routes: The kernel's table of routes, proc(5).
    """
    for line in routes.read_text().splitlines()[1:]:
        words = line.split()
        if words[1] == DEFAULT_ROUTE and int(words[FLAGS_FIELD], 16) & IS_GATEWAY:
            return socket.inet_ntoa(bytes.fromhex(words[GATEWAY_FIELD])[::-1])
    return None


def _first(ways: Sequence[Way], inside: int, outside: int, lifetime: int) -> tuple[Way, Mapped]:
    reasons = []
    for way in ways:
        try:
            mapped = way.map(inside, outside, lifetime)
        except Unanswered as error:
            reasons.append(f"{way.protocol}: {error}")
            continue
        if mapped.port == outside:
            return way, mapped
        # Reason: machines know the port already, so another one is of no use to them.
        way.unmap(inside, mapped.port)
        reasons.append(f"{way.protocol}: it would forward its port {mapped.port}, not {outside}")
    message = "\n".join([f"no router forwards its port {outside} to us", *reasons])
    hint = "forward it by hand in the router, and leave --forward out"
    raise HabitatError(message, hint=hint)


def _renew(way: Way, inside: int, outside: int, mapped: Mapped, over: Event) -> None:
    """Ask for more time whenever half of what was granted has passed."""
    lifetime, wanted = mapped.lifetime, mapped.lifetime
    while not over.wait(max(lifetime / 2, SHORTEST_SECONDS)):
        try:
            lifetime = way.map(inside, outside, wanted).lifetime
        except Unanswered as error:
            note(f"{way.protocol}: the port is not forwarded any longer: {error}")
            lifetime = wanted


class Pcp:
    """A router that is asked by PCP.

    Args:
        router: Its address.
        port: Its UDP port.
    """

    protocol = "PCP"

    def __init__(self, router: str, port: int = portmap.PORT) -> None:
        self._router = (router, port)
        # Reason: only who knows it can change or end the mapping.
        self._nonce = secrets.token_bytes(portmap.NONCE_BYTES)

    def map(self, inside: int, outside: int, lifetime: int) -> Mapped:
        """Ask for a mapping of TCP, or for more time of it; the end with no lifetime."""
        with _connected(self._router) as wire:
            own = wire.getsockname()[0]
            asked = portmap.pcp_request(own, inside, outside, lifetime, self._nonce)
            return _ask(wire, asked, lambda data: portmap.pcp_answer(data, inside, self._nonce))

    def unmap(self, inside: int, outside: int) -> None:
        """End it."""
        with suppress(Unanswered):
            self.map(inside, outside, 0)


class NatPmp:
    """A router that is asked by NAT-PMP.

    Args:
        router: Its address.
        port: Its UDP port.
    """

    protocol = "NAT-PMP"

    def __init__(self, router: str, port: int = portmap.PORT) -> None:
        self._router = (router, port)

    def map(self, inside: int, outside: int, lifetime: int) -> Mapped:
        """Ask for a mapping of TCP, or for more time of it."""
        with _connected(self._router) as wire:
            asked = portmap.pmp_request(inside, outside, lifetime)
            mapped = _ask(wire, asked, lambda data: portmap.pmp_answer(data, inside))
            address = _ask(wire, portmap.pmp_address_request(), portmap.pmp_address_answer)
        return Mapped(mapped.port, mapped.lifetime, address)

    def unmap(self, inside: int, outside: int) -> None:
        """End it."""
        with suppress(Unanswered), _connected(self._router) as wire:
            asked = portmap.pmp_request(inside, outside, 0)
            _ask(wire, asked, lambda data: portmap.pmp_answer(data, inside))


@contextmanager
def _connected(router: tuple[str, int]) -> Iterator[socket.socket]:
    """Yield a socket that hears nobody but the router."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        try:
            wire.connect(router)
        except OSError as error:
            raise Unanswered(str(error.strerror)) from error
        yield wire


def _ask(wire: socket.socket, asked: bytes, read: Callable[[bytes], Answer | None]) -> Answer:
    """Send a datagram, again and again, until it is answered."""
    wait = FIRST_SECONDS
    for _ in range(TRIES):
        end = time.monotonic() + wait
        try:
            wire.send(asked)
            while (left := end - time.monotonic()) > 0:
                wire.settimeout(left)
                answer = read(wire.recv(portmap.LARGEST + 1))
                if answer is not None:
                    return answer
        except TimeoutError:
            pass
        except OSError as error:
            message = "the router does not know it"
            raise Unanswered(message) from error
        wait *= 2
    message = "the router does not answer"
    raise Unanswered(message)
