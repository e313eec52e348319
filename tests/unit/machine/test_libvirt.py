"""The daemon that is there is used; ours is started where none is given."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import HabitatError, ProgramFailed
from toolbox.lib.machine import libvirt
from toolbox.lib.machine.libvirt import Hypervisor, connect, default_uri

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SESSION = "qemu+unix:///session?socket={}/libvirt/libvirt-sock"


@pytest.fixture(autouse=True)
def person(monkeypatch: pytest.MonkeyPatch, habitat: Path) -> None:
    """Be a person without a daemon, so that no test touches the machine's own."""
    del habitat
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


def test_ours_is_started(fake: Callable[[str, str], Path], tmp_path: Path) -> None:
    """Where none answers ours is started, with the passt that gives machines their network."""
    fake("virsh", f"test -e {tmp_path}/up")
    fake("libvirtd", f'echo "$* $PATH" > {tmp_path}/up')

    assert connect() == Hypervisor(SESSION.format(os.environ["XDG_RUNTIME_DIR"]))
    arguments, path = (tmp_path / "up").read_text().split()
    first = path.split(":")[0]
    assert arguments == "--daemon"
    assert os.access(f"{first}/passt", os.X_OK)


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
