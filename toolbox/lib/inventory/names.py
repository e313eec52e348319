"""Names and sizes as people write them."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LABEL_LENGTH = 63
DOMAIN_LENGTH = 253
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SIZE = re.compile(r"([0-9]+)\s*(MiB|GiB|TiB)")
MIB = {"MiB": 1, "GiB": 1024, "TiB": 1024 * 1024}


def label_problem(name: str) -> str | None:
    """Return what keeps a name from being a host name label (RFC 1123), or None."""
    if not name:
        return "it is empty"
    if len(name) > LABEL_LENGTH:
        return f"it has {len(name)} characters, more than {LABEL_LENGTH}"
    if not LABEL.fullmatch(name):
        return "it may have a-z, 0-9 and - only, and - neither first nor last"
    return None


def domain_problem(name: str) -> str | None:
    """Return what keeps a name from being a DNS domain, or None."""
    if len(name) > DOMAIN_LENGTH:
        return f"it has {len(name)} characters, more than {DOMAIN_LENGTH}"
    for label in name.split("."):
        problem = label_problem(label)
        if problem:
            return f"in its part {label!r}: {problem}"
    return None


def mebibytes(text: str) -> int:
    """Return the MiB of a size such as ``512MiB`` or ``2GiB``.

    Raises:
        ValueError: It is no such size, or zero.
    """
    match = SIZE.fullmatch(text.strip())
    size = int(match[1]) * MIB[match[2]] if match else 0
    if not size:
        message = f"{text!r} is no size"
        raise ValueError(message)
    return size


def size_suggestion(text: str) -> str:
    """Return how a size that was not understood is written."""
    match = re.fullmatch(r"\s*([1-9][0-9]*)\s*([mgt])(?:i?b)?\s*", text, re.IGNORECASE)
    if match:
        return f"did you mean {match[1]}{match[2].upper()}iB?"
    return "write a number and its unit, MiB or GiB: 2GiB"


def closest(name: str, choices: Iterable[str]) -> str | None:
    """Return the choice that a misspelt name most likely meant, or None."""
    folded = {choice.casefold(): choice for choice in sorted(choices, reverse=True)}
    found = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def suggestion(name: str, choices: Iterable[str]) -> str | None:
    """Return a hint for a misspelt name: the closest choice, or all of them, or None."""
    choices = sorted(choices)
    close = closest(name, choices)
    if close:
        return f"did you mean {close}?"
    return f"known here: {', '.join(choices)}" if choices else None
