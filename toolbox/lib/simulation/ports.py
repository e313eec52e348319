"""TCP ports on the loopback address under which machines are reached."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import HabitatError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

LOOPBACK = "127.0.0.1"
# Reason: below the range that kernels hand out to clients (ip_local_port_range starts at 32768).
FIRST, LAST = 20000, 32000


def is_free(port: int) -> bool:
    """Tell whether nothing listens on a port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Reason: without it a port whose last connection has just ended would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose(seed: int, taken: Collection[int]) -> int:
    """Choose a free port, the same one for the same seed while it is free.

    Args:
        seed: Any number that belongs to the machine and the port it forwards to.
        taken: Ports given away already.

    Raises:
        HabitatError: None is left.
    """
    for port in _candidates(seed):
        if port not in taken and is_free(port):
            return port
    message = f"no TCP port between {FIRST} and {LAST} is free on {LOOPBACK}"
    raise HabitatError(message, hint="end other simulations: invoke sim.down")


def require_free(port: int, *, host: str, guest_port: int) -> None:
    """Refuse a port that someone else listens on.

    Raises:
        HabitatError: It is taken.
    """
    if not is_free(port):
        message = f"port {port}, which {host} forwards to its port {guest_port}, is taken"
        hint = f"give another one in hosts/{host}.yaml, or end what listens there: ss -ltnp"
        raise HabitatError(message, hint=hint)


def _candidates(seed: int) -> Iterator[int]:
    span = LAST - FIRST
    start = seed % span
    for offset in range(span):
        yield FIRST + (start + offset) % span
