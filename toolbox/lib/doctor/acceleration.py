"""Acceleration: the proven verdict, and what would give KVM to this place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.run import which
from toolbox.lib.doctor.row import Row, State
from toolbox.lib.habitat.place import Kind
from toolbox.lib.machine import accel, images

if TYPE_CHECKING:
    from toolbox.lib.doctor.row import Terms

WHAT = "acceleration"
OPEN = f"sudo setfacl --modify user:$USER:rw {accel.DEVICE}"
FIRMWARE = "switch virtualization on in the firmware, or nested virtualization in the hypervisor"
VENDORS = {"vmx": "kvm_intel", "svm": "kvm_amd"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found of KVM.

    Attributes:
        device: Whether its device is there.
        usable: Whether this user may open it.
        module: Module for this processor; empty when it shows no virtualization.
        loaded: Whether the running kernel has one of KVM's modules.
    """

    device: bool
    usable: bool
    module: str
    loaded: bool


def read(root: Path = Path("/")) -> Facts:
    """Read the facts of this place.

    Args:
        root: Folder that ``proc`` and ``sys`` are in.
    """
    processor = root / "proc/cpuinfo"
    words = set(processor.read_text().split()) if processor.is_file() else set()
    module = next((module for flag, module in VENDORS.items() if flag in words), "")
    return Facts(
        device=accel.DEVICE.exists(),
        usable=os.access(accel.DEVICE, os.R_OK | os.W_OK),
        module=module,
        loaded=any((root / "sys/module").glob("kvm_*")),
    )


def mend(facts: Facts, terms: Terms) -> str:
    """Return what gives KVM to this place; empty when nothing here does."""
    contained = terms.kind in {Kind.CONTAINER, Kind.GITHUB}
    if facts.device and facts.usable:
        return ""
    if facts.device:
        given = terms.flag("--privileged" if terms.root else "--group-add keep-groups")
        return given if contained else terms.on_host(OPEN)
    if facts.loaded:
        # Reason: the launcher gives the device to its container when its user can open it.
        return terms.flag(f"--device {accel.DEVICE}") if contained else terms.on_host(OPEN)
    if facts.module:
        return terms.on_host(f"sudo modprobe {facts.module}")
    return FIRMWARE


def judge(verdict: accel.Verdict, facts: Facts, terms: Terms) -> Row:
    """Tell what a machine here is accelerated by."""
    if verdict.accelerator == accel.KVM:
        return Row(WHAT, State.OK, f"KVM, proven: {verdict.reason}")
    found = f"emulation, {accel.FACTOR}: {verdict.reason}"
    return Row(WHAT, State.NOTE, found, mend(facts, terms))


def look(terms: Terms) -> Row:
    """Look at acceleration; a guest is booted only if no verdict is remembered."""
    if which(accel.QEMU) is None:
        return Row(WHAT, State.NOTE, f"cannot be tried: {accel.QEMU} is not installed")
    if not (images.guests_folder() / "debian" / "manifest.json").is_file():
        return Row(WHAT, State.NOTE, "cannot be tried: there is no guest to boot")
    return judge(accel.find_out(images.find("debian")), read(), terms)
