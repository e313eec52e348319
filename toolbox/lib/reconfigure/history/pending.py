"""What an apply has begun: lines that stay on the machine until it is done, for the next one."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.reconfigure.units.actions import UnitAction, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable

RUNS = "run"
VERBS = {verb.value: verb for verb in Verb}
BECAUSE = ("an apply that was cut off",)


@dataclass(frozen=True, slots=True)
class Pending:
    """What is left of an apply that was cut off.

    Attributes:
        actions: What had still to be done to units.
        commands: Programs that had still to be run.
    """

    actions: tuple[UnitAction, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()


def lines(left: Pending) -> tuple[str, ...]:
    """Return what an engine writes down before it changes anything.

    Args:
        left: What it will do.

    Returns:
        Lines ``VERB UNIT`` and ``run PROGRAM …``, each part quoted for a shell.
    """
    words: list[tuple[str, ...]] = [(action.verb.value, action.unit) for action in left.actions]
    words += [(RUNS, *command) for command in left.commands]
    return tuple(shlex.join(each) for each in words if not any("\n" in word for word in each))


def read(found: Iterable[str]) -> Pending:
    """Read such lines; those of another version are left out."""
    actions: list[UnitAction] = []
    commands: list[tuple[str, ...]] = []
    for line in found:
        try:
            verb, *words = shlex.split(line)
        except ValueError:
            continue
        if verb == RUNS and words:
            commands.append(tuple(words))
        elif verb in VERBS and len(words) == 1:
            actions.append(UnitAction(words[0], VERBS[verb], BECAUSE))
    return Pending(tuple(actions), tuple(commands))
