"""Virtual CPUs: how many an emulated machine gets of the cores that are here.

Under emulation each of them is a thread that is never idle for long: guests wait for locks by
turning round. Two machines with two each on two cores booted in 47 s, with one each in 33 s.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from toolbox.lib.machine import accel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolbox.lib.inventory.project import Project


def here() -> int:
    """Return the cores that this habitat may use."""
    return len(os.sched_getaffinity(0))


def share(machines: int, cores: int) -> int:
    """Return the virtual CPUs of an emulated machine, so that all together are not too many.

    Args:
        machines: Machines of the project.
        cores: Cores that this habitat may use.
    """
    return max(1, cores // max(1, machines))


def given(wanted: int, accelerator: str, most: int) -> int:
    """Return the virtual CPUs that a machine gets.

    Args:
        wanted: What its host asks for.
        accelerator: ``kvm`` or ``tcg``.
        most: What an emulated machine may have, as `share` says.
    """
    return min(wanted, most) if accelerator == accel.TCG else wanted


def per_machine(project: Project) -> int:
    """Return the virtual CPUs of each emulated machine of a project in this habitat."""
    return share(len(project.hosts), here())


def spared(wanted: Mapping[str, int], got: Mapping[str, int]) -> str | None:
    """Return what to say of machines that get fewer virtual CPUs than their hosts ask for.

    Args:
        wanted: What hosts ask for, by their names.
        got: What their machines have.
    """
    names = [name for name, count in wanted.items() if got[name] < count]
    if not names:
        return None
    most = max(got[name] for name in names)
    count = f"{most} virtual CPU{'s' if most > 1 else ''}"
    return f"{', '.join(names)}: {count} for now, as more emulated ones than cores are slower"
