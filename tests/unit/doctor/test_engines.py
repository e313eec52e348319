"""Podman, libvirt, the guest and the plugins are told as they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.doctor import engines
from toolbox.lib.doctor.examine import guarded
from toolbox.lib.doctor.row import State
from toolbox.lib.stack import workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INFO = {
    "host": {"security": {"rootless": True}, "ociRuntime": {"name": "crun"}},
    "version": {"Version": "5.4.2"},
}
BOOT = "0b7c"


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that says which programs are on PATH."""

    def choose(*names: str) -> None:
        monkeypatch.setattr(engines, "which", lambda name: name if name in names else None)

    return choose


@pytest.mark.parametrize(
    ("needs", "state", "told"),
    [
        ([f"podman 6.1 {BOOT}", "--runtime runc", "", ""], State.OK, "with --runtime runc"),
        ([f"podman 6.1 {BOOT}", "", "", ""], State.OK, "with no flags"),
        (["podman 6.1 another-boot", "--runtime runc", "", ""], State.NOTE, "was not tried"),
        ([], State.NOTE, "was not tried"),
    ],
)
def test_podman(needs: list[str], state: State, told: str) -> None:
    """Podman is usable when the launcher has started a container with it in this boot."""
    row = engines.podman(INFO, "", needs, BOOT)

    assert row.state is state
    assert row.found.startswith("5.4.2, rootless, crun; ")
    assert told in row.found


def test_podman_that_fails() -> None:
    """A podman that does not answer says why itself."""
    row = engines.podman(None, "Error: no subuid", [], BOOT)

    assert (row.state, row.found) == (State.NOTE, "does not answer: Error: no subuid")


def test_podman_is_asked(
    terms: Callable[..., Any],
    fake: Callable[[str, str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the launcher remembers is read where it keeps it."""
    fake("podman", f"echo '{json.dumps(INFO)}'")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(engines, "BOOT_ID", tmp_path / "boot")
    (tmp_path / "boot").write_text(f"{BOOT}\n")
    (tmp_path / "infra-toolbox").mkdir()
    (tmp_path / "infra-toolbox/podman-needs").write_text(f"podman {BOOT}\n--runtime runc\n\n\n")

    assert engines.look_at_podman(terms()).found.endswith("with --runtime runc")


def test_podman_of_a_user_without_home(
    terms: Callable[..., Any], fake: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a home nothing is remembered of podman, and only its own row says so."""
    fake("podman", f"echo '{json.dumps(INFO)}'")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)

    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr("pathlib.Path.home", homeless)

    (row,) = guarded("podman", lambda: engines.look_at_podman(terms()))

    assert row.state is State.NOTE
    assert "has no home folder here" in row.found
    assert "set HOME" in row.mend


def test_podman_in_the_image(terms: Callable[..., Any], fake: Callable[[str, str], Path]) -> None:
    """In the image podman is a program that is there, and no more is said of it."""
    fake("podman", 'echo "podman version 5.4.2"; [ "$1" = --version ]')

    row = engines.look_at_podman(terms("container"))

    assert row.state is State.OK
    assert row.found.startswith("5.4.2 is packaged here; containers in this container were not")


@pytest.mark.parametrize(
    ("family", "mend"),
    [
        ("debian", "sudo apt-get install podman"),
        ("fedora", "sudo dnf install podman"),
        ("", ""),
    ],
)
def test_no_podman(
    terms: Callable[..., Any], found: Callable[..., None], family: str, mend: str
) -> None:
    """A missing podman is no loss, and each distribution has its command."""
    found()

    row = engines.look_at_podman(terms(family=family))

    assert (row.state, row.mend) == (State.NOTE, mend)


def test_libvirt_without_virsh(terms: Callable[..., Any], found: Callable[..., None]) -> None:
    """Without virsh nobody can ask."""
    found()

    assert "virsh is not installed" in engines.look_at_libvirt(terms()).found


@pytest.mark.parametrize(
    ("kind", "uid", "whose"),
    [
        ("native", 0, "the system's own daemon answers at qemu:///system"),
        ("container", 0, "our own daemon answers at qemu:///system"),
    ],
)
def test_libvirt_answers(
    terms: Callable[..., Any],
    fake: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    uid: int,
    whose: str,
) -> None:
    """A daemon that answers is told with its owner."""
    fake("virsh", "exit 0")
    monkeypatch.delenv("LIBVIRT_DEFAULT_URI", raising=False)
    monkeypatch.setattr(engines.libvirt.os, "geteuid", lambda: uid)

    assert engines.look_at_libvirt(terms(kind, uid=uid)).found == whose


def test_libvirt_rests(
    terms: Callable[..., Any],
    fake: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
    habitat: Path,
) -> None:
    """A daemon that can be started is well, and is not started."""
    del habitat
    fake("virsh", "exit 1")
    fake("libvirtd", 'touch "$0.started"')
    monkeypatch.delenv("LIBVIRT_DEFAULT_URI", raising=False)

    row = engines.look_at_libvirt(terms())

    assert row.state is State.OK
    assert not list((engines.which("libvirtd") or engines.BOOT_ID).parent.glob("*.started"))


def test_libvirt_given_is_dead(
    terms: Callable[..., Any],
    fake: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A daemon that was given and does not answer is a loss."""
    fake("virsh", "exit 1")
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", "qemu+tcp://nowhere/system")

    row = engines.look_at_libvirt(terms())

    assert (row.state, row.mend) == (State.LOST, "unset LIBVIRT_DEFAULT_URI")
    assert "does not answer at qemu+tcp://nowhere/system" in row.found


def _guest(folder: Path) -> None:
    (folder / "debian").mkdir(parents=True)
    facts = {"kernel_arguments": "", "firstboot_arguments": "", "digest": "sha256-0"}
    (folder / "debian/manifest.json").write_text(json.dumps(facts))
    (folder / "debian/disk.qcow2").write_bytes(b"0" * 2_000_000)


def test_guest(terms: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest is told with the size of its disk."""
    _guest(tmp_path)
    monkeypatch.setenv("INFRA_GUESTS", str(tmp_path))

    assert engines.look_at_guest(terms()).found == "debian, 2 MB on disk"


def test_no_guest(
    terms: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guest that is not here can be taken out of the image."""
    monkeypatch.setenv("INFRA_GUESTS", str(tmp_path))

    row = engines.look_at_guest(terms())

    assert row.state is State.LOST
    assert row.mend.startswith("mkdir -p /data; podman run --rm ")
    assert row.mend.endswith("export INFRA_GUESTS=/data/guest")
    assert "--rebuild" in engines.look_at_guest(terms("launcher")).mend


def test_guest_elsewhere(terms: Callable[..., Any], tmp_path: Path) -> None:
    """A guest that was taken out already needs to be named only."""
    from dataclasses import replace

    _guest(tmp_path / "guest")

    mend = engines.guest_mend(replace(terms(), data=tmp_path))

    assert mend == f"export INFRA_GUESTS={tmp_path}/guest"


def test_plugins(
    terms: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plugins are told with their versions; one that is missing is a loss."""
    monkeypatch.setenv("INFRA_PULUMI_PLUGINS", str(tmp_path))
    (tmp_path / "resource-tls-v5.6.2").mkdir()

    row = engines.look_at_plugins(terms())
    assert row.state is State.LOST
    assert row.found.endswith(": libvirt")
    assert "plugins/build" in row.mend

    (tmp_path / "resource-libvirt-v0.5.4").mkdir()
    row = engines.look_at_plugins(terms())
    assert (row.state, row.found) == (State.OK, "of Pulumi: libvirt-v0.5.4, tls-v5.6.2")


def test_plugins_of_the_image(
    terms: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image without its plugins is to be made anew."""
    monkeypatch.delenv("INFRA_PULUMI_PLUGINS", raising=False)
    monkeypatch.setattr(workspace, "PLUGINS", tmp_path)

    mend = engines.look_at_plugins(terms("github")).mend

    assert mend == "in the workflow: container: image: a newer tag"
