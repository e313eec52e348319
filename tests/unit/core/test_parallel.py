"""Work on several things at once, and the mistakes of all of them."""

from __future__ import annotations

from threading import Barrier

import pytest

from toolbox.lib.core import parallel
from toolbox.lib.core.errors import DeadlineError, UsageError


def _late(name: str) -> str:
    if name.startswith("late"):
        message = f"{name} is late"
        raise DeadlineError(message, hint="wait")
    return name.upper()


def test_all_results() -> None:
    """What each gave is given, in order."""
    assert parallel.each(_late, ["a", "b"]) == ("A", "B")
    assert parallel.each(_late, []) == ()


def test_at_once() -> None:
    """None waits for another to end: each waits here until both have begun."""
    both = Barrier(2, timeout=20)

    assert sorted(parallel.each(lambda _item: both.wait(), "ab")) == [0, 1]


def test_many_at_once() -> None:
    """As many work at once as are asked for, however few processors there are."""
    every = Barrier(40, timeout=20)

    assert len(parallel.each(lambda _item: every.wait(), range(40), most=40)) == 40


def test_all_failures_at_once() -> None:
    """When several fail, all of them are told."""
    with pytest.raises(DeadlineError, match="late db is late\nlate web is late") as caught:
        parallel.each(_late, ["late db", "a", "late web"])
    assert caught.value.hint == "wait"


def test_our_mistake_first() -> None:
    """A mistake of ours is not hidden behind what it may have caused."""

    def work(number: int) -> float:
        if number == 1:
            message = "no"
            raise UsageError(message)
        return 1 / number

    with pytest.raises(ZeroDivisionError):
        parallel.each(work, [1, 0])
