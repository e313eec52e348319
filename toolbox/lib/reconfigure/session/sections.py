"""What a script says in parts: files and facts, each behind a line with its name.

The line holds a mark that nobody can guess, so no file on a machine can look like one.
"""

from __future__ import annotations

import re

Sections = dict[str, bytes]


def read(output: bytes, mark: str) -> Sections:
    """Return the parts of an answer by their names; of two with one name, the later."""
    parts = re.split(rb"(?:^|\n)== ([^\n]*) " + mark.encode() + rb"\n", output)
    names = (name.decode(errors="replace") for name in parts[1::2])
    return dict(zip(names, parts[2::2], strict=True))
