"""Private folders that end with their task, also when the task is killed.

Nobody cleans up after SIGKILL, and what lies in such a folder may be secret. So each is locked
while it is used (flock(2): the kernel frees it with the process), and whoever makes the next one
removes those that nobody holds.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.files import private_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def scratch(
    parent: Path, kind: str, ending: Callable[[Path], None] | None = None
) -> Iterator[Path]:
    """Make a folder for the time of a block, and remove those of tasks that were killed.

    Args:
        parent: Private folder to make it in.
        kind: Beginning of its name; short, as sockets may lie in it (107 bytes, unix(7)).
        ending: Ends what works in such a folder, before the folder is removed.

    Yields:
        The folder, mode 0700.
    """
    sweep(parent, kind, ending)
    path, handle = _made(private_directory(parent), kind)
    try:
        yield path
    finally:
        _remove(path, handle, ending)


def sweep(parent: Path, kind: str, ending: Callable[[Path], None] | None = None) -> None:
    """Remove the folders of a kind that nobody uses any more.

    Args:
        parent: Where they are.
        kind: Beginning of their names.
        ending: As for `scratch`.
    """
    for path in parent.glob(f"{kind}-*"):
        handle = _held(path)
        if handle is not None:
            _remove(path, handle, ending)


def _remove(path: Path, handle: int, ending: Callable[[Path], None] | None) -> None:
    try:
        if ending is not None:
            ending(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def _made(parent: Path, kind: str) -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=parent))
        handle = _held(path)
        # Reason: before it was locked, somebody else may have taken it for one of the dead.
        if handle is not None and path.is_dir():
            return path, handle
        if handle is not None:
            os.close(handle)


def _held(path: Path) -> int | None:
    """Lock a folder and return its descriptor; None when another holds it, or it is gone."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle
