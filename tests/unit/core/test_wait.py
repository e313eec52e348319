"""Waiting ends with the thing, or with a word about what was seen."""

from __future__ import annotations

import time

import pytest

from toolbox.lib.core.errors import DeadlineError, HabitatError
from toolbox.lib.core.wait import until


def test_found_at_once() -> None:
    """What is there already is not waited for."""
    began = time.monotonic()

    assert until(lambda _last: 42, deadline=60, interval=60, what="it") == 42
    assert time.monotonic() - began < 5


def test_found_later() -> None:
    """The check is asked until it returns something, which may be false."""
    answers = iter([None, None, 0])

    assert until(lambda _last: next(answers), deadline=60, interval=0.01, what="it") == 0


def test_never_found() -> None:
    """The deadline ends it and says what was waited for."""
    with pytest.raises(DeadlineError, match="waited 0 s for the sun"):
        until(lambda _last: None, deadline=0.05, interval=0.02, what="the sun")


def test_last_try_tells() -> None:
    """The check knows its last try, once, so that it can say what it saw."""
    tries: list[bool] = []

    def check(last: bool) -> None:
        tries.append(last)
        if last:
            message = "the unit failed"
            raise HabitatError(message)

    with pytest.raises(HabitatError, match="the unit failed"):
        until(check, deadline=0.05, interval=0.02, what="it")
    assert tries[-1]
    assert not any(tries[:-1])


def test_no_time_at_all() -> None:
    """With no time left there is still one try."""
    assert until(lambda last: "seen" if last else None, deadline=0, interval=1, what="it") == "seen"
