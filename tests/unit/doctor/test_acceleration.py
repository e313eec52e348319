"""What gives KVM to a place depends on the place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.doctor import acceleration
from toolbox.lib.doctor.acceleration import OPEN, Facts, judge, mend, read
from toolbox.lib.doctor.row import State
from toolbox.lib.machine import accel
from toolbox.lib.machine.accel import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HIDDEN = Facts(device=False, usable=False, module="", loaded=True)
UNLOADED = Facts(device=False, usable=False, module="kvm_amd", loaded=False)
CLOSED = Facts(device=True, usable=False, module="kvm_amd", loaded=True)
OPENED = Facts(device=True, usable=True, module="kvm_amd", loaded=True)
NONE = Facts(device=False, usable=False, module="", loaded=False)


@pytest.mark.parametrize(
    ("facts", "kind", "expected"),
    [
        (HIDDEN, "container", "podman run --device /dev/kvm …"),
        (HIDDEN, "github", "in the workflow: container: options: --device /dev/kvm"),
        (HIDDEN, "launcher", f"on the host: {OPEN}; ./infra stop"),
        (HIDDEN, "toolbox", f"on the host: {OPEN}"),
        (HIDDEN, "native", OPEN),
        (CLOSED, "container", "podman run --group-add keep-groups …"),
        (CLOSED, "launcher", f"on the host: {OPEN}; ./infra stop"),
        (CLOSED, "native", OPEN),
        (UNLOADED, "container", "on the host: sudo modprobe kvm_amd"),
        (UNLOADED, "native", "sudo modprobe kvm_amd"),
        (NONE, "native", acceleration.FIRMWARE),
        (OPENED, "native", ""),
        (OPENED, "container", ""),
    ],
)
def test_mend(terms: Callable[..., Any], facts: Facts, kind: str, expected: str) -> None:
    """There is one thing to do, in the words of the place."""
    assert mend(facts, terms(kind)) == expected


def test_closed_to_root(terms: Callable[..., Any]) -> None:
    """Root in a container that may not open the device lacks more than a group."""
    assert mend(CLOSED, terms("container", uid=0)) == "podman run --privileged …"


def test_proven(terms: Callable[..., Any]) -> None:
    """KVM that was proven is well."""
    row = judge(Verdict("kvm", "a guest kernel booted"), OPENED, terms())

    assert row.state is State.OK
    assert "a guest kernel booted" in row.found


def test_broken(terms: Callable[..., Any]) -> None:
    """KVM under which a guest dies is told with the reason, and sim runs all the same."""
    row = judge(Verdict("tcg", "a guest kernel dies under it"), OPENED, terms())

    assert (row.state, row.mend) == (State.NOTE, "")
    assert accel.FACTOR in row.found
    assert "dies under it" in row.found


def test_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor tells which module is for it, the kernel whether it has one."""
    monkeypatch.setattr(acceleration.accel, "DEVICE", tmp_path / "kvm")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("flags\t\t: fpu vmx sse2\n")
    assert read(tmp_path) == Facts(device=False, usable=False, module="kvm_intel", loaded=False)

    (tmp_path / "sys/module/kvm_intel").mkdir(parents=True)
    (tmp_path / "kvm").touch()
    assert read(tmp_path) == Facts(device=True, usable=True, module="kvm_intel", loaded=True)


def test_read_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that tells nothing has nothing."""
    monkeypatch.setattr(acceleration.accel, "DEVICE", tmp_path / "kvm")

    assert read(tmp_path) == NONE
