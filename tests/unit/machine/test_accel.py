"""KVM is believed only when a guest has booted under it."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import HabitatError, UsageError
from toolbox.lib.machine import accel
from toolbox.lib.machine.accel import KVM, TCG, Verdict, choose, probe, run_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolbox.lib.machine.images import GuestImage

# What a QEMU does that reaches user space, that ends, that hangs, and that answers its monitor.
HEAD = f"""\
#!{sys.executable}
import contextlib, socket, sys, time
from pathlib import Path
if "--version" in sys.argv:
    print("QEMU emulator version 10.0.0")
    raise SystemExit
with Path(__file__).with_name("started").open("a") as log:
    log.write("started\\n")
value = lambda option: sys.argv[sys.argv.index(option) + 1]
serial = Path(value("-serial").removeprefix("file:"))
monitor = value("-qmp").removeprefix("unix:").split(",")[0]
"""
REACHES = """
serial.write_text("[    0.0] Linux version 6.12\\n[    1.0] Run /init as init process\\n")
time.sleep(300)
"""
ENDS = """
print("qemu: failed to initialize kvm: Permission denied\\nand more", file=sys.stderr)
raise SystemExit(1)
"""
SILENT = """
serial.write_text("[    0.0] Linux version 6.12\\n")
time.sleep(300)
"""
ANSWERS = """
server = socket.socket(socket.AF_UNIX)
server.bind(monitor)
server.listen()
while True:
    connection, _ = server.accept()
    with contextlib.suppress(OSError), connection, connection.makefile("rw") as stream:
        stream.write('{"QMP": {"version": {}, "capabilities": []}}\\n')
        stream.flush()
        stream.readline()
        stream.write('{"return": {}}\\n{"event": "STOP"}\\n{"return": {"status": "%s"}}\\n')
"""


@pytest.fixture(autouse=True)
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, habitat: Path) -> Path:
    """Return a device that can be opened, with a habitat of the test's own."""
    del habitat
    path = tmp_path / "kvm"
    path.touch()
    monkeypatch.setattr(accel, "DEVICE", path)
    return path


@pytest.fixture
def qemu(fake: Callable[[str, str], Path]) -> Callable[[str], Path]:
    """Return a function that puts a QEMU on PATH; what it returns counts the starts."""

    def put(behaviour: str) -> Path:
        return fake(accel.QEMU, HEAD + behaviour).with_name("started")

    return put


def test_user_space_reached(qemu: Callable[[str], Path], image: GuestImage) -> None:
    """A guest that reaches user space proves KVM, and leaves nothing behind."""
    qemu(REACHES)

    assert probe(image).accelerator == KVM
    assert not list(accel.runtime_dir().iterdir())


def test_exits(qemu: Callable[[str], Path], image: GuestImage) -> None:
    """A QEMU that ends has said why in its first line."""
    qemu(ENDS)

    verdict = probe(image)

    assert verdict.accelerator == TCG
    assert verdict.reason.endswith("failed to initialize kvm: Permission denied")


def test_hangs_in_internal_error(qemu: Callable[[str], Path], image: GuestImage) -> None:
    """A QEMU that hangs in its error state is not waited for until the deadline."""
    qemu(ANSWERS % "internal-error")

    verdict = probe(image, seconds=60)

    assert verdict == Verdict(TCG, "KVM is there but a guest kernel dies under it (internal-error)")


def test_silent(qemu: Callable[[str], Path], image: GuestImage) -> None:
    """A guest that says nothing more is given up at the deadline."""
    qemu(SILENT)

    verdict = probe(image, seconds=0.5)

    assert verdict.accelerator == TCG
    assert "does not reach user space" in verdict.reason


def test_no_device(device: Path, image: GuestImage) -> None:
    """Without a device nothing is started."""
    device.unlink()

    assert probe(image) == Verdict(TCG, f"there is no {device}")


def test_closed_device(monkeypatch: pytest.MonkeyPatch, image: GuestImage) -> None:
    """A device that this user cannot open is told as that."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    # Reason: the same question is asked about the folder for sockets; it is not reached.

    assert "cannot be opened by this user" in probe(image).reason


def test_run_state_of_nothing(tmp_path: Path) -> None:
    """A monitor that is not there has no state."""
    assert run_state(tmp_path / "none") == ""


def test_remembered(
    qemu: Callable[[str], Path], image: GuestImage, capsys: pytest.CaptureFixture[str]
) -> None:
    """A verdict is found out once, and told each time."""
    started = qemu(ENDS)

    first, second = choose("auto", image), choose("auto", image)

    assert first == second
    assert first.accelerator == TCG
    assert started.read_text().splitlines() == ["started"]
    assert capsys.readouterr().err.count("acceleration: tcg (KVM is there but") == 2


def test_forgotten_with_the_guest(qemu: Callable[[str], Path], image: GuestImage) -> None:
    """Another guest has another kernel, so it is found out anew."""
    started = qemu(ENDS)

    choose("auto", image)
    choose("auto", replace(image, digest="sha256-1"))

    assert len(started.read_text().splitlines()) == 2


def test_emulation_as_asked(qemu: Callable[[str], Path], image: GuestImage) -> None:
    """Emulation that was asked for is used without a probe."""
    started = qemu(REACHES)

    assert choose("tcg", image) == Verdict(TCG, "as asked")
    assert not started.exists()


def test_kvm_as_asked(qemu: Callable[[str], Path], image: GuestImage) -> None:
    """KVM that was asked for and works is used."""
    qemu(REACHES)

    assert choose("kvm", image).accelerator == KVM


def test_kvm_asked_and_absent(qemu: Callable[[str], Path], device: Path, image: GuestImage) -> None:
    """KVM that was asked for and does not work is an error, not slowness."""
    qemu(REACHES)
    device.unlink()

    with pytest.raises(HabitatError) as caught:
        choose("kvm", image)

    assert caught.value.exit_code == 3
    assert str(device) in caught.value.message
    assert "--accel tcg" in str(caught.value.hint)


def test_unknown(image: GuestImage) -> None:
    """An accelerator that does not exist is an error of the call."""
    with pytest.raises(UsageError) as caught:
        choose("hvf", image)

    assert caught.value.hint == "choose auto, kvm or tcg"
