"""Acceleration: KVM is believed only after it has booted a guest to user space.

That `/dev/kvm` exists, opens, or even runs a boot sector proves nothing: on some nested hosts every
real kernel dies, and QEMU then hangs in run state ``internal-error``. So the embedded guest's own
kernel is booted until its first process speaks, under a deadline, and the verdict is remembered.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import HabitatError, UsageError
from toolbox.lib.core.files import cache_home, runtime_dir, write_atomic
from toolbox.lib.core.run import run, spawn
from toolbox.lib.core.steps import note

if TYPE_CHECKING:
    import subprocess

    from toolbox.lib.machine.images import GuestImage

AUTO, KVM, TCG = "auto", "kvm", "tcg"
DEVICE = Path("/dev/kvm")
QEMU = "qemu-system-x86_64"
PROBE_SECONDS = 20.0
POLL_SECONDS = 0.1
# Reason: printed by the kernel when it starts the first process of user space, on every version.
USER_SPACE = "Run /init as init process"
BROKEN = "internal-error"
SLOWER = (8, 21)
"""How many times longer than on the processor itself a hundred starts of a program, and a loop of a
shell, take under TCG: `times slower` in what bench/acceleration.py prints."""
FACTOR = f"{SLOWER[0]} to {SLOWER[1]} times slower than the processor itself"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found out about acceleration.

    Attributes:
        accelerator: ``kvm`` or ``tcg``.
        reason: Why, in words.
    """

    accelerator: str
    reason: str


def choose(requested: str, image: GuestImage) -> Verdict:
    """Choose the accelerator.

    Args:
        requested: ``auto``, ``kvm`` or ``tcg``.
        image: The guest whose kernel is booted as a proof.

    Returns:
        The choice; one line about it is printed.

    Raises:
        UsageError: There is no such accelerator.
        HabitatError: KVM was asked for and does not work here.
    """
    if requested not in {AUTO, KVM, TCG}:
        message = f"there is no accelerator {requested}"
        raise UsageError(message, hint=f"choose {AUTO}, {KVM} or {TCG}")
    if requested == TCG:
        verdict = Verdict(TCG, "as asked")
    else:
        verdict = find_out(image)
        if requested == KVM and verdict.accelerator != KVM:
            message = f"KVM does not work here: {verdict.reason}"
            raise HabitatError(message, hint=f"use emulation, {FACTOR}: invoke sim --accel tcg")
    factor = f"; {FACTOR}" if verdict.accelerator == TCG else ""
    note(f"acceleration: {verdict.accelerator} ({verdict.reason}{factor})")
    return verdict


def probe(image: GuestImage, *, seconds: float = PROBE_SECONDS) -> Verdict:
    """Boot a kernel under KVM until user space speaks.

    Args:
        image: Guest whose kernel and initramfs are started, with no disk.
        seconds: Deadline.
    """
    if not DEVICE.exists():
        return Verdict(TCG, f"there is no {DEVICE}")
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return Verdict(TCG, f"{DEVICE} cannot be opened by this user")
    console = runtime_dir() / f"probe-{os.getpid()}.log"
    monitor = runtime_dir() / f"probe-{os.getpid()}.qmp"
    try:
        with spawn(_command(image, console, monitor)) as process:
            return _watch(process, console, monitor, time.monotonic() + seconds)
    finally:
        console.unlink(missing_ok=True)
        monitor.unlink(missing_ok=True)


def _command(image: GuestImage, console: Path, monitor: Path) -> list[str | Path]:
    return [
        *(QEMU, "-machine", "q35,accel=kvm", "-cpu", "host", "-m", "512", "-nodefaults"),
        *("-display", "none", "-no-reboot", "-action", "panic=exit-failure"),
        *("-serial", f"file:{console}", "-qmp", f"unix:{monitor},server=on,wait=off"),
        *("-kernel", image.kernel, "-initrd", image.initramfs),
        *("-append", "console=ttyS0 panic=-1"),
    ]


def _watch(process: subprocess.Popen[bytes], console: Path, monitor: Path, end: float) -> Verdict:
    while time.monotonic() < end:
        text = console.read_text(errors="replace") if console.exists() else ""
        if USER_SPACE in text:
            return Verdict(KVM, "a guest kernel booted to user space")
        if process.poll() is not None:
            said = process.stderr.read().decode(errors="replace") if process.stderr else ""
            last = (said.strip().splitlines() or ["it said nothing"])[0]
            return Verdict(TCG, f"KVM is there but QEMU ends under it: {last}")
        state = run_state(monitor)
        if state == BROKEN:
            # Reason: QEMU does not exit on an emulation failure, it stops the guest for ever.
            return Verdict(TCG, f"KVM is there but a guest kernel dies under it ({state})")
        time.sleep(POLL_SECONDS)
    return Verdict(TCG, "KVM is there but a guest kernel does not reach user space under it")


def run_state(monitor: Path) -> str:
    """Ask QEMU for its run state over its machine protocol (QMP).

    Args:
        monitor: Socket of the monitor.

    Returns:
        The state, such as ``running`` or ``internal-error``; empty when QEMU does not answer.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(monitor))
            with connection.makefile("rw") as stream:
                stream.write('{"execute":"qmp_capabilities"}{"execute":"query-status"}\n')
                stream.flush()
                for line in stream:
                    answer = json.loads(line).get("return")
                    if answer:
                        return str(answer["status"])
    except (OSError, ValueError):
        return ""
    return ""


def find_out(image: GuestImage) -> Verdict:
    """Return the verdict about KVM, with a probe if none is remembered for this place.

    Args:
        image: The guest whose kernel is booted as a proof.
    """
    path = cache_home() / "accel" / f"{_key(image)}.json"
    if path.is_file():
        return Verdict(**json.loads(path.read_text()))
    verdict = probe(image)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(asdict(verdict)).encode())
    return verdict


def facts(accelerator: str) -> tuple[str, ...]:
    """Return what a saved machine's devices and processor depend on, beside its definition.

    Args:
        accelerator: ``kvm``, under which the processor is the host's, or ``tcg``.
    """
    return (run([QEMU, "--version"]).text, _processor() if accelerator == KVM else "")


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return ""
    lines = cpuinfo.read_text().split("\n\n", 1)[0].splitlines()
    return "".join(line for line in lines if line.startswith(("model name", "flags")))


def _key(image: GuestImage) -> str:
    """Return a key that changes with the kernel, the processor, QEMU, the device or the guest."""
    device = f"{DEVICE.exists()}{os.access(DEVICE, os.R_OK | os.W_OK)}"
    content = (platform.release(), *facts(KVM), device, image.digest)
    return hashlib.sha256("\0".join(content).encode()).hexdigest()[:16]
