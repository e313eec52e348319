"""What a change is going to do, remembered on a machine until it is done, for the next one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from toolbox.lib.reconfigure.history import record as records
from toolbox.lib.reconfigure.history.record import RecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolbox.lib.reconfigure.history.record import Record


@dataclass(frozen=True, slots=True)
class Intent:
    """What a change is going to do.

    Attributes:
        after: What will be remembered; of its nodes, those that change.
        stood: What tells the thing at each path that changes from one that is put there; "" where
            nothing stood.
        before: What was there, where a change that was cut off had made that and no record says
            so; else None.
    """

    after: Record
    stood: Mapping[str, str] = field(default_factory=dict)
    before: Record | None = None

    @property
    def undone(self) -> Intent | None:
        """What is begun still when the change is taken back; None for nothing."""
        return Intent(replace(self.before, nodes={}), before=self.before) if self.before else None


def of(after: Record, stood: Mapping[str, str], before: Record | None) -> Intent:
    """Return the intent of a change.

    Args:
        after: What will be remembered when it is done.
        stood: What stands now at each path that changes; "" for nothing.
        before: What is remembered now.
    """
    nodes = {path: item for path, item in after.nodes.items() if path in stood}
    is_cut_off = before is not None and not before.config
    return Intent(replace(after, nodes=nodes), stood, before if is_cut_off else None)


def reached(begun: Intent, known: Record | None, stands: Mapping[str, str]) -> Record:
    """Return the record of a machine on which a change was begun and not ended.

    Args:
        begun: What it was going to do.
        known: What was recorded before it; None where that was nothing.
        stands: What stands there now, told as in `Intent.stood`.

    Returns:
        All that was put there, with the generation that is there; -1 where there is none. A path
        that the change did not come to is whose it was.
    """
    after, before = begun.after, begun.before
    # Reason: once the record has another generation, the change is done, and knows what was left.
    if before is None or (known is not None and known.generation != before.generation):
        before = known or replace(after, generation=-1, nodes={})
    written = {
        path: item
        for path, item in after.nodes.items()
        if path in stands and stands[path] != begun.stood.get(path, "")
    }
    return replace(
        before,
        config="",
        nodes={**before.nodes, **written},
        units={**after.units, **before.units},
        users={**after.users, **before.users},
        groups={**after.groups, **before.groups},
    )


def listing(begun: Intent) -> str:
    """Return the paths that have to be known to tell what it has reached, one on a line."""
    paths = {path for path in begun.stood if "\n" not in path}
    if begun.before is not None:
        paths |= {*records.listing(begun.before).split("\n")} - {""}
    return "".join(f"{path}\n" for path in sorted(paths))


def dump(begun: Intent) -> str:
    """Return an intent as JSON, one thing on a line: both records, and what stood there."""
    before = records.dump(begun.before) if begun.before else "null\n"
    return records.dump(begun.after) + before + json.dumps(begun.stood, sort_keys=True) + "\n"


def load(text: str | bytes) -> Intent:
    """Read an intent.

    Raises:
        RecordError: It is none, or of a version that is not known here.
    """
    try:
        after, before, stood = text.splitlines()
        told = {str(path): str(facts) for path, facts in json.loads(stood).items()}
        known = None if json.loads(before) is None else records.load(before)
        return Intent(records.load(after), told, known)
    except (ValueError, AttributeError, RecursionError) as error:
        message = f"what was begun on the machine cannot be read: {error!r}"
        raise RecordError(message) from error
