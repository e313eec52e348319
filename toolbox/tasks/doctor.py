"""doctor: what this place can do, and for each lack the one thing that mends it."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING

from invoke.tasks import task

from toolbox.tasks import show

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from invoke.context import Context

    from toolbox.lib.doctor.row import Row

WIDTH = 100
"""Columns where no terminal says how many it has."""

MARGIN = 22


@task(help={"json": show.JSON})
def doctor(_context: Context, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Tell what this place can do, and for each lack the one thing that mends it.

    Examples:
        invoke doctor
        invoke doctor --json
    """
    from toolbox.lib.core.errors import HabitatError
    from toolbox.lib.doctor.examine import examine, terms
    from toolbox.lib.doctor.row import lost

    rows = examine(terms(show.program()))
    lacking = lost(rows)
    if json:
        show.emit("doctor", rows, ok=not lacking)
    else:
        show.table(("what", "state", "found"), list(_lines(rows)))
    if lacking:
        names = ", ".join(dict.fromkeys(row.what for row in lacking))
        message = f"sim cannot run here; what is lost: {names}"
        hint = "the arrows above tell what mends each" if not json else "see mend of each item"
        raise HabitatError(message, hint=hint)
    show.say("sim can run here")


def _lines(rows: Sequence[Row]) -> Iterator[tuple[str, str, str]]:
    """Yield lines of the table: what was found, wrapped, and the way to mend it on its own."""
    width = max(shutil.get_terminal_size((WIDTH, 0)).columns - MARGIN, WIDTH // 2)
    shown = [*_singles(rows), *_tools(rows)]
    mends = [mend for *_, mend in shown]
    for (what, state, found, mend), following in zip(shown, [*mends[1:], ""], strict=True):
        first, *more = textwrap.wrap(found, width, break_on_hyphens=False) or [""]
        yield what, state, first
        yield from (("", "", line) for line in more)
        if mend and mend != following:
            # Reason: not wrapped, so that it can be pasted.
            yield "", "", f"→ {mend}"


def _singles(rows: Sequence[Row]) -> Iterator[tuple[str, str, str, str]]:
    return ((row.what, row.state, row.found, row.mend) for row in rows if not row.tool)


def _tools(rows: Sequence[Row]) -> Iterator[tuple[str, str, str, str]]:
    """Yield the programs in few rows: those that are well, and others by what mends them."""
    from toolbox.lib.doctor.row import State
    from toolbox.lib.doctor.tools import NEEDED
    from toolbox.lib.habitat.ensure import ABSENT

    tools = [row for row in rows if row.tool]
    well = [row for row in tools if row.state is State.OK]
    if well:
        yield "tools", State.OK, ", ".join(_named(row) for row in well), ""
    # Reason: those that sim needs have rows of their own.
    ill = [row for row in tools if row.state is not State.OK and row.what not in NEEDED]
    for mend in dict.fromkeys(row.mend for row in ill if row.found == ABSENT):
        names = ", ".join(row.what for row in ill if row.found == ABSENT and row.mend == mend)
        yield "tools", State.NOTE, f"not on PATH: {names}", mend
    for row in ill:
        if row.found != ABSENT:
            yield "tools", State.NOTE, f"{row.what} does not answer: {row.found}", row.mend


def _named(row: Row) -> str:
    return f"{row.what} {row.found}" if row.found[:1].isdigit() else row.what


root = (doctor,)
