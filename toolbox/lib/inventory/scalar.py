"""On which line of a YAML document each line of a text in it was written, whatever its style."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Reason: a backslash takes the character behind it along, so each is looked at once.
ESCAPE = re.compile(r"\\(x0[aA]|u000[aA]|U0000000[aA]|.)")
BLANKS = " \t"


def block(
    value: str, written: Sequence[str], header: int, *, folded: bool
) -> tuple[Sequence[int], int]:
    """Return the lines of a text in block style (``|`` or ``>``), counted from 1.

    Args:
        value: The text.
        written: Lines of the document.
        header: Line of its indicator, counted from 0.
        folded: Whether its style is ``>``.

    Returns:
        The line that each line of the text begins on, and how many characters are before them.
    """
    count = value.count("\n") + 1
    first = header + 1
    indent = _indent(value, written[first:])
    if not folded:
        return range(first + 1, first + 1 + count), indent
    numbers = [first]
    last: int | None = None
    for number in range(first, len(written)):
        line = written[number][indent:].rstrip("\r")
        if len(numbers) >= count or (line and written[number][:indent].strip(BLANKS)):
            break
        if not line:
            continue
        if last is None:
            numbers = [*range(first, number), number]
        else:
            # Reason: lines that are indented more are not folded, nor is what is around them.
            kept = line[0] in BLANKS or written[last][indent] in BLANKS
            breaks = number - last - (0 if kept else 1)
            numbers += [*range(number - breaks + 1, number), number] if breaks else []
        last = number
    return _fitted(numbers, count), indent


def _indent(value: str, below: Sequence[str]) -> int:
    """Return how far the lines of a block are indented."""
    first = next((line for line in below if line.strip(f"{BLANKS}\r")), "")
    own = next((line for line in value.split("\n") if line.strip(f"{BLANKS}\r")), "")
    return max(_spaces(first) - _spaces(own), 0)


def _spaces(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def flow(
    value: str, written: Sequence[str], begin: tuple[int, int], end: int, style: str | None
) -> Sequence[int]:
    """Return the lines of a text in quotes, or without any, counted from 1.

    Args:
        value: The text.
        written: Lines of the document.
        begin: Line and column where it begins, counted from 0.
        end: Line where it ends.
        style: Its quote.

    Returns:
        The line that each line of the text begins on.
    """
    first, column = begin
    numbers = [first]
    empty, ended = 0, False
    for number in range(first, min(end, len(written) - 1) + 1):
        line = written[number][column if number == first else 0 :].strip(f"{BLANKS}\r")
        if not line and number < end:
            empty += 1
            continue
        if empty:
            # Reason: of several line breaks the first one is folded.
            numbers += [*range(number - empty + 1, number), number]
        elif ended:
            numbers[-1] = number
        empty = 0
        escapes = list(ESCAPE.finditer(line)) if style == '"' else []
        breaks = [escape for escape in escapes if escape[1] == "n" or len(escape[1]) > 1]
        numbers += [number] * len(breaks)
        ended = bool(breaks) and breaks[-1].end() == len(line)
    return _fitted(numbers, value.count("\n") + 1)


def _fitted(numbers: Sequence[int], count: int) -> Sequence[int]:
    """Return as many lines as a text has, counted from 1."""
    kept = [number + 1 for number in numbers[:count]]
    return kept + [kept[-1]] * (count - len(kept))
