"""The same work on several things, by several processes, for work that is Python's own.

Python runs one thread at a time. The processes are forked, so that they begin with all that was
imported and read; what they find goes back through a pipe, secrets as well, and touches no file.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess
    from types import FrameType

    Item = TypeVar("Item")
    Result = TypeVar("Result")
    # Reason: the number of a thing, what came of it, and what went wrong.
    Answer = tuple[int, object, Exception | None]
    Buffer = bytes | memoryview

ENDS = (signal.SIGINT, signal.SIGTERM)
GRACE_SECONDS = 10.0
"""More than a program gets that a process has started."""


def each(work: Callable[[Item], Result], items: Sequence[Item]) -> tuple[Result, ...]:
    """Do the same work on each of some things, at once.

    Args:
        work: What is done; what it returns or raises is pickled, and nothing else it does to
            our objects is seen here.
        items: The things.

    Returns:
        What each gave, in the order of the things.

    Raises:
        ToolboxError: What the first that failed has raised, of whatever class; nothing more is
            begun then.
    """
    count = min(len(items), len(os.sched_getaffinity(0)))
    if count < 2:  # noqa: PLR2004
        return tuple(work(item) for item in items)
    if _has_threads():
        # Reason: a lock that another thread holds while we fork is never freed in the child.
        return _by_threads(work, items, count + 1)
    with _started(work, items, count) as pipes:
        return _collected(pipes, len(items))


def _has_threads() -> bool:
    return len(list(Path("/proc/self/task").iterdir())) > 1


def _by_threads(
    work: Callable[[Item], Result], items: Sequence[Item], count: int
) -> tuple[Result, ...]:
    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return tuple(future.result() for future in futures)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@contextmanager
def _started(
    work: Callable[[Item], Result], items: Sequence[Item], count: int
) -> Iterator[list[Connection]]:
    """Start processes that end with the block; yield our ends of their pipes."""
    from multiprocessing import get_context
    from multiprocessing.reduction import ForkingPickler

    # Reason: for pipes between processes only; everywhere else a secret is not pickled.
    ForkingPickler.register(Secret, _pickled)
    context = get_context("fork")
    workers: list[ForkProcess] = []
    pipes: list[Connection] = []
    ended_well = False
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    try:
        with _signals_blocked() as before:
            for _ in range(count):
                ours, theirs = context.Pipe()
                pipes.append(ours)
                # Reason: a pipe that another process holds as well would not end with us.
                arguments = (work, items, theirs, tuple(pipes), before)
                worker = context.Process(target=_serve, args=arguments, daemon=True)
                worker.start()
                theirs.close()
                workers.append(worker)
        yield pipes
        ended_well = True
    finally:
        for connection in pipes:
            connection.close()
        _end(workers, at_once=not ended_well)


@contextmanager
def _signals_blocked() -> Iterator[set[signal.Signals]]:
    """Let signals wait, as a new process cannot yet tell what to do with them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    try:
        yield {signal.Signals(number) for number in before}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(workers: Sequence[ForkProcess], *, at_once: bool) -> None:
    """Wait for processes whose pipes are closed; they end after what they are at, or at once."""
    for worker in workers if at_once else ():
        worker.terminate()
    for worker in workers:
        worker.join(GRACE_SECONDS)
        if worker.is_alive():
            worker.kill()
            worker.join()


def _pickled(secret: Secret) -> tuple[type[Secret], tuple[str]]:
    return Secret, (secret.reveal(),)


def _collected(pipes: Sequence[Connection], count: int) -> tuple[Any, ...]:
    """Hand out the numbers of things, and return what came of each."""
    from multiprocessing.connection import Connection, wait

    numbers = iter(range(count))
    results: dict[int, object] = {}
    failures: dict[int, Exception] = {}
    busy: set[Connection] = set()
    idle = list(pipes)
    while idle:
        for connection in idle:
            # Reason: all that comes before the one that failed has begun by then.
            number = None if failures else next(numbers, None)
            if number is not None:
                connection.send(number)
                busy.add(connection)
        idle = [item for item in wait(busy) if isinstance(item, Connection)] if busy else []
        for connection in idle:
            number, result, failure = _received(connection)
            busy.remove(connection)
            if failure is None:
                results[number] = result
            else:
                failures[number] = failure
    if failures:
        raise failures[min(failures)]
    return tuple(results[number] for number in range(count))


def _received(connection: Connection) -> Answer:
    try:
        answer: Answer = connection.recv()
    except (EOFError, OSError) as error:
        message = "a process of ours was ended from outside"
        raise ToolboxError(message, hint="mostly because there is not enough memory") from error
    return answer


def _serve(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    connection: Connection,
    others: Sequence[Connection],
    mask: set[signal.Signals],
) -> None:
    """Work on the things whose numbers come, in a process of its own."""
    with suppress(KeyboardInterrupt):
        # Reason: our parent wants no more, or is gone.
        with suppress(EOFError, OSError):
            for other in others:
                other.close()
            for number in ENDS:
                signal.signal(number, _interrupted)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            while True:
                connection.send_bytes(_answer(work, items, connection.recv()))
        # Reason: our parent says both, and what ends by itself is not to be interrupted.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)


def _answer(work: Callable[[Item], Result], items: Sequence[Item], number: int) -> Buffer:
    """Return what to send for a thing: what came of it, or what went wrong."""
    from multiprocessing.reduction import ForkingPickler

    try:
        return ForkingPickler.dumps((number, work(items[number]), None))
    except Exception as error:  # noqa: BLE001 - whatever it is, our parent raises it
        failure = error
    if not isinstance(failure, ToolboxError):
        # Reason: the stack stays here, and is what tells of a mistake of ours.
        failure.add_note("".join(traceback.format_exception(failure)))
    try:
        packed = ForkingPickler.dumps((number, None, failure))
        ForkingPickler.loads(packed)
    except Exception:  # noqa: BLE001 - others' errors need not be made for being sent
        told = RuntimeError("".join(traceback.format_exception(failure)))
        packed = ForkingPickler.dumps((number, None, told))
    return packed


def _interrupted(_signal: int, _frame: FrameType | None) -> NoReturn:
    # Reason: a terminal's and our parent's may both come, and what ends is not interrupted.
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
