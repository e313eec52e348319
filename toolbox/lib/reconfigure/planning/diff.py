"""What changes in a file, for people: a unified diff of texts, a word about anything else."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolbox.lib.reconfigure.desire.blob import Blob

MOST_LINES = 200
LARGEST = 256 * 1024
"""Bytes of a text that is compared line by line."""

SECRET = "(secret, not shown)"  # noqa: S105 - it says that there is one
NOTHING = "/dev/null"
CUT = "…"


def unified(path: str, before: Blob | None, after: Blob | None) -> str:
    """Return the unified diff of two texts.

    Args:
        path: Where they stand.
        before: What is there; None for nothing.
        after: What shall be there; None for nothing.

    Returns:
        The diff, at most `MOST_LINES` long; "" where they are equal, or one of them is no text.
    """
    texts = _text(before), _text(after)
    if texts[0] is None or texts[1] is None or texts[0] == texts[1]:
        return ""
    old, new = (NOTHING if blob is None else path for blob in (before, after))
    compared = _lines(texts[0]), _lines(texts[1])
    lines = [*difflib.unified_diff(*compared, fromfile=old, tofile=new, lineterm="")]
    if len(lines) > MOST_LINES:
        rest = len(lines) - MOST_LINES
        lines = [*lines[:MOST_LINES], f"{CUT} {rest} more lines"]
    return "".join(f"{line}\n" for line in lines)


def is_text(data: bytes) -> bool:
    """Tell whether bytes are a text that can be shown."""
    if b"\0" in data:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _text(blob: Blob | None) -> str | None:
    if blob is None:
        return ""
    if blob.size > LARGEST or not is_text(blob.reveal()):
        return None
    return blob.reveal().decode()


def _lines(text: str) -> list[str]:
    """Return the lines of a text; one that does not end says so, as diff(1) does."""
    lines = text.split("\n")
    if lines[-1]:
        # Reason: else two texts that differ in their last line's end only would look equal.
        return [*lines[:-1], f"{lines[-1]}\n\\ No newline at end of file"]
    return lines[:-1]
