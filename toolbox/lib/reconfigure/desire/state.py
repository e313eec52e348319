"""What a machine shall hold: the vocabulary of desired state.

The rules are those by which Ignition turns a config into files, links, units and users.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolbox.lib.core.secret import Secret
    from toolbox.lib.reconfigure.desire.blob import Blob

UNITS = "/etc/systemd/system"
PRESET = "/etc/systemd/system-preset/20-ignition.preset"
KEYS = ".ssh/authorized_keys.d/ignition"
MASK = "/dev/null"
"""Where the link leads that is a masked unit."""

FILE_MODE, FOLDER_MODE = 0o644, 0o755
"""What is new gets, where nothing is said."""

UNIT_MODE = 0o644
"""What Ignition gives to files of units."""

LOCKED = "*"
"""What Ignition writes for an empty hash of a password: none is right."""


class Kind(StrEnum):
    """What stands at a path."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    HARD_LINK = "hard link"


@dataclass(frozen=True, slots=True)
class Remote:
    """Contents that only the machine can fetch.

    Attributes:
        url: Where from, such as ``https://…``.
        hash: ``sha256-<hex>`` or ``sha512-<hex>`` of the unpacked bytes, or None.
        compression: ``gzip`` or nothing.
    """

    url: str
    hash: str | None
    compression: str

    def __str__(self) -> str:
        """Return all of it in one line, as a record remembers it."""
        return f"{self.compression} {self.hash or ''} {self.url}"


@dataclass(frozen=True, slots=True)
class Node:
    """Something at a path.

    Attributes:
        path: Absolute and normal (no ``..``, no double slash).
        kind: What it is.
        origin: Part of the config that puts it there, for people: ``file``, ``unit web.service``,
            ``drop-in 10-x.conf of web.service``, ``mask of x.service``, ``presets``,
            ``ssh keys of core``.
        mode: Permission bits with setuid, setgid and sticky; None: those that are there, or 0644
            for a new file and 0755 for a new directory.
        user: Name or number of its owner; None: who owns it already, or root.
        group: The same for its group.
        contents: Bytes of a file; None: those that are there, or none.
        remote: Where a file's contents are fetched from instead.
        appended: Bytes added after `contents`, or after what the image has, in order.
        target: Where a link leads, as written; of a hard link the absolute path.
        overwrite: Whether another kind of thing at the path is removed first.
        secret: Whether its contents are shown to nobody.
    """

    path: str
    kind: Kind
    origin: str = "file"
    mode: int | None = None
    user: str | int | None = None
    group: str | int | None = None
    contents: Blob | None = None
    remote: Remote | None = None
    appended: tuple[Blob, ...] = ()
    target: str | None = None
    overwrite: bool = False
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Unit:
    """What is said about a unit beside its files, which are nodes.

    Attributes:
        name: Name of the unit, instances included (``web@a.service``).
        enabled: Whether it starts at boot; None: as the image has it.
        masked: Whether it cannot start; None: as the image has it.
    """

    name: str
    enabled: bool | None = None
    masked: bool | None = None


@dataclass(frozen=True, slots=True)
class User:
    """A user; fields that are None are left as they are.

    Attributes:
        name: Login name.
        uid: Number.
        gecos: Full name.
        home: Home folder.
        shell: Login shell.
        primary_group: Name of the primary group.
        groups: Names of the supplementary groups, all of them; None where nothing is said.
        password: Hash as in shadow(5); an empty one locks.
        keys: Public keys that may log in; None where nothing is said.
        system: Whether a new user is one of the system.
        create_home: Whether a new user gets a home folder.
        own_group: Whether a new user gets a group of the same name.
        exists: Whether there is such a user at all.
    """

    name: str
    uid: int | None = None
    gecos: str | None = None
    home: str | None = None
    shell: str | None = None
    primary_group: str | None = None
    groups: tuple[str, ...] | None = None
    password: Secret | None = None
    keys: tuple[str, ...] | None = None
    system: bool = False
    create_home: bool = True
    own_group: bool = True
    exists: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """A group.

    Attributes:
        name: Name.
        gid: Number; None: any.
        password: Hash as in gshadow(5).
        system: Whether a new group is one of the system.
        exists: Whether there is such a group at all.
    """

    name: str
    gid: int | None = None
    password: Secret | None = None
    system: bool = False
    exists: bool = True


@dataclass(frozen=True, slots=True)
class DesiredState:
    """All that a config says about a machine that has booted.

    Attributes:
        config: SHA-256 of the config, ``sha256-<hex>``.
        nodes: Files, directories and links, unit files and presets among them, in the order in
            which they are made; one for each path. The ssh keys of users are with the users, as
            only the machine knows where their home is.
        units: What is said about units.
        users: What is said about users.
        groups: What is said about groups.
        provisioning: SHA-256 of each part that takes effect at the first boot only, by its name
            in the config, such as ``storage.luks`` or ``kernelArguments``; parts that say
            nothing are left out.
    """

    config: str
    nodes: tuple[Node, ...] = ()
    units: tuple[Unit, ...] = ()
    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()
    provisioning: Mapping[str, str] = field(default_factory=dict)


def in_order(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Return nodes in the order in which they are made: by depth, hard links last."""
    hard = Kind.HARD_LINK
    return tuple(sorted(nodes, key=lambda node: (node.kind is hard, node.path.count("/"))))
