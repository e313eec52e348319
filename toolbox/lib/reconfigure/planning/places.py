"""Paths at which nothing can be put."""

from __future__ import annotations

import re

from toolbox.lib.butane.bootstrap import HASH_FILE
from toolbox.lib.reconfigure.history.record import FOLDER

WRITABLE = re.compile(
    r"/(?:etc|var|home|root|srv|opt|mnt|media|run|tmp)(?:/.*)?|/usr/local(?:/.*)?"
)
"""What can be written on a machine whose ``/usr`` comes with its image."""

KERNEL = re.compile(r"/(?:proc|sys|dev)(?:/.*)?")
OURS = re.compile(rf"{re.escape(FOLDER)}(?:/.*)?|{re.escape(HASH_FILE)}")


def refusal(path: str, *, ostree: bool) -> str:
    """Return why nothing can be put at a path, "" where it can.

    Args:
        path: The path.
        ostree: Whether the machine's ``/usr`` comes with its image.
    """
    if KERNEL.fullmatch(path):
        return "it is the kernel's"
    if OURS.fullmatch(path):
        return "the toolbox keeps its own record there"
    if ostree and not WRITABLE.fullmatch(path):
        return "that part of the machine is read-only and comes with its image"
    return ""
