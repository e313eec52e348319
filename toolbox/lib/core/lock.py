"""A lock that ends with its holder."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import DeadlineError
from toolbox.lib.core.steps import note

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_SECONDS = 300.0
POLL_SECONDS = 0.2


@contextmanager
def exclusive(path: Path, *, what: str, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Hold an exclusive lock for the block.

    The kernel frees it when the process ends, however it ends (flock(2)), so none is ever stale.

    Args:
        path: Lock file; it stays, as removing it would let two holders in.
        what: What is locked, for the message.
        patience: Seconds to wait for another holder.

    Raises:
        DeadlineError: Another process holds it for longer than that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(handle, what, patience)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, what: str, patience: float) -> None:
    began = time.monotonic()
    told = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(handle, 20, 0).decode() or "another process"
            if not told:
                note(f"waiting for process {holder}, which works on the {what}")
                told = True
            if time.monotonic() - began > patience:
                message = f"the {what} is in use by process {holder}"
                raise DeadlineError(message, hint="wait for it, or end it") from error
            time.sleep(POLL_SECONDS)
        else:
            return
