"""A root shell that is held: scripts go in whole and checked, what they say comes back.

A new ssh connection and `sudo` cost seconds on a slow machine, so one of each serves a whole
change. A folder that stands for a machine is worked on by the same scripts in a shell of ours.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import selectors
import shlex
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import TimeoutExpired
from typing import TYPE_CHECKING, NoReturn

from toolbox.lib.core.errors import DeadlineError, ToolboxError
from toolbox.lib.core.files import runtime_dir
from toolbox.lib.core.run import spawn
from toolbox.lib.core.scratch import scratch
from toolbox.lib.core.steps import note
from toolbox.lib.core.wait import until
from toolbox.lib.transport.ssh import found_nobody

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from toolbox.lib.transport.ssh import Client

COMMON = Path(__file__).with_name("common.sh")
"""What stands before every script of a change."""

OPENING = Path(__file__).with_name("session.sh")
RUN = "/run/infra-toolbox"
"""A machine's folder in memory for what must not touch its disk; root only."""

GREETING = "infra-toolbox listens"
"""What a shell says before anything else of ours."""

SECONDS = 120.0
AGAIN_SECONDS = 1.0
DAMAGED, LACKING = 254, 253
"""Exit codes of a script that arrived damaged, and of one whose files did."""

CHUNK = 65536
TAIL_LINES = 5
GRACE_SECONDS = 1.0
LONGEST_CODE = 8
"""Line feeds, a blank and an exit code."""


class SessionCut(ToolboxError):
    """The connection to a machine ended; what was begun there goes on."""


class NoSession(SessionCut):
    """There is no session with a machine; nothing was begun there."""


class Nobody(NoSession):
    """Nobody was found at a machine's address, which may change, as with one that boots."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a script said.

    Attributes:
        exit_code: Its exit code.
        stdout: What it printed.
        stderr: What it complained about.
        seconds: How long it took, the way there and back included.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float = field(default=0.0, compare=False)

    @property
    def complaint(self) -> str:
        """The last lines of what it complained about."""
        return "\n".join(self.stderr.decode(errors="replace").strip().splitlines()[-TAIL_LINES:])


@dataclass(slots=True)
class Session:
    """A shell that waits for scripts, on a machine or for a folder.

    Attributes:
        name: Name of the machine, or of the folder, for people.
        start: Starts the shell, or the connection to it.
        root: Folder that stands for the machine's root; "" on a machine.
        patience: Seconds for which a machine that nobody is found on is looked for again.
        process: The shell, once it was started.
        listens: Whether it has greeted.
    """

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    root: str = ""
    patience: float = field(default=0.0, init=False)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    listens: bool = field(default=False, init=False)

    def begin(self) -> subprocess.Popen[bytes]:
        """Start the shell, unless that was done; it comes up while the caller does something."""
        if self.process is None:
            self.process = self.start()
        return self.process

    def run(self, script: str, *, files: Sequence[bytes] = (), deadline: float = SECONDS) -> Reply:
        """Run a script; one round trip, its files included.

        Args:
            script: POSIX shell, run by root with an empty stdin. It knows ``ROOT``, ``RUN`` and
                ``IN``.
            files: Bytes that it finds in the folder ``$IN``, each named by its SHA-256.
            deadline: Seconds it may take.

        Raises:
            NoSession: There was no connection to begin with.
            SessionCut: The connection ended before the script did.
            DeadlineError: It took too long; the session is of no more use.
            ToolboxError: What was sent arrived damaged.
        """
        began, mark = time.monotonic(), secrets.token_hex(16)
        digests = [hashlib.sha256(data).hexdigest() for data in files]
        checks = "".join(f'[ -f "$IN/{digest}" ] || exit {LACKING}\n' for digest in digests)
        request = b"".join(
            _frame(kind, data, mark)
            for kind, data in [
                *(("put", data) for data in files),
                ("run", f"{checks}{script}".encode(errors="surrogateescape")),
            ]
        )
        answer = self._answer(request, mark.encode(), deadline)
        reply = Reply(answer.code, bytes(answer.out), bytes(answer.err), time.monotonic() - began)
        if reply.exit_code in {DAMAGED, LACKING}:
            message = f"{self.name}: what was sent arrived damaged, so nothing was done"
            raise ToolboxError(message, hint="once more; see whether its /run is full")
        return reply

    def _answer(self, request: bytes, mark: bytes, deadline: float) -> _Answer:
        """Return the whole answer to a request; connect again where nobody was found."""
        told = False

        def attempt(last: bool) -> _Answer | None:  # noqa: FBT001 - the signature of a check
            nonlocal told
            answer = _Answer(mark, greeted=self.listens)
            try:
                self._exchange(request, answer, time.monotonic() + deadline)
            except Nobody:
                if last:
                    raise
                if not told:
                    note(f"{self.name} does not answer; waiting for it, as it may be booting")
                told, self.process = True, None
                return None
            self.listens = True
            return answer

        what = f"{self.name} to answer"
        return until(attempt, deadline=self.patience, interval=AGAIN_SECONDS, what=what)

    def _exchange(self, request: bytes, answer: _Answer, end: float) -> None:
        """Send a request while what is said is read, until the answer is whole."""
        process = self.begin()
        streams = (process.stdin, process.stdout, process.stderr)
        given, out, err = (stream.fileno() for stream in streams if stream)
        rest = memoryview(request)
        with selectors.DefaultSelector() as waiting:
            for descriptor in (given, out, err):
                os.set_blocking(descriptor, False)
            waiting.register(given, selectors.EVENT_WRITE)
            waiting.register(out, selectors.EVENT_READ, answer.hear)
            waiting.register(err, selectors.EVENT_READ, answer.hear_complaint)
            while not answer.whole:
                ready = waiting.select(max(0.0, end - time.monotonic()))
                if not ready:
                    self._give_up(answer)
                for key, _events in ready:
                    if key.fd == given:
                        rest = _sent(given, rest)
                        more = bool(rest)
                    else:
                        more = key.data(os.read(key.fd, CHUNK))
                    if not more:
                        waiting.unregister(key.fd)
                if answer.cut:
                    # Reason: what was complained about may still be on its way.
                    end = min(end, time.monotonic() + GRACE_SECONDS)
                    if err not in waiting.get_map():
                        self._give_up(answer)

    def _give_up(self, answer: _Answer) -> NoReturn:
        if not answer.cut:
            message = f"{self.name} has not answered within the time that it may take"
            raise DeadlineError(message, hint="what was begun there goes on; once more")
        said = answer.err.decode(errors="replace").strip().splitlines()[-TAIL_LINES:]
        told = "".join(f"\n{line}" for line in said)
        if answer.greeted:
            message = f"the connection to {self.name} ended{told}"
            raise SessionCut(message, hint="what was begun there goes on; once more finishes it")
        kind = Nobody if found_nobody(self._code(), told) else NoSession
        message = f"there is no session with {self.name}{told}"
        raise kind(message, hint=_hint(told))

    def _code(self) -> int | None:
        """Return the exit code of a shell whose output has ended."""
        assert self.process is not None  # noqa: S101 - what has output was started
        with suppress(TimeoutExpired):
            self.process.wait(GRACE_SECONDS)
        return self.process.returncode


@dataclass(slots=True)
class _Answer:
    """What came back so far."""

    mark: bytes
    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)
    greeted: bool = False
    code: int = -1
    told: bool = False
    complained: bool = False
    cut: bool = False

    @property
    def whole(self) -> bool:
        """Whether both streams have told the end."""
        return self.told and self.complained

    def hear(self, data: bytes) -> bool:
        """Take what was printed; tell whether there may be more."""
        if self.told:
            # Reason: who outlives the script may say more; that is no part of the answer.
            return bool(data)
        begin = len(self.out)
        self.out += data
        if not self.greeted:
            _noise, greeting, rest = self.out.partition(f"\n{GREETING}\n".encode())
            self.greeted, self.out, begin = bool(greeting), rest if greeting else self.out, 0
        head = b"\n" + self.mark + b" "
        # Reason: of megabytes only what is new is looked at, and what it may complete.
        found = self.out.find(head, max(0, begin - len(head) - LONGEST_CODE))
        end = self.out.find(b"\n", found + len(head)) if found >= 0 else -1
        if end >= 0:
            self.code, self.told = int(self.out[found + len(head) : end]), True
            del self.out[found:]
        self.cut = not data and not self.told
        return bool(data)

    def hear_complaint(self, data: bytes) -> bool:
        """Take what was complained about; tell whether there may be more."""
        if self.complained:
            return bool(data)
        self.err += data
        found = self.err.find(b"\n" + self.mark + b"\n")
        if found >= 0:
            self.complained = True
            del self.err[found:]
        return bool(data)


def _sent(descriptor: int, rest: memoryview) -> memoryview:
    """Send as much as is taken; return the rest."""
    try:
        return rest[os.write(descriptor, rest[:CHUNK]) :]
    except BrokenPipeError:
        # Reason: why it ended is told on the other streams, which are read to their end.
        return rest[:0]


def _frame(kind: str, data: bytes, mark: str) -> bytes:
    head = f"{kind} {len(data)} {hashlib.sha256(data).hexdigest()} {mark}\n"
    return head.encode() + data


def _hint(said: str) -> str:
    if "password is required" in said or "sudo" in said:
        return "the user that logs in needs sudo without a password"
    if "verification failed" in said:
        return "somebody else answers at its address, so nothing was done there"
    return "nothing was done there; see whether it is up and can be reached"


def _opening(root: str, run: str) -> tuple[str, bytes]:
    """Return the words that start the shell, and what it reads first."""
    names = {"ROOT": root, "RUN": run, "GREETING": GREETING}
    text = " ".join(f"{name}={shlex.quote(value)}" for name, value in names.items()).encode()
    text += b"\n" + OPENING.read_bytes()
    # Reason: sudo logs its words, so they are few; the shell reads its program from stdin, and not
    # one byte more.
    words = f'eval "$(dd bs={len(text)} count=1 iflag=fullblock 2>/dev/null)"'
    return words, text


@contextmanager
def remote(
    client: Client, name: str, *, fresh: bool = False, patience: float = 0.0
) -> Iterator[Session]:
    """Offer a session on a machine, which ends with the block.

    Args:
        client: Reaches the machine.
        name: Name of its endpoint.
        fresh: Make a new connection, even where one is held.
        patience: Seconds for which it is looked for again where nobody is found.
    """
    words, text = _opening("", RUN)
    shell = f"sh -c {shlex.quote(words)}"
    # Reason: where one logs in as root, there may be no sudo; any login shell takes these words.
    command = f'test "$USER" = root && exec {shell}; exec sudo -n {shell}'
    with _offered(name, client.command(name, command, fresh=fresh), text) as session:
        session.patience = patience
        yield session


@contextmanager
def local(root: Path, *, environment: Mapping[str, str] | None = None) -> Iterator[Session]:
    """Offer a session for a folder that stands for a machine's root.

    Args:
        root: The folder.
        environment: Added to the shell's environment.
    """
    place = str(root.resolve())
    with scratch(runtime_dir(), "root") as run:
        words, text = _opening(place, str(run))
        with _offered(str(root), ["sh", "-c", words], text, place, environment) as session:
            yield session


@contextmanager
def _offered(
    name: str,
    argv: Sequence[str],
    text: bytes,
    root: str = "",
    environment: Mapping[str, str] | None = None,
) -> Iterator[Session]:
    with ExitStack() as started:

        def start() -> subprocess.Popen[bytes]:
            # Reason: what has found nobody before is over.
            started.close()
            # Reason: it ends when its stdin does, and the thread that starts it may end before.
            process = started.enter_context(spawn(argv, env=environment, leashed=False))
            assert process.stdin is not None  # noqa: S101 - what spawn promises
            # Reason: why it has ended already is told by the first script.
            with suppress(BrokenPipeError):
                # Reason: less than a pipe holds (64 KiB, pipe(7)), so nobody waits here.
                process.stdin.write(text)
                process.stdin.flush()
            return process

        yield Session(name, start, root)
