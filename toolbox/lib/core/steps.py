"""Steps: what is being done, for how long, on stderr.

A step prints one line when it begins and one with its seconds when it ends; notes stand between.
Only plain text is written, so a log reads as a terminal does.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

INDENT = "  "


@dataclass(frozen=True, slots=True)
class Step:
    """A step that ended.

    Attributes:
        title: What was done.
        seconds: How long it took.
        ok: Whether it came to its end without an error.
        depth: 0 for an outer step.
    """

    title: str
    seconds: float
    ok: bool
    depth: int


class _Recorder:
    """The steps of this process; notes come from several threads."""

    def __init__(self) -> None:
        self.depth = 0
        self.ended: list[Step] = []
        self.lock = threading.Lock()
        self.began = time.monotonic()

    def write(self, text: str) -> None:
        if os.environ.get("INFRA_QUIET"):
            return
        stream: TextIO = sys.stderr
        with self.lock:
            print(f"{INDENT * self.depth}{text}", file=stream, flush=True)


_recorder = _Recorder()


@contextmanager
def step(title: str) -> Iterator[None]:
    """Tell what is being done in the block, and how long it took.

    Args:
        title: Imperative, such as ``Render Butane``.
    """
    recorder = _recorder
    recorder.write(f"• {title}")
    began = time.monotonic()
    recorder.depth += 1
    ok = False
    try:
        yield
        ok = True
    finally:
        recorder.depth -= 1
        seconds = time.monotonic() - began
        recorder.ended.append(Step(title, seconds, ok, recorder.depth))
        recorder.write(f"{'✓' if ok else '✗'} {title} ({seconds:.1f} s)")


def note(text: str) -> None:
    """Say something inside a step."""
    _recorder.write(text)


def collected() -> tuple[Step, ...]:
    """Return the steps that have ended, in the order in which they did."""
    return tuple(_recorder.ended)
