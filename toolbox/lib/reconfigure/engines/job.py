"""A change as one script and one bundle of bytes: what both engines send, and how it is told."""

from __future__ import annotations

import gzip
import hashlib
import secrets
import shlex
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.reconfigure.engines.contract import Done
from toolbox.lib.reconfigure.history import intent as intents
from toolbox.lib.reconfigure.history import pending
from toolbox.lib.reconfigure.history import record as records
from toolbox.lib.reconfigure.session import lock
from toolbox.lib.reconfigure.session.shell import COMMON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from toolbox.lib.reconfigure.history.record import Record
    from toolbox.lib.reconfigure.planning.plan import Plan
    from toolbox.lib.reconfigure.session.shell import Reply, Session

SCRIPTS = ("nodes.sh", "accounts.sh", "undo.sh", "apply.sh")
KEPT_GENERATIONS = 10
DEADLINE_SECONDS = 3600.0
CHANGED, FAILED, KILLED = 11, 12, 13
"""Exit codes of the script, as common.sh names them; `lock.BUSY` is the fourth."""

COMPRESSED_FROM = 4096
"""Bytes from which on packing is worth its time."""


@dataclass(slots=True)
class Bundle:
    """Bytes that go to a machine in one piece, equal ones once."""

    data: bytearray = field(default_factory=bytearray)
    places: dict[bytes, str] = field(default_factory=dict)

    def add(self, data: bytes) -> str:
        """Return where bytes are in it: offset and size, with a blank between."""
        if data not in self.places:
            self.places[data] = f"{len(self.data)} {len(data)}"
            self.data += data
        return self.places[data]


@dataclass(slots=True)
class Job:
    """A change that is being written down.

    Attributes:
        bundle: Bytes that it needs.
        lines: What it does, lines of shell.
        told: What each number in its answer is about, and what is done to it.
        places: Folders in which it writes.
        homes: Users in whose homes it writes.
        undo: What takes it back, lines of shell.
        saved: What is saved before, for that.
        limit: Seconds within which it has to be confirmed; None where it stays without.
        key: What tells it from others.
        before: What the machine remembers; all of it is known until the change is done.
        reader: Reads what its script says, where that is more than `read` knows.
    """

    bundle: Bundle = field(default_factory=Bundle)
    lines: list[str] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    places: dict[str, None] = field(default_factory=dict)
    homes: dict[str, None] = field(default_factory=dict)
    undo: list[str] = field(default_factory=list)
    saved: list[str] = field(default_factory=list)
    limit: int | None = None
    key: str = field(default_factory=lambda: secrets.token_hex(8))
    before: Record | None = None
    reader: Callable[[bytes], Iterable[Done]] | None = None

    def number(self, what: str, action: str) -> int:
        """Return a number by which something will be told of."""
        self.told.append((what, action))
        return len(self.told) - 1

    def do(self, number: int, function: str, *words: str, must: bool = True) -> None:
        """Write down that something is done.

        Args:
            number: What it is about.
            function: Function of the scripts, or a program.
            words: What it is given.
            must: End the change when it fails.
        """
        self.lines.append(line(number, function, *words, must=must))


def line(number: int, function: str, *words: str, must: bool = True) -> str:
    """Return the line of shell by which something is done and told of."""
    return f"{'op' if must else 'try'} {number} {shlex.join((function, *words))}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job.

    Attributes:
        done: What was done, in order.
        code: Exit code of the script.
        seconds: How long it took, the way there included.
    """

    done: tuple[Done, ...]
    code: int
    seconds: float


def carry_out(session: Session, plan: Plan, job: Job, *, patience: int = 60) -> Outcome:
    """Carry out a job on a machine, with all that is remembered of it; one round trip.

    The script goes on when the connection is cut. It holds the lock, writes down what it is going
    to do, does it, and writes the record.

    Args:
        session: The machine, or the folder that stands for one.
        plan: What the job was made from; its record and base are used.
        job: What is done.
        patience: Seconds to wait for another change to end.

    Raises:
        BusyError: Somebody else is changing the machine for longer than that.
        ToolboxError: It has changed since the plan was made, or the script was ended.
        SessionCut: The connection ended; the script goes on.
    """
    name = f"job.{job.key}"
    text = script(plan, job, patience).encode(errors="surrogateescape")
    data = bytes(job.bundle.data)
    packed = gzip.compress(data, 6, mtime=0) if len(data) >= COMPRESSED_FROM else data
    smaller = len(packed) < len(data)
    files = [text, packed if smaller else data]
    reply = session.run(start(name, *files, packed=smaller), files=files, deadline=DEADLINE_SECONDS)
    _check(session, reply)
    done = job.reader(reply.stdout) if job.reader else read(reply.stdout, job.told)
    return Outcome(tuple(done), reply.exit_code, reply.seconds)


def start(name: str, text: bytes, data: bytes, *, packed: bool) -> str:
    """Return the script that starts a job and waits for its end.

    Args:
        name: Name of its folder.
        text: Its script.
        data: Its bundle.
        packed: Whether the bundle is compressed.
    """
    script_at, bundle_at = (hashlib.sha256(part).hexdigest() for part in (text, data))
    unpack = "gzip -dc <" if packed else "cat <"
    return (
        f"JOB=$RUN/{name}\n"
        f'mkdir "$JOB" && mv "$IN/{script_at}" "$JOB/job.sh" || exit {FAILED}\n'
        f'{unpack}"$IN/{bundle_at}" >"$JOB/bundle" && rm "$IN/{bundle_at}" || exit {FAILED}\n'
        # Reason: in a session of its own it lives on when this one is ended.
        'setsid sh "$JOB/job.sh" &\n'
        'echo $! >"$JOB/pid"\n'
        "wait $!\n"
    )


def script(plan: Plan, job: Job, patience: int) -> str:
    """Return the whole script of a job.

    Args:
        plan: What it was made from.
        job: What is done.
        patience: Seconds to wait for another change to end.
    """
    record = plan.record
    assert record is not None  # noqa: S101 - what decide promises
    begun = intents.of(record, plan.stood, job.before)
    values = {
        "ID": job.key,
        "LIMIT": "" if job.limit is None else str(job.limit),
        "PATIENCE": str(patience),
        "WHO": record.who or "somebody",
        "SINCE": record.time or datetime.now(UTC).isoformat(timespec="seconds"),
        "BASE": "none" if plan.base is None or plan.base < 0 else str(plan.base),
        "GENERATION": str(record.generation),
        "KEEP": str(KEPT_GENERATIONS),
        "CONFIG": record.config,
        "RELOAD": "yes" if plan.reload else "",
        "RECORD": records.dump(record),
        "INTENT": intents.dump(begun),
        "BACK": intents.dump(begun.undone) if begun.undone else "",
        "PATHS": records.listing(record),
        "TOUCHED": intents.listing(begun),
        "PENDING": _lines(pending.lines(plan.pending)),
    }
    places = [f"leftover_at {shlex.quote(place)}" for place in job.places]
    places += [f"leftover_home {shlex.quote(user)}" for user in job.homes]
    return "\n".join(
        (
            COMMON.read_text(),
            *(Path(__file__).with_name(part).read_text() for part in SCRIPTS),
            f'JOB="$RUN/job.{job.key}"',
            *(f"{key}={shlex.quote(value)}" for key, value in values.items()),
            _function("places", places),
            _function("body", job.lines),
            _function("save", job.saved),
            _function("undo", job.undo),
            '"${1:-outer}"',
            "",
        )
    )


def read(output: bytes, told: Sequence[tuple[str, str]]) -> Iterable[Done]:
    """Return what a job says it did; several parts of one thing are told as one.

    Args:
        output: What it said.
        told: What each number is about, and what is done to it.
    """
    found: dict[int, Done] = {}
    words: list[str] = []
    for line in output.decode(errors="replace").splitlines():
        if line.startswith("! "):
            words.append(line[2:])
        elif line.startswith("= "):
            number, code, begin, end = _numbers(line)
            if number in range(len(told)):
                before = found.get(int(number), Done(*told[int(number)]))
                found[int(number)] = Done(
                    before.what,
                    before.action,
                    before.ok and code == 0,
                    "\n".join(filter(None, (before.message, *words))),
                    before.seconds + end - begin,
                )
            words = []
    return found.values()


def _numbers(line: str) -> tuple[float, float, float, float]:
    try:
        number, code, begin, end = map(float, line.split(" ")[1:5])
    except ValueError:
        return -1, 1, 0, 0
    return number, code, begin, end


def _check(session: Session, reply: Reply) -> None:
    """Raise where nothing can be told of the change."""
    if reply.exit_code == lock.BUSY:
        raise lock.busy(session.name, reply.stdout)
    if reply.exit_code == CHANGED:
        there = reply.stdout.decode(errors="replace").split()[-1:]
        message = f"{session.name} was changed by somebody else meanwhile"
        message += f": it has generation {there[0]}" if there and there[0] != "none" else ""
        raise ToolboxError(message, hint="once more, which plans anew")
    if reply.exit_code not in {0, FAILED}:
        message = f"the change of {session.name} was ended there before it was done"
        message += f"\n{reply.complaint}" if reply.complaint else ""
        raise ToolboxError(message, hint="once more finishes it")


def _function(name: str, lines: Sequence[str]) -> str:
    return "\n".join((f"{name}() {{", *(lines or (":",)), "}"))


def _lines(words: Iterable[str]) -> str:
    return "".join(f"{word}\n" for word in words)
