"""Waiting for a thing instead of for the clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from toolbox.lib.core.errors import DeadlineError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def until(check: Callable[[bool], T | None], *, deadline: float, interval: float, what: str) -> T:
    """Call a check until it returns something.

    Args:
        check: Called with True on the last try, so that it can raise what it saw.
        deadline: Seconds from now.
        interval: Seconds between two tries.
        what: What is waited for, for the message.

    Returns:
        What the check returned.

    Raises:
        DeadlineError: It returned None until the deadline.
    """
    end = time.monotonic() + deadline
    while True:
        last = time.monotonic() >= end
        found = check(last)
        if found is not None:
            return found
        if last:
            message = f"waited {deadline:.0f} s for {what}"
            raise DeadlineError(message)
        time.sleep(min(interval, max(0.0, end - time.monotonic())))
