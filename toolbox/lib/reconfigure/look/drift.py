"""What somebody has changed on a machine by hand: where it differs from what was put there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.desire.state import FILE_MODE, PRESET, Kind
from toolbox.lib.reconfigure.look.survey import ENABLED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolbox.lib.reconfigure.history.record import Placed
    from toolbox.lib.reconfigure.look.survey import Account, Found, Survey, UnitFacts

GONE = "gone"


@dataclass(frozen=True, slots=True)
class Drift:
    """Something that is not as it was put there.

    Attributes:
        what: Path, ``unit NAME``, ``user NAME`` or ``group NAME``.
        reasons: What differs: ``gone``, ``kind``, ``contents``, ``mode``, ``owner``, ``target``;
            of a unit ``enabled``, ``disabled`` or ``masked``, as it shall be.
        secret: Whether its contents are shown to nobody.
    """

    what: str
    reasons: tuple[str, ...]
    secret: bool = False


def of(survey: Survey) -> tuple[Drift, ...]:
    """Return what differs on a machine from what its record says; nothing where there is none.

    Args:
        survey: The machine; what its record names was looked at.
    """
    record = survey.record
    if record is None:
        return ()
    nodes = dict(record.nodes)
    if record.engine == "ignition":
        # Reason: which units it disables, Ignition decides when it sees the image.
        nodes.pop(PRESET, None)
    found = [*_paths(nodes, survey)]
    for name, words in record.units.items():
        reasons = tuple(_unit(words.split(","), survey.units.get(name)))
        found += [Drift(f"unit {name}", reasons)] if reasons and survey.systemd else []
    found += [Drift(f"user {name}", (GONE,)) for name in record.users.keys() - survey.accounts]
    found += [Drift(f"group {name}", (GONE,)) for name in record.groups.keys() - survey.groups]
    return tuple(found)


def _paths(nodes: Mapping[str, Placed], survey: Survey) -> Iterator[Drift]:
    for path, placed in sorted(nodes.items()):
        reasons = tuple(_reasons(path, placed, survey))
        if reasons:
            yield Drift(path, reasons, placed.secret)


def _reasons(path: str, placed: Placed, survey: Survey) -> Iterator[str]:
    found = survey.nodes.get(path)
    if found is None:
        yield GONE
        return
    kind = Kind.FILE if placed.kind == Kind.HARD_LINK else Kind(placed.kind)
    if found.kind is not kind:
        # Reason: a folder can be behind a link that the image has, and nobody put there.
        if not (kind is Kind.DIRECTORY and found.kind is Kind.LINK and placed.mode is None):
            yield "kind"
        return
    if placed.kind == Kind.HARD_LINK:
        target = survey.nodes.get(placed.target)
        yield from () if target and target.inode == found.inode else ("target",)
        return
    if placed.kind == Kind.LINK:
        yield from () if found.target == placed.target else ("target",)
    elif placed.kind == Kind.FILE and _is_other(placed, found):
        yield "contents"
    whole = placed.kind == Kind.FILE and bool(placed.digest) and not placed.appended
    mode = FILE_MODE if whole and placed.mode is None else placed.mode
    if mode is not None and found.mode != mode:
        yield "mode"
    if placed.owner and not _is_owner(placed.owner, found, survey.accounts, survey.groups):
        yield "owner"


def _is_other(placed: Placed, found: Found) -> bool:
    """Tell whether a file holds something else; what cannot be seen is taken for the same."""
    if not placed.digest:
        return False
    if not placed.appended:
        return found.digest != placed.digest
    if found.contents is None:
        return False
    data, size = found.contents.reveal(), placed.appended
    return not any(
        Blob(data[at : at + size]).digest == placed.digest for at in range(len(data) - size, -1, -1)
    )


def _is_owner(
    owner: str, found: Found, accounts: Mapping[str, Account], groups: Mapping[str, int]
) -> bool:
    user, _, group = owner.partition(":")
    account = accounts.get(user)
    uid = int(user) if user.isdecimal() else account.uid if account else None
    gid = int(group) if group.isdecimal() else groups.get(group)
    return (not user or uid == found.uid) and (not group or gid == found.gid)


def _unit(words: list[str], facts: UnitFacts | None) -> Iterator[str]:
    if facts is None:
        return
    on, masked = facts.enabled in ENABLED, facts.load == "masked"
    if "masked" in words and not masked:
        yield "masked"
    elif "masked" not in words and masked:
        yield "unmasked"
    # Reason: what has no [Install] section cannot be enabled, and a mask hides whether it is.
    elif "enabled" in words and facts.enabled == "disabled":
        yield "enabled"
    elif "disabled" in words and on:
        yield "disabled"
