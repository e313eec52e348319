"""Seeing when a person saves a file of a project."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from toolbox.lib.butane.layers import PROJECT_LAYER
from toolbox.lib.inventory.project import (
    HOSTS_FOLDER,
    KEYS_FILE,
    MODULES_FOLDER,
    PROJECT_FILE,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    # Reason: when it was changed last, and its size.
    Facts = tuple[int, int]

SOURCES = (
    PROJECT_FILE,
    KEYS_FILE,
    HOSTS_FOLDER,
    MODULES_FOLDER,
    PROJECT_LAYER,
    "checks",
    "salt",
)
"""What of a project's folder decides what its machines are and how they are checked."""
POLL_SECONDS = 0.3
CALM_SECONDS = 0.15
"""How long nothing may change before a save counts as over: editors write a file in steps."""
IGNORED = ("~", ".swp", ".swx", ".tmp", ".pyc")
"""Ends of names that editors and Python write beside a file."""


def snapshot(root: Path) -> dict[str, Facts]:
    """Return when each source of a project was changed last.

    Args:
        root: The project's folder.
    """
    return {path: facts for name in SOURCES for path, facts in _facts(root / name)}


def _facts(
    path: Path, above: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[tuple[str, Facts]]:
    try:
        facts = path.stat()
        names = sorted(os.listdir(path)) if path.is_dir() else None  # noqa: PTH208 - names do
    except OSError:
        # Reason: it is not there, or not any more, or a link to nowhere.
        return
    if names is None:
        yield str(path), (facts.st_mtime_ns, facts.st_size)
        return
    own = facts.st_dev, facts.st_ino
    # Reason: a link to a folder above has no end.
    for name in names if own not in above else ():
        if not name.endswith(IGNORED) and name not in {".git", "__pycache__"}:
            yield from _facts(path / name, above | {own})


def differing(before: dict[str, Facts], after: dict[str, Facts]) -> tuple[str, ...]:
    """Return the paths that were changed, added or removed between two snapshots."""
    paths = {*before, *after}
    return tuple(sorted(path for path in paths if before.get(path) != after.get(path)))


def saves(root: Path, since: dict[str, Facts] | None = None) -> Iterator[tuple[str, ...]]:
    """Yield what was saved, each time that something was; never ends by itself.

    What is saved while the caller works is yielded next, so no save is lost.

    Args:
        root: The project's folder.
        since: Snapshot after which a change counts; one of now by default.

    Yields:
        Paths of files below the project's folder, relative to it.
    """
    known = snapshot(root) if since is None else since
    while True:
        now = snapshot(root)
        changed = differing(known, now)
        if not changed:
            time.sleep(POLL_SECONDS)
            continue
        now = _calm(root, now)
        # Reason: what an editor wrote and took away again was no save.
        changed, known = differing(known, now), now
        if changed:
            yield tuple(os.path.relpath(path, root) for path in changed)


def _calm(root: Path, seen: dict[str, Facts]) -> dict[str, Facts]:
    """Wait until nothing changes any more; return how it is then."""
    while True:
        time.sleep(CALM_SECONDS)
        now = snapshot(root)
        if now == seen:
            return now
        seen = now
