"""Changing one machine: it is looked at, what has to be done is decided, an engine does it."""

from __future__ import annotations

import getpass
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.reconfigure.engines.contract import DIRECT, SALT, ChangeReport
from toolbox.lib.reconfigure.engines.direct import Direct
from toolbox.lib.reconfigure.history import record
from toolbox.lib.reconfigure.look import question
from toolbox.lib.reconfigure.planning.decision import decide
from toolbox.lib.reconfigure.session.shell import local

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolbox.lib.reconfigure.desire.state import DesiredState
    from toolbox.lib.reconfigure.engines.confirm import Connect
    from toolbox.lib.reconfigure.engines.contract import Engine
    from toolbox.lib.reconfigure.look.survey import Survey
    from toolbox.lib.reconfigure.planning.plan import Plan
    from toolbox.lib.reconfigure.session.shell import Session

ACCOUNTS = {
    "passwd": (0o644, "root:x:0:0:root:/root:/bin/sh\n"),
    "group": (0o644, "root:x:0:\n"),
    "shadow": (0o600, "root:*:::::::\n"),
    "gshadow": (0o600, "root:*::\n"),
}
"""What useradd(8) wants to find below ``/etc``: mode and contents where there is nothing yet."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """A machine as it is, and what has to be done to it.

    Attributes:
        name: Name of the machine, for people.
        desired: What it shall hold.
        survey: What it holds.
        plan: What has to be done.
    """

    name: str
    desired: DesiredState
    survey: Survey
    plan: Plan

    @property
    def nothing(self) -> bool:
        """Whether the machine is as it shall be and knows it."""
        return self.plan.nothing and self.plan.record is None

    @property
    def generation(self) -> int:
        """Number of the generation that the machine is now."""
        return self.survey.record.generation if self.survey.record else 0


def who() -> str:
    """Return who changes machines from here, ``user@host``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # Reason: a container may run as a user that it does not know.
        user = "somebody"
    return f"{user}@{socket.gethostname()}"


def prospect(session: Session, desired: DesiredState, *, engine: str = DIRECT) -> Prospect:
    """Look at a machine and decide what has to be done; nothing is changed.

    Args:
        session: The machine.
        desired: What it shall hold.
        engine: Name of the engine that would do it.
    """
    said = {"now": now(), "who": who(), "engine": engine}
    survey = question.survey(session, desired)
    plan = decide(desired, survey, **said)
    more = question.readers(session, desired, survey, [node.path for node in plan.nodes])
    if more is not survey:
        survey, plan = more, decide(desired, more, **said)
    return Prospect(session.name, desired, survey, plan)


def now() -> str:
    """Return the time of day, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def carry_out(seen: Prospect, engine: Engine) -> ChangeReport:
    """Do what has to be done.

    Args:
        seen: What was decided.
        engine: Does it.

    Raises:
        ToolboxError: It is refused, or something of it failed; what failed is told.
    """
    if seen.plan.errors:
        message = f"{seen.name} cannot be changed to its config"
        raise ToolboxError(message, findings=seen.plan.errors)
    report = engine.apply(seen.plan)
    if report.undone:
        message = f"{seen.name}: all was taken back: {report.undone}"
        raise ToolboxError(message, hint="the machine is as it was before")
    failed = [item for item in report.done if not item.ok]
    if failed:
        lines = "\n".join(f"{item.what}: {item.action} failed: {item.message}" for item in failed)
        message = f"{seen.name} was changed, but not all of it went well\n{lines}"
        raise ToolboxError(message, hint="mend the cause and do it again")
    return report


def engine_of(
    name: str,
    session: Session,
    seen: Prospect,
    connect: Connect | None = None,
    states: Sequence[Path] = (),
) -> Engine:
    """Return the engine that does what has to be done to a machine.

    Args:
        name: One of `ENGINES`.
        session: The machine.
        seen: What was decided.
        connect: Opens a new connection, over which a risky change is confirmed.
        states: Folders of a person's own Salt states, those that win first.
    """
    kept = record.keepsakes(seen.desired)
    direct = Direct(session, seen.survey.record, kept, connect)
    if name != SALT:
        return direct
    from toolbox.lib.reconfigure.engines.salt import sources
    from toolbox.lib.reconfigure.engines.salt.engine import Salt

    return Salt(direct, sources.read(states))


def into(root: Path, desired: DesiredState, engine: str) -> tuple[Prospect, ChangeReport]:
    """Bring a folder that stands for a machine to what is desired.

    Args:
        root: The folder; made when missing.
        desired: What it shall hold.
        engine: One of `ENGINES`.

    Returns:
        What was decided, and what was done.
    """
    root.mkdir(parents=True, exist_ok=True)
    if desired.users or desired.groups:
        _with_accounts(root)
    with local(root) as session:
        seen = prospect(session, desired, engine=engine)
        if seen.nothing:
            return seen, ChangeReport(engine, generation=seen.generation)
        return seen, carry_out(seen, engine_of(engine, session, seen))


def _with_accounts(root: Path) -> None:
    """Give a folder that knows no accounts those of a system with none but root's."""
    folder = root / "etc"
    if (folder / "passwd").exists():
        return
    folder.mkdir(exist_ok=True)
    for name, (mode, text) in ACCOUNTS.items():
        path = folder / name
        if not path.exists():
            path.touch(mode)
            path.write_text(text)
