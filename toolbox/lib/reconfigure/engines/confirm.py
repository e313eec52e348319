"""A change that could lock its operator out: it stays only if a new connection confirms it.

What takes it back waits on the machine, with the lock and with all it needs in memory, from before
the first step on.
"""

from __future__ import annotations

import shlex
import time
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.reconfigure.desire.state import Kind
from toolbox.lib.reconfigure.engines import job as jobs
from toolbox.lib.reconfigure.planning.plan import Change
from toolbox.lib.reconfigure.session.shell import COMMON, SessionCut
from toolbox.lib.reconfigure.units.actions import BEFORE_FILES, ORDER, UnitAction, Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from toolbox.lib.reconfigure.planning.plan import Plan
    from toolbox.lib.reconfigure.session.shell import Session

    Connect = Callable[[], AbstractContextManager[Session]]

UNDO = Path(__file__).with_name("undo.sh")
LIMIT_SECONDS = 90
PAUSE_SECONDS = 1.0

INVERSE = {
    Verb.START: Verb.STOP,
    Verb.STOP: Verb.START,
    Verb.ENABLE: Verb.DISABLE,
    Verb.DISABLE: Verb.ENABLE,
    Verb.RESTART: Verb.RESTART,
    Verb.RELOAD: Verb.RELOAD,
}
ACCOUNTS = ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")


def arm(job: jobs.Job, plan: Plan, *, machine: bool, limit: int = LIMIT_SECONDS) -> None:
    """Let a job be taken back unless it is confirmed.

    Args:
        job: The job.
        plan: What it was made from.
        machine: Whether it is a machine that runs.
        limit: Seconds that there are for confirming it.
    """
    job.limit = limit
    saved: list[str] = []
    back: list[str] = []
    number = job.number("the change", "undone")
    for count, node in enumerate(plan.nodes):
        depth = "deep" if node.clear else "flat"
        saved.append(_saving("save_path", f"n{count}", node.path, depth))
        back.append(jobs.line(number, "restore_path", f"n{count}", node.path, depth, must=False))
    back.reverse()
    back += _links(job, plan, number, saved)
    units = [UnitAction(item.unit, INVERSE[item.verb]) for item in plan.units] if machine else []
    job.saved += saved
    job.undo += [
        *_units(number, units, BEFORE_FILES),
        *back,
        *_accounts(job, plan, number),
        *_effects(number, plan, units, machine=machine),
    ]


def _links(job: jobs.Job, plan: Plan, number: int, saved: list[str]) -> list[str]:
    """Let hard links be saved; return the lines that make them anew once their targets are back."""
    changed = {node.path for node in plan.nodes}
    placed = job.before.nodes if job.before else {}
    lines = []
    for count, (path, was) in enumerate(placed.items()):
        if was.kind == Kind.HARD_LINK and {path, was.target} & changed:
            saved.append(_saving("save_link", f"h{count}", path, was.target))
            words = ("restore_link", f"h{count}", path, was.target)
            lines.append(jobs.line(number, *words, must=False))
    return lines


def _effects(number: int, plan: Plan, units: list[UnitAction], *, machine: bool) -> Iterable[str]:
    if not machine:
        return
    for command in plan.commands:
        yield jobs.line(number, *command, must=False)
    if plan.reload:
        yield jobs.line(number, "systemctl", "daemon-reload", must=False)
    yield from _units(number, units, [verb for verb in ORDER if verb not in BEFORE_FILES])


def _units(number: int, actions: Iterable[UnitAction], verbs: Iterable[Verb]) -> Iterable[str]:
    for wanted in verbs:
        some = [action for action in actions if action.verb is wanted]
        for verb, group in groupby(some, key=lambda action: action.verb):
            pairs = [word for action in group for word in (str(number), action.unit)]
            yield f"units {verb.value} {shlex.join(pairs)}"


def _accounts(job: jobs.Job, plan: Plan, number: int) -> list[str]:
    """Let accounts be saved; return the lines that bring them back."""
    lines = [
        jobs.line(number, "user_gone", item.user.name, must=False)
        for item in plan.users
        if item.change is Change.ADDED
    ]
    if plan.users or plan.groups:
        for name in ACCOUNTS:
            job.saved.append(_saving("save_path", name, f"/etc/{name}", "flat"))
            lines.append(
                jobs.line(number, "restore_path", name, f"/etc/{name}", "flat", must=False)
            )
    for count, item in enumerate(plan.users):
        if item.change is Change.REMOVED:
            lines.append(jobs.line(number, "home_back", item.user.name, must=False))
        elif item.change is Change.CHANGED and "keys" in item.reasons:
            job.saved.append(_saving("save_keys", f"k{count}", item.user.name))
            lines.append(jobs.line(number, "restore_keys", f"k{count}", item.user.name, must=False))
    return lines


def _saving(*words: str) -> str:
    return f"{shlex.join(words)} || return"


def settle(
    key: str, session: Session, connect: Connect, *, ended_well: bool, limit: int = LIMIT_SECONDS
) -> str:
    """Confirm a change over a new connection, or see that it is taken back.

    Args:
        key: The job's.
        session: The connection over which it was made.
        connect: Opens a new one.
        ended_well: Whether the change is worth to be confirmed.
        limit: Seconds that there are.

    Returns:
        Why it was taken back; "" when it stays.
    """
    why = "a part of it failed" if not ended_well else _confirmed(key, connect, limit)
    if not why:
        return ""
    try:
        session.run(_script("take_back"), deadline=float(limit) * 2)
    except (SessionCut, TimeoutError):
        # Reason: what waits there needs nobody.
        return f"{why}; the machine takes it back by itself within {limit} s"
    return why


def _confirmed(key: str, connect: Connect, limit: int) -> str:
    """Confirm over new connections until one succeeds; return why none did."""
    end = time.monotonic() + limit * 2 / 3
    while True:
        try:
            with connect() as fresh:
                reply = fresh.run(_script(f"confirm {shlex.quote(key)}"), deadline=float(limit))
        except ToolboxError as error:
            why = f"the machine cannot be reached any more: {error.message}"
        else:
            return "" if reply.exit_code == 0 else "it was not done, or not confirmed in time"
        if time.monotonic() > end:
            return why
        time.sleep(PAUSE_SECONDS)


def _script(call: str) -> str:
    return f"{COMMON.read_text()}\n{UNDO.read_text()}\n{call}\n"
