"""What is done to units, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from toolbox.lib.butane.check.unitfile import QUADLETS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


class Verb(StrEnum):
    """What becomes of a unit, by the names of systemctl(1)."""

    ENABLE = "enable"
    DISABLE = "disable"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    RELOAD = "reload"


ORDER = (Verb.STOP, Verb.DISABLE, Verb.ENABLE, Verb.START, Verb.RELOAD, Verb.RESTART)
"""The order in which units are worked on."""

BEFORE_FILES = (Verb.STOP, Verb.DISABLE)
"""What is done to units while their files are still what they were."""


@dataclass(frozen=True, slots=True)
class UnitAction:
    """Something that is done to a unit.

    Attributes:
        unit: Its name.
        verb: What is done.
        because: Paths, or words, for people.
    """

    unit: str
    verb: Verb
    because: tuple[str, ...] = ()


def ordered(actions: Iterable[UnitAction], stopped: Collection[str]) -> tuple[UnitAction, ...]:
    """Return one action for each unit and verb, in the order in which they are done.

    Args:
        actions: What was decided, in any order.
        stopped: Units that must not be started again.
    """
    because: dict[tuple[Verb, str], dict[str, None]] = {}
    for action in actions:
        said = because.setdefault((action.verb, action.unit), {})
        said.update(dict.fromkeys(action.because))
    for verb, unit in list(because):
        started = {Verb.START, Verb.RELOAD, Verb.RESTART, Verb.ENABLE}
        # Reason: what is restarted needs no reload, and is started by that.
        less = {Verb.RELOAD: Verb.RESTART, Verb.START: Verb.RESTART}.get(verb)
        if (unit in stopped and verb in started) or (less and (less, unit) in because):
            said = because.pop((verb, unit))
            if less and (less, unit) in because:
                because[less, unit].update(said)
    keys = sorted(because, key=lambda key: (ORDER.index(key[0]), _rank(key[1])))
    return tuple(UnitAction(unit, verb, tuple(because[verb, unit])) for verb, unit in keys)


def _rank(unit: str) -> int:
    """Return how early a unit is worked on: sockets, then what others stand on."""
    if unit.endswith((".socket", ".mount")):
        return 0
    ground = [f"{ending}.service" for ending in QUADLETS.values() if ending]
    building = unit.partition("@")[0].endswith("-build")
    return 1 if building or unit.endswith(tuple(ground)) else 2
