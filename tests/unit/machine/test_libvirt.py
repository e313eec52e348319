"""The daemon that is there is used; ours is started where none is given."""

from __future__ import annotations

import os
import pwd
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core import run
from toolbox.lib.core.errors import DeadlineError, HabitatError, ProgramFailed
from toolbox.lib.machine import libvirt
from toolbox.lib.machine.libvirt import Hypervisor, connect, default_uri

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

SESSION = "qemu+unix:///session?socket={}/infra-toolbox/libvirt/libvirt-sock"


@pytest.fixture(autouse=True)
def person(monkeypatch: pytest.MonkeyPatch, habitat: Path, tmp_path: Path) -> Iterator[None]:
    """Be a person without a daemon, so that no test touches the machine's own."""
    daemons: list[subprocess.Popen[bytes]] = []
    monkeypatch.setattr(run, "_DETACHED", daemons)
    del habitat
    monkeypatch.setattr(libvirt, "VOLUME", tmp_path / "volume")
    monkeypatch.delenv("LIBVIRT_DEFAULT_URI", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    monkeypatch.setattr(pwd, "getpwuid", {4711: "ana", 0: "root"}.__getitem__)
    yield
    for daemon in daemons:
        daemon.kill()
        daemon.wait()


def test_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    """Persons have a session daemon, root has the system's, and the environment wins."""
    assert default_uri() == SESSION.format(os.environ["XDG_RUNTIME_DIR"])
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_uri() == "qemu:///system"
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", "qemu+ssh://elsewhere/system")
    assert default_uri() == "qemu+ssh://elsewhere/system"


def test_a_user_without_a_name(
    fake: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whom libvirt and ssh would refuse is told so before anything is begun."""
    fake("virsh", "exit 0")
    monkeypatch.setattr(os, "geteuid", lambda: 5678)

    with pytest.raises(HabitatError, match="user 5678 has no entry"):
        connect()


ENDINGS = {
    "crashed": """\
2026-01-01 00:00:00.000+0000: starting up libvirt version: 11.3.0
char device redirected to /dev/pts/0 (label charserial0)
qemu-system-x86_64: system/physmem.c:2671: iotlb_to_section: Assertion failed.
2026-01-01 00:00:09.000+0000: shutting down, reason=crashed
""",
    "killed": "2026-01-01 00:00:09.000+0000: shutting down, reason=crashed\n",
    "destroyed": "2026-01-01 00:00:09.000+0000: shutting down, reason=destroyed\n",
    "empty": "",
}


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (
            "crashed",
            "qemu-system-x86_64: system/physmem.c:2671: iotlb_to_section: Assertion failed.",
        ),
        ("killed", "shutting down, reason=crashed"),
        ("destroyed", ""),
        ("empty", ""),
        ("none", ""),
    ],
)
def test_crash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: str, words: str) -> None:
    """QEMU's last words are found when it crashed, and only then."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    log = libvirt._log("web")
    log.parent.mkdir(parents=True)
    if ending in ENDINGS:
        log.write_text(ENDINGS[ending])

    assert Hypervisor("test:///default").crash("web") == words
    libvirt.forget("web")
    assert list(log.parent.iterdir()) == []


def test_connect_to_what_answers(fake: Callable[[str, str], Path]) -> None:
    """A daemon that answers is used as it is."""
    fake("virsh", "exit 0")
    fake("libvirtd", "exit 9")

    assert connect() == Hypervisor(SESSION.format(os.environ["XDG_RUNTIME_DIR"]))


def test_given_daemon_does_not_answer(
    fake: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that was asked for is not replaced by ours."""
    fake("virsh", "exit 1")
    fake("libvirtd", "exit 0")
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", "qemu:///elsewhere")

    with pytest.raises(HabitatError, match="does not answer at qemu:///elsewhere") as caught:
        connect()
    assert "LIBVIRT_DEFAULT_URI" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("answer", "seen"),
    [("echo .seen /x/.seen; echo disk.qcow2 /x/disk.qcow2", True), ("echo other /x/other", False)],
    ids=["same-files", "other-files"],
)
def test_given_daemon_must_see_our_files(
    fake: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch, answer: str, *, seen: bool
) -> None:
    """A daemon that answers and has other files than ours, as one of the host, is refused."""
    script = fake("virsh", f'case "$*" in *vol-list*) {answer} ;; esac; echo "$*" >>"$0.log"')
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", "qemu:///elsewhere")

    if seen:
        assert connect().uri == "qemu:///elsewhere"
    else:
        with pytest.raises(HabitatError, match=r"does not see .*/simulations/\.seen") as caught:
            connect()
        assert "LIBVIRT_DEFAULT_URI" in str(caught.value.hint)
    calls = script.with_name("virsh.log").read_text()
    assert calls.count("pool-create-as") == calls.count("pool-destroy")


def test_ours_is_started(
    fake: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where none answers ours is started, with the passt that gives machines their network."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    fake("virsh", f"test -e {tmp_path}/up")
    fake("catatonit", 'shift; exec "$@"')
    fake(
        "libvirtd", f'echo "$XDG_CONFIG_HOME $XDG_RUNTIME_DIR $PATH" > {tmp_path}/up; exec sleep 3'
    )

    assert connect() == Hypervisor(SESSION.format(os.environ["XDG_RUNTIME_DIR"]))
    configuration, runtime, path = (tmp_path / "up").read_text().split()
    assert os.access(f"{path.split(':')[0]}/passt", os.X_OK)
    assert runtime == f"{os.environ['XDG_RUNTIME_DIR']}/infra-toolbox"
    home = tmp_path / "state/infra-toolbox/libvirt"
    assert Path(configuration).resolve() == home
    assert 'security_driver = "none"' in (home / "libvirt/qemu.conf").read_text()
    assert "user =" not in (home / "libvirt/qemu.conf").read_text()


def test_two_tasks_start_one(
    fake: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of two tasks that find no daemon, one starts it and the other uses it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    fake("virsh", f"test -e {tmp_path}/up")
    fake("catatonit", 'shift; exec "$@"')
    fake("libvirtd", f"echo started >>{tmp_path}/log; sleep 0.3; : >{tmp_path}/up; exec sleep 3")

    with ThreadPoolExecutor() as pool:
        connections = [pool.submit(connect) for _ in range(2)]

    assert {connection.result() for connection in connections} == {Hypervisor(default_uri())}
    assert (tmp_path / "log").read_text().splitlines() == ["started"]


def test_ours_has_short_socket_names(
    monkeypatch: pytest.MonkeyPatch, habitat: Path, tmp_path: Path
) -> None:
    """However long the path of a person's state is, libvirt's sockets fit into 107 bytes."""
    del habitat
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    monkeypatch.setattr(libvirt, "runtime_dir", lambda: tmp_path / "r")
    (tmp_path / "r").mkdir()
    longest = "/libvirt/qemu/lib/domain-100-aaaaaaaaaaaaaaaaaaaa/monitor.sock"

    folders = libvirt._folders(tmp_path / ("a" * 200))

    added = len(folders["XDG_CONFIG_HOME"]) - len(str(tmp_path / "r"))
    assert len("/run/user/1000/infra-toolbox") + added + len(longest) < 108


def test_ours_does_not_start(fake: Callable[[str, str], Path]) -> None:
    """A daemon of ours that fails says why and where its log is."""
    fake("virsh", "exit 1")
    fake("libvirtd", "echo no room >&2; exit 1")

    with pytest.raises(HabitatError, match="no room") as caught:
        connect()
    assert "libvirtd.log" in str(caught.value.hint)


def test_domains_and_states(fake: Callable[[str, str], Path]) -> None:
    """Names and states come from virsh; a domain that is none has no state."""
    fake(
        "virsh",
        """
case "$*" in
*list*) printf 'a\\nb\\n\\n' ;;
*"domstate a") echo running ;;
*) echo "error: failed to get domain" >&2; exit 1 ;;
esac
""",
    )
    hypervisor = Hypervisor(SESSION)

    assert hypervisor.domains() == ("a", "b")
    assert hypervisor.state("a") == "running"
    assert hypervisor.state("c") == ""
    with pytest.raises(ProgramFailed, match="failed to get domain"):
        hypervisor.virsh("start", "c")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", False), ("# user = 1\n\n  # more\n", False), ("# x\nuser = 1\n", True)],
)
def test_packaged_settings_are_replaced(tmp_path: Path, text: str, *, expected: bool) -> None:
    """Only a file with a line of its own is somebody's."""
    path = tmp_path / "qemu.conf"
    path.write_text(text)

    assert libvirt._has_settings(path) is expected
    assert not libvirt._has_settings(tmp_path / "none")


ALIVE = """
case "$*" in
*"list --name") cat {0}/machines ;;
*) test -e {0}/up ;;
esac
"""
DAEMON = """
echo "$*" > {0}/up; trap 'rm {0}/up; exit' TERM
while :; do sleep 0.05; done
"""


@pytest.fixture
def daemon(
    fake: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Path:
    """Be where our daemon can be started; what it serves is in the file machines."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(libvirt, "which", lambda _name: None)
    fake("virsh", ALIVE.format(tmp_path))
    fake("libvirtd", DAEMON.format(tmp_path))
    (tmp_path / "machines").touch()
    return tmp_path


def _started() -> int:
    return int(libvirt._mark().read_text().split()[0])


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)


def test_ours_ends_when_idle(daemon: Path) -> None:
    """Where processes outlive their container, a daemon that serves nobody does not."""
    connect()

    assert (daemon / "up").read_text() == "--timeout 120\n"
    first = _started()
    connect()
    assert _started() == first
    _end(first)


def test_one_of_another_place_is_replaced(daemon: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon of a container that is gone has no guest to start."""
    connect()
    first = _started()
    monkeypatch.setattr(libvirt, "_place", lambda: "elsewhere")

    connect()

    assert _started() != first
    assert libvirt._mark().read_text().endswith(" elsewhere")
    assert (daemon / "up").exists()
    _end(_started())


def test_one_of_another_place_keeps_its_machines(
    daemon: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While machines run, their daemon stays, wherever it is."""
    connect()
    first = _started()
    (daemon / "machines").write_text("example-1-hello\n")
    monkeypatch.setattr(libvirt, "_place", lambda: "elsewhere")

    connect()

    assert _started() == first
    _end(first)


def test_another_process_is_not_ended(daemon: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that means something else here is left alone, and the wait for its end is told."""
    (daemon / "up").touch()
    libvirt._mark().write_text(f"{os.getpid()} elsewhere")
    monkeypatch.setattr(libvirt, "START_SECONDS", 0.2)

    with pytest.raises(DeadlineError, match="another place"):
        connect()
