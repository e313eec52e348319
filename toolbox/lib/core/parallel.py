"""The same work on several things at once, with all that went wrong told together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from toolbox.lib.core.errors import ToolboxError, together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future

    Item = TypeVar("Item")
    Result = TypeVar("Result")


def each(
    work: Callable[[Item], Result], items: Iterable[Item], *, most: int | None = None
) -> tuple[Result, ...]:
    """Do the same work on each of some things, at once.

    Args:
        work: What is done; mostly it waits for other programs, so threads serve it.
        items: The things.
        most: On how many at once; by default some more than there are processors.

    Returns:
        What each gave, in the order of the things.

    Raises:
        ToolboxError: What went wrong with any of them, after all have come to an end.
    """
    with ThreadPoolExecutor(most) as pool:
        futures = [pool.submit(work, item) for item in items]
    return results(futures)


def results(futures: Sequence[Future[Result]]) -> tuple[Result, ...]:
    """Return what all of them gave, or raise what went wrong in any of them.

    Args:
        futures: Work that has ended.
    """
    failures = [failure for future in futures if (failure := future.exception()) is not None]
    known = [failure for failure in failures if isinstance(failure, ToolboxError)]
    if len(known) < len(failures):
        # Reason: a mistake of ours shows its stack, and comes before what it may have caused.
        raise next(failure for failure in failures if not isinstance(failure, ToolboxError))
    if known:
        raise together(known) from known[0]
    return tuple(future.result() for future in futures)
