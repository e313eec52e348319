"""Work by several processes: what they find, what fails, and that they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core import processes

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
SECONDS = 60

BEGINNING = """\
import os, sys, time
from toolbox.lib.core import processes
from toolbox.lib.core.errors import *
from toolbox.lib.core.report import Finding, Severity
from toolbox.lib.core.run import run
from toolbox.lib.core.secret import Secret

# Reason: the bench of the tests may have one processor only.
os.sched_getaffinity = lambda _: {0, 1, 2}
"""


def alone(program: str, *words: object) -> list[str]:
    """Return the command of a Python that has no threads, unlike the one that runs many tests."""
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    return [sys.executable, "-c", start + BEGINNING + program, *map(str, words)]


def said(program: str, *words: object) -> str:
    """Return what a program prints that ends well and complains of nothing."""
    done = subprocess.run(alone(program, *words), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_all_results() -> None:
    """What each gave is given in order, by processes that are not ours, and closures serve."""
    told = said("""
own = os.getpid()
def work(number):
    time.sleep(0.2 if number == 0 else 0.05)
    return number * 2, os.getpid()
results = processes.each(work, range(7))
assert [number for number, _ in results] == [0, 2, 4, 6, 8, 10, 12]
used = {process for _, process in results}
assert own not in used and len(used) == 3, used
assert processes.each(work, []) == ()
assert processes.each(work, [5])[0] == (10, own)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("none is left")
""")
    assert told == "none is left\n"


def test_secrets_go_through() -> None:
    """A secret comes back as one, and nothing else may still pickle it."""
    told = said("""
import pickle
found = processes.each(lambda text: {"key": Secret(text)}, ["a", "b"])
assert [item["key"].reveal() for item in found] == ["a", "b"]
try:
    pickle.dumps(found)
except TypeError as error:
    print(found, error)
""")
    assert told == "({'key': Secret(***)}, {'key': Secret(***)}) a secret is not pickled\n"


def test_first_failure() -> None:
    """The first thing that failed is told, however late, with its findings; no more is begun."""
    told = said("""
finding = Finding("a.bu", 3, 1, Severity.ERROR, "x", "wrong")
def work(number):
    if number == 1:
        time.sleep(0.3)
        raise UsageError("one", hint="look", findings=[finding])
    if number == 2:
        raise UsageError("two")
    time.sleep(0.1 * (number == 0))
    if number > 5:
        print("begun", flush=True)
    return number
try:
    processes.each(work, range(50))
except UsageError as error:
    print(error.message, error.hint, error.findings == (finding,), error.exit_code)
""")
    assert told == "one look True 2\n"


def test_errors_stay_what_they_are() -> None:
    """Errors that are made of more than words, and a mistake of ours with its stack."""
    told = said("""
class Odd(Exception):
    def __init__(self, one, two):
        super().__init__(one)
def work(number):
    if number == 0:
        run(["/nonexistent/program"])
    elif number == 1:
        run(["false"])
    elif number == 2:
        def mine():
            return 1 / 0
        mine()
    elif number == 3:
        raise Odd(1, 2)
    return sys.stdout
for number in range(5):
    try:
        processes.each(work, [number, number])
    except Exception as error:
        notes = "".join(getattr(error, "__notes__", []))
        print(type(error).__name__, "in mine" in notes)
        if isinstance(error, ProgramMissing):
            print(error, error.program)
        if isinstance(error, ProgramFailed):
            print(error.result.exit_code)
        if isinstance(error, RuntimeError):
            print("Odd: 1" in str(error))
""")
    assert told.splitlines() == [
        "ProgramMissing False",
        "the program /nonexistent/program is not installed here /nonexistent/program",
        "ProgramFailed False",
        "1",
        "ZeroDivisionError True",
        "RuntimeError False",
        "True",
        "TypeError False",
    ]


def test_process_that_is_killed() -> None:
    """One that the kernel ends is told as what it is."""
    told = said("""
def work(number):
    if number == 1:
        os.kill(os.getpid(), 9)
    return number
try:
    processes.each(work, range(4))
except ToolboxError as error:
    print(error.message, "|", error.hint)
""")
    assert told == (
        "a process of ours was ended from outside | mostly because there is not enough memory\n"
    )


ENDLESS = """
folder = sys.argv[1]
def work(number):
    mark = f"{folder}/{number}"
    open(mark, "w").close()
    try:
        run(["sh", "-c", f"echo $$ > {folder}/program-{number}; exec sleep 600"])
    finally:
        time.sleep(0.2)
        os.remove(mark)
try:
    processes.each(work, range(9))
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("whole_group", [True, False])
def test_ctrl_c(tmp_path: Path, *, whole_group: bool) -> None:
    """Ctrl-C, or a signal to us alone, ends all that was begun, in order, and in silence."""
    process = subprocess.Popen(
        alone(ENDLESS, tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    _wait(lambda: len(_programs(tmp_path)) == 3)

    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=SECONDS)

    assert (out, err, process.returncode) == ("interrupted\n", "", 0)
    assert not [path for path in tmp_path.iterdir() if path.name.isdecimal()]
    _wait(lambda: not any(_runs(number) for number in _programs(tmp_path)))


def test_told_to_end_while_it_ends() -> None:
    """A process that ends, as its pipe is closed, says nothing when it is told to end as well."""
    told = said("""
from multiprocessing.util import Finalize
end = processes._end
def late(workers, at_once):
    time.sleep(0.3)
    end(workers, at_once=at_once)
processes._end = late
def work(number):
    Finalize(None, time.sleep, args=(1,), exitpriority=0)
    if number == 0:
        raise UsageError("zero")
    return number
try:
    processes.each(work, range(4))
except UsageError as error:
    print(error.message)
""")

    assert told.split() == ["zero"]


def test_killed_parent(tmp_path: Path) -> None:
    """When we are killed, they find out as soon as they have something to say, and end."""
    program = """
folder = sys.argv[1]
def work(number):
    open(f"{folder}/program-{number}", "w").write(str(os.getpid()) + "\\n")
    time.sleep(0.5)
processes.each(work, range(50))
"""
    process = subprocess.Popen(alone(program, tmp_path), start_new_session=True)
    _wait(lambda: len(_programs(tmp_path)) == 3)

    process.kill()
    process.wait(SECONDS)

    _wait(lambda: not any(_runs(number) for number in _programs(tmp_path)))
    assert len(_programs(tmp_path)) == 3


def test_threads_where_there_are_threads() -> None:
    """A process that has threads is not forked; results and failures are the same."""
    told = said("""
import threading
threading.Thread(target=time.sleep, args=(1,), daemon=True).start()
own = os.getpid()
assert processes.each(lambda number: (number, os.getpid()), "ab") == (("a", own), ("b", own))
def work(number):
    if number:
        raise UsageError(str(number))
try:
    processes.each(work, [0, 1, 2])
except UsageError as error:
    print(error)
""")
    assert told == "1\n"


def test_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one processor, there is nothing to be won."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert processes.each(lambda text: (text, os.getpid()), "ab") == (
        ("a", os.getpid()),
        ("b", os.getpid()),
    )


def _programs(folder: Path) -> list[int]:
    texts = [path.read_text() for path in folder.glob("program-*")]
    return [int(text) for text in texts if text.endswith("\n")]


def _runs(number: int) -> bool:
    return Path(f"/proc/{number}").exists()


def _wait(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)
