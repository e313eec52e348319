"""One works, the others wait, and the dead hold nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import toolbox
from toolbox.lib.core.errors import DeadlineError
from toolbox.lib.core.lock import exclusive

if TYPE_CHECKING:
    from collections.abc import Callable

HOLD = """
import sys, time
from pathlib import Path
from toolbox.lib.core.lock import exclusive
with exclusive(Path(sys.argv[1]), what="thing"):
    print("held", flush=True)
    time.sleep(300)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Callable[[], subprocess.Popen[str]]:
    """Return a function that starts another process, which holds the lock."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, tmp_path / "lock"],
            env={"PYTHONPATH": str(Path(toolbox.__file__).parents[1])},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_lock_is_free_again(tmp_path: Path) -> None:
    """A lock can be taken again after its block, also after an error in it."""
    with pytest.raises(ValueError, match="within"), exclusive(tmp_path / "lock", what="thing"):
        raise ValueError("within")  # noqa: EM101 - the shortest error
    with exclusive(tmp_path / "lock", what="thing", patience=0):
        assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_lock_makes_its_folder(tmp_path: Path) -> None:
    """The folder of the lock need not exist."""
    with exclusive(tmp_path / "a" / "b" / "lock", what="thing"):
        assert (tmp_path / "a" / "b" / "lock").exists()


def test_second_holder_waits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second one goes on only when the first is done, and says whom it waits for."""
    order: list[str] = []
    taken = threading.Event()

    def first() -> None:
        with exclusive(tmp_path / "lock", what="thing"):
            taken.set()
            time.sleep(0.4)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    taken.wait(5)
    with exclusive(tmp_path / "lock", what="thing", patience=10):
        order.append("second")
    thread.join()

    assert order == ["first", "second"]
    assert "which works on the thing" in capsys.readouterr().err


def test_patience_ends(tmp_path: Path, holder: Callable[[], subprocess.Popen[str]]) -> None:
    """Whoever waits too long is told who holds the lock."""
    process = holder()

    with (
        pytest.raises(DeadlineError, match=f"in use by process {process.pid}"),
        exclusive(tmp_path / "lock", what="thing", patience=0.3),
    ):
        pytest.fail("two hold it")


def test_killed_holder_frees(tmp_path: Path, holder: Callable[[], subprocess.Popen[str]]) -> None:
    """A holder that was killed holds no more."""
    process = holder()
    process.kill()
    process.wait()

    with exclusive(tmp_path / "lock", what="thing", patience=1):
        assert (tmp_path / "lock").read_text() == str(os.getpid())
