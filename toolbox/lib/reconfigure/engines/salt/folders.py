"""A folder that stands for a machine's root: where paths are in it, and its owners' numbers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import UsageError
from toolbox.lib.reconfigure.engines.salt.states import Owner, Place

if TYPE_CHECKING:
    from collections.abc import Callable

HOPS = 40
"""Links that are followed, as many as Linux does (path_resolution(7))."""

DATABASES = {"user": "passwd", "group": "group"}
NUMBER = 2
"""Field of a line of passwd(5) and group(5)."""


def place(root: str, blobs: str) -> Place:
    """Return where states are carried out.

    Args:
        root: The folder; "" for a machine.
        blobs: Folder with the contents of files.
    """
    if not root:
        return Place("", blobs)
    return Place(root, blobs, at=inside(Path(root)), owner=owners(Path(root)), systemd=False)


def inside(root: Path) -> Callable[[str], str]:
    """Return what tells where a path is; links of its parents lead nowhere else."""

    def at(path: str) -> str:
        parts, done, hops = path.strip("/").split("/"), root, 0
        while len(parts) > 1:
            part = parts.pop(0)
            if (done / part).is_symlink() and hops < HOPS:
                hops += 1
                target = str((done / part).readlink())
                done = root if target.startswith("/") else done
                parts = [*target.strip("/").split("/"), *parts]
            elif part == "..":
                done = done.parent if done != root else root
            elif part not in {"", "."}:
                done /= part
        return str(done / parts[0])

    return at


def owners(root: Path) -> Callable[[str | int, str], Owner]:
    """Return what tells the number of an owner; None where this user may give nothing away."""

    def owner(name: str | int, kind: str) -> Owner:
        if os.geteuid() != 0:
            return None
        if isinstance(name, int) or name.isdecimal() or name == "root":
            return 0 if name == "root" else int(name)
        file = root / "etc" / DATABASES[kind]
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        for line in lines:
            fields = line.split(":")
            if fields[0] == name and len(fields) > NUMBER:
                return int(fields[NUMBER])
        message = f"there is no {kind} {name} in {file}"
        raise UsageError(message, hint="a folder has the users that it has; or say their numbers")

    return owner
