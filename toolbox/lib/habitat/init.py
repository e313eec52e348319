"""Being the first process of a container, when nobody else is."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

MARK = "INFRA_FIRST_PROCESS"
"""Set for the process that works on behalf of the first one; the container ends with it."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def divide() -> None:
    """Leave the duties of a first process to a parent, and return in a child that works.

    A container without an init makes its command the parent of all orphans. QEMU is one, as
    libvirt starts it detached; when nobody waits for it after its end, libvirt takes the zombie for
    a process that cannot be killed. In any other process this does nothing.
    """
    if os.getpid() != 1:
        return
    child = os.fork()
    if child == 0:
        os.environ[MARK] = "1"
        return

    def pass_on(number: int, _frame: FrameType | None) -> None:
        os.kill(child, number)

    for number in SIGNALS:
        signal.signal(number, pass_on)
    while True:
        ended, status = os.wait()
        if ended == child:
            sys.stdout.flush()
            os._exit(_exit_code(status))


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    # Reason: shells' convention for a process that a signal ended.
    return 128 - code if code < 0 else code
