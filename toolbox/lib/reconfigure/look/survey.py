"""What a machine holds now, as far as a plan needs to know it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolbox.lib.reconfigure.desire.blob import Blob
    from toolbox.lib.reconfigure.desire.state import Kind
    from toolbox.lib.reconfigure.history.record import Record

ORIGINALS = "/usr"
"""Where an image keeps its own version of a path below ``/etc``."""

RUNNING = frozenset({"active", "activating", "reloading", "deactivating", "refreshing"})
TRIED = RUNNING | {"failed"}
"""States of units that run, or that were started at least (``ActiveState``)."""

ENABLED = frozenset({"enabled", "enabled-runtime", "alias", "linked", "linked-runtime"})
"""States of unit files that start at boot (``UnitFileState``)."""


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at a path.

    Attributes:
        kind: File, directory or link; None for a device, socket or pipe. Never a hard link, which
            is a file.
        mode: Permission bits with setuid, setgid and sticky.
        uid: Number of its owner.
        gid: Number of its group.
        inode: ``device:inode``, equal for hard links of one file.
        digest: SHA-256 of a file's bytes in hexadecimal, None for others.
        target: Where a link leads.
        contents: Bytes of a file that differs from what is desired, for a diff and for what was
            appended to it; None when it is the same, too large, or secret.
    """

    kind: Kind | None
    mode: int
    uid: int
    gid: int
    inode: str = ""
    digest: str | None = None
    target: str | None = None
    contents: Blob | None = None

    @property
    def facts(self) -> str:
        """What tells it from anything that is put in its place, also after another boot."""
        # Reason: the number of a device may be another one then.
        number = self.inode.rpartition(":")[2]
        return f"{self.kind or 'other'} {number} {self.mode:o} {self.uid}:{self.gid}"


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """What systemd knows of a unit (``systemctl show``).

    Attributes:
        load: ``LoadState``: ``loaded``, ``not-found``, ``masked``, …
        active: ``ActiveState``: ``active``, ``inactive``, ``failed``, …
        enabled: ``UnitFileState``: ``enabled``, ``disabled``, ``static``, ``generated``, …
        can_reload: ``CanReload``.
        stale: ``NeedDaemonReload``: its file has changed since it was read.
    """

    load: str
    active: str
    enabled: str
    can_reload: bool = False
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """A line of passwd(5), with what belongs to it elsewhere.

    Attributes:
        name: Login name.
        uid: Number.
        gid: Number of the primary group.
        gecos: Full name.
        home: Home folder.
        shell: Login shell.
        groups: Names of the supplementary groups.
        password: SHA-256 of the hash in shadow(5), in hexadecimal; "" where it cannot be read.
        keys: Lines of the file that Ignition writes ssh keys to; None where there is none.
    """

    name: str
    uid: int
    gid: int
    gecos: str
    home: str
    shell: str
    groups: tuple[str, ...] = ()
    password: str = ""
    keys: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """What a machine holds now.

    Attributes:
        nodes: What stands at each path that was asked for; paths with nothing are left out.
        originals: The same for the image's own version of paths below ``/etc`` (``/usr/etc``).
        units: What systemd knows of each unit that was asked for.
        accounts: Users by name, all of them.
        groups: Numbers of groups by name, all of them.
        record: What the toolbox put there before; None where it never did.
        pending: Units that an apply that was cut off had still to restart, ``verb unit`` each.
        config: Content of the file with the config's hash, or "".
        boot_id: The kernel's id of this boot.
        systemd: Whether systemd runs there.
        ostree: Whether ``/usr`` is read-only, as on Fedora CoreOS.
        selinux: Whether files have SELinux labels.
    """

    nodes: Mapping[str, Found] = field(default_factory=dict)
    originals: Mapping[str, Found] = field(default_factory=dict)
    units: Mapping[str, UnitFacts] = field(default_factory=dict)
    accounts: Mapping[str, Account] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    record: Record | None = None
    pending: tuple[str, ...] = ()
    config: str = ""
    boot_id: str = ""
    systemd: bool = True
    ostree: bool = False
    selinux: bool = False
