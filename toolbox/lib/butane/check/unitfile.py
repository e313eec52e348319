"""The lines of a unit or quadlet: which section, key and value each of them says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

QUADLETS = {
    "container": "",
    "kube": "",
    "pod": "-pod",
    "volume": "-volume",
    "network": "-network",
    "image": "-image",
    "build": "-build",
    "artifact": "-artifact",
}
"""What podman puts behind the name of a quadlet, by its kind, for the name of its service."""

TYPES = ("service", "socket", "target", "timer", "path", "mount", "automount", "swap", "slice")
NAME = re.compile(
    rf"(?<![\w@.:\\/%-])((?:[\w:.\\-]+|-)(?:@[\w:.\\%-]*)?\.(?:{'|'.join(TYPES)}|device|scope))"
    r"(?![\w@\\/-])"
)
"""A name of a unit, somewhere in a text."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A setting of a unit.

    Attributes:
        line: Where it begins, counted from 1.
        section: Name of its section, such as ``Service``.
        key: Its name.
        value: Its value; of several lines, joined by blanks.
    """

    line: int
    section: str
    key: str
    value: str


@lru_cache(maxsize=1000)
def entries(text: str) -> tuple[Entry, ...]:
    """Return the settings of a unit, read as systemd reads them; what is none is left out."""
    return tuple(_entries(text.split("\n")))


def _entries(lines: Sequence[str]) -> Iterator[Entry]:
    section, held, start = "", "", 0
    for number, raw in enumerate(lines, start=1):
        line = raw.strip()
        if line[:1] in {"#", ";"} or (not line and not held):
            continue
        start = start if held else number
        if line.endswith("\\"):
            held += f"{line[:-1]} "
            continue
        line, held = held + line, ""
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            continue
        key, sign, value = line.partition("=")
        if sign:
            yield Entry(start, section, key.strip(), value.strip())


def section_line(text: str, section: str) -> int | None:
    """Return the line where a section begins, counted from 1; None where there is none."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() == f"[{section}]":
            return number
    return None


def words(entries_of: Sequence[Entry], *keys: str) -> tuple[str, ...]:
    """Return the words in the values of some keys; an empty value forgets those before it."""
    found: list[str] = []
    for entry in entries_of:
        if entry.key in keys:
            found = [*found, *entry.value.split()] if entry.value else []
    return tuple(found)


def template_of(name: str) -> str | None:
    """Return the template that a unit is an instance of: ``a@.service`` for ``a@b.service``."""
    stem, dot, kind = name.rpartition(".")
    prefix, at, instance = stem.partition("@")
    return f"{prefix}@{dot}{kind}" if at and instance else None
