"""What both engines have in common: they carry out a plan and tell what they did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from toolbox.lib.core.errors import UsageError

if TYPE_CHECKING:
    from toolbox.lib.reconfigure.planning.plan import Plan

DIRECT, SALT = "direct", "salt"
ENGINES = (DIRECT, SALT)


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that an engine did.

    Attributes:
        what: Path, user, group, unit or program.
        action: What was done, such as ``changed`` or ``restart``.
        ok: Whether it went well.
        message: What went wrong, or what is to say.
        seconds: How long it took on the machine; 0 where that was not measured.
    """

    what: str
    action: str
    ok: bool = True
    message: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """What became of a plan.

    Attributes:
        engine: ``direct`` or ``salt``.
        done: What was done, in order.
        generation: Number that the machine has now.
        undone: Why all of it was taken back; empty when it was not.
        seconds: How long it took.
    """

    engine: str
    done: tuple[Done, ...] = ()
    generation: int = 0
    undone: str = ""
    seconds: float = field(default=0.0, compare=False)

    @property
    def ok(self) -> bool:
        """Whether everything went well and stays."""
        return not self.undone and all(item.ok for item in self.done)


class Engine(Protocol):
    """Carries out plans."""

    @property
    def name(self) -> str:
        """``direct`` or ``salt``."""
        ...

    def apply(self, plan: Plan) -> ChangeReport:
        """Carry out a plan.

        Args:
            plan: Without findings that are errors.

        Raises:
            ToolboxError: The machine cannot be reached, another operator is at work, or the
                machine has changed since the plan was made.
        """
        ...


@runtime_checkable
class Previewing(Protocol):
    """An engine that tells itself what it would do."""

    def preview(self, plan: Plan) -> tuple[Done, ...]:
        """Return what it would do; nothing is changed."""
        ...


def known(name: str) -> str:
    """Return the name of an engine.

    Raises:
        UsageError: There is none of this name.
    """
    if name not in ENGINES:
        message = f"there is no engine {name}"
        raise UsageError(message, hint=f"one of {', '.join(ENGINES)}")
    return name
