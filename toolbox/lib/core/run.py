"""The one door to other programs.

Argument lists only, a small clean environment, a closed stdin, and a process group that is ended
with us: no program started here outlives an error, a deadline or Ctrl-C.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import DeadlineError, ProgramFailed, ProgramMissing
from toolbox.lib.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

TAIL_LINES = 10
GRACE_SECONDS = 5.0
# Reason: what a program may need of ours to reach the network, the agent and the person's folders;
# everything else would make its behaviour depend on the caller's shell.
PASSED = (
    "PATH",
    "HOME",
    "USER",
    "TERM",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "LIBVIRT_DEFAULT_URI",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)
PASSED_PREFIXES = ("XDG_", "INFRA_")
# Reason: a person's PATH often lacks these, and libvirtd, QEMU's network and others live there.
SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
SETPRIV = "setpriv"
LEASH, CONFINED = ("--pdeathsig", "TERM"), ("--no-new-privs",)
# Reason: Python complains of a child that is forgotten while it runs.
_DETACHED: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, slots=True)
class Result:
    """What a program did.

    Attributes:
        command: The argument list.
        exit_code: Its exit code, negative for a signal.
        stdout: What it printed.
        stderr: What it complained about.
        seconds: How long it ran.
    """

    command: tuple[str, ...]
    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it ended with exit code 0."""
        return self.exit_code == 0

    @property
    def text(self) -> str:
        """What it printed, as text."""
        return self.stdout.decode(errors="replace")

    @property
    def display(self) -> str:
        """The command as one can paste it into a shell."""
        return shlex.join(self.command)

    def tail(self, stream: str = "stderr", lines: int = TAIL_LINES) -> str:
        """Return the last lines of ``stdout`` or ``stderr``."""
        data = self.stdout if stream == "stdout" else self.stderr
        return "\n".join(data.decode(errors="replace").splitlines()[-lines:])


def run(  # noqa: PLR0913 - the options of starting a program
    argv: Sequence[str | Path],
    *,
    stdin: bytes | str | Secret | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    ok: Collection[int] = (0,),
    check: bool = True,
) -> Result:
    """Run a program to its end.

    Args:
        argv: Program and arguments.
        stdin: What it reads; nothing by default.
        env: Added to the clean environment.
        cwd: Folder it works in.
        timeout: Seconds it may take.
        ok: Exit codes that are no failure.
        check: Raise on another exit code.

    Returns:
        What it did.

    Raises:
        ProgramMissing: It is not installed.
        ProgramFailed: It failed and `check` is set.
        DeadlineError: It took too long, and was ended with all that it started.
    """
    began = time.monotonic()
    with spawn(argv, env=env, cwd=cwd) as process:
        try:
            out, err = process.communicate(_bytes(stdin), timeout=timeout)
        except subprocess.TimeoutExpired as error:
            message = f"{Path(argv[0]).name} has not ended within {timeout:.0f} s"
            raise DeadlineError(message, hint=shlex.join(str(word) for word in argv)) from error
    command = tuple(str(word) for word in argv)
    result = Result(command, process.returncode, out, err, time.monotonic() - began)
    if check and result.exit_code not in ok:
        raise ProgramFailed(_complaint(result), result)
    return result


@contextmanager
def spawn(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    confined: bool = False,
    leashed: bool = True,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program that ends with the block, with all that it started.

    It ends with us, too, when we are killed (PR_SET_PDEATHSIG, prctl(2)); a program that its file
    gives more rights would not, unless it is confined.

    Args:
        argv: Program and arguments.
        env: Added to the clean environment.
        cwd: Folder it works in.
        confined: It gets no more rights than ours, whatever its file says (PR_SET_NO_NEW_PRIVS).
        leashed: It ends with the thread that starts it; what ends when its stdin does needs no
            leash, and may be started by a thread that does not last.

    Raises:
        ProgramMissing: It is not installed.
    """
    command = [str(word) for word in argv]
    if os.environ.get("INFRA_DEBUG"):
        print(f"$ {shlex.join(command)}", file=sys.stderr)  # noqa: T201
    if which(command[0]) is None:
        raise ProgramMissing(command[0])
    leash = (*(LEASH if leashed else ()), *(CONFINED if confined else ()))
    if leash and which(SETPRIV):
        command = [SETPRIV, *leash, *command]
    try:
        process = subprocess.Popen(  # noqa: S603 - the one place where programs are started
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment() | dict(env or {}),
            cwd=cwd,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        if cwd is not None and not cwd.is_dir():
            raise
        raise ProgramMissing(command[0]) from error
    ended_well = False
    try:
        yield process
        ended_well = process.poll() is not None
    finally:
        if not ended_well:
            _end_group(process)
        _close(process)


def environment() -> dict[str, str]:
    """Return the clean environment that every program starts from."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if key in PASSED or key.startswith(PASSED_PREFIXES)
    }
    return kept | {"PATH": search_path(), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


def search_path() -> str:
    """Return where programs are looked for: the caller's ``$PATH``, then the system's folders."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join([*folders, *(more for more in SYSTEM_FOLDERS if more not in folders)])


def which(name: str) -> Path | None:
    """Return where a program is, or None."""
    found = shutil.which(name, path=search_path())
    return Path(found) if found else None


def _end_group(process: subprocess.Popen[bytes]) -> None:
    # Reason: also when the program itself has ended, as what it left behind may hold its output.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _close(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()
    process.wait()


def _bytes(stdin: bytes | str | Secret | None) -> bytes | None:
    if isinstance(stdin, Secret):
        return stdin.reveal().encode()
    return stdin.encode() if isinstance(stdin, str) else stdin


def _complaint(result: Result) -> str:
    program = Path(result.command[0]).name
    if result.exit_code < 0:
        end = f"was ended by {signal.Signals(-result.exit_code).name}"
    else:
        end = f"failed with exit code {result.exit_code}"
    said = result.tail("stderr") or result.tail("stdout")
    return f"{program} {end}: {result.display}" + (f"\n{said}" if said else "")


def attach(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdout: int | None = None,
) -> int:
    """Run a program on our terminal, for a person to use; return its exit code.

    Args:
        argv: Program and arguments.
        env: Added to the clean environment.
        cwd: Folder it works in.
        stdout: File descriptor that its output goes to; ours by default.

    Raises:
        ProgramMissing: It is not installed.
    """
    command = [str(word) for word in argv]
    try:
        # Reason: it stays in our process group, so that the terminal's signals reach it.
        return subprocess.call(  # noqa: S603
            command, env=environment() | dict(env or {}), cwd=cwd, stdout=stdout
        )
    except FileNotFoundError as error:
        raise ProgramMissing(command[0]) from error


def detach(
    argv: Sequence[str | Path], log: Path, *, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program that outlives us; what it says goes to a file.

    Args:
        argv: Program and arguments.
        log: The file, which is added to.
        env: Added to the clean environment.

    Returns:
        The process, in a session of its own.

    Raises:
        ProgramMissing: It is not installed.
    """
    command = [str(word) for word in argv]
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment() | dict(env or {}),
                start_new_session=True,
            )
    except FileNotFoundError as error:
        raise ProgramMissing(command[0]) from error
    _DETACHED.append(process)
    return process
