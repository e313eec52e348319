"""Tests of the launcher against the podman of this host, with a tiny image of its own."""

from __future__ import annotations

import os
import pty
import select
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import RealHost

pytestmark = [pytest.mark.image, pytest.mark.needs("podman")]

CATCH = """trap 'echo interrupted; sleep 0.3; echo cleaned; exit 130' INT
trap 'echo ended; exit 143' TERM
echo ready; while :; do sleep 0.1; done"""


def test_output_and_exit_code_pass(real: RealHost) -> None:
    """Both streams stay apart, and the code is the task's."""
    done = real.run("run", "sh", "-c", "echo out; echo err >&2; exit 77")
    assert (done.stdout, done.returncode) == ("out\n", 77)
    assert "err\n" in done.stderr


def test_arguments_arrive_as_they_were_typed(real: RealHost) -> None:
    """Through two shells and podman, a word stays a word."""
    words = ["a b", "it's", 'say "x"', "two\nlines", "$HOME", "", "*", "ü", "\\"]
    done = real.run("run", "printf", "%s\\0", *words)
    assert done.stdout.split("\0")[:-1] == words


def test_input_is_piped_through(real: RealHost) -> None:
    """A large input arrives whole and the end of it is seen."""
    text = "0123456789abcdef\n" * 20000
    assert (
        real.run("run", "sha256sum", stdin=text).stdout
        == real.run("run", "sh", "-c", "cat | sha256sum", stdin=text).stdout
    )
    assert real.run("run", "wc", "-c", stdin=text).stdout.split() == [str(len(text))]


def test_a_task_runs_in_the_current_folder(real: RealHost) -> None:
    """The project has the same path inside; what is written there is there."""
    below = real.project / "a b"
    below.mkdir()
    process = subprocess.run(
        [str(real.launcher), "run", "sh", "-c", "pwd; touch made"],
        cwd=below,
        env=real.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stdout.strip() == str(below)
    assert (below / "made").exists()


@pytest.mark.parametrize(
    ("number", "said", "code"),
    [(signal.SIGINT, "interrupted\ncleaned\n", 130), (signal.SIGTERM, "ended\n", 143)],
)
def test_signals_reach_the_task(
    real: RealHost, number: signal.Signals, said: str, code: int
) -> None:
    """The task cleans up, is waited for, and its code is the launcher's."""
    process = real.start("run", "sh", "-c", CATCH)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, number)
    out, _ = process.communicate(timeout=30)
    assert (out, process.returncode) == (said, code)


def test_an_interrupted_task_leaves_no_process(real: RealHost) -> None:
    """Also what the task has started in its group is gone."""
    process = real.start("run", "sh", "-c", "echo ready; sleep 4242; true")
    assert process.stdout
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    names = real.run("run", "sh", "-c", "cat /proc/[0-9]*/comm; ls -A /tmp").stdout.split()
    assert names.count("sleep") == 1  # Reason: the container's own
    assert sum(name.startswith(".infra-task") for name in names) == 1  # Reason: this command's


def test_a_deaf_task_ends_at_the_third_interrupt(real: RealHost) -> None:
    """A task that ignores signals is killed in the end."""
    with real.start("run", "sh", "-c", "trap '' INT TERM; echo ready; exec sleep 60") as process:
        assert process.stdout
        process.stdout.readline()
        for _ in range(3):
            os.kill(process.pid, signal.SIGINT)
            time.sleep(1.5)
        assert process.wait(20) == 137


def drive(real: RealHost, words: list[str], wait: bytes, send: bytes) -> tuple[bytes, int]:
    """Run the launcher on a terminal, type once a text was seen, return what it showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(real.project)
        os.execve(real.launcher, [str(real.launcher), *words], real.environment)
    seen, typed, end = b"", False, time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            data = os.read(terminal, 4096)
        except OSError:
            break
        seen += data
        if wait in seen and not typed:
            os.write(terminal, send)
            typed = True
    os.close(terminal)
    return seen, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_terminal_is_a_terminal_inside(real: RealHost) -> None:
    """Ctrl-C is typed to the task itself, and its answer is seen."""
    seen, code = drive(real, ["run", "sh", "-c", f"tty; {CATCH}"], b"ready", b"\x03")
    assert b"/dev/pts/" in seen
    assert b"cleaned" in seen
    assert code == 130


def test_a_shell_can_be_used(real: RealHost) -> None:
    """`./infra shell` is interactive; its exit code passes."""
    seen, code = drive(real, ["shell"], b"#", b"echo $((40 + 2)); exit 5\r")
    assert b"42" in seen
    assert code == 5


@pytest.mark.needs("root")
def test_no_file_of_roots_in_a_persons_project(real: RealHost) -> None:
    """Root runs the task as the owner of the project, who can write the state and has a name."""
    os.chown(real.project, 1234, 1235)
    script = 'touch made "$INFRA_STATE/made" && id -un && cd && pwd && touch x'
    done = real.run("run", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["infra", "/var/lib/infra-toolbox/home"]
    made = (real.project / "made").stat()
    assert (made.st_uid, made.st_gid) == (1234, 1235)


def test_the_hosts_certificates_are_trusted_inside(real: RealHost) -> None:
    """Where the host has a bundle, every variable leads to its content."""
    script = 'sha256sum <"${SSL_CERT_FILE:-/dev/null}"; test "$PIP_CERT" = "$SSL_CERT_FILE"'
    done = real.run("run", "sh", "-c", script)
    assert done.returncode == 0


def answer(agent: socket.socket) -> None:
    """Answer one connection as something that is alive."""
    connection, _ = agent.accept()
    connection.sendall(b"alive")
    connection.close()


def test_the_ssh_agent_can_be_reached(real: RealHost, short: Path) -> None:
    """The socket inside is there for this session's agent, and gone without one."""
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(short / "agent"))
        agent.listen()
        threading.Thread(target=answer, args=(agent,), daemon=True).start()
        real.environment["SSH_AUTH_SOCK"] = str(short / "agent")
        done = real.run("run", "sh", "-c", 'test -S "$SSH_AUTH_SOCK" && echo "$SSH_AUTH_SOCK"')
        assert done.stdout.strip() == "/run/infra-toolbox/agent/socket", done.stderr
    del real.environment["SSH_AUTH_SOCK"]
    assert real.run("run", "sh", "-c", 'test -z "${SSH_AUTH_SOCK-}"').returncode == 0


def test_running_machines_outlive_tasks_and_flags(real: RealHost) -> None:
    """A process called qemu-system-… keeps its container until `./infra stop`."""
    start = (
        "cp /bin/sleep /tmp/qemu-system-x86_64; "
        "setsid /tmp/qemu-system-x86_64 600 >/dev/null 2>&1 &"
    )
    assert real.run("run", "sh", "-c", start).returncode == 0
    real.environment["LIBVIRT_DEFAULT_URI"] = "test:///default"
    done = real.run("run", "sh", "-c", "cat /proc/[0-9]*/comm")
    assert "qemu-system" in done.stdout
    assert "hint: ./infra stop" in done.stderr


def test_a_container_that_was_killed_with_its_monitor_is_made_anew(real: RealHost) -> None:
    """Podman still calls it running; the next task does not believe it."""
    assert real.run("run", "true").returncode == 0
    facts = "{{.Name}} {{.State.ConmonPid}} {{.State.Pid}}"
    listed = subprocess.run(
        ["podman", "container", "inspect", "--format", facts, *_containers()],
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = (line for line in listed.stdout.splitlines() if line.startswith("infra-real-"))
    name, *pids = line.split()
    for pid in pids:
        os.kill(int(pid), signal.SIGKILL)
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        time.sleep(0.1)

    assert real.run("run", "echo", "anew").stdout == "anew\n"
    assert [found for found in _containers() if found == name] == [name]
    assert real.run("stop").returncode == 0


def test_stop_saves_and_the_state_stays(real: RealHost) -> None:
    """sim.stop is called, the container ends, the volume is there for the next task."""
    real.run("run", "sh", "-c", 'echo kept >"$INFRA_STATE/mine"; echo lost >/root/mine')
    assert real.run("stop").returncode == 0
    assert real.run("stop").returncode == 0
    done = real.run("run", "sh", "-c", 'cat "$INFRA_STATE/mine" "$INFRA_STATE/stopped" /root/mine')
    assert done.stdout == "kept\nsim.stop --all\n"
    assert real.run("stop", "--purge").returncode == 0
    assert real.run("run", "sh", "-c", 'ls "$INFRA_STATE"').stdout == ""


def test_a_reader_of_the_output_is_not_kept_waiting(real: RealHost) -> None:
    """The container that the first task leaves behind holds no end of a pipe."""
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" run echo done | cat', str(real.launcher)],
        cwd=real.project,
        env=real.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "done\n"


def test_a_published_port_is_reached_from_outside(real: RealHost) -> None:
    """What listens in the container is reached at the port that INFRA_PUBLISH names."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    real.environment["INFRA_PUBLISH"] = f"127.0.0.1:{port}:47443"
    answering = (
        "$s = IO::Socket::INET->new(Listen => 1, LocalPort => 47443) or die; print 'ready', chr 10;"
        " $s->accept->print('inside')"
    )
    process = real.start("run", "perl", "-MIO::Socket", "-e", f"$| = 1; {answering}")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        assert connection.recv(100) == b"inside"
    assert process.communicate(timeout=60)[0] == ""
    assert process.returncode == 0


def _containers() -> list[str]:
    listed = subprocess.run(
        ["podman", "ps", "--all", "--format", "{{.Names}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.split()
