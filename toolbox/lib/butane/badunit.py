"""The line of a unit that is wrong: Butane says that a unit is invalid, but not where in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolbox.lib.core.report import Finding

BEGINNING = "invalid unit content"
"""How Butane begins what it says of such a unit."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit, and where it was written.

    Attributes:
        text: Its contents.
        file: Name of the file that holds it and nothing else; None for one inside of a config.
        lines: Numbers and texts of the lines of the config that it stands in.
    """

    text: str
    file: str | None = None
    lines: Sequence[tuple[int, str]] = ()


def line_of(unit: str) -> int | None:
    """Return which line of a unit is neither a section, an option nor a comment.

    Returns:
        The line, counted from 1, or None when there is none of the kind.
    """
    goes_on, begun = False, False
    for number, line in enumerate(unit.splitlines(), start=1):
        text = line.strip()
        section = text.startswith("[") and text.endswith("]")
        plain = not text or text[0] in "#;" or section
        # Reason: what stands before the first section is not looked at.
        begun = begun or section
        if begun and not goes_on and not plain and "=" not in text:
            return number
        goes_on = line.endswith("\\")
    return None


def told(found: Finding, unit: Unit) -> Finding:
    """Return a finding about a unit with the line that is meant, as exactly as it is known."""
    number = line_of(unit.text)
    if number is None:
        return found
    bad = unit.text.splitlines()[number - 1].strip()
    if unit.file is not None:
        message = f"{found.message}: {bad}"
        return replace(found, file=unit.file, line=number, column=None, message=message)
    message = f"{found.message}, on line {number} of the unit"
    # Reason: how a text is folded or quoted decides on which line of the file its lines are.
    below = (n for n, text in unit.lines if n >= (found.line or 1) and text.strip() == bad)
    line = next(below, None)
    if line is None:
        # Reason: a line that nobody wrote came out of a template, perhaps with a secret in it.
        return replace(found, message=message)
    return replace(found, message=f"{message}: {bad}", line=line, column=None)
