"""The daemon that is there is used; ours is started where none is given."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import HabitatError, ProgramFailed
from toolbox.lib.machine import libvirt
from toolbox.lib.machine.libvirt import Hypervisor, connect, default_uri

if TYPE_CHECKING:
    from collections.abc import Callable

SESSION = "qemu+unix:///session?socket={}/infra-toolbox/libvirt/libvirt-sock"


@pytest.fixture(autouse=True)
def person(monkeypatch: pytest.MonkeyPatch, habitat: Path, tmp_path: Path) -> None:
    """Be a person without a daemon, so that no test touches the machine's own."""
    del habitat
    monkeypatch.setattr(libvirt, "VOLUME", tmp_path / "volume")
    monkeypatch.delenv("LIBVIRT_DEFAULT_URI", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)


def test_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    """Persons have a session daemon, root has the system's, and the environment wins."""
    assert default_uri() == SESSION.format(os.environ["XDG_RUNTIME_DIR"])
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_uri() == "qemu:///system"
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", "qemu+ssh://elsewhere/system")
    assert default_uri() == "qemu+ssh://elsewhere/system"


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
