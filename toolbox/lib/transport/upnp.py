"""UPnP's port forwarding, by the library of those who write the routers' side as well."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from toolbox.lib.transport.portmap import Mapped, Unanswered

if TYPE_CHECKING:
    from typing import Any

DISCOVERY_MILLISECONDS = 2000
DESCRIPTION = "infra-toolbox one-shot serving"
TCP = "TCP"
PERMANENT = "OnlyPermanentLeasesSupported"
"""Error 725 of WANIPConnection:1, by many routers for any lifetime."""


class Upnp:
    """A router that was found by UPnP.

    Args:
        interface: Address of ours on the network that it is looked for in; the kernel's choice
            where none is named.
    """

    protocol = "UPnP"

    def __init__(self, interface: str = "") -> None:
        self._interface = interface
        self._router: Any = None

    def map(self, inside: int, outside: int, lifetime: int) -> Mapped:
        """Ask for a mapping of TCP.

        Raises:
            Unanswered: There is no such router, or it refuses.
        """
        router = self._found()
        # Reason: the library raises Exception itself, and routers send it any text.
        try:
            _add(router, inside, outside, lifetime)
            address = router.externalipaddress()
        except Exception as error:
            raise Unanswered(_words(error)) from error
        return Mapped(outside, lifetime, _address(address))

    def unmap(self, inside: int, outside: int) -> None:
        """End a mapping; what cannot be ended ends with its time."""
        del inside
        with suppress(Exception):
            self._found().deleteportmapping(outside, TCP)

    def _found(self) -> Any:  # noqa: ANN401 - the library has no types
        if self._router is None:
            import miniupnpc

            router = miniupnpc.UPnP(self._interface or None)
            router.discoverdelay = DISCOVERY_MILLISECONDS
            try:
                router.discover()
                router.selectigd()
            except Exception as error:
                message = "no router answers"
                raise Unanswered(message) from error
            self._router = router
        return self._router


def _add(router: Any, inside: int, outside: int, lifetime: int) -> None:  # noqa: ANN401
    asked = (outside, TCP, router.lanaddr, inside, DESCRIPTION, "")
    try:
        router.addportmapping(*asked, lifetime)
    except Exception as error:
        if PERMANENT not in str(error):
            raise
        # Reason: such a router keeps a mapping until somebody ends it, and we do.
        router.addportmapping(*asked, 0)


def _words(error: Exception) -> str:
    said = " ".join(str(error).split())
    return f"it says {said[:80]}" if said else "it refuses"


def _address(text: str) -> Any:  # noqa: ANN401 - see ip_address
    from ipaddress import ip_address

    try:
        return ip_address(text)
    except ValueError:
        return None
