"""What is left of an apply that was cut off, as far as what is desired now still wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.reconfigure.look.survey import TRIED
from toolbox.lib.reconfigure.units.actions import UnitAction, Verb

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from toolbox.lib.reconfigure.look.survey import Survey


def due(
    left: Iterable[UnitAction], starting: Collection[str], survey: Survey
) -> Iterator[UnitAction]:
    """Yield the actions that have still to be done.

    What was cut off may have gone to another config. Only what can be seen neither in files nor in
    the state of units is taken from it: that a unit has not seen its new files, or was not started.

    Args:
        left: What had still to be done.
        starting: Units that shall start at boot now.
        survey: What the machine holds.
    """
    left = tuple(left)
    enabled = {action.unit for action in left if action.verb is Verb.ENABLE}
    known = survey.record.units if survey.record else {}
    for action in left:
        unit, verb = action.unit, action.verb
        facts = survey.units.get(unit)
        if unit in starting:
            # Reason: its [Install] section has changed where both were to be done.
            wanted = verb is not Verb.STOP and (verb is not Verb.DISABLE or unit in enabled)
        elif verb is Verb.START:
            wanted = "was-active" in known.get(unit, "").split(",")
        else:
            tried = facts is not None and facts.active in TRIED
            wanted = tried and verb not in {Verb.ENABLE, Verb.DISABLE}
        if wanted:
            yield action
