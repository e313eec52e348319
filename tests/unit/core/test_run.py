"""Programs are started in one way and none is left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toolbox.lib.core import run as programs
from toolbox.lib.core.errors import DeadlineError, ProgramFailed, ProgramMissing
from toolbox.lib.core.run import Result, attach, run, search_path, spawn, which
from toolbox.lib.core.secret import Secret

SAID = Result(("ssh", "a b"), 1, b"out", "\n".join(map(str, range(20))).encode(), 0.1)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _has_ended(pid: int) -> bool:
    end = time.monotonic() + 5
    while _is_running(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not _is_running(pid)


def test_result() -> None:
    """A program's output, exit code and time come back."""
    result = run(["sh", "-c", "echo out; echo err >&2"])

    assert (result.text, result.stderr, result.exit_code) == ("out\n", b"err\n", 0)
    assert result.ok
    assert 0 < result.seconds < 5


@pytest.mark.parametrize("given", [b"hidden", "hidden", Secret("hidden")])
def test_stdin(given: bytes | str | Secret) -> None:
    """A program reads what it is given, a secret in clear."""
    assert run(["cat"], stdin=given).text == "hidden"


def test_stdin_is_closed() -> None:
    """A program that reads when nothing was given does not wait for a person."""
    assert run(["cat"], timeout=5).text == ""


def test_failure_shows_what_to_paste() -> None:
    """A failure carries the command, the code and the last lines."""
    with pytest.raises(ProgramFailed) as caught:
        run(["sh", "-c", "echo 'no such thing' >&2; exit 7"])

    assert "exit code 7: sh -c 'echo '" in caught.value.message
    assert caught.value.message.endswith("no such thing")
    assert caught.value.result.exit_code == 7
    assert caught.value.exit_code == 1


def test_failure_by_signal() -> None:
    """A program that was killed is told by the signal's name."""
    with pytest.raises(ProgramFailed, match="SIGKILL"):
        run(["sh", "-c", "kill -KILL $$"])


def test_other_exit_codes_can_be_fine() -> None:
    """Exit codes named as fine, or all of them, raise nothing."""
    assert run(["sh", "-c", "exit 3"], ok=(0, 3)).exit_code == 3
    assert not run(["sh", "-c", "exit 4"], check=False).ok
    with pytest.raises(ProgramFailed):
        run(["sh", "-c", "exit 4"], ok=(0, 3))


def test_missing_program() -> None:
    """A program that is not installed says where there is one."""
    with pytest.raises(ProgramMissing) as caught:
        run(["no-such-program"])

    assert caught.value.program == "no-such-program"
    assert caught.value.exit_code == 3
    assert caught.value.hint


def test_missing_folder(tmp_path: Path) -> None:
    """A working folder that is missing is not taken for a missing program."""
    with pytest.raises(FileNotFoundError):
        run(["true"], cwd=tmp_path / "none")


@pytest.mark.parametrize(
    "script",
    [
        "sleep 300 & echo $! > pid; wait",
        "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > pid; sleep 300' & exit 0",
        "sleep 300 & echo $! > pid",
    ],
    ids=["waits", "ends before", "holds the output"],
)
def test_deadline_ends_what_the_program_started(tmp_path: Path, script: str) -> None:
    """After a deadline not even a program's own children are left."""
    with pytest.raises(DeadlineError) as caught:
        run(["sh", "-c", script], timeout=0.5, cwd=tmp_path)

    assert caught.value.exit_code == 124
    assert "sh has not ended" in caught.value.message
    assert _has_ended(int((tmp_path / "pid").read_text()))


def test_error_ends_the_program() -> None:
    """An error in the block of a started program ends it."""
    with pytest.raises(KeyboardInterrupt), spawn(["sleep", "300"]) as process:
        raise KeyboardInterrupt

    assert process.returncode == -signal.SIGTERM


KILLED = """
import time
from pathlib import Path
from toolbox.lib.core.run import spawn
with spawn(["{program}", "300"], confined={confined}) as process:
    while Path(f"/proc/{{process.pid}}/comm").read_text() != "{program}\\n":
        time.sleep(0.01)
    print(process.pid, flush=True)
    time.sleep(300)
"""


@pytest.mark.parametrize("confined", [False, True])
def test_program_ends_with_us_when_we_are_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, confined: bool
) -> None:
    """A task that is killed has no time to end anything; its programs end all the same.

    Also one that its file gives the rights of another group, as Debian's ssh-agent.
    """
    program = "sleep"
    if confined and os.geteuid() == 0:
        program = "dozer"
        shutil.copy(str(shutil.which("sleep")), tmp_path / program)
        os.chown(tmp_path / program, 0, 65534)
        (tmp_path / program).chmod(0o2755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    script = KILLED.format(program=program, confined=confined)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as task:
        assert task.stdout is not None
        pid = int(task.stdout.readline())
        assert _is_running(pid)
        task.kill()

    assert _has_ended(pid)


def test_program_ends_with_the_block() -> None:
    """A program that would go on is ended where the block ends."""
    with spawn(["sleep", "300"]) as process:
        assert process.poll() is None

    assert process.returncode == -signal.SIGTERM


def test_what_a_daemon_started_stays(tmp_path: Path) -> None:
    """A program that went to the background on purpose and ended well leaves its daemon."""
    run(["sh", "-c", "sleep 300 >/dev/null 2>&1 & echo $! > pid"], cwd=tmp_path)
    pid = int((tmp_path / "pid").read_text())

    try:
        assert _is_running(pid)
    finally:
        run(["kill", str(pid)], check=False)


def test_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the caller's environment only what is named or prefixed passes."""
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("LC_ALL", "de_AT.UTF-8")
    monkeypatch.setenv("INFRA_STATE", "/state")

    lines = run(["env"], env={"GIVEN": "1"}).text.splitlines()

    assert {"GIVEN=1", "LC_ALL=C.UTF-8", "INFRA_STATE=/state"} <= set(lines)
    assert not [line for line in lines if line.startswith("GIT_DIR")]


def test_tail_and_display() -> None:
    """The last lines are those asked for, and the command can be pasted."""
    assert SAID.tail(lines=2) == "18\n19"
    assert SAID.tail("stdout") == "out"
    assert SAID.display == "ssh 'a b'"


def test_debugging_shows_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """INFRA_DEBUG shows each command, and never what it reads."""
    monkeypatch.setenv("INFRA_DEBUG", "1")

    run(["cat"], stdin=Secret("hidden"))

    assert capsys.readouterr().err == "$ cat\n"


def test_attach() -> None:
    """A program on our terminal gives its exit code; one that is missing is told."""
    assert attach([sys.executable, "-c", "raise SystemExit(5)"]) == 5
    with pytest.raises(ProgramMissing):
        attach(["no-such-program"])


def test_search_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The system's folders are searched after the caller's, whatever the caller's are."""
    daemon = tmp_path / "sbin" / "daemon"
    daemon.parent.mkdir()
    daemon.write_text("#!/bin/sh\n")
    daemon.chmod(0o755)
    monkeypatch.setattr(programs, "SYSTEM_FOLDERS", (str(daemon.parent), "/usr/bin"))
    monkeypatch.setenv("PATH", "/usr/bin:/mine")

    assert search_path() == f"/usr/bin:/mine:{daemon.parent}"
    assert which("daemon") == daemon
    assert run(["daemon"]).ok
    monkeypatch.delenv("PATH")
    assert search_path().endswith(str(daemon.parent))


def test_which() -> None:
    """A program's place is known, or that there is none."""
    assert which("sh") is not None
    assert which("no-such-program") is None
