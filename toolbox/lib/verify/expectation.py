"""What a machine is expected to be: handed from the simulation to the checks as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is known about a machine before it is looked at.

    Attributes:
        name: Host name, and its alias in the ssh configuration.
        fqdn: Fully qualified name.
        boot_id: Kernel's id of the boot that was waited for.
        config: SHA-256 of the rendered config, ``sha256-<hex>``.
        ports: Guest port to port on the loopback address.
        variables: The variables that its project and its own file give it; no keys.
        address: Its address in the network of the simulation.
        peers: Names of the other machines that are up, short and full, with their addresses.
    """

    name: str
    fqdn: str
    boot_id: str
    config: str
    ports: dict[int, int] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    address: str = ""
    peers: dict[str, str] = field(default_factory=dict)

    def url(self, port: int, path: str = "/") -> str:
        """Return the URL under which a port of the machine answers from outside.

        Args:
            port: TCP port on the machine; the host forwards it.
            path: Path of the URL.
        """
        return f"http://127.0.0.1:{self.ports[port]}{path}"


def save(expectations: list[Expectation], path: Path) -> None:
    """Write expectations to a file."""
    path.write_text(json.dumps([asdict(expectation) for expectation in expectations]))


def load(path: Path) -> list[Expectation]:
    """Read expectations from a file."""
    loaded = []
    for facts in json.loads(path.read_text()):
        ports = {int(guest): host for guest, host in facts.pop("ports").items()}
        loaded.append(Expectation(**facts, ports=ports))
    return loaded
