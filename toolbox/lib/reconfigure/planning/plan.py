"""What has to be done to a machine, decided and not yet done: the one plan of both engines."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from toolbox.lib.core.report import Severity
from toolbox.lib.reconfigure.history.pending import Pending

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolbox.lib.core.report import Finding
    from toolbox.lib.reconfigure.desire.blob import Blob
    from toolbox.lib.reconfigure.desire.state import Group, Kind, Remote, User
    from toolbox.lib.reconfigure.history.record import Record
    from toolbox.lib.reconfigure.look.survey import Found
    from toolbox.lib.reconfigure.units.actions import UnitAction


class Change(StrEnum):
    """What becomes of something."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class NodeChange:
    """A path that changes, with all that an engine needs to bring it there.

    Attributes:
        path: Absolute path.
        change: What becomes of it.
        kind: What stands there afterwards; of what is removed, what stood there.
        origin: Part of the config that says so.
        was: What stands there now, None for nothing.
        mode: Permission bits afterwards, decided; None for a link.
        user: Owner afterwards, name or number, decided.
        group: Group afterwards.
        contents: Bytes of a file afterwards, appended ones included; None: they stay.
        target: Where a link leads.
        remote: Where the machine fetches the contents from.
        clear: Whether something of another kind is removed first.
        restored: Whether the image's own version comes back (copied from ``/usr/etc``).
        secret: Whether its contents are shown to nobody.
        reasons: What differs: ``contents``, ``mode``, ``owner``, ``target``, ``kind``.
        diff: Unified diff of the texts; "" where there is none or it is secret.
    """

    path: str
    change: Change
    kind: Kind
    origin: str = ""
    was: Found | None = None
    mode: int | None = None
    user: str | int = "root"
    group: str | int = "root"
    contents: Blob | None = None
    target: str | None = None
    remote: Remote | None = None
    clear: bool = False
    restored: bool = False
    secret: bool = False
    reasons: tuple[str, ...] = ()
    diff: str = ""


@dataclass(frozen=True, slots=True)
class UserChange:
    """A user that changes.

    Attributes:
        user: What is desired; of one that goes, its name with ``exists`` false.
        change: What becomes of it.
        reasons: Fields that differ, such as ``shell`` or ``groups``; ``keys`` among them.
    """

    user: User
    change: Change
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupChange:
    """A group that changes.

    Attributes:
        group: What is desired; of one that goes, its name with ``exists`` false.
        change: What becomes of it.
        reasons: Fields that differ.
    """

    group: Group
    change: Change
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be done to a machine.

    Attributes:
        nodes: Paths that change, in the order in which an engine works on them: removals behind
            what comes, the deepest first, and hard links last.
        users: Users that change.
        groups: Groups that change.
        units: What is done to units, in order: stop, disable, enable, start, reload, restart.
        reload: Whether systemd has to read its units anew (``daemon-reload``).
        commands: Programs that make changes take effect, argument lists, run before units are
            touched: ``update-ca-trust``, ``systemd-sysusers``, …
        provisioning: Parts that differ and take effect at a first boot only.
        risky: Why this could lock the operator out; empty when it cannot.
        findings: What is refused (errors), and what is to say.
        record: What the machine remembers when all is done.
        base: Generation that was planned against; an engine refuses when it is another one by
            then. None where there was no record.
        stood: What stood at each path that changes (`Found.facts`); "" for nothing.
    """

    nodes: tuple[NodeChange, ...] = ()
    users: tuple[UserChange, ...] = ()
    groups: tuple[GroupChange, ...] = ()
    units: tuple[UnitAction, ...] = ()
    reload: bool = False
    commands: tuple[tuple[str, ...], ...] = ()
    provisioning: tuple[str, ...] = ()
    risky: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    record: Record | None = field(default=None, repr=False)
    base: int | None = None
    stood: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def nothing(self) -> bool:
        """Whether the machine is as it shall be."""
        return not (self.nodes or self.users or self.groups or self.units or self.commands)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Why it must not be carried out; empty as a rule."""
        return tuple(item for item in self.findings if item.severity is Severity.ERROR)

    @property
    def pending(self) -> Pending:
        """What is left of it when it is cut off before its first step."""
        return Pending(self.units, self.commands)
