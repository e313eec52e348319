"""A project: a folder with a project.yaml, and the hosts that are wanted in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolbox.lib.inventory import subnet
from toolbox.lib.inventory.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Network
    from pathlib import Path

    from toolbox.lib.inventory.host import Host

PROJECT_FILE = "project.yaml"
HOSTS_FOLDER = "hosts"
MODULES_FOLDER = "modules"
KEYS_FILE = "authorized_keys"
REVOKED_FILE = "revoked_keys"


@dataclass(frozen=True, slots=True)
class Project:
    """What is wanted.

    Attributes:
        name: Project name, one label.
        domain: DNS domain of its hosts.
        root: The folder with `PROJECT_FILE`, absolute.
        hosts: Its hosts, sorted by name.
        variables: Names for every host's templates.
        authorized_keys: Public keys of who may operate it, one line each.
        subnet: The network that its simulated machines share.
        profile: What it wants of its keys and certificates.
    """

    name: str
    domain: str
    root: Path
    hosts: tuple[Host, ...]
    variables: Mapping[str, Any] = field(default_factory=dict)
    authorized_keys: tuple[str, ...] = ()
    subnet: IPv4Network = subnet.DEFAULT
    profile: Profile = field(default_factory=Profile)


def find_root(start: Path) -> Path | None:
    """Return the nearest folder with a project file, going up from `start`, or None."""
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    return None
